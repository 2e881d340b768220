"""Radar detections that are nothing but the port's own background.

A detection is fixed structure where the background of the same relative orbit accounts for most of
its brightness: a ship beside a crane adds to it, the crane alone does not. It is an inference, and
said as one, with the looks in which the place was as bright (Vessel.place_seen of place_looks). A
ship that lies in one place in more than three of four looks counts as structure.

Where the background is unknown, as with fewer than LEAST_LOOKS looks of an orbit, a detection
whose score is below SURE_FROM is taken for structure too, without a number of looks beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Grid, OverpassRecord, Vessel
from jobs.segment.box_pixels import pixels_under
from jobs.segment.radar.background import Background, decoded
from jobs.segment.radar.sea import Plane

FIXED_FROM = 0.7
"""Share of a detection's brightness that the background accounts for."""
SURE_FROM = 0.5
"""Score from which a detection counts where the background is unknown: with few looks of an orbit
two of three detections by the quay are quay."""
AS_BRIGHT = 0.5
"""Of a detection's brightness: from there another look shows the same at its place."""
KNOWN_FROM = 0.5
"""Share of a box whose background must be known."""


@dataclass(frozen=True)
class RadarStructure:
    """What is always there, for one orbit of one sensor."""

    grid: Grid
    background: Background | None
    """None where there are too few looks."""
    bright_of: Callable[[str], Plane]
    """Brightness (y, x) of an overpass, by its id."""

    def mark_record(self, record: OverpassRecord) -> OverpassRecord:
        """The record with what its vessels owe to the background set."""
        if not record.vessels:
            return record
        if self.background is None:
            return replace(record, vessels=tuple(_unknown(each) for each in record.vessels))
        bright = self.bright_of(record.overpass_id)
        return replace(
            record,
            vessels=tuple(self._mark(vessel, bright, self.background) for vessel in record.vessels),
        )

    def _mark(self, vessel: Vessel, bright: Plane, background: Background) -> Vessel:
        place = pixels_under(vessel.corners, self.grid)
        here, still = bright[place], background.still[place]
        known = np.isfinite(here) & np.isfinite(still)
        if not known.any() or known.mean() < KNOWN_FROM:
            return _unknown(vessel)
        now = float(here[known].sum(dtype=np.float64))
        share = min(1.0, float(still[known].sum(dtype=np.float64)) / now)
        marked = replace(vessel, background=round(share, 4))
        if share < FIXED_FROM:
            return marked
        seen, looks = _as_bright(background, place, now / known.sum())
        return replace(marked, fixed=True, place_seen=seen, place_looks=looks)


def _unknown(vessel: Vessel) -> Vessel:
    """A vessel where the background is unknown: it counts where it is sure by itself."""
    return replace(vessel, fixed=vessel.score < SURE_FROM)


def _as_bright(
    background: Background, place: tuple[NDArray[np.intp], NDArray[np.intp]], now: float
) -> tuple[int, int]:
    """Looks in which the place's mean brightness is as high, and those in which it is known."""
    under = decoded(background.looks[:, *place])
    counted = np.isfinite(under).mean(axis=1) >= KNOWN_FROM
    means = np.nanmean(under[counted], axis=1) if counted.any() else np.zeros(0)
    return int((means >= AS_BRIGHT * now).sum()), int(counted.sum())
