"""The port archive: one Icechunk repository per port, Zarr v3 inside, opened by plain xarray.

Layout of a repository: one group per sensor family (``sentinel-2``, ``sentinel-2-visual``, ...)
with the time axis of that family's overpasses, and ``land(y, x)`` at the root. A chunk never spans
two overpasses, so every unit writes whole chunks of its own. Status and data go into the same
commit: what is not committed never happened.

``time`` is in order of arrival, not of date: an earlier date that comes later is appended, because
moving chunks would touch what tags hold. Readers call ``ds.sortby("time")``.
"""

from __future__ import annotations

import fcntl
import json
import os
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pyproj
import xarray as xr
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from jobs.domain import (
    Grid,
    Overpass,
    OverpassRecord,
    Pixels,
    Port,
    Quality,
    StageName,
    UnitResult,
    UnitState,
    Vessel,
)
from jobs.errors import ArchiveError
from jobs.sensors import SENSORS, Sensor

# Local commits are guarded by our own lock (see `locked`), so Icechunk's warning that they need
# one would only alarm users.
icechunk.set_logs_filter("error")

FORMAT = 1
"""Version of this layout, kept in the root group's attributes."""

CHUNK = 512
"""Pixels along y and x of a chunk: a berth is read through time without whole overpasses."""

VESSELS = 1024
"""Length of the padded ``vessel`` axis; a chunk of padding compresses to almost nothing."""

STEPS = 4096
"""Chunk length of the small per-overpass variables; only the coordinator writes them."""

STATES = (UnitState.PENDING, UnitState.DONE, UnitState.FAILED)
"""As stored: the index in this tuple. Stale is never stored, it follows from the keys."""

VESSEL_FIELDS: Mapping[str, tuple[str, str]] = {
    "x": ("m", "easting of the vessel's centre"),
    "y": ("m", "northing of the vessel's centre"),
    "length_m": ("m", "length"),
    "length_sd_m": ("m", "standard deviation of the length"),
    "beam_m": ("m", "beam"),
    "heading_deg": ("degree", "heading clockwise from grid north, modulo 180"),
    "score": ("1", "probability that this is a ship"),
    "truncated": ("1", "1 where the vessel is cut by the image's edge or by cloud"),
}

CODECS = BloscCodec(cname="zstd", clevel=1, shuffle="shuffle")


@dataclass(frozen=True)
class Step:
    """What the archive knows of one overpass: its place on the time axis and its status."""

    overpass_id: str
    sensor: str
    index: int
    state: Mapping[StageName, UnitState]
    key: Mapping[StageName, str]
    """Digest of everything the stage's output depends on; empty until it ran."""
    reason: str
    """Why the last failing stage failed."""


def pending_step(overpass: Overpass) -> Step:
    """The step of an overpass that has no place in the archive yet."""
    return Step(
        overpass_id=overpass.id,
        sensor=overpass.sensor,
        index=-1,
        state=dict.fromkeys(StageName, UnitState.PENDING),
        key=dict.fromkeys(StageName, ""),
        reason="",
    )


# --- where things lie ---------------------------------------------------------------------------


def port_path(root: Path, port_id: str) -> Path:
    """Folder of one port's repository inside an archive."""
    return root / "ports" / port_id


def _storage(root: Path, port: Port) -> icechunk.Storage:
    return icechunk.local_filesystem_storage(str(port_path(root, port.id)))


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the archive for writing; a second run is refused. The lock dies with its process."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise ArchiveError(
                f"{root} is being written by another run ({handle.read().strip() or 'unknown'}); "
                "wait for it to end, or stop it, and try again"
            ) from None
        handle.truncate(0)
        handle.write(f"process {os.getpid()}")
        handle.flush()
        yield


# --- one fork, as a stage sees it ---------------------------------------------------------------


