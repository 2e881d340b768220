"""Both sensors over one small port: an archive simulated, run whole, scored, verified, proven."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
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
from jobs.errors import InputError
from jobs.evidence import EvidenceOptions, make_evidence
from jobs.plan import pinned_plan
from jobs.run import EQUAL, verify_sample
from jobs.simulate import SimulationConfig, score_results, simulate_archive
from jobs.storage import storage_at
from tests.support.cluster_here import cluster_here
from tests.support.small_ports import flat_coast, port_file

DAYS = 26


@pytest.fixture(scope="module")
def coast():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.simulate.moorings.make_land_mask", flat_coast)
        patch.setattr(pool, "make_land_mask", flat_coast)
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    ports = (port_file(tmp_path_factory.mktemp("ports"), "EAST", 133.05, 42.70),)
    return SimulationConfig(
        seed=5,
        ports=ports,
        start=date(2024, 3, 1),
        days=DAYS,
        revisit_days=(10,),
        cloud_share=0.3,
        visits_per_week=4,
        with_radar=True,
    )


@pytest.fixture(scope="module")
def world(config, coast, tmp_path_factory):
    """The folder of a simulation that was run whole by both sensors."""
    folder = tmp_path_factory.mktemp("world") / "both"
    simulate_archive(config, folder, lambda _: None)
    with cluster_here() as cluster, Client(cluster) as client:
        outcome = bw.run(folder / "job.yaml", client, progress=False)
    assert outcome.complete
    return folder


@pytest.fixture(scope="module")
def published(world):
    latest = json.loads((world / "archive/published/demo/latest.json").read_text())
    return world / "archive/published/demo" / latest["folder"].rpartition("/")[2]


def radar_items(world: Path) -> list[dict]:
    files = (world / "sentinel-1-rtc").glob("*/*.json")
    return [json.loads(path.read_text()) for path in sorted(files)]


def test_items_are_spelt_as_planetary_computer_s(world):
    items = radar_items(world)
    assert len(items) >= 2 * (DAYS // 6)
    for item in items:
        found = scene_from_item(item, "c", sensor_for(item))
        assert found.sensor == "sentinel-1-rtc"
        assert found.platform in ("sentinel-1a", "sentinel-1c")
        assert Orbit.parse(found.facts["orbit"]) is not None
        assert found.bands["vv"].nodata == -32768


def test_radar_sees_land_brighter_than_sea_and_no_cloud(world):
    item = radar_items(world)[0]
    path = world / "sentinel-1-rtc" / item["id"] / "iw-vv.rtc.tiff"
    with rasterio.open(path) as file:
        power = file.read(1, masked=True)
        assert (file.dtypes[0], file.nodata) == ("float32", -32768)
    south, north = power[-power.shape[0] // 5 :], power[: power.shape[0] // 5]
    assert 10 * np.log10(np.ma.median(south) / np.ma.median(north)) > 6


def test_the_optical_half_is_the_same_without_radar(config, coast, world, tmp_path):
    simulate_archive(replace(config, with_radar=False), tmp_path / "one", lambda _: None)
    for path in sorted((tmp_path / "one" / "sentinel-2-c1-l2a").rglob("*.tif")):
        other = world / path.relative_to(tmp_path / "one")
        assert hashlib.sha256(path.read_bytes()).digest() == (
            hashlib.sha256(other.read_bytes()).digest()
        )


def test_both_sensors_see_the_same_ships(world):
    with (world / "truth" / "vessels.csv").open() as file:
        rows = list(csv.DictReader(file))
    moored = {row["platform"][:10]: set() for row in rows}
    for row in rows:
        if row["berth"]:
            moored[row["platform"][:10]].add(row["ship_id"])
            assert (row["lon"], row["lat"]) == (row["seen_lon"], row["seen_lat"])
    assert moored["sentinel-1"] & moored["sentinel-2"]


def test_the_archive_has_backscatter_in_decibels_and_the_orbit(world):
    archive = stored_port(storage_at(str(world / "archive")), "EAST")
    tree = open_tree(archive.store())
    radar = tree["sentinel-1"]
    assert radar.backscatter_db.dims == ("time", "band", "y", "x")
    assert radar.band.values.tolist() == ["vv", "vh"]
    assert radar.backscatter_db.attrs["units"] == "0.1 lg(re 1)"
    assert radar.backscatter_db.dtype == np.float32
    item = radar_items(world)[0]
    with rasterio.open(world / "sentinel-1-rtc" / item["id"] / "iw-vv.rtc.tiff") as file:
        power = file.read(1)
    step = [item["id"] in ids for ids in radar.item_ids.values.tolist()].index(True)
    stored = radar.backscatter_db[step, 0]
    rows = (power.shape[0] - stored.sizes["y"]) // 2, (power.shape[1] - stored.sizes["x"]) // 2
    cut = power[rows[0] : rows[0] + stored.sizes["y"], rows[1] : rows[1] + stored.sizes["x"]]
    assert np.abs(stored.values - 10 * np.log10(cut)).max() < 0.006
    orbits = set(radar.orbit.values.tolist())
    assert len(orbits) == 2
    assert {Orbit.parse(text).direction for text in orbits} == {"ascending", "descending"}
    assert set(tree["sentinel-2"].orbit.values.tolist()) == {""}


def test_border_noise_is_defective_and_the_rest_is_clear(world):
    archive = stored_port(storage_at(str(world / "archive")), "EAST")
    flags = np.asarray(open_tree(archive.store())["sentinel-1"].quality)
    assert set(np.unique(flags)) <= {0, int(Quality.NODATA), int(Quality.DEFECTIVE)}
    cut = [each for each in flags if (each == Quality.NODATA).any()]
    assert cut
    assert all((each == Quality.DEFECTIVE).any() for each in cut)


def test_ships_are_found_by_both(world, published):
    vessels = pd.read_csv(published / "vessels.csv")
    by_sensor = vessels[vessels["counted"]].groupby("sensor").size()
    assert by_sensor["sentinel-1-rtc"] >= 5
    assert by_sensor["sentinel-2-l2a"] >= 1
    radar = vessels[vessels["sensor"] == "sentinel-1-rtc"]
    assert radar["beam_m"].isna().all()
    assert (radar["length_sd_m"] > 10).all()
    looks = pd.read_csv(published / "looks.csv")
    states = looks[looks["sensor"] == "sentinel-1-rtc"]["state"]
    assert "clouded" not in set(states)
    score, _ = score_results(published, world / "truth")
    assert score.recall > 0.4
    assert score.precision > 0.6


def test_the_estimates_say_what_the_radar_s_errors_rest_on(published):
    page = (published / "report.html").read_text()
    assert "simulated harbours" in page
    assert "had not seen" in page
    assert "sentinel-1-rtc: values from" in page


def test_all_of_it_is_verified_equal(world):
    plan = pinned_plan(world / "job.yaml").plan
    rows = verify_sample(plan, storage_at(plan.archive), 100, 0)
    assert len(rows) > 8
    assert {row["result"] for row in rows} == {EQUAL}


def test_a_visit_seen_by_radar_can_be_proven(world, published):
    vessels = pd.read_csv(published / "vessels.csv")
    radar = vessels[vessels["sensor"].eq("sentinel-1-rtc") & vessels["visit_id"].notna()]
    made = make_evidence(
        world / "job.yaml", EvidenceOptions(visits=(str(radar["visit_id"].iloc[0]),))
    )
    (record,) = (text for name, text in made.files.items() if name.endswith("visit.json"))
    assert b"sentinel-1" in record
    assert b"NaN" not in record


def test_a_sensor_that_cannot_be_simulated_is_refused():
    with pytest.raises(InputError, match="sensor 'sentinel-3'; expected one of sentinel-2-l2a"):
        SimulationConfig(sensor="sentinel-3")


def test_radar_alone_may_look():
    config = SimulationConfig(sensor="sentinel-1-rtc")
    assert (config.optical, config.radar) == (None, True)
