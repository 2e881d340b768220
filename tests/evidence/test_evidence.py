"""Evidence of a real small run: reasons, pictures, digests, and the same pixels cut again."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import rasterio
import zarr
from PIL import Image

from jobs.archive import Archives, pool
from jobs.errors import InputError
from jobs.evidence.choose import chosen_visits
from jobs.evidence.make import Evidence, EvidenceOptions, make_evidence
from jobs.evidence.package import write_zip
from jobs.plan import read_plan, write_plan
from jobs.publish import read_newest
from jobs.storage import LocalFolder
from tests.support.browser import DESKTOP, PHONE, browsing, needs_chromium
from tests.support.doors import berthwatch
from tests.support.evidence_world import port, publish_world
from tests.support.servers.s3 import s3_server

BOUNDED = "TESTP-oil-20240508T021000Z-1"
"""From day 7 to 9; the look before it that could see was two looks earlier."""
AT_THE_END = "TESTP-oil-20240514T021000Z-1"
AT_THE_BEGINNING = "TESTP-bulk-20240502T021000Z-1"


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The plan file of a published run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
        yield publish_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def made(job: Path) -> Evidence:
    return make_evidence(job)


def record(made: Evidence, visit: str) -> Any:
    return json.loads(made.files[f"visits/{visit}/visit.json"])


def parts(visit: Any) -> list[tuple[str, str]]:
    return [(look["overpass"], look["part"]) for look in visit["looks"]]


def test_a_visit_with_a_clouded_look_before_it(made: Evidence) -> None:
    visit = record(made, BOUNDED)
    assert parts(visit) == [
        ("TESTP-003", "before"),
        ("TESTP-005", "undecided before"),
        ("TESTP-007", "during"),
        ("TESTP-009", "during"),
        ("TESTP-011", "after"),
    ]
    assert [look["ship_found"] for look in visit["looks"]] == [False, False, True, True, False]
    arrival, departure = visit["arrival"], visit["departure"]
    assert arrival["not_before"] == "2024-05-04T02:10:00.000Z"
    assert arrival["not_before_look"] == 1
    assert (
        "Look 1 saw 100\u00a0% of the berth and found no other ship"
        in (arrival["not_before_reason"])
    )
    assert arrival["between"] == (
        "Settled by none of the looks between (look 2): of 1 look 1 clouded."
    )
    assert departure["not_after"] == "2024-05-12T02:10:00.000Z"
    assert departure["between"] == "No look between."
    assert "says nothing" in visit["looks"][1]["in_words"]
    assert visit["looks"][1]["picture"], "a clouded look is shown, so that anyone sees the cloud"
    assert not any("one look only" in text for text in visit["against"])
    highest = [look["highest_ship_probability_at_berth"] for look in visit["looks"]]
    assert min(highest[2:4]) > 0.5 > max(highest[0], highest[1], highest[4])


def test_bounds_that_are_open_say_so(made: Evidence) -> None:
    first, last = record(made, AT_THE_BEGINNING), record(made, AT_THE_END)
    assert first["arrival"]["not_before"] is None
    assert "The period begins 2024-05-01" in first["arrival"]["not_before_reason"]
    assert "there is none" in first["arrival"]["not_before_reason"]
    assert last["departure"]["not_after"] is None
    assert "The period ends 2024-05-20" in last["departure"]["not_after_reason"]
    assert any("found in one look only" in text for text in last["against"])


def test_a_ship_of_like_length_on_the_other_side_of_a_bound_speaks_against_it(
    made: Evidence,
) -> None:
    # both at the oil berth, 4 days apart, with a clear and empty look between them
    before = record(made, AT_THE_END)["arrival"]["against"]
    assert not any(BOUNDED in text for text in before), "a clear look lies between"
    empty = record(made, AT_THE_END)["looks"][0]
    assert (empty["part"], empty["other_ships_at_berth"]) == ("before", [])


def test_measures_and_outlines(made: Evidence) -> None:
    visit = record(made, BOUNDED)
    assert [m["look"] for m in visit["measured"]] == [3, 4]
    for m in visit["measured"]:
        assert 120 < m["length_m"] < 240
        assert min(m["heading_deg_grid"], 180 - m["heading_deg_grid"]) < 10
        # the grid's north is turned by the convergence of meridians: 0.66 degrees here
        turned = (m["heading_deg_true"] - m["heading_deg_grid"] + 90) % 180 - 90
        assert turned == pytest.approx(-0.66, abs=0.06)
        assert m["share_in_berth"] > 0.8
    features = json.loads(made.files["hulls.geojson"])["features"]
    mine = [f["properties"] for f in features if f["properties"]["visit"] == BOUNDED]
    assert [p["role"] for p in mine] == ["berth", "ship", "ship"]


def test_every_picture_shows_the_same_place_in_the_same_size(made: Evidence) -> None:
    visit = record(made, BOUNDED)
    pictures = [
        Image.open(io.BytesIO(made.files[look["picture"]]))
        for look in visit["looks"]
        if look["picture"]
    ]
    assert len(pictures) == 5
    assert len({picture.size for picture in pictures}) == 1
    edges = {(tuple(look["pixels"]["y"]), tuple(look["pixels"]["x"])) for look in visit["looks"]}
    assert len(edges) == 1


def test_the_tiff_has_the_numbers_of_the_digest_in_their_place(made: Evidence) -> None:
    look = record(made, BOUNDED)["looks"][2]
    pixels = look["pixels"]
    with rasterio.MemoryFile(made.files[look["numbers"]]) as memory, memory.open() as file:
        numbers = file.read()
        assert file.crs.to_epsg() == 32653
        assert file.transform.f == 4_730_000.0 - 10 * pixels["y"][0]
        assert file.transform.c == 420_000.0 + 10 * pixels["x"][0]
        assert file.descriptions == ("blue", "green", "red", "nir")
    assert (
        hashlib.sha256(numbers.astype(pixels["dtype"]).tobytes()).hexdigest() == (pixels["sha256"])
    )


def test_the_five_lines_cut_the_same_pixels(made: Evidence, tmp_path: Path) -> None:
    pixels = record(made, BOUNDED)["looks"][3]["pixels"]
    assert len(pixels["python"].splitlines()) == 5
    page = made.files["index.html"].decode()
    assert pixels["snapshot"] in page
    script = tmp_path / "cut.py"
    script.write_text(pixels["python"])
    done = subprocess.run(
        [sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [pixels["sha256"]]


def test_what_was_read_is_what_the_archive_holds_and_the_result_states(made: Evidence) -> None:
    source = json.loads(made.files["overpasses/TESTP-007.json"])
    assert source["archive_holds_what_was_read"] is True
    assert source["read_agrees_with_result"] is True
    assert set(source["read"]) == {f"1/{band}" for band in ("blue", "green", "red", "nir", "mask")}
    (scene,) = source["scenes"]
    assert scene["item"] == "item-7"
    assert scene["files"]["red"]["href"].endswith("/7.tif")


def test_the_same_results_give_the_same_bytes(job: Path, made: Evidence) -> None:
    zips = []
    for each in (made, make_evidence(job)):
        target = io.BytesIO()
        write_zip(target, each.files)
        zips.append(target.getvalue())
    assert zips[0] == zips[1]
    with zipfile.ZipFile(io.BytesIO(zips[0])) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())


def test_the_manifest_states_every_other_file(made: Evidence) -> None:
    manifest = json.loads(made.files["manifest.json"])
    assert set(manifest["files"]) == set(made.files) - {"manifest.json"}
    assert manifest["visits"] == [AT_THE_BEGINNING, BOUNDED, AT_THE_END]
    for name, stated in manifest["files"].items():
        content = made.files[name]
        assert stated == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert made.manifest_sha256 == hashlib.sha256(made.files["manifest.json"]).hexdigest()


def test_names_and_their_source_stand_as_the_analysts(job: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text(f"visit_id,name,source\n{BOUNDED},MV Ōryū <2>,port agent\n")
    found = make_evidence(job, EvidenceOptions(visits=(BOUNDED,), names=names))
    assert record(found, BOUNDED)["named"] == {"name": "MV Ōryū <2>", "source": "port agent"}
    facts = json.loads(found.files["evidence.json"])
    assert facts["names"]["sha256"] == hashlib.sha256(names.read_bytes()).hexdigest()
    page = found.files["index.html"].decode()
    assert "MV Ōryū &lt;2&gt;" in page
    assert found.left_out == 2


def test_ais_of_each_sighting(job: Path, tmp_path: Path) -> None:
    lines = ["MMSI,BaseDateTime,LAT,LON,SOG,COG,Heading,VesselName,IMO,VesselType,Length,Width"]
    lines += [
        f"538001234,2024-05-{day:02d}T{hour:02d}:{minute:02d}:00,42.71651,134.02610,0.0,0.0,0,"
        "ALPHA,IMO9000001,80,175,30"
        for day in (8, 10)
        for hour in range(24)
        for minute in (0, 10, 20, 30, 40, 50)
    ]
    table = tmp_path / "AIS_2024.csv"
    table.write_text("\n".join(lines) + "\n")
    found = make_evidence(job, EvidenceOptions(visits=(BOUNDED,), ais=(table,)))
    sightings = record(found, BOUNDED)["ais"]["sightings"]
    assert [row["tier"] for row in sightings] == ["matched", "matched"]
    assert {row["mmsi"] for row in sightings} == {538001234}
    facts = json.loads(found.files["evidence.json"])
    assert facts["ais"]["files"][0]["sha256"] == hashlib.sha256(table.read_bytes()).hexdigest()
    assert "ALPHA" in found.files["index.html"].decode()


# --- refusals -----------------------------------------------------------------------------------


def test_a_visit_that_is_not_there_is_refused_with_the_nearest(job: Path) -> None:
    with pytest.raises(InputError, match="no visit 'TESTP-oil-20240508'; the nearest are") as told:
        make_evidence(job, EvidenceOptions(visits=("TESTP-oil-20240508",)))
    assert BOUNDED in str(told.value)


def test_the_newest_visits_are_those_of_a_limit(job: Path) -> None:
    visits = read_newest(job).visits
    assert list(chosen_visits(visits, (), 1)["visit_id"]) == [AT_THE_END]
    with pytest.raises(InputError, match="no seen visit"):
        chosen_visits(visits.iloc[:0], (), None)


def test_a_tag_that_is_not_there_is_refused_with_those_that_are(job: Path) -> None:
    tag = read_newest(job).tag
    with pytest.raises(InputError, match=rf"no results with the tag 'x'; there are: {tag}"):
        make_evidence(job, EvidenceOptions(tag="x"))
    assert make_evidence(job, EvidenceOptions(tag=tag, limit=1)).tag == tag


def test_results_that_were_changed_prove_nothing(job: Path, tmp_path: Path) -> None:
    other = tmp_path / "world"
    shutil.copytree(job.parent, other)
    path = next((other / "archive" / "published" / "test").glob("*/visits.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    plan = elsewhere(other)
    with pytest.raises(InputError, match=r"visits.parquet"):
        make_evidence(plan)


def elsewhere(folder: Path) -> Path:
    """The plan file of a copied world, its archive being the copy."""
    plan = replace(read_plan(folder / "plan.jsonl.gz"), archive=str(folder / "archive"))
    write_plan(plan, folder / "moved.jsonl.gz")
    return folder / "moved.jsonl.gz"


def test_a_lost_tag_is_a_doubt_on_the_page(job: Path, tmp_path: Path) -> None:
    other = tmp_path / "world"
    shutil.copytree(job.parent, other)
    plan = elsewhere(other)
    archive = Archives((port(),), LocalFolder(other / "archive"))["TESTP"]
    for tag in archive.tags():
        archive.repository.delete_tag(tag)
    found = make_evidence(plan)
    assert any("has no tag test-" in line for line in found.doubts)
    assert "has no tag test-" in found.files["index.html"].decode()
    assert record(found, BOUNDED)["looks"][0]["pixels"]["sha256"]


def test_what_was_read_anew_since_is_a_doubt(job: Path, tmp_path: Path) -> None:
    other = tmp_path / "world"
    shutil.copytree(job.parent, other)
    plan = elsewhere(other)
    archive = Archives((port(),), LocalFolder(other / "archive"))["TESTP"]
    for tag in archive.tags():
        archive.repository.delete_tag(tag)
    step = archive.steps()["TESTP-007"]
    session = archive.repository.writable_session("main")
    said = zarr.open_group(session.store)["sentinel-2/read"]
    assert isinstance(said, zarr.Array)
    digests = json.loads(np.asarray(said[step.index]).item())
    said[step.index] = json.dumps(dict.fromkeys(digests, "0" * 64))
    session.commit("read anew")
    found = make_evidence(plan)
    assert any("TESTP-007 is NOT what the result was made from" in line for line in found.doubts)
    assert "is NOT what the result was made from" in found.files["index.html"].decode()


# --- the command --------------------------------------------------------------------------------


def test_the_command_writes_the_zip_and_tells_the_digests(job: Path, tmp_path: Path) -> None:
    place = tmp_path / "evidence.zip"
    done = berthwatch("evidence", job, "-o", place, "--json", "--limit", "1")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["sha256"] == hashlib.sha256(place.read_bytes()).hexdigest()
    assert (told["visits"], told["visits_left_out"]) == ([AT_THE_END], 2)
    script = tmp_path / "verify.py"
    with zipfile.ZipFile(place) as archive:
        script.write_bytes(archive.read("verify.py"))
    checked = subprocess.run(
        [sys.executable, "-I", "-S", script, place, "--manifest-sha256", told["manifest_sha256"]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.startswith("INTACT")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_a_signed_zip_is_what_ssh_keygen_says(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, place = tmp_path / "key", tmp_path / "signed.zip"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "sesame", "-f", key], check=True)
    refused = berthwatch("evidence", job, "-o", place, "--sign", key)
    assert refused.code == 2
    assert "BERTHWATCH_KEY_PASSPHRASE" in refused.err
    assert not place.exists()
    monkeypatch.setenv("BERTHWATCH_KEY_PASSPHRASE", "sesame")
    done = berthwatch("evidence", job, "-o", place, "--sign", key, "--visit", BOUNDED)
    assert done.code == 0, done.err
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(place) as archive:
        archive.extractall(folder)
    told = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py"], cwd=folder, capture_output=True, text=True
    )
    assert told.returncode == 0
    assert "this script does NOT check it" in told.stdout
    call = told.stdout[told.stdout.index("ssh-keygen") :].split("Then")[0]
    judged = subprocess.run(call, shell=True, cwd=folder, capture_output=True, text=True)
    assert judged.returncode == 0, judged.stderr
    assert judged.stdout.split()[-1] in done.out  # the key's fingerprint
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes() + b" ")
    assert subprocess.run(call, shell=True, cwd=folder, capture_output=True).returncode != 0


def test_an_archive_in_a_bucket(job: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with s3_server() as server:
        server.put(job.parent / "archive", "archive")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        plan = replace(read_plan(job), archive=f"s3://{server.bucket}/archive")
        write_plan(plan, tmp_path / "plan.jsonl.gz")
        found = make_evidence(tmp_path / "plan.jsonl.gz", EvidenceOptions(visits=(BOUNDED,)))
        pixels = record(found, BOUNDED)["looks"][3]["pixels"]
        assert (
            "icechunk.s3_storage(bucket='berthwatch', prefix='archive/ports/TESTP'"
            in (pixels["python"])
        )
        script = tmp_path / "cut.py"
        script.write_text(pixels["python"])
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
        assert done.stdout.split() == [pixels["sha256"]]


# --- the page -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(made: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page, unpacked and served."""
    folder = tmp_path_factory.mktemp("unpacked")
    for name, content in made.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


