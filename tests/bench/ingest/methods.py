"""The ways to get overpasses into an archive that bench_ingest compares.

Each takes the made archive and a folder to write to. All but the floor (see `floor`) use a Dask
cluster of two workers of one thread, made by our own `connect`, so that all have our allocator's
settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pystac
import rasterio
import stackstac
import xarray as xr
import zarr
from distributed import Client, as_completed
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from shapely.geometry import box
from zarr.codecs import BloscCodec

from jobs import tile
from jobs.archive import ForkStore, PortArchive
from jobs.archive.pool import Archives
from jobs.archive.schema import CHUNK as CHUNK_OURS
from jobs.catalog.stac_item import scene_from_item
from jobs.domain import Period, Port, Settings, StageName, Unit, UnitResult
from jobs.domain.job import SourceSpec
from jobs.domain.sensors import SENSORS
from jobs.plan import Plan
from jobs.plan.grouping import group_overpasses
from jobs.run.backlog import RunOptions
from jobs.run.execute import run_units
from jobs.storage.local import LocalFolder
from models.weights import weights_digest
from tests.bench.ingest.archive import BANDS, MadeArchive

S2 = SENSORS["sentinel-2-l2a"]
SETTINGS = Settings("bench", None, weights_digest())
CODEC = BloscCodec(cname="zstd", clevel=1, shuffle="shuffle")
CHUNK = 1024
"""Of the peers: the whole overpass, which was quickest for both (../shared/stack.md)."""


@dataclass(frozen=True)
class Method:
    """One way: what is prepared before the clock starts, and what is timed."""

    prepare: Callable[[MadeArchive, Path], Any]
    ingest: Callable[[Client, MadeArchive, Path, Any], None] | None
    """None for the floor, which knows no cluster."""
    image: Callable[[MadeArchive, Path], Callable[[int], NDArray[np.uint16]]]
    """Reads one overpass (band, y, x) back, by its number in time order."""


# --- ours ---------------------------------------------------------------------------------------


def _port(archive: MadeArchive) -> Port:
    return Port("BENCH", "Bench", "XX", box(132.0, 42.6, 132.1, 42.7), (), archive.port)


def _plan(archive: MadeArchive, out: Path) -> Plan:
    port = _port(archive)
    scenes = [scene_from_item(item, "made", S2) for item in archive.items]
    return Plan(
        name="bench",
        period=Period(date(2021, 1, 1), date(2031, 1, 1)),
        archive=str(out),
        model=None,
        sources=(SourceSpec("made", "sentinel-2-c1-l2a", None, 100.0),),
        ports=(port,),
        overpasses=group_overpasses(port, scenes),
    )


def _prepare_ours(archive: MadeArchive, out: Path) -> Plan:
    """The plan, and the port's empty repository: its land mask costs seconds, once for ever."""
    out.mkdir(parents=True)
    port = _port(archive)
    PortArchive.create_or_open(LocalFolder(out), port, np.zeros(port.grid.shape, bool))
    plan = _plan(archive, out)
    assert len(plan.overpasses) == len(archive.items)
    return plan


def _ingest_ours(client: Client, archive: MadeArchive, out: Path, plan: Plan) -> None:
    archives = Archives(plan.ports, LocalFolder(out))
    options = RunOptions(last_stage=StageName.TILE)
    summary = run_units(plan, archives, SETTINGS, options, client, lambda event: None)
    # The last stage is still to come, so nothing is done; nothing may have failed.
    assert not summary.failed, summary.reasons
    assert summary.worked == len(plan.overpasses)


def bare_task(unit: Unit, store: ForkStore) -> tuple[UnitResult, ForkStore]:
    """The stage alone, as one task."""
    return tile.run(unit, SETTINGS, store), store


def _ingest_bare(client: Client, archive: MadeArchive, out: Path, plan: Plan) -> None:
    port_archive = PortArchive.create_or_open(LocalFolder(out), plan.ports[0], None)
    port_archive.ensure(plan.overpasses)
    fork = port_archive.fork()
    units = [Unit(plan.ports[0], o, n) for n, o in enumerate(plan.overpasses)]
    futures = [client.submit(bare_task, unit, fork.copy(), pure=False) for unit in units]
    found = [future.result() for future in as_completed(futures)]
    results = [(result, "") for result, _ in found]
    port_archive.commit(results, [store for _, store in found], "bench", {})


