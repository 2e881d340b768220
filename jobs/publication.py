"""What a run gives to the world: the tables of each port, their columns, and all a page says.

``visits`` fills the tables, ``series`` counts them, ``publish`` and ``report`` show them; the nouns
they share stand here, so that no stage has to import another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jobs.domain import Period, Port, UnitResult

WGS84 = "EPSG:4326"
DEGREE_DECIMALS = 7
"""About a centimetre: published coordinates are rounded to what is meant by them."""
TEXT, NUMBER, COUNT, FLAG = "string", "float64", "int32", "bool"
TIME = "datetime64[us, UTC]"
SHAPE = "geometry"

VESSEL_COLUMNS: Mapping[str, str] = {
    "vessel_id": TEXT,
    "port": TEXT,
    "berth": TEXT,
    "overpass_id": TEXT,
    "time": TIME,
    "sensor": TEXT,
    "platform": TEXT,
    "length_m": NUMBER,
    "length_sd_m": NUMBER,
    "beam_m": NUMBER,
    "heading_deg": NUMBER,
    "score": NUMBER,
    "truncated": FLAG,
    "visit_id": TEXT,
    "geometry": SHAPE,
    "footprint": SHAPE,
}
"""A row is one vessel in one overpass; berth and visit_id are empty away from every berth."""

LOOK_COLUMNS: Mapping[str, str] = {
    "port": TEXT,
    "berth": TEXT,
    "overpass_id": TEXT,
    "time": TIME,
    "sensor": TEXT,
    "platform": TEXT,
    "clear_fraction": NUMBER,
    "state": TEXT,
    "vessels": COUNT,
    "imaged_fraction": NUMBER,
    "thin_cloud_fraction": NUMBER,
    "screened": FLAG,
    "geometry": SHAPE,
}
"""A row is one overpass over one berth; geometry is a point inside the berth."""

VISIT_COLUMNS: Mapping[str, str] = {
    "visit_id": TEXT,
    "port": TEXT,
    "berth": TEXT,
    "arrival_after": TIME,
    "arrival_before": TIME,
    "departure_after": TIME,
    "departure_before": TIME,
    "looks": COUNT,
    "vessels": COUNT,
    "length_m": NUMBER,
    "length_sd_m": NUMBER,
    "confidence": NUMBER,
    "truncated": FLAG,
    "overpass_ids": TEXT,
    "geometry": SHAPE,
}
"""A row is one seen stay; overpass_ids are parted by blanks, geometry is the mean position."""


def table(columns: Mapping[str, str], rows: Iterable[Mapping[str, object]]) -> gpd.GeoDataFrame:
    """A table with just these columns and types, whether or not there is any row."""
    records = list(rows)
    data = {name: _column([row[name] for row in records], kind) for name, kind in columns.items()}
    return gpd.GeoDataFrame(data, geometry="geometry", crs=WGS84)


def _column(values: list[object], kind: str) -> pd.Series:
    if kind == SHAPE:
        return gpd.GeoSeries(values, crs=WGS84)
    return pd.Series(values, dtype=kind)


@dataclass(frozen=True)
class PortTables:
    """What was seen at one port; the columns are those named above."""

    port: Port
    vessels: gpd.GeoDataFrame
    looks: gpd.GeoDataFrame
    visits: gpd.GeoDataFrame


class Imagery(Protocol):
    """Pictures for people, from whoever keeps the pixels."""

    def rgb(self, port_id: str, overpass_id: str) -> NDArray[np.uint8] | None:
        """(y, x, 3) on the port's grid, stretched for the eye; None where there is none."""


@dataclass(frozen=True)
class UnitCounts:
    """Where the overpasses of a job stand."""

    done: int
    failed: int
    pending: int


@dataclass(frozen=True)
class Provenance:
    """What the numbers were made from."""

    plan_hash: str
    code_version: str
    model_digest: str
    items: Mapping[str, tuple[str, ...]]
    """STAC item ids by overpass id."""
    attributions: tuple[str, ...]
    """Licence and credit lines of the data, as they must be shown."""


@dataclass(frozen=True)
class Publication:
    """One state of one job, ready to be written down; the same content gives the same bytes."""

    job: str
    tag: str
    period: Period
    complete: bool
    """True when no overpass of the plan is pending or failed."""
    units: UnitCounts
    tables: Mapping[str, PortTables]
    """By port id."""
    series: Mapping[str, xr.Dataset]
    """As ``series.port_visits`` gives them: day, week, month."""
    provenance: Provenance
    imagery: Imagery
    failures: tuple[UnitResult, ...] = ()

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports, by id."""
        return tuple(self.tables[port_id].port for port_id in sorted(self.tables))