class ForkStore:
    """A fork of a writable session: picklable, travels with its unit, visible only when merged."""

    def __init__(self, session: icechunk.session.ForkSession) -> None:
        self.session = session

    def copy(self) -> ForkStore:
        """A fork that holds what this one holds and goes its own way from here."""
        copied: ForkStore = pickle.loads(pickle.dumps(self))
        return copied

    def _group(self, sensor: str) -> zarr.Group:
        return zarr.open_group(self.session.store, path=SENSORS[sensor].family, mode="r+")

    def write_pixels(self, sensor: str, step: int, pixels: Pixels) -> None:
        """Store the image and its quality for one step; whole chunks only."""
        group = self._group(sensor)
        _array(group, SENSORS[sensor].encoding.variable)[step] = pixels.image
        _array(group, "quality")[step] = pixels.quality

    def read_pixels(self, sensor: str, step: int) -> Pixels:
        """The image and quality of one step, as written."""
        group = self._group(sensor)
        image = _array(group, SENSORS[sensor].encoding.variable)[step]
        return Pixels(np.asarray(image), np.asarray(_array(group, "quality")[step]))

    def write_vessels(
        self,
        sensor: str,
        step: int,
        vessels: tuple[Vessel, ...],
        ship_probability: NDArray[np.uint8],
    ) -> None:
        """Store one step's vessels and its ship probability; more than VESSELS is an error."""
        if len(vessels) > VESSELS:
            raise ArchiveError(
                f"{len(vessels)} vessels in one overpass, but a step holds {VESSELS}: "
                "draw a smaller area of interest, or raise the model's threshold"
            )
        group = self._group(sensor)
        _array(group, "ship_probability")[step] = ship_probability
        for name in VESSEL_FIELDS:
            row = np.full(VESSELS, np.nan, np.float32 if name not in "xy" else np.float64)
            row[: len(vessels)] = [float(getattr(vessel, name)) for vessel in vessels]
            _array(group, f"vessel_{name}")[step] = row
        corners = np.full((VESSELS, 4, 2), np.nan)
        corners[: len(vessels)] = np.array([v.corners for v in vessels]).reshape(-1, 4, 2)
        _array(group, "vessel_corners")[step] = corners

    def read_vessels(self, sensor: str, step: int) -> tuple[tuple[Vessel, ...], NDArray[np.uint8]]:
        """The vessels and the ship probability of one step, as written."""
        group = self._group(sensor)
        probability = np.asarray(_array(group, "ship_probability")[step])
        return _read_vessels(group, step), probability

    def land(self) -> NDArray[np.bool_]:
        """True where the land mask says land, (y, x)."""
        root = zarr.open_group(self.session.store, mode="r")
        return np.asarray(_array(root, "land")[:]).astype(bool)


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise ArchiveError(f"{group.path}/{name} is a group, expected an array: not our archive")
    return array


# --- one port's repository ----------------------------------------------------------------------


