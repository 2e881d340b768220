"""What each sensor contributes: a line a place, on the terminal and on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from jobs import cli
from jobs.publish.contributions import contribution_words, published_contributions
from jobs.publish.publication import Publication
from jobs.publish.report import render
from jobs.publish.sensor_places import found_text, sensor_places
from jobs.publish.write import publish
from jobs.storage import LocalFolder
from tests.support.factories import FakeImagery, make_port, make_publication
from tests.support.small_catalogs import items_on, write_job


def row(sensor: str, without: tuple[float, float], together: tuple[float, float] = (19, 27)):
    numbers = {"": together, "_without": without}
    return {
        "sensor": sensor,
        **{f"visits{name}": np.mean(ends) for name, ends in numbers.items()},
        **{f"visits{name}_low": ends[0] for name, ends in numbers.items()},
        **{f"visits{name}_high": ends[1] for name, ends in numbers.items()},
    }


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("radar", (12, 41))], "without radar: 12 to 41 visits; with it: 19 to 27"),
        (
            [row("radar", (12, 41)), row("optical", (3, 120))],
            "without radar: 12 to 41 visits; without optical: 3 to 120; with both: 19 to 27",
        ),
        (
            [row("a", (12, 41)), row("b", (18, 28)), row("c", (19, 2345))],
            "without a: 12 to 41 visits; without b: 18 to 28; without c: 0 to 2,300; "
            "with all: 19 to 27",
        ),
    ],
    ids=["one", "both", "all"],
)
def test_a_place_is_one_line(rows, words):
    assert contribution_words(rows) == words


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_what_was_not_estimated_is_not_told(missing):
    assert contribution_words([row("radar", (12, 41)) | {"visits_without": missing}]) == ""


def test_what_was_found_of_others_reports_has_its_interval():
    assert found_text(0, 0) == ""
    assert found_text(12, 20) == "12 of 20, 42 to 76 %"
    assert found_text(0, 3) == "0 of 3, 0 to 44 %"


@pytest.fixture(scope="module")
def publication() -> Publication:
    found = make_publication(ports=[make_port(id="ceara")], days=60)
    nothing = frozenset(found.tables["ceara"].looks["overpass_id"])
    return replace(found, job="ceara", imagery=FakeImagery(found.tables, nothing))


@pytest.fixture(scope="module")
def job(publication: Publication, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("job")
    publish(publication, LocalFolder(folder / "archive"))
    return write_job(folder, items_on(3))


def test_report_says_it_of_every_place(job: Path) -> None:
    found = CliRunner().invoke(cli.app, ["report", str(job)])
    assert found.exit_code == 0
    said = [line for line in found.stderr.splitlines() if "without landsat-c2-l2" in line]
    places = ["oil-1", "oil-2", "coal", "boxes", "roads", "all berths but anchorages"]
    assert [line.split(",")[0] for line in said] == [f"ceara {name}" for name in places]
    assert all("2024-03-01 to 2024-04-29: without " in line for line in said)
    assert found.stdout.strip().endswith("report.html")
    assert len(found.stdout.splitlines()) == 1


def test_the_page_says_the_same(publication: Publication, job: Path) -> None:
    html = " ".join(render(publication).split())
    assert "What each sensor contributes" in html
    folder = next((job.parent / "archive" / "published" / "ceara").glob("*/sensors.parquet")).parent
    storage = LocalFolder(job.parent / "archive")
    lines = published_contributions(storage, str(folder.relative_to(job.parent / "archive")))
    assert len(lines) == 6
    for line in lines:
        assert line.partition(": ")[2] in html


def test_results_of_before_say_nothing_of_it(job: Path, tmp_path: Path) -> None:
    assert published_contributions(LocalFolder(tmp_path), "published/ceara/old") == []


def test_the_page_of_one_sensor_compares_nothing(publication: Publication) -> None:
    (estimate,) = publication.estimates.values()
    one = estimate.sensors[estimate.sensors["sensor"] == "landsat-c2-l2"]
    assert sensor_places(estimate.port, one) == ()


def test_a_job_without_the_comparison_still_shows_the_recall_of_each(
    publication: Publication,
) -> None:
    (estimate,) = publication.estimates.values()
    apart = [name for name in estimate.sensors if "_without" in name]
    plain = estimate.sensors[estimate.sensors["berth"] != ""].assign(**dict.fromkeys(apart, np.nan))
    places = sensor_places(estimate.port, plain)
    assert [place.name for place in places] == [berth.name for berth in estimate.port.berths]
    assert {place.words for place in places} == {""}
    without = replace(publication, estimates={"ceara": replace(estimate, sensors=plain)})
    html = render(without)
    assert "the job asks for no estimate without each sensor" in html
    assert "without landsat-c2-l2" not in html
