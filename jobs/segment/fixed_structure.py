"""Fixed structure: vessels that the network detects where only a part of the port lies.

The network is run on the port's static background, in which no ship lies. Hulls that it detects
there are a quay, a jetty, a breakwater or a moored pontoon. A vessel is fixed structure where its
box overlaps the box of such a hull (SAME_FROM) and the background's mean probability of ship under
the box is FIXED_FROM or more. On ten dates of English Bay this rejects a third of the false
vessels, two thirds of those with a score of .5 and more, and no ship
(tests/bench/bench_background.py).

Limits: a ship that lies in one place in more than nine of ten looks (laid up, a floating dock, a
hulk) counts as structure, and so do many ships at a quay that is never free. At a jetty whose head
looks like a ship, the network may detect one box around the head whether or not a ship lies there;
the box is rejected, and the ship with it. Where fewer than LEAST_LOOKS looks are clear, the
background is unknown and nothing is rejected.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil, hypot

import numpy as np
from numpy.typing import NDArray

from jobs.domain import OPAQUE, SENSORS, Grid, OverpassRecord, Pixels, Sensor, Settings, Vessel
from jobs.segment.background import LEAST_LOOKS, Candidate, Planes, background, choose_looks
from jobs.segment.stage import in_metres, load_predictor, visible
from models.geometry import Corners, overlap
from models.inference import Predictor
from models.network import normalise_planes

FIXED_FROM = 0.5
"""Mean probability of ship in the background under a vessel's box from which it is fixed."""

SAME_FROM = 0.4
"""Overlap (intersection over union) of a vessel's box with a hull's in the background from which
they are the same object; a ship beside a jetty's head, or a longer one at the quay, has less."""

KNOWN_FROM = 0.5
"""Share of a vessel's box in which the background must be known."""

PixelsOf = Callable[[str], Pixels]
"""The pixels of an overpass, by its id."""


@dataclass(frozen=True)
class Structure:
    """The network's prediction on a port's background, for one sensor."""

    grid: Grid
    probability: NDArray[np.float32] | None
    """(y, x) of ship in the background, NaN where that is unknown; None where all of it is."""
    hulls: tuple[Corners, ...] = ()
    """Boxes that the network detects in the background: (x, y) of their corners, metres."""

    def probability_under(self, vessel: Vessel) -> float | None:
        """The mean probability under the vessel's box, 0..1; None where it is unknown."""
        if self.probability is None:
            return None
        under = self.probability[_pixels(vessel, self.grid)]
        known = np.isfinite(under)
        if not known.any() or known.mean() < KNOWN_FROM:
            return None
        return round(float(under[known].mean(dtype=np.float64)), 4)

    def mark_record(self, record: OverpassRecord) -> OverpassRecord:
        """The record with ``background`` and ``fixed`` of its vessels set."""
        return replace(record, vessels=tuple(self.mark(vessel) for vessel in record.vessels))

    def mark(self, vessel: Vessel) -> Vessel:
        """The vessel with its ``background`` and ``fixed`` set."""
        found = self.probability_under(vessel)
        fixed = found is not None and found >= FIXED_FROM and self.has_hull_at(vessel)
        return replace(vessel, background=found, fixed=fixed)

    def has_hull_at(self, vessel: Vessel) -> bool:
        """Whether a hull in the background overlaps the vessel's box by SAME_FROM or more."""
        return any(overlap(vessel.corners, hull) >= SAME_FROM for hull in self.hulls)


def structures(
    records: Iterable[OverpassRecord],
    pixels_of: PixelsOf,
    grid: Grid,
    settings: Settings,
    prefer_gpu: bool = False,
) -> Mapping[str, Structure]:
    """The fixed structure of a port, by sensor, from its finished overpasses.

    ``records`` in time order, read once and not kept; pixels are read only of the looks that are
    used, one at a time. Memory: at most 120 bytes per pixel of the grid, besides the network.
    ``prefer_gpu``: run the network on a GPU where there is one. Deterministic. Raises InputError
    where the model is not the run's.
    """
    candidates: defaultdict[str, list[Candidate]] = defaultdict(list)
    vessels: defaultdict[str, int] = defaultdict(int)
    for record in records:
        clear = float(np.mean((record.quality & np.uint8(OPAQUE)) == 0))
        candidates[record.sensor].append(Candidate(record.overpass_id, clear))
        vessels[record.sensor] += len(record.vessels)
    found = {}
    for sensor, looks in candidates.items():
        ids = choose_looks(looks) if vessels[sensor] else ()
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
    """The normalised planes of each look, one at a time."""
    for overpass_id in ids:
        yield normalise_planes(visible(pixels_of(overpass_id), sensor), sensor.bands)


def structure_in(still: Planes, grid: Grid, predictor: Predictor) -> Structure:
    """The network's prediction on a background."""
    prediction = predictor.predict_planes(still)
    found = predictor.detect(prediction, pixel_m=grid.resolution_m)
    probability = np.where(prediction.ship > 0, prediction.ship, np.float32(np.nan))
    return Structure(grid, probability, tuple(in_metres(each, grid).corners for each in found))


def _pixels(vessel: Vessel, grid: Grid) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns on the grid of points in the vessel's box, half a pixel apart.

    A pixel occurs in proportion to its area in the box, so a mean over them is one over the area.
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
    """Midpoints of equal parts of a side at most ``apart_m`` long, as fractions of the side."""
    count = max(1, ceil(hypot(*side) / apart_m))
    return (np.arange(count) + 0.5) / count
