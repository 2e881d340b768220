"""How many voyages of a twin the linking finds, and whether its probabilities are calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.occupancy.panel import Panel
from jobs.visits.voyages.linking import Linkage, link
from jobs.visits.voyages.sea_routes import SeaRoute, sea_routes
from jobs.visits.voyages.seen_visits import seen_visits
from tests.bench.visits.investigation import LOADING, Twin, Watched

PLACES = {"RUVYP": (133.08, 42.73), "KPCHO": (129.82, 41.76), "KPNAM": (125.40, 38.71)}
"""Longitude and latitude."""
STATED = 0.5
"""A link with at least this probability is one that a report would show."""


@dataclass(frozen=True)
class Linked:
    """Voyages of one twin from the loading port, by what was made of them."""

    both_seen: int
    """Loadings and discharges with a look at both: no more can be linked."""
    right: int
    """Of those, the ones whose likeliest next visit is the true one."""
    stated: int
    """Links shown."""
    stated_right: int
    claimed: float
    """Sum of the probabilities of all links: how many of them should be true."""
    true: int
    """How many pairs of visits truly are one voyage."""


def linked(
    twin: Twin,
    watched: Mapping[str, Watched],
    panels: Mapping[str, Panel],
    stays: Mapping[str, StayDraws],
    seed: int,
) -> Linked:
    """Link the seen visits of all ports and compare with the truth; all mappings are by port."""
    measured, voyage = {}, {}
    for port, panel in panels.items():
        measured |= measured_lengths(panel)
        voyage |= true_voyages(twin, port, watched[port], panel)
    visits = seen_visits([stays[port] for port in panels], measured)
    linkage = link(visits, routes(), seed=seed)
    return compared(linkage, np.array([voyage[visit] for visit in visits.visit_ids], dtype=int))


@cache
def routes() -> dict[tuple[str, str], SeaRoute]:
    return sea_routes(PLACES)


def measured_lengths(panel: Panel) -> dict[str, tuple[float, float]]:
    """(length_m, sd) of each visit over its looks, weighted by inverse variance."""
    found = {}
    for index, visit_id in enumerate(panel.visit_ids):
        known = (panel.visit == index) & np.isfinite(panel.length_m)
        if known.any():
            weight = panel.length_sd_m[known] ** -2.0
            mean_m = float(np.average(panel.length_m[known], weights=weight))
            found[visit_id] = (mean_m, float(weight.sum() ** -0.5))
    return found


def true_voyages(twin: Twin, port: str, watched: Watched, panel: Panel) -> dict[str, int]:
    """The voyage each seen visit is part of, -1 for false alarms and ships from elsewhere."""
    voyage = twin.calls[port].voyage
    found = {}
    for index, visit_id in enumerate(panel.visit_ids):
        stay = watched.stay[panel.visit == index]
        real = stay[stay >= 0]
        # sightings of two ships may have been merged: the one seen more often counts
        found[visit_id] = int(voyage[np.bincount(real).argmax()]) if len(real) else -1
    return found


def compared(linkage: Linkage, voyage: NDArray[np.int64]) -> Linked:
    """The links out of the loading port against the true voyage of every visit."""
    leaves = np.array([port == LOADING for port in linkage.visits.port], dtype=bool)
    outward = leaves[linkage.before]
    before, after = linkage.before[outward], linkage.after[outward]
    probability = linkage.probability[outward]
    true = (voyage[before] == voyage[after]) & (voyage[before] >= 0)
    seen = set(voyage[leaves].tolist()) & set(voyage[~leaves].tolist()) - {-1}
    right = {
        int(voyage[visit])
        for visit in np.unique(before)
        if true[before == visit][probability[before == visit].argmax()]
    }
    return Linked(
        both_seen=len(seen),
        right=len(right),
        stated=int(np.sum(probability >= STATED)),
        stated_right=int(np.sum(true[probability >= STATED])),
        claimed=float(probability.sum()),
        true=int(true.sum()),
    )
