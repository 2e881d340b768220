"""PlanetScope through the stages: pixels where GDAL puts them, and a whole run on an order."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from distributed import Client
from numpy.typing import NDArray
from rasterio.warp import Resampling, reproject
from rich.console import Console

from jobs.archive import PortArchive, pool
from jobs.catalog import scene_from_item, sensor_for
from jobs.domain import SENSORS, Grid, Quality, Scene, geod
from jobs.plan import pinned_plan
from jobs.run.backlog import RunOptions
from jobs.run.pipeline import run_plan
from jobs.run.verify import EQUAL, verify_sample
from jobs.simulate import SimulationConfig, simulate_archive
from jobs.storage import storage_at
from jobs.tile.cloud_mask import without_ships
from jobs.tile.stage import read_overpass
from tests.support.finer import Overlap, overlap
from tests.support.planet_order import entry, write_manifest

PLANET = SENSORS["planetscope-sr"]
START = date(2024, 5, 1)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A harbour seen twice: by a satellite of eight bands, and by one of four."""
    folder = tmp_path_factory.mktemp("planet") / "world"
    config = SimulationConfig(
        seed=5,
        sensor=PLANET.name,
        harbours=1,
        start=START,
        days=10,
        revisit_days=(4,),
        cloud_share=0.1,
    )
    simulate_archive(config, folder, lambda _: None)
    return folder


def items_of(world: Path) -> list[tuple[Path, dict[str, Any]]]:
    paths = sorted(world.glob("PSScene/*/*.json"))
    return [(path, json.loads(path.read_text())) for path in paths]


def scene_of(path: Path, item: dict[str, Any]) -> Scene:
    assets = {
        name: {**asset, "href": str(path.parent / asset["href"])}
        for name, asset in item["assets"].items()
    }
    return scene_from_item({**item, "assets": assets}, "c", PLANET)


def grid_under(scene: Scene) -> Grid:
    """A port's grid of 10 m inside the scene."""
    source = scene.bands["red"]
    left, top = np.ceil(source.transform[2] / 10) * 10, np.floor(source.transform[5] / 10) * 10
    height, width = (int(3 * n / 10) - 1 for n in source.shape)
    return Grid(source.epsg, float(left), float(top), width, height)


def test_items_are_known_by_their_collection_and_their_files(world: Path) -> None:
    bands = []
    for path, item in items_of(world):
        assert sensor_for(item) is PLANET
        scene = scene_of(path, item)
        assert scene.mask is not None
        bands.append([scene.bands[name].index for name in PLANET.bands])
    assert bands == [[2, 4, 6, 8], [1, 2, 3, 4]]


def test_pixels_lie_where_gdal_puts_them_and_udm2_says_what_it_says(world: Path) -> None:
    for path, item in items_of(world):
        scene = scene_of(path, item)
        grid = grid_under(scene)
        pixels = read_overpass([scene], PLANET, grid)
        for band, image in zip(PLANET.bands, pixels.image, strict=True):
            theirs = np.zeros(grid.shape, np.float32)
            with rasterio.open(scene.bands[band].href) as file:
                reproject(
                    rasterio.band(file, scene.bands[band].index),
                    theirs,
                    dst_transform=rasterio.Affine(*grid.transform),
                    dst_crs=f"EPSG:{grid.epsg}",
                    src_nodata=0,
                    resampling=Resampling.average,
                )
            ours = PLANET.encoding.decode(image) * 1e4
            np.testing.assert_array_equal(np.isnan(ours), theirs == 0)
            close = np.abs(ours - theirs) < 0.6
            assert close[theirs > 0].all()
        assert scene.mask is not None
        with rasterio.open(scene.mask.href) as file:
            udm2 = file.read()
        expected = quality_of(udm2, overlap(scene.mask, grid))
        expected[(pixels.image == 0).any(axis=0)] = np.uint8(Quality.NODATA)
        np.testing.assert_array_equal(pixels.quality, expected)


