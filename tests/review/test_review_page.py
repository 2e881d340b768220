"""A review from the page to the series and back, on a real run."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np
import pytest
from distributed import Client
from PIL import Image
from playwright.sync_api import Page
from typer.testing import CliRunner

from jobs import cli
from jobs.errors import InputError
from jobs.publish import PublishedResult
from jobs.review import ReviewSession, What, read_decisions, review_app
from jobs.review.store import write_decisions
from jobs.run import connect, review_lines
from jobs.serve import served
from models.dataset import LabelSource, read_scenes
from tests.support.browser import PHONE, Browsed, browsing, needs_chromium
from tests.support.reviewed_port import ReviewedPort, digests, make_port


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect("local", workers=1) as made:
        yield made


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, client: Client) -> ReviewedPort:
    return make_port(tmp_path_factory.mktemp("reviewed"), client)


@pytest.fixture(scope="module")
def machine(port: ReviewedPort) -> PublishedResult:
    """What the machine alone says."""
    return port.run()


@pytest.fixture
def session(port: ReviewedPort, machine: PublishedResult) -> Iterator[ReviewSession]:
    """A session before anybody has decided anything; afterwards nothing is left of it."""
    yield port.session("anna")
    shutil.rmtree(Path(port.plan.archive) / "reviews", ignore_errors=True)


@pytest.fixture
def server(session: ReviewSession) -> Iterator[str]:
    with served(review_app(session)) as address:
        yield address


def settled(page: Page, text: str) -> None:
    """Wait until the page says that much of what is judged."""
    page.locator("#progress", has_text=text).wait_for()


def check(browsed: Browsed) -> None:
    """As ``Browsed.check``, once the pictures of the item that is shown are there."""
    browsed.page.evaluate(
        "Promise.all([...document.images].filter(each => !each.hidden).map(each => each.decode()))"
    )
    browsed.check()


# --- the page, and what its decisions do --------------------------------------------------------


def series(result: PublishedResult) -> bytes:
    """Looks and visits as text; equal for equal content."""
    return (result.visits.to_csv() + result.looks.to_csv()).encode()


@needs_chromium
def test_decisions_of_the_page_change_the_series_and_undone_change_it_back(
    port: ReviewedPort, machine: PublishedResult, server: str
) -> None:
    before = digests(machine.folder)
    total = len(machine.vessels)
    assert total >= 3
    with browsing(server) as browsed:
        page = browsed.page
        settled(page, f"0 of {total} judged")
        check(browsed)
        rejected = page.locator("#measures").inner_text().rpartition("· ")[2]
        page.keyboard.press("n")
        settled(page, f"1 of {total} judged")
        corrected = page.locator("#measures").inner_text().rpartition("· ")[2]
        page.keyboard.press("e")
        _drag(page, "bow-0", 60, 0)
        page.keyboard.press("Enter")
        settled(page, f"2 of {total} judged")
        page.keyboard.press("a")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        page.get_by_text("Kept: a ship drawn by hand.").wait_for()
        check(browsed)

        changed = port.run()
        assert changed.tag != machine.tag
        row = changed.vessels.set_index("vessel_id")
        assert list(row.loc[[rejected, corrected], "review"]) == ["not_ship", "ship"]
        assert not row.loc[rejected, "counted"]
        assert row.loc[corrected, "review_length_m"] != pytest.approx(
            row.loc[corrected, "length_m"], abs=5
        )
        old = machine.vessels.set_index("vessel_id")
        same = ["length_m", "beam_m", "heading_deg", "score", "fixed", "geometry", "footprint"]
        assert row.loc[old.index, same].equals(old[same])
        assert (row["review"] == "drawn").sum() == 1
        use = changed.provenance["reviews"]
        assert (use["used"], use["unused"]) == (4, 0)
        assert "Reviewed by people" in (changed.folder / "report.html").read_text()
        assert series(changed) != series(machine)
        assert not np.allclose(changed.estimates["visits"], machine.estimates["visits"])
        assert port.run(use_reviews=False).tag == machine.tag

        for _ in range(3):
            page.keyboard.press("u")
            page.get_by_text("Taken back.").wait_for()
            page.evaluate("document.getElementById('message').textContent = ''")
        settled(page, f"0 of {total} judged")
        page.keyboard.press("u")
        page.get_by_text("nothing of yours to undo").wait_for()

    shutil.rmtree(machine.folder)  # an existing folder would be left as it is
    again = port.run()
    assert again.tag == machine.tag
    assert digests(again.folder) == before
    assert len(read_decisions(port.storage, "tiny")) == 7  # what was decided stays on record


def _drag(page: Page, handle: str, right: float, down: float) -> None:
    box = page.locator(f"[data-handle={handle}]").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=4)
    page.mouse.up()


@needs_chromium
def test_the_page_on_a_phone_in_the_dark_by_touch_alone(server: str) -> None:
    with browsing(server, PHONE, "dark") as browsed:
        page = browsed.page
        settled(page, "0 of")
        page.get_by_role("button", name="Keys").click()
        page.get_by_role("button", name="Close", exact=True).click()
        page.get_by_role("button", name="Laden or ballast").click()
        page.get_by_label("moved no cargo").check()
        page.locator("#cargo-dialog button[value=save]").click()
        assert page.locator("#cargo-dialog").is_visible()  # a source is wanted
        page.get_by_label("Source").fill("port agent")
        page.locator("#cargo-dialog button[value=save]").click()
        settled(page, "1 of")
        page.get_by_role("button", name="Undo").click()
        settled(page, "0 of")
        check(browsed)


# --- two reviewers ------------------------------------------------------------------------------


def decision(result: PublishedResult, number: int, what: str, **more: Any) -> dict[str, Any]:
    row = result.vessels.iloc[number]
    facts = {"port": "tiny", "overpass": row["overpass_id"], "berth": row["berth"]}
    return {"what": what, "vessel": row["vessel_id"], **facts, **more}


def command(*arguments: str) -> str:
    done = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_two_reviewers_who_differ_change_nothing_until_it_is_settled(
    port: ReviewedPort, machine: PublishedResult, session: ReviewSession
) -> None:
    ben = port.session("ben")
    session.decide([decision(machine, 0, "ship")])
    session.decide([decision(machine, 1, "ship")])
    assert ben.state()["mine"] == []
    ben.decide([decision(machine, 0, "not_ship", why="a wake")])
    ben.decide([decision(machine, 1, "ship")])
    facts = json.loads(command("review", str(port.job), "--agreement", "--json"))
    (pair,) = facts["reviewers"]
    assert (pair["one"], pair["other"], pair["vessels"], pair["agreement"]) == (
        "anna",
        "ben",
        2,
        0.5,
    )
    (open_one,) = facts["disagreements"]
    assert open_one["said"] == {"anna": "ship", "ben": "not_ship"}
    assert "a wake" in command("review", str(port.job), "--agreement")
    use = port.run().provenance["reviews"]
    assert (use["used"], use["unused"]) == (2, 2)
    assert list(use["why_unused"]) == ["reviewers disagree: settle it in `berthwatch review`"]
    ben.decide([decision(machine, 0, "ship", settles=True)])
    assert ben.state()["disputed"] == []
    assert ben.state()["agreement"]["reviewers"][0]["agreement"] == 0.5  # as it was, unsettled
    assert port.run().provenance["reviews"]["unused"] == 0


# --- the command --------------------------------------------------------------------------------


def test_the_command_prints_an_address_serves_it_and_ends_with_ctrl_c(
    port: ReviewedPort, session: ReviewSession
) -> None:
    started = [sys.executable, "-u", "-c", "from jobs.cli import main; main()", "review"]
    with subprocess.Popen(
        [*started, str(port.job), "--reviewer", "anna"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urlopen(address, timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        said = process.stderr.read().splitlines()
    assert said == [
        f"reviewing demo {session.result.tag} as anna; every decision is kept at once",
        "serving until Ctrl-C; open",
        "stopped serving; every decision is kept, and `berthwatch run` counts with them",
    ]


def test_the_status_says_what_was_decided_since(
    port: ReviewedPort, machine: PublishedResult, session: ReviewSession
) -> None:
    port.run()
    session.decide([decision(machine, 0, "ship")])
    (line,) = review_lines(port.plan, port.storage)
    assert line.startswith("decisions of reviewers: 1 made since the newest results, or left out")
    port.run()
    assert list(review_lines(port.plan, port.storage)) == [
        "decisions of reviewers: 1 used (1 ship)"
    ]
    session.undo()
    assert "undone or superseded" in review_lines(port.plan, port.storage)[-1]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--reviewer", " "], "a reviewer is named"),
        (["--listen", "192.0.2.1:0"], "cannot listen on 192.0.2.1"),
        (["--listen", "8000"], "expected HOST:PORT"),
    ],
)
def test_what_cannot_be_served_is_refused(
    port: ReviewedPort, machine: PublishedResult, more: list[str], reason: str
) -> None:
    done = CliRunner().invoke(cli.app, ["review", str(port.job), *more])
    assert isinstance(done.exception, InputError)
    assert reason in str(done.exception)


# --- labels -------------------------------------------------------------------------------------


def test_decisions_go_out_as_labels_that_train_reads(
    port: ReviewedPort, machine: PublishedResult, session: ReviewSession, tmp_path: Path
) -> None:
    overpass = machine.vessels["overpass_id"].iloc[0]
    here = machine.vessels[machine.vessels["overpass_id"] == overpass]
    grid = machine.ports[0].grid
    x, y = grid.left + 300, grid.top - 300
    hull = [[x, y], [x + 100, y], [x + 100, y - 20], [x, y - 20]]
    session.decide(
        [
            decision(machine, 0, "ship"),
            decision(machine, 0, "drawn", value={"corners": hull}) | {"vessel": ""},
        ]
    )
    file = tmp_path / "labels.geojson"
    command("review", str(port.job), "--labels", str(file))
    source = LabelSource(port.job.parent / "catalog.json", "sentinel-2-c1-l2a", file)
    boxes = [box for scene in read_scenes(source) for box in scene.boxes]
    kinds = sorted(box.kind for box in boxes)
    assert kinds == sorted(["ship", "ship", *["ignore"] * (len(here) - 1)])
    lengths = [box.length_m for box in boxes if box.kind == "ship"]
    assert any(length == pytest.approx(100, abs=2) for length in lengths)


# --- what is answered; who may ask is tested in tests/serve --------------------------------------


def ask(
    server: str, method: str, path: str, body: str | None = None
) -> tuple[int, dict[str, str], str]:
    """One request as the page itself sends it."""
    where = urlsplit(server)
    connection = http.client.HTTPConnection(where.netloc, timeout=20)
    own = {"Content-Type": "application/json", "Origin": f"http://{where.netloc}"}
    connection.request(method, where.path + path, body, own)
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    text = answer.read().decode("latin-1")
    connection.close()
    return answer.status, headers, text


def test_the_page_loads_nothing_but_its_own_files(server: str) -> None:
    status, headers, text = ask(server, "GET", "")
    assert status == 200
    assert "<title>Berthwatch review</title>" in text
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 's")
    assert urlsplit(server).path.strip("/") not in text


@pytest.mark.parametrize(
    ("status", "method", "path"),
    [
        (405, "GET", "undo"),
        (404, "GET", "../../etc/hostname"),
        (404, "GET", "%2e%2e/session.py"),
        (404, "GET", "page/review.js"),
        (422, "GET", "picture?port=../tiny&overpass=x&row=0&column=0&side=64"),
        (422, "GET", "picture?port=tiny&overpass=../x&row=0&column=0&side=64"),
        (422, "GET", "picture?port=tiny&overpass=OVERPASS&row=0&column=0&side=99999"),
        (422, "GET", "picture?port=tiny&overpass=OVERPASS&row=0&column=x&side=64"),
        (422, "GET", "picture?port=tiny&overpass=OVERPASS&row=99999&column=0&side=64"),
        (422, "POST", "decide"),
    ],
)
def test_what_is_not_there_is_refused(
    server: str, session: ReviewSession, status: int, method: str, path: str
) -> None:
    overpass = session.result.vessels["overpass_id"].iloc[0]
    body = "{}" if method == "POST" else None
    found, _, text = ask(server, method, path.replace("OVERPASS", overpass), body)
    assert found == status, text
    assert read_decisions(session.storage, "tiny") == ()


def test_a_decision_from_elsewhere_is_not_kept(server: str, session: ReviewSession) -> None:
    said = json.dumps([decision(session.result, 0, "ship")]).encode()
    for headers in (
        {"Content-Type": "application/json", "Origin": "http://evil.example"},
        {"Content-Type": "text/plain", "Origin": server.rpartition("/")[0].rpartition("/")[0]},
    ):
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(f"{server}decide", said, headers), timeout=20)
        refused.value.close()
        assert refused.value.code in (403, 415)
    assert read_decisions(session.storage, "tiny") == ()


def test_what_the_page_asks_for_is_answered(server: str, session: ReviewSession) -> None:
    overpass = session.result.vessels["overpass_id"].iloc[0]
    picture = f"picture?port=tiny&overpass={overpass}&row=-8&column=-8&side=64"
    status, headers, _ = ask(server, "GET", picture)
    assert (status, headers["content-type"]) == (200, "image/png")
    assert headers["cache-control"] == "private, max-age=600"
    said = json.dumps([decision(session.result, 0, "ship")])
    assert ask(server, "POST", "decide", said)[0] == 200
    assert ask(server, "POST", "undo", "{}")[0] == 200


def test_a_decision_comes_after_what_it_supersedes_though_another_clock_is_ahead(
    session: ReviewSession,
) -> None:
    (early,) = session.decide([decision(session.result, 0, "ship")])
    ahead = "2999-01-01T00:00:00.000000+00:00"
    write_decisions(session.storage, [replace(early, who="ben", what=What.NOT_SHIP, when=ahead)])
    session.decide([decision(session.result, 0, "ship", settles=True)])
    assert session.state()["disputed"] == []
    assert [each["what"] for each in session.state()["mine"]] == ["ship"]


def test_pictures_are_in_the_rendering_that_the_result_published(session: ReviewSession) -> None:
    overpass = session.result.vessels["overpass_id"].iloc[0]
    window = (10, 10, 64)
    usual = session.picture("tiny", overpass, window)
    facts = json.loads(json.dumps(session.result.provenance))
    for described in facts["renderings"]["tiny"].values():
        described["high"] *= 2
    darker = replace(session.result, provenance=facts)
    found = ReviewSession(darker, session.storage, "anna").picture("tiny", overpass, window)
    assert usual is not None
    assert found is not None
    assert _mean(found) < 0.9 * _mean(usual)


def _mean(png: bytes) -> float:
    return float(np.asarray(Image.open(BytesIO(png))).mean())


def test_what_was_said_of_another_networks_vessel_is_counted_and_not_shown(
    session: ReviewSession,
) -> None:
    (now,) = session.decide([decision(session.result, 0, "ship")])
    before = replace(now, seen=replace(now.seen, model="another"), what=What.NOT_SHIP)
    moved = tuple((x + 50, y) for x, y in now.seen.corners)
    other = session.result.vessels["vessel_id"].iloc[1]
    elsewhere = replace(now, vessel=other, seen=replace(now.seen, corners=moved))
    write_decisions(session.storage, [before, elsewhere])
    write_decisions(session.storage, [replace(before, who="ben")])
    found = session.state()
    assert [each["what"] for each in found["mine"]] == ["ship"]
    assert (found["elsewhere"], found["disputed"]) == (2, [])
    session.undo()
    assert (session.state()["mine"], session.state()["elsewhere"]) == ([], 2)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"value": 5}, "value of a decision is an object"),
        ({"what": "hull", "value": {"corners": [[1, "a"]]}}, "no pair x, y"),
        ({"what": "hull", "value": {"corners": [[1]]}}, "no pair x, y"),
        ({"what": "cargo", "value": {"cargo": [], "source": "x"}}, "expected one of laden_in"),
        ({"what": "berth", "value": {"berth": []}}, "no berth is named"),
        ({"why": "\ud800"}, "half of a character"),
        ({"what": "sunk"}, "cannot decide 'sunk'"),
        ({"what": "undo"}, "cannot decide 'undo'"),
        ({"vessel": "tiny-000"}, "no vessel"),
        ({"port": "other"}, "no port 'other'"),
        ({"overpass": "other"}, "no overpass"),
        ({"berth": "other"}, "no such berth"),
        ({"what": "hull", "value": {"corners": [[0, 0], [1, 1]]}}, "fewer than three corners"),
        ({"what": "hull", "value": {"corners": [[0, 0], [100, 0], [100, 20]]}}, "outside the port"),
        ({"what": "hull", "value": {"corners": "here"}}, "list of at most 64 pairs"),
        ({"what": "cargo", "value": {"cargo": "ballast", "source": " "}}, "without a source"),
        ({"what": "cargo", "value": {"cargo": "full", "source": "x"}}, "expected one of laden_in"),
        ({"what": "berth", "value": {"berth": "other"}}, "no such berth"),
        ({"what": "comment", "why": " "}, "comment is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_kept(
    server: str, session: ReviewSession, more: dict[str, Any], reason: str
) -> None:
    good = decision(session.result, 0, "ship")
    status, _, text = ask(server, "POST", "decide", json.dumps([good, good | more]))
    assert status == 422
    assert reason in json.loads(text)["error"]
    assert read_decisions(session.storage, "tiny") == ()
