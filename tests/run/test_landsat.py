"""Landsat through the stages: pixels where an independent reader puts them, and a whole run."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pandas as pd
import pystac
import pytest
import rasterio
import xarray as xr
from distributed import Client
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rich.console import Console

from jobs.archive import PortArchive, pool
from jobs.catalog import scene_from_item
from jobs.domain import SENSORS, Grid, Quality, Scene
from jobs.plan import pinned_plan
from jobs.run.backlog import RunOptions
from jobs.run.pipeline import run_plan
from jobs.simulate import SimulationConfig, simulate_archive
from jobs.storage import storage_at
from jobs.tile.stage import read_overpass

# odc-geo calls what shapely calls old; nothing of ours does
pytestmark = pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")

LANDSAT = SENSORS["landsat-c2-l2"]
DAY = date(2024, 5, 1)


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A harbour seen once, as Landsat's files: 30 m, their coordinates those of pixels' middles."""
    folder = tmp_path_factory.mktemp("landsat") / "world"
    config = SimulationConfig(
        seed=5, sensor=LANDSAT.name, harbours=1, start=DAY, days=1, revisit_days=(8,)
    )
    simulate_archive(config, folder, lambda _: None)
    return folder


def item_of(folder: Path) -> tuple[dict[str, Any], Scene]:
    (path,) = folder.glob("landsat-c2-l2/*/*.json")
    item = json.loads(path.read_text())
    for asset in item["assets"].values():
        asset["href"] = str(path.parent / asset["href"])
    return item, scene_from_item(item, "c", LANDSAT)


def grid_under(scene: Scene) -> Grid:
    """A port's grid of 10 m inside the scene."""
    source = scene.bands["red"]
    left, top = source.transform[2] + 315, source.transform[5] - 315
    height, width = (3 * (n - 24) for n in source.shape)
    return Grid(source.epsg, left, top, width, height)


def by_odc(item: dict[str, Any], grid: Grid, band: str, how: str) -> NDArray[Any]:
    """The band's numbers on the grid by odc-stac."""
    box = GeoBox(grid.shape, rasterio.Affine(*grid.transform), f"EPSG:{grid.epsg}")
    loaded: xr.Dataset = odc.stac.load(
        [pystac.Item.from_dict(item)], bands=[band], geobox=box, resampling=how
    )
    return loaded[band].isel(time=0).to_numpy()


def test_pixels_lie_where_odc_stac_puts_them(harbour: Path) -> None:
    item, scene = item_of(harbour)
    grid = grid_under(scene)
    pixels = read_overpass([scene], LANDSAT, grid)
    for band, asset in zip(LANDSAT.bands, ("blue", "green", "red", "nir08"), strict=True):
        ours = LANDSAT.encoding.decode(pixels.image[LANDSAT.bands.index(band)])
        theirs = by_odc(item, grid, asset, "bilinear").astype(np.float64) * 2.75e-5 - 0.2
        close = np.abs(ours - np.clip(theirs, -0.0999, None)) < 1.5e-4
        assert close.mean() > 0.999, band
        # a shift by half a pixel of Landsat would be seen
        aside = np.roll(theirs, 1, axis=1)
        assert (np.abs(ours - aside) < 1.5e-4).mean() < 0.9


def test_the_mask_lies_where_odc_stac_puts_it_and_says_what_it_says(harbour: Path) -> None:
    item, scene = item_of(harbour)
    grid = grid_under(scene)
    quality = read_overpass([scene], LANDSAT, grid).quality
    qa = by_odc(item, grid, "qa_pixel", "nearest").astype(np.uint16)
    assert LANDSAT.mask is not None
    told = LANDSAT.mask.flags[qa]
    for flag in (Quality.CLOUD_SHADOW, Quality.THIN_CLOUD, Quality.SNOW_ICE, Quality.NODATA):
        np.testing.assert_array_equal(quality & int(flag), told & np.uint8(flag))
    assert not ((told & np.uint8(Quality.NODATA)) > 0).any()


def test_coordinates_of_pixels_middles_are_not_taken_for_those_of_corners(harbour: Path) -> None:
    _, scene = item_of(harbour)
    source = scene.bands["red"]
    with rasterio.open(source.href) as file:
        assert file.tags()["AREA_OR_POINT"] == "Point"
        assert tuple(file.transform)[:6] == source.transform
    assert source.transform[2] % 30 == source.transform[5] % 30 == 15


def test_the_swaths_edge_is_no_data(tmp_path: Path) -> None:
    config = SimulationConfig(
        seed=5, sensor=LANDSAT.name, harbours=1, start=DAY, days=17, revisit_days=(8,)
    )
    simulate_archive(config, tmp_path / "w", lambda _: None)
    shares = []
    for path in (tmp_path / "w").glob("landsat-c2-l2/*/*_QA_PIXEL.TIF"):
        red = str(path).replace("QA_PIXEL", "SR_B4")
        with rasterio.open(path) as mask, rasterio.open(red) as file:
            fill = mask.read(1) == 1
            np.testing.assert_array_equal(fill, file.read(1) == 0)
        shares.append(fill.mean())
    assert 0.1 < max(shares) < 0.9


@pytest.mark.slow
def test_a_whole_run_on_a_local_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    config = SimulationConfig(
        sensor=LANDSAT.name, ports=("RUVYP",), days=17, revisit_days=(8,), cloud_share=0.1
    )
    job = simulate_archive(config, tmp_path / "w", lambda _: None).job
    with job.open("a") as file:
        file.write("estimates: {draws: 100}\n")
    plan = pinned_plan(job).plan
    with Client(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as client:
        outcome = run_plan(plan, RunOptions(), nullcontext(client), Console(stderr=True))
    assert (outcome.code, outcome.summary.failed) == (0, 0)
    assert outcome.summary.done == len(plan.overpasses) >= 2
    storage = storage_at(plan.archive)
    archive = PortArchive.existing(storage, plan.ports[0])
    assert archive is not None
    with xr.open_zarr(archive.store(), group="landsat", consolidated=False) as opened:
        assert set(opened["platform"].values.tolist()) == {"landsat-8", "landsat-9"}
        assert 0 < float(np.nanmedian(opened["reflectance"].to_numpy())) < 0.3
    assert outcome.folder is not None
    published = storage.local(outcome.folder)
    found = pd.read_csv(published / "vessels.csv")
    assert set(found["sensor"]) <= {LANDSAT.name}
    looks = pd.read_csv(published / "looks.csv")
    assert (looks["state"] == "clear").any()
