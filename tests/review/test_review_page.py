"""A review from the page to the series and back, on a real run; and who may ask the server."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import pytest
from distributed import Client
from playwright.sync_api import Page
from typer.testing import CliRunner

from jobs import cli
from jobs.errors import InputError
from jobs.publish import PublishedResult
from jobs.review import ReviewServer, ReviewSession, What, read_decisions
from jobs.review.store import write_decisions
from jobs.run import connect, review_lines
from models.dataset import LabelSource, read_scenes
from tests.support.browser import PHONE, Browsed, browsing, needs_chromium
from tests.support.reviewed_port import ReviewedPort, digests, make_port, serving


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
def server(session: ReviewSession) -> Iterator[ReviewServer]:
    with serving(session) as running:
        yield running


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
    port: ReviewedPort, machine: PublishedResult, server: ReviewServer
) -> None:
    before = digests(machine.folder)
    total = len(machine.vessels)
    assert total >= 3
    with browsing(server.address) as browsed:
        page = browsed.page
        settled(page, f"0 of {total} judged")
        assert "token" not in page.url
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
def test_the_page_on_a_phone_in_the_dark_by_touch_alone(server: ReviewServer) -> None:
    with browsing(server.address, PHONE, "dark") as browsed:
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
        assert process.stdout.readline() == f"reviewing demo {session.result.tag} as anna\n"
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urlopen(address, timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert "every decision is kept" in process.stderr.read()


def test_the_status_says_what_was_decided_since(
    port: ReviewedPort, machine: PublishedResult, session: ReviewSession
) -> None:
    port.run()
    session.decide([decision(machine, 0, "ship")])
    (line,) = review_lines(port.plan, port.storage)
    assert line.startswith("decisions of reviewers: 1 made since the newest results; run the job")
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
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
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


# --- who may ask --------------------------------------------------------------------------------


def ask(
    server: ReviewServer, method: str, path: str, body: str | None = None, **headers: str | None
) -> tuple[int, dict[str, str], str]:
    """One request with the headers of the page itself, but for those given; None leaves one out."""
    own = f"127.0.0.1:{server.port}"
    sent: dict[str, str | None] = {
        "Host": own,
        "Cookie": f"{server.guards.cookie}={server.guards.token}",
        "Content-Type": "application/json",
        "Origin": f"http://{own}",
    }
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in sent.items():
        if value is not None:
            connection.putheader(name, value)
    content = None if body is None else body.encode()
    if content is not None:
        connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content)
    answer = connection.getresponse()
    found = (
        answer.status,
        {k.lower(): v for k, v in answer.getheaders()},
        answer.read().decode("latin-1"),
    )
    connection.close()
    return found


def test_the_page_sets_its_cookie_and_keeps_to_itself(server: ReviewServer) -> None:
    parts = urlsplit(server.address)
    status, headers, text = ask(server, "GET", f"/?{parts.query}", Cookie=None)
    assert status == 200
    assert "<title>Berthwatch review</title>" in text
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    assert server.guards.token not in text
    assert len(server.guards.token) >= 43


@pytest.mark.parametrize(
    ("status", "method", "path", "headers"),
    [
        (403, "GET", "/", {"Cookie": None}),
        (403, "GET", "/?token=guess", {"Cookie": None}),
        (403, "GET", "/overview?token=TOKEN", {"Cookie": None}),  # the token opens the page alone
        (403, "GET", "/state", {"Cookie": "berthwatch-review-1=TOKEN"}),
        (421, "GET", "/state", {"Host": "evil.example:PORT"}),  # a name made to point here
        (421, "GET", "/state", {"Host": "127.0.0.1:1"}),
        (421, "GET", "/state", {"Host": "127.0.0.1"}),
        (403, "POST", "/undo", {"Origin": "http://evil.example"}),
        (403, "POST", "/undo", {"Origin": "null"}),
        (403, "POST", "/undo", {"Origin": None}),
        (403, "POST", "/undo", {"Sec_Fetch_Site": "cross-site"}),
        (403, "POST", "/undo", {"Sec_Fetch_Site": "same-site", "Origin": None}),
        (415, "POST", "/undo", {"Content_Type": "text/plain"}),
        (415, "POST", "/undo", {"Content_Type": "application/x-www-form-urlencoded"}),
        (413, "POST", "/decide", {"Content_Length": "9000000"}),
        (405, "GET", "/undo", {}),
        (404, "GET", "/../../etc/hostname", {}),
        (404, "GET", "/%2e%2e/session.py", {}),
        (404, "GET", "/page/review.js", {}),
        (422, "GET", "/picture?port=../tiny&overpass=x&row=0&column=0&side=64", {}),
        (422, "GET", "/picture?port=tiny&overpass=../x&row=0&column=0&side=64", {}),
        (422, "GET", "/picture?port=tiny&overpass=OVERPASS&row=0&column=0&side=99999", {}),
        (422, "GET", "/picture?port=tiny&overpass=OVERPASS&row=0&column=x&side=64", {}),
        (422, "GET", "/picture?port=tiny&overpass=OVERPASS&row=99999&column=0&side=64", {}),
    ],
)
def test_nobody_else_is_answered(
    server: ReviewServer, status: int, method: str, path: str, headers: dict[str, str | None]
) -> None:
    overpass = server.session.result.vessels["overpass_id"].iloc[0]

    def filled(text: str) -> str:
        text = text.replace("TOKEN", server.guards.token).replace("PORT", str(server.port))
        return text.replace("OVERPASS", overpass)

    given = {name: value and filled(value) for name, value in headers.items()}
    body = "{}" if method == "POST" and "Content_Length" not in headers else None
    found, kept, text = ask(server, method, filled(path), body, **given)
    assert found == status, text
    assert "content-security-policy" in kept
    assert read_decisions(server.session.storage, "tiny") == ()


def test_the_same_requests_from_the_page_itself_are_answered(server: ReviewServer) -> None:
    overpass = server.session.result.vessels["overpass_id"].iloc[0]
    picture = f"/picture?port=tiny&overpass={overpass}&row=-8&column=-8&side=64"
    status, headers, _ = ask(server, "GET", picture)
    assert (status, headers["content-type"]) == (200, "image/png")
    said = json.dumps([decision(server.session.result, 0, "ship")])
    assert ask(server, "POST", "/decide", said)[0] == 200
    assert ask(server, "POST", "/undo", "{}", Sec_Fetch_Site="same-origin", Origin=None)[0] == 200


def test_a_decision_comes_after_what_it_supersedes_though_another_clock_is_ahead(
    session: ReviewSession,
) -> None:
    (early,) = session.decide([decision(session.result, 0, "ship")])
    ahead = "2999-01-01T00:00:00.000000+00:00"
    write_decisions(session.storage, [replace(early, who="ben", what=What.NOT_SHIP, when=ahead)])
    session.decide([decision(session.result, 0, "ship", settles=True)])
    assert session.state()["disputed"] == []
    assert [each["what"] for each in session.state()["mine"]] == ["ship"]


def test_what_was_said_of_another_networks_vessel_is_counted_and_not_shown(
    session: ReviewSession,
) -> None:
    (now,) = session.decide([decision(session.result, 0, "ship")])
    before = replace(now, seen=replace(now.seen, model="another"), what=What.NOT_SHIP)
    moved = tuple((x + 50, y) for x, y in now.seen.corners)
    elsewhere = replace(now, seen=replace(now.seen, corners=moved), what=What.NOT_SHIP)
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
    server: ReviewServer, more: dict[str, Any], reason: str
) -> None:
    good = decision(server.session.result, 0, "ship")
    status, _, text = ask(server, "POST", "/decide", json.dumps([good, good | more]))
    assert status == 422
    assert reason in json.loads(text)["error"]
    assert read_decisions(server.session.storage, "tiny") == ()
