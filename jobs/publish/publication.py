"""What a run gives to the world: the tables of each port, their columns, and all a page says.

``visits`` fills the tables, ``series`` counts them, ``publish`` and ``report`` show them; the nouns
they share stand here, so that no stage has to import another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jobs.domain import EstimateSettings, Period, Port, UnitResult
from jobs.visits.schema import PortEstimate, PortTables


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
    estimates: Mapping[str, PortEstimate]
    """By port id."""
    voyages: gpd.GeoDataFrame
    """VOYAGE_COLUMNS, of all ports."""
    settings: EstimateSettings
    """What the estimates rest on."""
    series: Mapping[str, xr.Dataset]
    """As ``series.port_visits`` gives them: day, week, month."""
    provenance: Provenance
    imagery: Imagery
    failures: tuple[UnitResult, ...] = ()

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports, by id."""
        return tuple(self.tables[port_id].port for port_id in sorted(self.tables))