class PortArchive:
    """One port's repository, as the coordinator sees it: grows it, forks it, commits to it."""

    def __init__(self, repository: icechunk.Repository, port: Port) -> None:
        self.repository = repository
        self.port = port

    @staticmethod
    def exists(root: Path, port: Port) -> bool:
        """Whether the port has a repository in this archive."""
        # The folder is asked first: merely naming a storage makes it.
        return port_path(root, port.id).exists() and icechunk.Repository.exists(
            _storage(root, port)
        )

    @classmethod
    def create_or_open(cls, root: Path, port: Port, land: NDArray[np.bool_] | None) -> PortArchive:
        """The port's repository, made with its land mask where it does not exist yet.

        ``land`` may be None only where the repository exists. Raises ArchiveError where the
        existing one has another grid.
        """
        if cls.exists(root, port):
            archive = cls(icechunk.Repository.open(_storage(root, port)), port)
            archive._check_grid()
            return archive
        if land is None:
            raise ArchiveError(f"no archive of {port.id} in {root}: run the job first")
        archive = cls(icechunk.Repository.create(_storage(root, port)), port)
        archive._create_root(land)
        return archive

    def _create_root(self, land: NDArray[np.bool_]) -> None:
        session = self.repository.writable_session("main")
        root = zarr.open_group(session.store, mode="a")
        root.attrs.update(
            {
                "Conventions": "CF-1.11",
                "title": f"Berthwatch archive of {self.port.name}",
                "berthwatch_format": FORMAT,
                "port": self.port.id,
                "grid": _grid_json(self.port.grid),
            }
        )
        _grid_arrays(root, self.port.grid)
        _make(root, "land", ("y", "x"), land.astype(np.uint8), long_name="land mask")
        session.commit("Create the port's archive")

    def _check_grid(self) -> None:
        root = zarr.open_group(self.repository.readonly_session("main").store, mode="r")
        found, expected = root.attrs.get("grid"), _grid_json(self.port.grid)
        if found != expected:
            raise ArchiveError(
                f"the archive of {self.port.id} has the grid {found}, the port now has {expected}: "
                "its area of interest changed; give the port another id or use another archive"
            )

    # --- the template -------------------------------------------------------------------------

    def ensure(self, overpasses: Iterable[Overpass]) -> None:
        """Give every overpass a step on its sensor's time axis; known ones keep theirs."""
        session = self.repository.writable_session("main")
        root = zarr.open_group(session.store, mode="a")
        added = 0
        by_family: dict[str, list[Overpass]] = {}
        for overpass in overpasses:
            by_family.setdefault(SENSORS[overpass.sensor].family, []).append(overpass)
        for family, members in sorted(by_family.items()):
            if family not in root:
                _create_family(root, SENSORS[members[0].sensor], self.port.grid)
            added += _append(_child(root, family), members)
        if added:
            session.commit(f"Add {added} overpasses")

    # --- status -------------------------------------------------------------------------------

    def steps(self) -> dict[str, Step]:
        """Every overpass in the archive by its id, with its status in each stage."""
        root = zarr.open_group(self.repository.readonly_session("main").store, mode="r")
        found: dict[str, Step] = {}
        for _, group in root.groups():
            found.update((step.overpass_id, step) for step in _read_steps(group))
        return found

    # --- work ---------------------------------------------------------------------------------

    def fork(self) -> ForkStore:
        """A fork of the newest snapshot for one unit to write into."""
        return ForkStore(self.repository.writable_session("main").fork())

    def commit(
        self,
        results: Sequence[tuple[UnitResult, str]],
        forks: Sequence[ForkStore],
        message: str,
        metadata: Mapping[str, str],
    ) -> str:
        """Merge what units wrote and their status in one commit; returns the snapshot id.

        ``results`` pairs each result with its stage's key. Forks may come from older snapshots
        than the newest: their chunks are their own, so merging is safe.
        """
        session = self.repository.writable_session("main")
        for fork in forks:
            session.merge(fork.session)
        root = zarr.open_group(session.store, mode="r+")
        for _, group in root.groups():
            _write_status(group, results)
        return session.commit(message, metadata=dict(metadata))

    # --- tags ---------------------------------------------------------------------------------

    def tag(self, name: str) -> None:
        """Name the newest snapshot for ever; a tag that exists is left alone."""
        if name not in self.repository.list_tags():
            self.repository.create_tag(name, self.repository.lookup_branch("main"))

    def tags(self) -> tuple[str, ...]:
        """Names of all tags, sorted."""
        return tuple(sorted(self.repository.list_tags()))

    def store(self, tag: str | None = None) -> icechunk.IcechunkStore:
        """A read-only Zarr store at a tag, or at the newest commit."""
        if tag is None:
            return self.repository.readonly_session("main").store
        if tag not in self.repository.list_tags():
            raise ArchiveError(
                f"no tag {tag!r} in the archive of {self.port.id}; there are: "
                f"{', '.join(self.tags()) or 'none yet'}"
            )
        return self.repository.readonly_session(tag=tag).store

    # --- reading ------------------------------------------------------------------------------

    def records(self, overpass_ids: Iterable[str]) -> Iterator[OverpassRecord]:
        """The finished overpasses among those asked for, in time order, one at a time."""
        wanted = set(overpass_ids)
        steps = [
            step
            for step in self.steps().values()
            if step.overpass_id in wanted and step.state[StageName.SEGMENT] is UnitState.DONE
        ]
        root = zarr.open_group(self.store(), mode="r")
        moments = {family: np.asarray(_array(group, "time")[:]) for family, group in root.groups()}
        steps.sort(key=lambda s: (moments[SENSORS[s.sensor].family][s.index], s.overpass_id))
        for step in steps:
            yield _read_record(_child(root, SENSORS[step.sensor].family), step)

    def image(self, step: Step) -> Pixels:
        """The pixels of one step at the newest commit."""
        group = _child(zarr.open_group(self.store(), mode="r"), SENSORS[step.sensor].family)
        image = np.asarray(_array(group, SENSORS[step.sensor].encoding.variable)[step.index])
        return Pixels(image, np.asarray(_array(group, "quality")[step.index]))

    def export(self, target: Path, tag: str | None = None) -> None:
        """Write a plain Zarr v3 copy, one chunk of one array in memory at a time.

        Written beside the target first and renamed, so a copy that was cut off is never taken
        for a whole one. Raises ArchiveError where the target exists.
        """
        if target.exists():
            raise ArchiveError(f"{target} exists already: remove it or choose another name")
        partial = target.with_name(f".{target.name}.partial")
        store: Any = self.store(tag)  # xarray takes any Zarr store, its annotations only paths
        tree = xr.open_datatree(
            store, engine="zarr", consolidated=False, chunks={}, decode_cf=False
        )
        tree.to_zarr(partial, mode="w", zarr_format=3, consolidated=False)
        partial.rename(target)