def _read_ours(archive: MadeArchive, out: Path) -> Callable[[int], NDArray[np.uint16]]:
    kept = PortArchive.create_or_open(LocalFolder(out), _port(archive), None)
    group = zarr.open_group(kept.store(), path=S2.family, mode="r")
    return lambda number: np.asarray(group["reflectance"][number])  # type: ignore[index]


# --- the floor ----------------------------------------------------------------------------------


def _prepare_floor(archive: MadeArchive, out: Path) -> None:
    """The empty arrays, chunked and packed as ours."""
    group = zarr.open_group(out, mode="w")
    count, shape = len(archive.items), archive.port.shape
    edges = (min(CHUNK_OURS, shape[0]), min(CHUNK_OURS, shape[1]))
    for name, dtype, inner in (("reflectance", "uint16", (len(BANDS),)), ("scl", "uint8", ())):
        group.create_array(
            name,
            shape=(count, *inner, *shape),
            chunks=(1, *inner, *edges),
            dtype=dtype,
            compressors=CODEC,
        )


def _read_floor(_: MadeArchive, out: Path) -> Callable[[int], NDArray[np.uint16]]:
    group = zarr.open_group(out, mode="r")
    return lambda number: np.asarray(group["reflectance"][number])  # type: ignore[index]


# --- the peers, each one lazy array --------------------------------------------------------------


def _nothing(archive: MadeArchive, out: Path) -> None:
    """The peers make everything themselves."""


def _to_zarr(data: xr.Dataset, out: Path) -> None:
    encoding = {name: {"compressors": CODEC} for name in data.data_vars}
    data.to_zarr(out, mode="w", encoding=encoding, zarr_format=3, consolidated=False)


def _ingest_odc(client: Client, archive: MadeArchive, out: Path, _: object) -> None:
    grid = archive.port
    data = odc.stac.load(
        [pystac.Item.from_dict(item) for item in archive.items],
        bands=[*BANDS, "scl"],
        geobox=GeoBox(grid.shape, rasterio.Affine(*grid.transform), f"EPSG:{grid.epsg}"),
        chunks={"x": CHUNK, "y": CHUNK, "time": 1},
        resampling={"scl": "nearest", "*": "bilinear"},
        groupby="id",
    )
    _to_zarr(data, out)


def _read_odc(_: MadeArchive, out: Path) -> Callable[[int], NDArray[np.uint16]]:
    group = zarr.open_group(out, mode="r")
    return lambda number: np.stack([np.asarray(group[band][number]) for band in BANDS])  # type: ignore[index]


def _ingest_stackstac(client: Client, archive: MadeArchive, out: Path, _: object) -> None:
    stack = partial(_stack, archive)
    bands = stack([*BANDS], "uint16", Resampling.bilinear)
    classes = stack(["scl"], "uint8", Resampling.nearest).isel(band=0, drop=True)
    _to_zarr(xr.Dataset({"reflectance": bands.drop_vars("band"), "scl": classes}), out)


def _stack(
    archive: MadeArchive, assets: list[str], dtype: str, resampling: Resampling
) -> xr.DataArray:
    grid = archive.port
    stack: xr.DataArray = stackstac.stack(
        list(archive.items),
        assets=assets,
        epsg=grid.epsg,
        resolution=grid.resolution_m,
        bounds=grid.bounds,
        dtype=np.dtype(dtype),
        fill_value=np.dtype(dtype).type(0),
        rescale=False,
        chunksize=CHUNK,
        resampling=resampling,
        properties=False,
        band_coords=False,
    )
    return stack.drop_vars("id").drop_attrs()


METHODS = {
    "ours": Method(_prepare_ours, _ingest_ours, _read_ours),
    "bare stage": Method(_prepare_ours, _ingest_bare, _read_ours),
    "GDAL": Method(_prepare_floor, None, _read_floor),
    "odc-stac": Method(_nothing, _ingest_odc, _read_odc),
    "stackstac": Method(_nothing, _ingest_stackstac, _read_floor),
}
