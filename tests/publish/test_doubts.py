"""What results say against the port file: in the report, and by `report` and `status`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from typer.testing import CliRunner

from jobs import cli
from jobs.publish.doubts import published_doubts
from jobs.publish.publication import Publication
from jobs.publish.report import render
from jobs.publish.write import publish
from jobs.storage import LocalFolder
from tests.support.factories import BERTHS, FakeImagery, make_berth, make_port, make_publication
from tests.support.small_catalogs import items_on, write_job

CAPACITY_SAID = "holds 1 by the port file, but"


def published(capacity_in_file: int) -> Publication:
    """Results of a coal pier at which two ships lie, by a port file that says what it holds."""
    seen = make_publication(ports=[make_port(id="ceara")], days=60)
    berths = [
        make_berth(id=i, name=n, kind=k, place_m=p, capacity=capacity_in_file if i == "coal" else c)
        for i, n, k, c, p in BERTHS
    ]
    tables = {
        name: dataclasses.replace(each, port=make_port(id="ceara", berths=berths))
        for name, each in seen.tables.items()
    }
    nothing = frozenset(tables["ceara"].looks["overpass_id"])
    imagery = FakeImagery(tables, nothing)
    return dataclasses.replace(seen, job="ceara", tables=tables, imagery=imagery)


@pytest.fixture(scope="module", params=[1, 2])
def capacity(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def job(capacity: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job whose archive holds such results."""
    folder = tmp_path_factory.mktemp("job")
    publish(published(capacity), LocalFolder(folder / "archive"))
    return write_job(folder, items_on(3))


def test_a_berth_without_a_look_is_no_doubt_on_the_results(tmp_path: Path) -> None:
    storage = LocalFolder(tmp_path / "archive")
    folder = publish(published(2), storage)
    path = storage.local(folder) / "estimates.parquet"
    estimates = gpd.read_parquet(path)
    estimates.loc[0, "agreement"] = np.nan
    estimates.to_parquet(path)
    assert published_doubts(storage, folder) == []


def test_the_report_says_it(capacity: int) -> None:
    html = " ".join(render(published(capacity)).split())
    assert ("More ships than the port file allows" in html) == (capacity == 1)
    assert (CAPACITY_SAID in html) == (capacity == 1)


@pytest.mark.parametrize(
    "arguments", [("report",), ("status",), ("status", "--json")], ids=" ".join
)
def test_commands_say_it_beside_what_they_print(
    job: Path, capacity: int, arguments: tuple[str, ...]
) -> None:
    command, *options = arguments
    done = CliRunner().invoke(cli.app, [command, str(job), *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert ("berth 'coal' of ceara " + CAPACITY_SAID in done.stderr) == (capacity == 1)
    assert CAPACITY_SAID not in done.stdout


def test_overlapping_berths_of_older_results_are_said(tmp_path: Path) -> None:
    publication = published(2)
    oil = make_berth(id="oil-1")
    twice = make_port(id="ceara", berths=[oil, dataclasses.replace(oil, id="oil-9")])
    folder = publish(publication, LocalFolder(tmp_path))
    provenance = tmp_path / folder / "provenance.json"
    facts = json.loads(provenance.read_text())
    [port] = facts["ports"]
    first = next(each for each in port["berths"] if each["id"] == oil.id)
    port["berths"].append({**first, "id": twice.berths[1].id})
    provenance.write_text(json.dumps(facts))
    [line] = published_doubts(LocalFolder(tmp_path), folder)
    assert "port ceara: berths 'oil-1' and 'oil-9' overlap: 100%" in line


def test_results_that_cannot_be_read_are_a_line(tmp_path: Path) -> None:
    [line] = published_doubts(LocalFolder(tmp_path), "published/ceara/gone")
    assert "published/ceara/gone cannot be read" in line
