"""The schema of a repository: every array, its chunks and its CF attributes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec
from zarr.core.sync import sync

from jobs.archive.meanings import GRID, TEXTS, VARIABLES, VESSELS_TABLE, image_meaning
from jobs.domain import (
    CHUNK,
    SENSORS,
    Grid,
    Overpass,
    Quality,
    Sensor,
    StageName,
    UnitState,
    item_names,
)
from jobs.errors import ArchiveError

FORMAT = 1
"""Version of this layout, kept in the root group's attributes."""

VESSELS = 1024
"""Length of the padded ``vessel`` axis; padding compresses to almost nothing."""

STEPS = 512
"""Chunk length of the small per-overpass variables: a commit writes the chunks anew whose steps it
changes. Arrays keep the length that they were created with, 4096 in archives of early versions."""

STATES = (UnitState.PENDING, UnitState.DONE, UnitState.FAILED)
"""A state is stored as its index in this tuple. Stale is not stored, it follows from the keys."""

VESSEL_FIELDS = tuple(name for name in VESSELS_TABLE if name != "corners")
"""Columns of the padded table of vessels, in arrays named ``vessel_`` and this."""

INPUT_TEXTS = ("inputs", "read")
"""Text variables about inputs."""

LATER_TEXTS = (*INPUT_TEXTS, "orbit")
"""Text variables that archives of early versions lack until something is committed."""

LATER = (*LATER_TEXTS, "vessel_beam_sd_m")
"""All variables of which that is so."""

STEP_TEXTS = tuple(name for name in TEXTS if name not in LATER_TEXTS)
"""The other text variables."""

INPUTS = 256
"""Chunk length of the variables about inputs, about a kilobyte per overpass."""

LAND: Mapping[str, Any] = {
    **VARIABLES["land"].attributes,
    "flag_values": [0, 1],
    "flag_meanings": "water land",
    "grid_mapping": "spatial_ref",
}
"""Attributes of the land mask; without its grid mapping GDAL and rioxarray see no CRS for it."""

DESCRIPTIONS: Mapping[str, Mapping[str, str]] = {
    **{name: VARIABLES[name].attributes for name in VARIABLES if name not in GRID},
    "time": {"units_metadata": "leap_seconds: none", **VARIABLES["time"].attributes},
}
"""CF attributes of a family's arrays, by name, that archives of early versions lack."""

CODECS = BloscCodec(cname="zstd", clevel=1, shuffle="shuffle", blocksize=2 * CHUNK**2)
"""A block of it is one band of a chunk. Arrays keep the codec that they were created with."""


class Arrays(Protocol):
    """What has arrays by name: a group of Zarr, or one that is opened already."""

    @property
    def path(self) -> str:
        """Of the group in its store."""

    def __getitem__(self, name: str) -> Any: ...

    def __contains__(self, name: str, /) -> bool: ...


def array(group: Arrays, name: str) -> zarr.Array[Any]:
    """The array of that name; ArchiveError where a group stands in its place."""
    found = group[name]
    if not isinstance(found, zarr.Array):
        raise ArchiveError(f"{group.path}/{name} is a group, expected an array: not our archive")
    return found


def child(root: zarr.Group, name: str) -> zarr.Group:
    """The group of that name; ArchiveError where an array stands in its place."""
    found = root[name]
    if not isinstance(found, zarr.Group):
        raise ArchiveError(f"{name} is an array, expected a group: not our archive")
    return found


def grid_json(grid: Grid) -> dict[str, Any]:
    """The grid as the root group's attribute, which a port's grid is compared with."""
    return {
        "epsg": grid.epsg,
        "left": grid.left,
        "top": grid.top,
        "width": grid.width,
        "height": grid.height,
        "resolution_m": grid.resolution_m,
    }


def make(
    group: zarr.Group, name: str, dims: tuple[str, ...], data: NDArray[Any], **attrs: Any
) -> None:
    """Create a small array of one chunk and write it."""
    group.create_array(
        name, shape=data.shape, dtype=data.dtype, dimension_names=dims, attributes=attrs
    )[...] = data