@needs_chromium
@pytest.mark.parametrize(
    ("screen", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone-dark"]
)
def test_the_page_in_a_browser(page: str, screen: tuple[int, int], scheme: str) -> None:
    with browsing(f"{page}#visit-{BOUNDED}", screen, scheme) as browsed:
        tab = browsed.page
        for image in tab.locator(".shot img").all():
            image.scroll_into_view_if_needed()
        browsed.check(flat=(f"{BOUNDED}/look-002.png",))  # wholly clouded
        assert tab.locator(f"#visit-{BOUNDED} .shot img").count() == 5
        outline = tab.locator(f"#visit-{BOUNDED} .shot svg").first
        assert outline.is_visible()
        tab.evaluate("window.scrollTo(0, 0)")
        tab.keyboard.press("Tab")  # the link that skips to the content
        tab.keyboard.press("Tab")
        while tab.evaluate("document.activeElement.id") != "outlines":
            tab.keyboard.press("Tab")
        tab.keyboard.press("Space")
        assert not outline.is_visible()
        tab.keyboard.press("Space")
        assert outline.is_visible()
        broken = tab.evaluate(
            "() => [...document.querySelectorAll('a[href^=\"#\"]')]"
            ".map(link => link.getAttribute('href').slice(1))"
            ".filter(id => !document.getElementById(id))"
        )
        assert broken == []
