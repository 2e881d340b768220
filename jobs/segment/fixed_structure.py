"""Fixed structure: what looks like a ship though nothing moves is none.

The network is shown the port's background, in which no ship lies. Where it draws a hull all the
same, it is taken in by a quay, a jetty, a breakwater or a moored pontoon, and a vessel found in
that very place, of about that size, is no ship: its box overlaps one of the background's, and
lies, on average, on background that is more likely ship than not. On ten dates of English Bay this
rejects a third of the false vessels, two thirds of those with a score of .5 and more, and no ship
(tests/bench/bench_background.py).

What it cannot know: a ship that lies in one place in more than nine of ten looks (laid up, a
floating dock, a hulk) is taken for structure, and so are many ships at a quay that is never free.
At a jetty whose head looks like a ship, the network may draw one box around the head whether or not
a ship lies there; the box goes, and the ship with it. Where fewer than LEAST_LOOKS looks are clear,
nothing is rejected: unknown is not fixed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil, hypot

import numpy as np
from numpy.typing import NDArray

from jobs.domain import OPAQUE, Grid, OverpassRecord, Pixels, Settings, Vessel
from jobs.domain.sensors import SENSORS, Sensor
from jobs.segment.background import LEAST_LOOKS, Candidate, Planes, background, chosen
from jobs.segment.stage import in_metres, load_predictor, visible
from models.geometry import Corners, overlap
from models.inference.predictor import Predictor
from models.network.normalise import normalise

FIXED_FROM = 0.5
"""Mean probability of ship in the background under a hull from which it is fixed structure."""

SAME_FROM = 0.4
"""Overlap (intersection over union) of a vessel's box with one in the background from which they
are the same thing: a ship beside a jetty's head, or a longer one at the quay, is not."""

KNOWN_FROM = 0.5
"""Share of a hull under which the background must be known."""

PixelsOf = Callable[[str], Pixels]
"""The pixels of an overpass, by its id."""


@dataclass(frozen=True)
class Structure:
    """How much a port's background looks like ships, to one sensor."""

    grid: Grid
    probability: NDArray[np.float32] | None
    """(y, x) of ship in the background, NaN where that is unknown; None where all of it is."""
    hulls: tuple[Corners, ...] = ()
    """The boxes, (x, y) of their corners, that the network draws in the background."""

    def under(self, vessel: Vessel) -> float | None:
        """The mean probability under the vessel's box, 0..1; None where it is unknown."""
        if self.probability is None:
            return None
        under = self.probability[_pixels(vessel, self.grid)]
        known = np.isfinite(under)
        if not known.any() or known.mean() < KNOWN_FROM:
            return None
        return round(float(under[known].mean(dtype=np.float64)), 4)

    def judged(self, record: OverpassRecord) -> OverpassRecord:
        """The record, its vessels with what the background says of them."""
        return replace(record, vessels=tuple(self.of(vessel) for vessel in record.vessels))

    def of(self, vessel: Vessel) -> Vessel:
        """The vessel with what the background says of it."""
        found = self.under(vessel)
        fixed = found is not None and found >= FIXED_FROM and self.shows(vessel)
        return replace(vessel, background=found, fixed=fixed)

    def shows(self, vessel: Vessel) -> bool:
        """Whether the background itself holds a hull in this very place, of about this size."""
        return any(overlap(vessel.corners, hull) >= SAME_FROM for hull in self.hulls)


def structures(
    records: Iterable[OverpassRecord],
    pixels_of: PixelsOf,
    grid: Grid,
    settings: Settings,
    prefer_gpu: bool = False,
) -> Mapping[str, Structure]:
    """The fixed structure of a port, by sensor, from its own finished overpasses.

    ``records`` in time order, read once and not kept; pixels are read of those chosen only, one at
    a time. At most 120 bytes a pixel of the grid are needed, the network aside. The same overpasses
    give the same bytes. Raises InputError where the model is not the run's.
    """
    candidates: defaultdict[str, list[Candidate]] = defaultdict(list)
    vessels: defaultdict[str, int] = defaultdict(int)
    for record in records:
        clear = float(np.mean((record.quality & np.uint8(OPAQUE)) == 0))
        candidates[record.sensor].append(Candidate(record.overpass_id, clear))
        vessels[record.sensor] += len(record.vessels)
    found = {}
    for sensor, looks in candidates.items():
        ids = chosen(looks) if vessels[sensor] else ()
        still = None
        if len(ids) >= LEAST_LOOKS:
            still = background(normalised(ids, pixels_of, SENSORS[sensor]))
        found[sensor] = (
            Structure(grid, None)
            if still is None
            else structure_in(still, grid, load_predictor(settings, prefer_gpu))
        )
    return found


def normalised(ids: tuple[str, ...], pixels_of: PixelsOf, sensor: Sensor) -> Iterator[Planes]:
    """The network's planes of each look, one after another."""
    for overpass_id in ids:
        yield normalise(visible(pixels_of(overpass_id), sensor), sensor.bands)


def structure_in(still: Planes, grid: Grid, predictor: Predictor) -> Structure:
    """What the network takes for ships in a background."""
    prediction = predictor.predict_planes(still)
    found = predictor.detect(prediction, pixel_m=grid.resolution_m)
    probability = np.where(prediction.ship > 0, prediction.ship, np.float32(np.nan))
    return Structure(grid, probability, tuple(in_metres(each, grid).corners for each in found))


def _pixels(vessel: Vessel, grid: Grid) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns on the grid of points all over the vessel's box, half a pixel apart.

    A pixel that the box covers more of comes more often: their mean is one over the area.
    """
    corner, along, across = (np.array(vessel.corners[i]) for i in (0, 1, 3))
    u, v = (_steps(end - corner, grid.resolution_m / 2) for end in (along, across))
    x, y = corner[:, None, None] + (
        u[None, :, None] * (along - corner)[:, None, None]
        + v[None, None, :] * (across - corner)[:, None, None]
    )
    rows = np.floor((grid.top - y) / grid.resolution_m).astype(np.intp)
    columns = np.floor((x - grid.left) / grid.resolution_m).astype(np.intp)
    inside = (rows >= 0) & (rows < grid.height) & (columns >= 0) & (columns < grid.width)
    return rows[inside], columns[inside]


def _steps(side: NDArray[np.float64], apart_m: float) -> NDArray[np.float64]:
    """The middles of equal parts of a side, as shares of it."""
    count = max(1, ceil(hypot(*side) / apart_m))
    return (np.arange(count) + 0.5) / count