def quality_of(udm2: NDArray[np.uint8], told: Overlap) -> NDArray[np.uint8]:
    """What any part of a pixel has; ships that were taken for cloud are given back."""
    found = np.zeros((len(told.rows), len(told.columns)), np.uint8)
    flags = ((2, Quality.CLOUD_SHADOW), (3, Quality.THIN_CLOUD), (5, Quality.CLOUD))
    for plane, flag in flags:
        found[told.any(udm2[plane] > 0)] |= np.uint8(flag)
    found[told.any(udm2[7] > 0)] = np.uint8(Quality.NODATA)
    return without_ships(found, 10.0)


def as_order(world: Path, folder: Path) -> None:
    """The world's images as an order that was not delivered as STAC."""
    files = []
    (folder / "PSScene").mkdir(parents=True)
    for path, item in items_of(world):
        told = item["properties"]
        for asset in item["assets"].values():
            name = f"PSScene/{Path(asset['href']).name}"
            shutil.copy(path.parent / asset["href"], folder / name)
            files.append(entry(folder, name, item["id"], asset["pl:asset_type"]))
        metadata = {
            "id": item["id"],
            "type": "Feature",
            "geometry": item["geometry"],
            "properties": {
                "acquired": told["datetime"],
                "cloud_percent": told["eo:cloud_cover"],
                "provider": "planetscope",
                "satellite_id": told["platform"],
                "published": told["created"],
                "updated": told["updated"],
            },
        }
        name = f"PSScene/{item['id']}_metadata.json"
        (folder / name).write_text(json.dumps(metadata))
        files.append(entry(folder, name, item["id"], None))
    write_manifest(folder, files)


def assert_beams_are_measured(found: pd.DataFrame, truth: pd.DataFrame) -> None:
    """Of some vessels, and near the ships' own; of the rest no error is claimed."""
    measured = found[found["beam_sd_m"].notna()]
    assert 0 < len(measured) < len(found)
    off = []
    for row in measured.itertuples():
        there = truth[truth["overpass_utc"].str[:10] == row.time[:10]]
        _, _, apart = geod().inv(
            np.full(len(there), row.lon), np.full(len(there), row.lat), there["lon"], there["lat"]
        )
        if apart.min() < 30:
            off.append((row.beam_m - there["beam_m"].iloc[int(apart.argmin())]) / row.beam_sd_m)
    assert len(off) > 0.8 * len(measured)
    assert np.median(np.abs(off)) < 1.2


def test_a_whole_run_on_an_order(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    as_order(world, tmp_path / "orders/one")
    for path in world.glob("*.geojson"):
        shutil.copy(path, tmp_path)
    text = (world / "job.yaml").read_text().replace("catalog.json", "orders")
    job = tmp_path / "job.yaml"
    job.write_text(text + "estimates: {draws: 100}\n")
    plan = pinned_plan(job).plan
    assert len(plan.overpasses) == 2
    with Client(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as client:
        outcome = run_plan(plan, RunOptions(), nullcontext(client), Console(stderr=True))
    assert (outcome.code, outcome.summary.failed) == (0, 0)
    assert outcome.summary.done == 2
    storage = storage_at(plan.archive)
    archive = PortArchive.existing(storage, plan.ports[0])
    assert archive is not None
    with xr.open_zarr(archive.store(), group="planetscope", consolidated=False) as opened:
        assert set(opened["platform"].values.tolist()) == {"planetscope-24ee", "planetscope-1014"}
        assert 0 < float(np.nanmedian(opened["reflectance"].to_numpy())) < 0.3
    assert outcome.folder is not None
    published = storage.local(outcome.folder)
    found = pd.read_csv(published / "vessels.csv")
    assert set(found["sensor"]) == {PLANET.name}
    truth = pd.read_csv(world / "truth" / "vessels.csv")
    assert len(found) > 0.2 * len(truth)
    assert_beams_are_measured(found, truth)
    looks = pd.read_csv(published / "looks.csv")
    assert (looks["state"] == "clear").any()
    assert looks["screened"].all()
    assert len(pd.read_csv(published / "visits.csv")) > 0
    rows = verify_sample(plan, storage, 2, 0)  # beams and their errors are the same bytes
    assert [row["result"] for row in rows] == [EQUAL, EQUAL]
