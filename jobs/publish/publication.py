"""The content of one publication: tables, estimates, series, provenance and imagery of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jobs.domain import Engine, EstimateSettings, Grid, Json, Period, Port, UnitResult
from jobs.publish.rendering import Rendering
from jobs.visits import PortEstimate, PortTables


class Imagery(Protocol):
    """Source of pictures for the report; all of a port and sensor are rendered alike."""

    def rgb(self, port_id: str, overpass_id: str) -> NDArray[np.uint8] | None:
        """(y, x, 3) on the port's grid, 0 where there is no data; None where there is none."""

    def window(self, port_id: str, overpass_id: str, part: Grid) -> NDArray[np.uint8] | None:
        """The same pixels of a part of the grid, 0 beyond its edge."""

    def renderings(self, port_id: str) -> Mapping[str, Rendering]:
        """How physical values became pixels, by sensor."""


@dataclass(frozen=True)
class UnitCounts:
    """Numbers of the overpasses of a job by state."""

    done: int
    failed: int
    pending: int

    @property
    def complete(self) -> bool:
        """Whether no overpass of the plan is pending or failed."""
        return self.pending == 0 and self.failed == 0


@dataclass(frozen=True)
class SourceItem:
    """One item of a catalog that the numbers were made from."""

    catalog: str
    """Address or path, as in the job file."""
    collection: str
    item_id: str
    platform: str
    acquired: datetime
    processing_baseline: str
    """Empty where the catalog gives none."""
    overpass_ids: tuple[str, ...]


@dataclass(frozen=True)
class Provenance:
    """Inputs and code behind the numbers."""

    plan_hash: str
    code_version: str
    model_digest: str
    items: Mapping[str, tuple[str, ...]]
    """STAC item ids by overpass id."""
    read: Mapping[str, str]
    """sha256 of what was read of the items' files by overpass id, where it was kept."""
    attributions: tuple[str, ...]
    """Licence and credit lines of the data, as they must be shown."""
    sources: tuple[SourceItem, ...] = ()
    """The items of the overpasses that were read, by catalog, collection and id."""
    engine: str = Engine.TORCH
    """What ran the network on CPUs, by the job file's name for it."""
    number_format: str = "float32"
    """Of its convolutions on CPUs."""


@dataclass(frozen=True)
class Publication:
    """The results of one state of a job; the same content is published as the same bytes."""

    job: str
    tag: str
    period: Period
    complete: bool
    """True when no overpass of the plan is pending or failed."""
    units: UnitCounts
    tables: Mapping[str, PortTables]
    """By port id."""
    estimates: Mapping[str, PortEstimate]
    """By port id."""
    voyages: gpd.GeoDataFrame
    """VOYAGE_COLUMNS, of all ports."""
    settings: EstimateSettings
    """Settings of the estimates."""
    series: Mapping[str, xr.Dataset]
    """As ``series.port_visits`` gives them: day, week, month."""
    provenance: Provenance
    imagery: Imagery
    failures: tuple[UnitResult, ...] = ()
    reviews: Mapping[str, Json] | None = None
    """How many decisions of reviewers the numbers use and how many not, and why; None where there
    are none."""

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports, by id."""
        return tuple(self.tables[port_id].port for port_id in sorted(self.tables))