def grid_arrays(group: zarr.Group, grid: Grid) -> None:
    """Coordinates x, y and the CF grid mapping, as rioxarray and GDAL both read them."""
    for name, values in (("x", grid.x), ("y", grid.y)):
        make(
            group,
            name,
            (name,),
            values,
            **VARIABLES[name].attributes,
            standard_name=f"projection_{name}_coordinate",
            axis=name.upper(),
        )
    from pyproj import CRS  # takes longer to load than most of what `status` does

    crs = CRS.from_epsg(grid.epsg)
    a, b, c, d, e, f = grid.transform
    mapping = {**crs.to_cf(), "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}
    make(group, "spatial_ref", (), np.array(0, np.int32), **mapping)


def describe(root: zarr.Group) -> None:
    """Add the CF attributes that archives of early versions lack."""
    array(root, "land").attrs.update(LAND)
    for family, group in root.groups():
        for name, attributes in descriptions_of(family).items():
            if name in group:
                array(group, name).attrs.update(attributes)


def descriptions_of(family: str) -> dict[str, Mapping[str, str]]:
    """DESCRIPTIONS, with that of the family's own image."""
    sensor = next((one for one in SENSORS.values() if one.family == family), None)
    if sensor is None:
        return dict(DESCRIPTIONS)
    return {**DESCRIPTIONS, sensor.encoding.variable: image_meaning(sensor).attributes}


def image_attributes(sensor: Sensor) -> dict[str, Any]:
    """Attributes of an image. One of 8 bits is not scaled: a reader keeps it at 8 bits, and what is
    no data is known by ``valid_min``; scaled, xarray would make each number a float64.
    """
    encoding = sensor.encoding
    attributes: dict[str, Any] = {
        **image_meaning(sensor).attributes,
        "grid_mapping": "spatial_ref",
    }
    if encoding.dtype == "uint8":
        return {**attributes, "valid_min": 1, "valid_max": encoding.largest}
    scale = {"scale_factor": encoding.scale, "add_offset": encoding.offset}
    return {**attributes, **scale, "_FillValue": 0}


DEFINITION = "sensor_definition"
"""Attribute of a family's group: the sensor of one's own that its overpasses are of."""


def create_family(root: zarr.Group, sensor: Sensor, grid: Grid) -> None:
    """Create the group of a sensor family: the metadata of every array, no chunks."""
    attributes = {"Conventions": "CF-1.11", "sensor_family": sensor.family}
    if sensor.definition:
        attributes[DEFINITION] = sensor.definition
    group = root.create_group(sensor.family, attributes=attributes)
    grid_arrays(group, grid)
    bands = np.array(sensor.bands, dtype=np.dtypes.StringDType())
    group.create_array(
        "band",
        shape=bands.shape,
        dtype=str,
        dimension_names=("band",),
        attributes=dict(DESCRIPTIONS["band"]),
    )[...] = bands
    _create_pixel_arrays(group, sensor, grid)
    _create_vessel_arrays(group)
    _create_step_arrays(group)


def redefine(group: zarr.Group, sensor: Sensor) -> bool:
    """Keep the present definition of a sensor of one's own; whether it differed.

    Raises ArchiveError where the group's arrays are of other bands, or of another kind of values.
    """
    before = group.attrs.get(DEFINITION)
    if before is None or before == sensor.definition:
        return False
    bands = tuple(np.asarray(array(group, "band")[:]).tolist())
    if bands != sensor.bands or sensor.encoding.variable not in group:
        raise ArchiveError(
            f"the archive's group {sensor.family!r} has the bands {', '.join(bands)}, the sensor "
            f"{sensor.name!r} now has {', '.join(sensor.bands)} of {sensor.encoding.variable}; "
            "give it another group in its file, or use another archive"
        )
    group.attrs[DEFINITION] = sensor.definition
    return True


def own_definitions(root: zarr.Group) -> list[str]:
    """Definitions of the sensors of one's own that an archive's groups are of."""
    found = (group.attrs.get(DEFINITION) for _, group in root.groups())
    return [str(definition) for definition in found if definition is not None]


def _create_pixel_arrays(group: zarr.Group, sensor: Sensor, grid: Grid) -> None:
    edge = (min(CHUNK, grid.height), min(CHUNK, grid.width))
    encoding = sensor.encoding
    group.create_array(
        encoding.variable,
        shape=(0, len(sensor.bands), *grid.shape),
        chunks=(1, len(sensor.bands), *edge),
        dtype=encoding.dtype,
        fill_value=0,
        compressors=CODECS,
        dimension_names=("time", "band", "y", "x"),
        attributes=image_attributes(sensor),
    )
    flags = list(Quality)
    quality: dict[str, Any] = {
        **DESCRIPTIONS["quality"],
        "flag_masks": [int(flag) for flag in flags],
        "flag_meanings": " ".join(str(flag.name).lower() for flag in flags),
        "grid_mapping": "spatial_ref",
    }
    probability: dict[str, Any] = {
        **DESCRIPTIONS["ship_probability"],
        "scale_factor": 1 / 255,
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
    for name in VESSEL_FIELDS:
        _create_vessel_array(group, name, length=0)
    group.create_array(
        "vessel_corners",
        shape=(0, VESSELS, 4, 2),
        chunks=(1, VESSELS, 4, 2),
        dtype="float64",
        fill_value=np.nan,
        compressors=CODECS,
        dimension_names=("time", "vessel", "corner", "xy"),
        attributes=dict(DESCRIPTIONS["vessel_corners"]),
    )


def _create_vessel_array(group: zarr.Group, name: str, length: int) -> None:
    group.create_array(
        f"vessel_{name}",
        shape=(length, VESSELS),
        chunks=(1, VESSELS),
        dtype="float64" if name in "xy" else "float32",
        fill_value=np.nan,
        compressors=CODECS,
        dimension_names=("time", "vessel"),
        attributes=dict(DESCRIPTIONS[f"vessel_{name}"]),
    )


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
            **DESCRIPTIONS["time"],
        },
    )
    for name in STEP_TEXTS:
        _create_text(group, name, length=0, chunk=STEPS)
    create_missing(group)
    for stage in StageName:
        group.create_array(
            f"{stage}_status",
            shape=(0,),
            chunks=(STEPS,),
            dtype="uint8",
            fill_value=0,
            dimension_names=("time",),
            attributes={
                **DESCRIPTIONS[f"{stage}_status"],
                "flag_values": list(range(len(STATES))),
                "flag_meanings": " ".join(STATES),
            },
        )