# --- the template, in detail --------------------------------------------------------------------


def _grid_json(grid: Grid) -> dict[str, Any]:
    return {
        "epsg": grid.epsg,
        "left": grid.left,
        "top": grid.top,
        "width": grid.width,
        "height": grid.height,
        "resolution_m": grid.resolution_m,
    }


def _child(root: zarr.Group, name: str) -> zarr.Group:
    group = root[name]
    if not isinstance(group, zarr.Group):
        raise ArchiveError(f"{name} is an array, expected a group: not our archive")
    return group


def _make(
    group: zarr.Group, name: str, dims: tuple[str, ...], data: NDArray[Any], **attrs: Any
) -> None:
    """One small array, written whole."""
    array = group.create_array(
        name, shape=data.shape, dtype=data.dtype, dimension_names=dims, attributes=attrs
    )
    array[...] = data


def _grid_arrays(group: zarr.Group, grid: Grid) -> None:
    """Coordinates x, y and the CF grid mapping, as rioxarray and GDAL both read them."""
    for name, values in (("x", grid.x), ("y", grid.y)):
        _make(
            group,
            name,
            (name,),
            values,
            units="m",
            standard_name=f"projection_{name}_coordinate",
            axis=name.upper(),
        )
    crs = pyproj.CRS.from_epsg(grid.epsg)
    a, b, c, d, e, f = grid.transform
    mapping = {**crs.to_cf(), "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}
    _make(group, "spatial_ref", (), np.array(0, np.int32), **mapping)


def _create_family(root: zarr.Group, sensor: Sensor, grid: Grid) -> None:
    """Metadata of one sensor family: every array, no chunk yet."""
    group = root.create_group(
        sensor.family, attributes={"Conventions": "CF-1.11", "sensor_family": sensor.family}
    )
    _grid_arrays(group, grid)
    bands = np.array(sensor.bands, dtype=np.dtypes.StringDType())
    group.create_array("band", shape=bands.shape, dtype=str, dimension_names=("band",))[...] = bands
    _create_pixel_arrays(group, sensor, grid)
    _create_vessel_arrays(group)
    _create_step_arrays(group)


def _create_pixel_arrays(group: zarr.Group, sensor: Sensor, grid: Grid) -> None:
    edge = (min(CHUNK, grid.height), min(CHUNK, grid.width))
    encoding = sensor.encoding
    group.create_array(
        encoding.variable,
        shape=(0, len(sensor.bands), *grid.shape),
        chunks=(1, len(sensor.bands), *edge),
        dtype="uint16",
        fill_value=0,
        compressors=CODECS,
        dimension_names=("time", "band", "y", "x"),
        attributes={
            "scale_factor": encoding.scale,
            "add_offset": encoding.offset,
            "_FillValue": 0,
            "long_name": encoding.long_name,
            "units": encoding.units,
            "grid_mapping": "spatial_ref",
        },
    )
    flags = list(Quality)
    quality: dict[str, Any] = {
        "long_name": "what is wrong with the pixel, 0 = clear",
        "flag_masks": [int(flag) for flag in flags],
        "flag_meanings": " ".join(str(flag.name).lower() for flag in flags),
        "grid_mapping": "spatial_ref",
    }
    probability: dict[str, Any] = {
        "long_name": "probability that the pixel is part of a ship",
        "scale_factor": 1 / 255,
        "units": "1",
        "grid_mapping": "spatial_ref",
    }
    for name, fill, attributes in (
        ("quality", int(Quality.NODATA), quality),
        ("ship_probability", 0, probability),
    ):
        group.create_array(
            name,
            shape=(0, *grid.shape),
            chunks=(1, *edge),
            dtype="uint8",
            fill_value=fill,
            compressors=CODECS,
            dimension_names=("time", "y", "x"),
            attributes=attributes,
        )


def _create_vessel_arrays(group: zarr.Group) -> None:
    for name, (units, long_name) in VESSEL_FIELDS.items():
        group.create_array(
            f"vessel_{name}",
            shape=(0, VESSELS),
            chunks=(1, VESSELS),
            dtype="float64" if name in "xy" else "float32",
            fill_value=np.nan,
            compressors=CODECS,
            dimension_names=("time", "vessel"),
            attributes={"units": units, "long_name": long_name},
        )
    group.create_array(
        "vessel_corners",
        shape=(0, VESSELS, 4, 2),
        chunks=(1, VESSELS, 4, 2),
        dtype="float64",
        fill_value=np.nan,
        compressors=CODECS,
        dimension_names=("time", "vessel", "corner", "xy"),
        attributes={"units": "m", "long_name": "corners of the vessel's rotated box (x, y)"},
    )


STEP_TEXTS = ("overpass_id", "item_ids", "platform", "sensor", "reason", "tile_key", "segment_key")


def _create_step_arrays(group: zarr.Group) -> None:
    group.create_array(
        "time",
        shape=(0,),
        chunks=(STEPS,),
        dtype="int64",
        dimension_names=("time",),
        attributes={
            "units": "milliseconds since 1970-01-01T00:00:00",
            "calendar": "proleptic_gregorian",
            "standard_name": "time",
        },
    )
    for name in STEP_TEXTS:
        group.create_array(name, shape=(0,), chunks=(STEPS,), dtype=str, dimension_names=("time",))
    for stage in StageName:
        group.create_array(
            f"{stage}_status",
            shape=(0,),
            chunks=(STEPS,),
            dtype="uint8",
            fill_value=0,
            dimension_names=("time",),
            attributes={
                "flag_values": list(range(len(STATES))),
                "flag_meanings": " ".join(STATES),
            },
        )


def _append(group: zarr.Group, overpasses: Sequence[Overpass]) -> int:
    """Add the overpasses that have no step yet, in time order; returns how many."""
    known = set(_array(group, "overpass_id")[:].tolist())  # type: ignore[union-attr]
    new = sorted((o for o in overpasses if o.id not in known), key=lambda o: (o.acquired, o.id))
    if not new:
        return 0
    start = len(known)
    for _, array in group.arrays():
        names = array.metadata.dimension_names or ()  # type: ignore[union-attr]
        if names and names[0] == "time":
            array.resize((start + len(new), *array.shape[1:]))
    columns: dict[str, list[str]] = {
        "overpass_id": [o.id for o in new],
        "item_ids": [json.dumps([s.item_id for s in o.scenes]) for o in new],
        "platform": [o.platform for o in new],
        "sensor": [o.sensor for o in new],
    }
    for name, values in columns.items():
        _array(group, name)[start:] = np.array(values, dtype=np.dtypes.StringDType())
    _array(group, "time")[start:] = np.array(
        [round(o.acquired.timestamp() * 1000) for o in new], np.int64
    )
    return len(new)


# --- status and records, in detail --------------------------------------------------------------


def _read_steps(group: zarr.Group) -> Iterator[Step]:
    columns = {
        name: np.asarray(_array(group, name)[:]).tolist()
        for name in (*STEP_TEXTS, *(f"{stage}_status" for stage in StageName))
    }
    for index, overpass_id in enumerate(columns["overpass_id"]):
        yield Step(
            overpass_id=overpass_id,
            sensor=columns["sensor"][index],
            index=index,
            state={stage: STATES[columns[f"{stage}_status"][index]] for stage in StageName},
            key={stage: columns[f"{stage}_key"][index] for stage in StageName},
            reason=columns["reason"][index],
        )


def _write_status(group: zarr.Group, results: Sequence[tuple[UnitResult, str]]) -> None:
    """Enter the results that belong to this group; each array is read and written once."""
    ids = np.asarray(_array(group, "overpass_id")[:]).tolist()
    index = {overpass_id: i for i, overpass_id in enumerate(ids)}
    mine = [(index[r.overpass_id], r, key) for r, key in results if r.overpass_id in index]
    if not mine:
        return
    names = ("reason", *(f"{s}_{part}" for s in StageName for part in ("status", "key")))
    columns = {name: np.asarray(_array(group, name)[:]) for name in names}
    for i, result, key in mine:
        columns[f"{result.stage}_status"][i] = STATES.index(result.state)
        columns[f"{result.stage}_key"][i] = key
        columns["reason"][i] = result.reason
    for name, values in columns.items():
        _array(group, name)[:] = values


def _read_record(group: zarr.Group, step: Step) -> OverpassRecord:
    def scalar(name: str) -> Any:
        return np.asarray(_array(group, name)[step.index]).item()

    moment = datetime.fromtimestamp(scalar("time") / 1000, UTC)
    return OverpassRecord(
        overpass_id=step.overpass_id,
        sensor=step.sensor,
        platform=scalar("platform"),
        acquired=moment,
        item_ids=tuple(json.loads(scalar("item_ids"))),
        vessels=_read_vessels(group, step.index),
        quality=np.asarray(_array(group, "quality")[step.index]),
    )


def _read_vessels(group: zarr.Group, index: int) -> tuple[Vessel, ...]:
    rows = {name: np.asarray(_array(group, f"vessel_{name}")[index]) for name in VESSEL_FIELDS}
    corners = np.asarray(_array(group, "vessel_corners")[index])
    count = int(np.count_nonzero(~np.isnan(rows["x"])))
    return tuple(
        Vessel(
            x=float(rows["x"][i]),
            y=float(rows["y"][i]),
            length_m=float(rows["length_m"][i]),
            length_sd_m=float(rows["length_sd_m"][i]),
            beam_m=float(rows["beam_m"][i]),
            heading_deg=float(rows["heading_deg"][i]),
            score=float(rows["score"][i]),
            truncated=bool(rows["truncated"][i]),
            corners=tuple((float(x), float(y)) for x, y in corners[i]),
        )
        for i in range(count)
    )
