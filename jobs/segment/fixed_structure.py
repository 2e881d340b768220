"""Fixed structure: vessels that the network detects where only a part of the port lies.

The network is run on the port's static background, in which no ship lies. Hulls that it detects
there are taken for a quay, a jetty, a breakwater or a moored pontoon. That alone is no evidence: a
trace of ships in the background looks like a hull too. A vessel is marked as fixed structure where

- the background's mean probability of ship under its box is FIXED_FROM or more, and its box
  overlaps the box of a hull in the background (SAME_FROM);
- vessels recur at this place, and by the looks themselves it is one thing that lies there all the
  time (jobs.segment.places): the same pattern and colour in nine tenths of at least eight clear
  looks, over three weeks, in contrast with the water;
- the vessel's own look shows that thing, where that look is one of those compared.

It is an inference, and said as one, with the looks it rests on (Vessel.place_seen of place_looks).

Limits: a ship that lies in one place in more than nine of ten looks (laid up, a floating dock, a
hulk) counts as structure: nothing in the images tells them apart. Ships at a quay that is never
free count as structure where they are so alike that neither pattern nor colour tells them apart.
Where fewer than LEAST_LOOKS looks are clear, the background is unknown and nothing is marked; with
fewer than LEAST_COMPARED it is known, and nothing is marked as fixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Grid, OverpassRecord, Settings, Vessel
from jobs.segment.background import LEAST_LOOKS, Planes, background, choose_looks
from jobs.segment.box_pixels import pixels_under
from jobs.segment.network import in_metres, load_predictor, visible
from jobs.segment.places import KNOWN_FROM, SAME_FROM, Place, Places, place_of
from jobs.segment.protocol import Looks
from models.geometry import Corners, overlap
from models.inference import Predictor
from models.network import normalise_planes

FIXED_FROM = 0.5
"""Mean probability of ship in the background under a vessel's box from which it may be fixed."""


@dataclass(frozen=True)
class Structure:
    """The network's prediction on a port's background, for one sensor."""

    grid: Grid
    probability: NDArray[np.float32] | None
    """(y, x) of ship in the background, NaN where that is unknown; None where all of it is."""
    hulls: tuple[Corners, ...] = ()
    """Boxes that the network detects in the background: (x, y) of their corners, metres."""
    places: tuple[Place, ...] = ()
    """Where vessels recur."""

    def probability_under(self, vessel: Vessel) -> float | None:
        """The mean probability under the vessel's box, 0..1; None where it is unknown."""
        if self.probability is None:
            return None
        under = self.probability[pixels_under(vessel.corners, self.grid)]
        known = np.isfinite(under)
        if not known.any() or known.mean() < KNOWN_FROM:
            return None
        return round(float(under[known].mean(dtype=np.float64)), 4)

    def mark_record(self, record: OverpassRecord) -> OverpassRecord:
        """The record with what its vessels owe to the background set."""
        marked = (self.mark(vessel, record.overpass_id) for vessel in record.vessels)
        return replace(record, vessels=tuple(marked))

    def mark(self, vessel: Vessel, overpass_id: str) -> Vessel:
        """The vessel of an overpass with ``background`` and ``fixed`` set; ``place_seen`` and
        ``place_looks`` where the background looks like a ship.
        """
        found = self.probability_under(vessel)
        marked = replace(vessel, background=found)
        if found is None or found < FIXED_FROM or not self.has_hull_at(vessel):
            return marked
        place = place_of(vessel, self.places)
        if place is None:
            return marked
        return replace(
            marked,
            fixed=place.is_thing_in(overpass_id),
            place_seen=place.seen,
            place_looks=place.looks,
        )

    def has_hull_at(self, vessel: Vessel) -> bool:
        """Whether a hull in the background overlaps the vessel's box by SAME_FROM or more."""
        return any(overlap(vessel.corners, hull) >= SAME_FROM for hull in self.hulls)


def structure_of(looks: Looks, settings: Settings, prefer_gpu: bool) -> Structure:
    """The fixed structure that looks show to the network."""
    grid = looks.grid
    ids = choose_looks(looks.candidates) if any(looks.vessels.values()) else ()
    if len(ids) < LEAST_LOOKS:
        return Structure(grid, None)
    places = Places({name: looks.vessels[name] for name in ids}, grid)
    still = background(_shown_to(places, ids, looks))
    if still is None:
        return Structure(grid, None)
    return structure_in(still, grid, load_predictor(settings, prefer_gpu), places.settled())


def _shown_to(places: Places, ids: Sequence[str], looks: Looks) -> Iterator[Planes]:
    """The normalised planes of each look, one at a time, after the places have seen it."""
    for overpass_id in ids:
        image = visible(looks.pixels_of(overpass_id), looks.sensor)
        planes = normalise_planes(image, looks.sensor.bands)
        places.add(overpass_id, looks.acquired[overpass_id], image, planes)
        yield planes


def structure_in(
    still: Planes, grid: Grid, predictor: Predictor, places: tuple[Place, ...] = ()
) -> Structure:
    """The network's prediction on a background."""
    prediction = predictor.predict_planes(still)
    found = predictor.detect(prediction, pixel_m=grid.resolution_m)
    probability = np.where(prediction.ship > 0, prediction.ship, np.float32(np.nan))
    hulls = tuple(in_metres(each, grid).corners for each in found)
    return Structure(grid, probability, hulls, places)
