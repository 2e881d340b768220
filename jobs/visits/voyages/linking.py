"""Linking visits: the probability that two visits at two ports are consecutive stops of one ship.

The model. A ship that leaves port A calls next at port B, and is seen there, with probability q_AB,
or goes elsewhere or unseen with the rest. It is under way for the distance by sea over its speed,
and waits at anchor. Arrivals of no known origin are Poisson. Visits joined by links are one ship's,
so all their measured lengths must agree with one true length out of the fleet's; the length thus
counts along the whole sequence of links, not only from pair to pair. A visit has at most one next
and one previous visit.

What is integrated out exactly: the times of arrival and departure (over the posterior draws of the
stays, taken as independent from visit to visit) and the ships' true lengths. What is sampled: the
matching, q, and the rates of arrivals of no known origin, by Gibbs steps and exchanges of two
links.

What is left out: sequences that are not linked count as different ships, though in a small fleet
two may be one. That may be why the probability of likely links is too high where most stays are
unseen: in simulation, with 15 ships and a third of the stays seen, .86 was claimed and .76 right
(83 pairs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.errors import InputError
from jobs.visits.voyages.fleet import sd_of_true_values
from jobs.visits.voyages.link_sampler import sample_links
from jobs.visits.voyages.sea_routes import SeaRoute
from jobs.visits.voyages.seen_visits import SeenVisits, by_visit_id
from jobs.visits.voyages.transit import Transit, VoyageSettings, destination_weights, transit

NEVER = 1e-12
"""A pair of visits with less density than this a day is no candidate."""
CHUNK = 2_000
"""Pairs weighed at once: 16 MB at 1,000 draws."""


@dataclass(frozen=True)
class Linkage:
    """Posterior probability of each link; pairs that are not listed have probability 0."""

    visits: SeenVisits
    ports: tuple[str, ...]
    before: NDArray[np.int64]
    """(pair,), index of the departing visit."""
    after: NDArray[np.int64]
    """(pair,), index of the arriving visit."""
    probability: NDArray[np.float64]
    """(pair,), probability that the second is the first ship's next seen stop."""
    hours: NDArray[np.float64]
    """(pair, 3): 5 %, median and 95 % of the hours between them if they are linked."""
    no_next: NDArray[np.float64]
    """(visit,), probability that its ship was not seen at another port afterwards."""
    no_previous: NDArray[np.float64]
    """(visit,), probability that its ship was not seen at another port before."""
    trips: NDArray[np.int32]
    """(sample, port, port), links from port to port in each sampled matching."""


def link(
    visits: SeenVisits,
    routes: Mapping[tuple[str, str], SeaRoute],
    settings: VoyageSettings | None = None,
    *,
    seed: int,
    beams: Mapping[str, tuple[float, float]] | None = None,
    evidence: NDArray[np.float64] | None = None,
) -> Linkage:
    """Probability of every pair of visits at two ports to be one ship's stop and next seen stop.

    ``beams``: (beam_m, beam_sd_m) by visit id. ``evidence``: (visit, visit) natural logarithm of
    the likelihood ratio, one ship against two, from other evidence such as appearance; -inf forbids
    the pair. The same seed gives the same result. Raises InputError where a route is missing.
    """
    settings = settings or VoyageSettings()
    ports = tuple(sorted(set(visits.port)))
    port_of = np.array([ports.index(port) for port in visits.port], dtype=np.int64)
    transits = _transits(ports, routes, settings)
    before, after, weight, hours = _candidates(visits, ports, port_of, transits)
    extra = _evidence(evidence, len(visits))
    log_weight = np.full(extra.shape, -np.inf)
    log_weight[before, after] = np.log(weight) + extra[before, after]
    precision, pull, prior = _traits(visits, beams, settings)
    counted, no_next, no_previous, trips = sample_links(
        log_weight,
        port_of,
        visits.present,
        _late(visits, ports, transits, port_of),
        visits.end,
        precision,
        pull,
        prior,
        destination_weights(len(ports), settings),
        settings.sweeps,
        settings.burn_in,
        np.random.default_rng(seed),
    )
    kept = settings.sweeps - settings.burn_in
    return Linkage(
        visits,
        ports,
        before,
        after,
        counted[before, after] / kept,
        hours,
        no_next / kept,
        no_previous / kept,
        trips,
    )


def _evidence(given: NDArray[np.float64] | None, visits: int) -> NDArray[np.float64]:
    """(visit, visit), 0 where none is given; InputError for another shape."""
    if given is None:
        return np.zeros((visits, visits))
    if given.shape != (visits, visits):
        raise InputError(
            f"voyages: evidence has shape {given.shape}; expected a row and a column for each of "
            f"the {visits} visits"
        )
    return given


