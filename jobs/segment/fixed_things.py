"""What never moves in a port: from all its finished overpasses, for each way of seeing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from jobs.domain import OPAQUE, SENSORS, Grid, OverpassRecord, Settings, Vessel
from jobs.segment.detectors import detector_for
from jobs.segment.protocol import Candidate, FixedThings, Looks, PixelsOf


def seen_alike(record: OverpassRecord) -> str:
    """The name of the looks that a record belongs to: its sensor, of a radar with its orbit."""
    return f"{record.sensor} {record.orbit}".rstrip()


@dataclass
class _Kept:
    """What is kept of records while they are read."""

    sensor: str
    candidates: list[Candidate] = field(default_factory=list)
    acquired: dict[str, datetime] = field(default_factory=dict)
    vessels: dict[str, tuple[Vessel, ...]] = field(default_factory=dict)

    def add(self, record: OverpassRecord) -> None:
        clear = float(np.mean((record.quality & np.uint8(OPAQUE)) == 0))
        self.candidates.append(Candidate(record.overpass_id, clear))
        self.acquired[record.overpass_id] = record.acquired
        self.vessels[record.overpass_id] = record.vessels


def structures(
    records: Iterable[OverpassRecord],
    pixels_of: PixelsOf,
    grid: Grid,
    settings: Settings,
    prefer_gpu: bool = False,
) -> Mapping[str, FixedThings]:
    """What never moves in a port, by ``seen_alike``, from its finished overpasses.

    ``records`` in time order, read once; only their vessels are kept. Pixels are read only of the
    looks that are used, one at a time. ``prefer_gpu``: run the network on a GPU where there is
    one. Deterministic. Raises InputError where the model is not the run's.
    """
    kept: dict[str, _Kept] = {}
    for record in records:
        kept.setdefault(seen_alike(record), _Kept(record.sensor)).add(record)
    found = {}
    for name, each in kept.items():
        sensor = SENSORS[each.sensor]
        looks = Looks(sensor, grid, tuple(each.candidates), each.acquired, each.vessels, pixels_of)
        found[name] = detector_for(sensor, settings, prefer_gpu).fixed_things(looks)
    return found