def create_missing(group: zarr.Group) -> bool:
    """Create the later variables where a family lacks them, empty; whether one was lacking."""
    lacking = [name for name in LATER if name not in group]
    steps = array(group, "overpass_id").shape[0] if lacking else 0
    for name in lacking:
        if name in LATER_TEXTS:
            _create_text(group, name, length=steps, chunk=INPUTS)
        else:
            _create_vessel_array(group, name.removeprefix("vessel_"), length=steps)
    return bool(lacking)


def _create_text(group: zarr.Group, name: str, length: int, chunk: int) -> None:
    group.create_array(
        name,
        shape=(length,),
        chunks=(chunk,),
        dtype=str,
        dimension_names=("time",),
        attributes=dict(DESCRIPTIONS[name]),
    )


def append(group: zarr.Group, overpasses: Sequence[Overpass]) -> int:
    """Append steps for the overpasses that have none, in time order; returns how many."""
    known = set(array(group, "overpass_id")[:].tolist())  # type: ignore[union-attr]
    new = sorted((o for o in overpasses if o.id not in known), key=lambda o: (o.acquired, o.id))
    if not new:
        return 0
    start = len(known)
    create_missing(group)
    sync(_lengthen([found for _, found in group.arrays()], start + len(new)))
    names = item_names((o.scenes for o in new), _names_in(group))
    columns: dict[str, list[str]] = {
        "overpass_id": [o.id for o in new],
        "item_ids": [json.dumps(each) for each in names],
        "platform": [o.platform for o in new],
        "sensor": [o.sensor for o in new],
        "orbit": [o.orbit for o in new],
    }
    for name, values in columns.items():
        array(group, name)[start:] = np.array(values, dtype=np.dtypes.StringDType())
    array(group, "time")[start:] = np.array(
        [round(o.acquired.timestamp() * 1000) for o in new], np.int64
    )
    return len(new)


async def _lengthen(arrays: Sequence[zarr.Array[Any]], steps: int) -> None:
    """Make the time axis of the arrays longer; Zarr would first list all their chunks, old and new,
    to delete what a shorter one has no place for.
    """
    along_time = [
        found.async_array
        for found in arrays
        if (found.metadata.dimension_names or ("",))[0] == "time"  # type: ignore[union-attr]
    ]
    await asyncio.gather(
        *(
            found.resize((steps, *found.shape[1:]), delete_outside_chunks=False)
            for found in along_time
        )
    )


def _names_in(group: zarr.Group) -> set[str]:
    texts = np.asarray(array(group, "item_ids")[:]).tolist()
    return {name for text in texts if text for name in json.loads(text)}
