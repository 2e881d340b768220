"""Whether the berths that have a length of stay of their own are berths of the job's ports."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.domain.nearest import did_you_mean
from jobs.domain.types import EstimateSettings, Port
from jobs.errors import InputError


def refuse_unknown_berths(settings: EstimateSettings, ports: Sequence[Port]) -> None:
    """InputError where ``dwell_at`` names a berth that none of the ports has."""
    known = [f"{port.id}/{berth.id}" for port in ports for berth in port.berths]
    for name in settings.dwell_at:
        if name not in known:
            listed = "one of " + ", ".join(known) if known else "none: the ports have no berths"
            hint = did_you_mean(name, known, f"expected {listed}", cutoff=0.5)
            raise InputError(f"dwell_at names {name!r}, no berth of the job's ports; {hint}")
