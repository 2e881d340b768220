"""The variables of an archive as it is created: names, types and axes, for the data dictionary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import zarr
from zarr.storage import MemoryStore

from jobs.archive.meanings import VARIABLES, image_meaning
from jobs.archive.schema import array, child, create_family
from jobs.domain import SENSORS, Grid, Meaning, Sensor

_ANY_GRID = Grid(epsg=32652, left=500_000.0, top=4_500_000.0, width=1, height=1)
"""Types and axes are those of every grid."""

ROOT = {"x": "float64", "y": "float64", "spatial_ref": "int32", "land": "uint8"}
"""Types of the root group's variables."""


@dataclass(frozen=True)
class Variable:
    """One variable of a group of the archive."""

    name: str
    dtype: str
    """As it is stored; packed numbers become floats in a reader."""
    dims: tuple[str, ...]
    meaning: Meaning


def archive_layout() -> dict[str, tuple[Variable, ...]]:
    """The variables by group: "" is the root, the others are the sensor families."""
    root = zarr.open_group(MemoryStore(), mode="w")
    found = {"": tuple(_root())}
    for sensor in SENSORS.values():
        create_family(root, sensor, _ANY_GRID)
        found[sensor.family] = tuple(_variables(child(root, sensor.family), sensor))
    return found


def _root() -> Iterator[Variable]:
    dims = {"x": ("x",), "y": ("y",), "spatial_ref": (), "land": ("y", "x")}
    for name, dtype in ROOT.items():
        yield Variable(name, dtype, dims[name], VARIABLES[name])


def _variables(group: zarr.Group, sensor: Sensor) -> Iterator[Variable]:
    """In the order of the registry."""
    for name in [name for name in VARIABLES if name in group]:
        found: zarr.Array[Any] = array(group, name)
        dims = tuple(str(dim) for dim in found.metadata.dimension_names or ())  # type: ignore[union-attr]
        dtype = "string" if found.dtype.kind in "TOU" else str(found.dtype)
        own = name == sensor.encoding.variable
        yield Variable(name, dtype, dims, image_meaning(sensor) if own else VARIABLES[name])
