"""Plain ground range over one small port: simulated, run whole on a cluster, scored, verified."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from distributed import Client

import berthwatch as bw
from jobs.archive import open_tree, pool
from jobs.archive.stored import stored_port
from jobs.catalog.stac_item import scene_from_item, sensor_for
from jobs.domain import Orbit, Quality
from jobs.evidence import EvidenceOptions, make_evidence
from jobs.plan import pinned_plan
from jobs.plan.estimate import estimate_plan
from jobs.run import EQUAL, verify_sample
from jobs.simulate import SimulationConfig, score_results, simulate_archive
from jobs.storage import storage_at
from tests.support.cluster_here import cluster_here
from tests.support.small_ports import flat_coast, port_file


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The folder of a simulation that was run whole."""
    folder = tmp_path_factory.mktemp("world") / "grd"
    config = SimulationConfig(
        seed=5,
        sensor="sentinel-1-grd",
        ports=(port_file(tmp_path_factory.mktemp("ports"), "EAST", 133.05, 42.70),),
        start=date(2024, 3, 1),
        days=40,
        visits_per_week=4,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.simulate.moorings.make_land_mask", flat_coast)
        patch.setattr(pool, "make_land_mask", flat_coast)
        simulate_archive(config, folder, lambda _: None)
        with cluster_here() as cluster, Client(cluster) as client:
            outcome = bw.run(folder / "job.yaml", client, progress=False)
        assert outcome.complete
        yield folder


@pytest.fixture(scope="module")
def published(world):
    latest = json.loads((world / "archive/published/demo/latest.json").read_text())
    return world / "archive/published/demo" / latest["folder"].rpartition("/")[2]


def items_of(world: Path) -> list[dict]:
    files = (world / "sentinel-1-grd").glob("*/*.json")
    return [json.loads(path.read_text()) for path in sorted(files)]


def test_items_and_files_are_those_of_earth_search(world):
    items = items_of(world)
    assert len(items) >= 12
    for item in items:
        found = scene_from_item(item, "c", sensor_for(item))
        assert found.sensor == "sentinel-1-grd"
        assert Orbit.parse(found.facts["orbit"]) is not None
        with rasterio.open(world / "sentinel-1-grd" / item["id"] / "iw-vv.tiff") as file:
            assert file.crs is None
            assert file.dtypes == ("uint16",)
            assert len(file.gcps[0]) == 54
            assert file.shape == found.bands["vv"].shape
            assert file.shape == tuple(item["properties"]["proj:shape"][::-1])


def test_the_archive_has_a_group_of_its_own_with_the_orbits(world):
    archive = stored_port(storage_at(str(world / "archive")), "EAST")
    tree = open_tree(archive.store())
    assert "sentinel-1" not in tree.children
    radar = tree["sentinel-1-grd"]
    assert radar.band.values.tolist() == ["vv", "vh"]
    assert "on the ellipsoid" in radar.backscatter_db.attrs["long_name"]
    assert {Orbit.parse(text).direction for text in radar.orbit.values.tolist()} == {
        "ascending",
        "descending",
    }
    flags = np.asarray(radar.quality)
    assert set(np.unique(flags)) <= {0, int(Quality.NODATA), int(Quality.DEFECTIVE)}
    assert (flags == 0).mean() > 0.9


def test_ships_are_found_and_measured_by_the_looks_of_each_orbit(world, published):
    vessels = pd.read_csv(published / "vessels.csv")
    assert vessels["counted"].sum() >= 5
    assert vessels["beam_m"].isna().all()
    assert vessels["background"].notna().sum() >= 5  # six looks of an orbit and more
    score, _ = score_results(published, world / "truth")
    assert score.recall > 0.4
    assert score.precision > 0.6


def test_the_estimates_say_what_its_errors_rest_on(published):
    page = (published / "report.html").read_text()
    assert "sentinel-1-grd: values from" in page


def test_all_of_it_is_verified_equal(world):
    plan = pinned_plan(world / "job.yaml").plan
    rows = verify_sample(plan, storage_at(plan.archive), 100, 0)
    assert len(rows) > 8
    assert {row["result"] for row in rows} == {EQUAL}


def test_the_evidence_of_a_visit_names_the_tables_that_it_rests_on(world, published):
    vessels = pd.read_csv(published / "vessels.csv")
    visit = vessels["visit_id"].dropna().iloc[0]
    made = make_evidence(world / "job.yaml", EvidenceOptions(visits=(str(visit),)))
    record = b"".join(text for name, text in made.files.items() if name.endswith(".json"))
    assert b"calibration-iw-vv.xml" in record
    assert b"noise-iw-vh.xml" in record


def test_the_plan_s_bytes_are_of_the_order_of_those_read(world):
    plan = pinned_plan(world / "job.yaml").plan
    found = estimate_plan(plan)
    assert found.files == 6 * found.units  # an image and two tables of each band
    scenes = [scene for overpass in plan.overpasses for scene in overpass.scenes]
    images = sum(band.size_bytes for scene in scenes for band in scene.bands.values())
    tables = found.files * 2 / 3 * 700_000
    assert 0.3 < (found.bytes_in - tables) / images < 1.1  # the image is little more than the port
