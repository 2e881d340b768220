"""Deadweight and barrels of the stays at a port."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.domain import EstimateSettings
from jobs.visits.cargo import (
    CargoEntry,
    StayVolumes,
    VolumeSettings,
    counted_stays,
    volumes_of,
)
from jobs.visits.measured_beams import beams_of_visits
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.schema import PortTables


def volumes_at(
    tables: PortTables,
    stays: Sequence[StayDraws],
    settings: EstimateSettings,
    entries: Sequence[CargoEntry],
    without: str = "",
) -> tuple[StayVolumes, ...]:
    """Deadweight and barrels of the stays at the port's oil terminals.

    ``without``: a sensor whose measured beams are not used.
    """
    believed = VolumeSettings(cap_barrels=settings.cap_barrels, seed=settings.seed)
    here = set(tables.visits["visit_id"])
    mine = [entry for entry in entries if entry.visit_id in here]
    counted = counted_stays(stays, [tables.port], believed)
    beams = beams_of_visits(tables.vessels, without)
    return volumes_of(counted, believed, mine, beams) if counted else ()