def _transits(
    ports: tuple[str, ...], routes: Mapping[tuple[str, str], SeaRoute], settings: VoyageSettings
) -> dict[tuple[str, str], Transit]:
    pairs = [(a, b) for a in ports for b in ports if a != b]
    missing = [pair for pair in pairs if pair not in routes]
    if missing:
        raise InputError(
            f"voyages: no route from {missing[0][0]} to {missing[0][1]}; expected one for every "
            "pair of ports with visits: make them with sea_routes"
        )
    return {pair: transit(routes[pair].distance_km, settings) for pair in pairs}


def _candidates(
    visits: SeenVisits,
    ports: tuple[str, ...],
    port_of: NDArray[np.int64],
    transits: Mapping[tuple[str, str], Transit],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Pairs that the times allow: (before, after, mean density per day, hours (pair, 3))."""
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 3)))]
    for (origin, target), table_of in transits.items():
        left = np.flatnonzero(port_of == ports.index(origin))
        came = np.flatnonzero(port_of == ports.index(target))
        first, second = _in_reach(visits, left, came, float(table_of.days[-1]))
        for start in range(0, len(first), CHUNK):
            i, j = first[start : start + CHUNK], second[start : start + CHUNK]
            found.append((i, j, *_weigh(visits, i, j, table_of)))
    before, after, weight, hours = (np.concatenate(column) for column in zip(*found, strict=True))
    likely = weight > NEVER
    order = np.lexsort((after[likely], before[likely]))
    return (
        before[likely][order],
        after[likely][order],
        weight[likely][order],
        hours[likely][order],
    )


def _in_reach(
    visits: SeenVisits, left: NDArray[np.int64], came: NDArray[np.int64], longest: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of visits of which some draws might be between 0 and ``longest`` days apart."""
    gone, here = visits.departure[:, left], visits.arrival[:, came]
    soonest = _extreme(here, np.fmin)[None, :] - _extreme(gone, np.fmax)[:, None]
    latest = _extreme(here, np.fmax)[None, :] - _extreme(gone, np.fmin)[:, None]
    i, j = np.nonzero((latest > 0) & (soonest < longest))
    return left[i], came[j]


def _extreme(values: NDArray[np.float64], pick: np.ufunc) -> NDArray[np.float64]:
    """Over the draws, without those where the visit is absent."""
    return np.asarray(pick.reduce(values, axis=0))


def _weigh(
    visits: SeenVisits, i: NDArray[np.int64], j: NDArray[np.int64], table_of: Transit
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean density over the draws, 0 where a visit is absent; weighted quantiles of the hours."""
    days = (visits.arrival[:, j] - visits.departure[:, i]).T
    density = np.nan_to_num(table_of.density_at(days))
    order = np.argsort(days, axis=1)
    days, share = np.take_along_axis(days, order, 1), np.take_along_axis(density, order, 1)
    share = np.cumsum(share, axis=1)
    total = np.maximum(share[:, -1:], NEVER)
    at = [np.minimum((share < q * total).sum(axis=1), days.shape[1] - 1) for q in (0.05, 0.5, 0.95)]
    hours = np.stack([np.take_along_axis(days, k[:, None], 1)[:, 0] * 24 for k in at], axis=1)
    return density.mean(axis=1), hours


def _late(
    visits: SeenVisits,
    ports: tuple[str, ...],
    transits: Mapping[tuple[str, str], Transit],
    port_of: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(visit, port): probability that a ship bound there arrives after the observed period."""
    late = np.zeros((len(visits), len(ports)))
    left = visits.end - visits.departure
    for (origin, target), table_of in transits.items():
        here = np.flatnonzero(port_of == ports.index(origin))
        arrived = table_of.arrived_by(left[:, here])
        late[here, ports.index(target)] = 1 - _mean_present(arrived)
    return late


def _mean_present(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the draws that are not NaN; 1 where all are."""
    there = np.isfinite(values)
    number = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), 1.0)


def _traits(
    visits: SeenVisits,
    beams: Mapping[str, tuple[float, float]] | None,
    settings: VoyageSettings,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision and precision times deviation from the fleet's mean, (trait, visit); the fleet's
    precision, (trait,). A missing measurement has precision 0.
    """
    columns = [(visits.length_m, visits.length_sd_m, settings.fleet_length_sd_m)]
    if beams is not None:
        columns.append((*by_visit_id(visits.visit_ids, beams), None))
    rows = [_trait(value, sd, fleet_sd) for value, sd, fleet_sd in columns]
    precision, pull, prior = zip(*rows, strict=True)
    return np.stack(precision), np.stack(pull), np.array(prior)


def _trait(
    value: NDArray[np.float64], sd: NDArray[np.float64], fleet_sd: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    known = np.isfinite(value) & np.isfinite(sd) & (sd > 0)
    mean = float(value[known].mean()) if known.any() else 0.0
    if fleet_sd is None:
        fleet_sd = sd_of_true_values(value[known], sd[known])
    precision = np.where(known, 1 / np.where(known, sd, 1.0) ** 2, 0.0)
    return precision, precision * np.where(known, value - mean, 0.0), 1 / fleet_sd**2
