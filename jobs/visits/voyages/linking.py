"""Which visit became which: the chance that two visits at two ports are one ship's.

The model. A ship that leaves port A calls next at port B, and is seen there, with chance q_AB, or
goes elsewhere or unseen with the rest. It is under way for the distance by sea over its speed, and
waits at anchor. Arrivals of no known origin are Poisson. Visits on one chain of links are one ship,
so all their measured lengths must agree with one true length out of the fleet's; the length thus
counts along the whole chain, not only from pair to pair. A visit has at most one next and one
previous visit.

What is integrated out exactly: the times of arrival and departure (over the posterior draws of the
stays, taken as independent from visit to visit) and the ships' true lengths. What is sampled: the
matching, q, and the rates of arrivals of no known origin, by Gibbs steps and exchanges of two
links.

What is left out: chains that are not linked count as different ships, though in a small fleet two
may be one. That may be why likely links are too sure of themselves where most stays are unseen: in
simulation, with 15 ships and a third of the stays seen, .86 was claimed and .76 right (83 pairs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy.stats import expon, lognorm
from shapely.geometry import LineString

from jobs.errors import InputError
from jobs.visits.columns import table
from jobs.visits.compiled import njit
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.schema import DEGREE_DECIMALS, VOYAGE_COLUMNS
from jobs.visits.voyages.fleet import one_ship, spread_of_truth
from jobs.visits.voyages.sea_routes import SeaRoute

KM_PER_DAY_PER_KN = 1.852 * 24
STEP_D = 1 / 48
"""Step of the table of transit times, days."""
NEVER = 1e-12
"""A pair of visits with less density than this a day is no candidate."""
CHUNK = 2_000
"""Pairs weighed at once: 16 MB at 1,000 draws."""


@dataclass(frozen=True)
class VoyageSettings:
    """What is assumed of ships under way, before any visit is looked at."""

    speed_kn: float = 9.5
    """Median over a whole passage. Product tankers of 1,000 to 9,000 dwt are registered with 10 to
    13 kn; old hulls, weather and slow steaming take 1 to 3 kn. An assumption, no fit."""
    speed_log_sd: float = 0.2
    """Spread of its logarithm: 90 % between 6.8 and 13.2 kn."""
    waiting_days: float = 1.0
    """Mean of the exponential wait in the roads, before the berth or after it. An assumption; where
    looks at the roads or AIS tell better, give theirs."""
    destination_weight: float = 1.0
    """Dirichlet weight of all other watched ports together in a ship's choice of the next."""
    elsewhere_weight: float = 1.0
    """Dirichlet weight of going elsewhere or unseen; with 1 and 1 any share is as likely before."""
    fleet_length_sd_m: float | None = None
    """Spread of true lengths over ships; None takes it from the visits themselves."""
    sweeps: int = 4_000
    burn_in: int = 1_000

    def __post_init__(self) -> None:
        for name in ("speed_kn", "speed_log_sd", "waiting_days"):
            _above_zero(name, getattr(self, name))
        for name in ("destination_weight", "elsewhere_weight"):
            _above_zero(name, getattr(self, name))
        if self.fleet_length_sd_m is not None:
            _above_zero("fleet_length_sd_m", self.fleet_length_sd_m)
        if not 0 <= self.burn_in < self.sweeps:
            raise InputError(
                f"burn_in {self.burn_in} and sweeps {self.sweeps}; expected 0 <= burn_in < sweeps"
            )


def _above_zero(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise InputError(f"voyages: {name} is {value}; expected a number above 0")


@dataclass(frozen=True)
class SeenVisits:
    """The seen visits of all ports, side by side."""

    visit_ids: tuple[str, ...]
    port: tuple[str, ...]
    """(visit,)."""
    origin: datetime
    end: float
    """Days since origin until which anybody looked."""
    arrival: NDArray[np.float64]
    """(draw, visit), days since origin; NaN in the draws where nobody was there."""
    departure: NDArray[np.float64]
    length_m: NDArray[np.float64]
    """(visit,), as measured over all its looks; NaN where unknown."""
    length_sd_m: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.visit_ids)

    @property
    def present(self) -> NDArray[np.float64]:
        """(visit,), share of the draws in which a ship was there."""
        share: NDArray[np.float64] = np.isfinite(self.arrival).mean(axis=0)
        return share


@dataclass(frozen=True)
class Linkage:
    """How likely each link is; a pair that is not listed is out of the question."""

    visits: SeenVisits
    ports: tuple[str, ...]
    before: NDArray[np.int64]
    """(pair,), index of the departing visit."""
    after: NDArray[np.int64]
    """(pair,), index of the arriving visit."""
    probability: NDArray[np.float64]
    """(pair,), that the second is the first ship's next seen stop."""
    hours: NDArray[np.float64]
    """(pair, 3): 5 %, median and 95 % of the hours between them if they are linked."""
    no_next: NDArray[np.float64]
    """(visit,), chance that its ship was not seen at another port afterwards."""
    no_previous: NDArray[np.float64]
    trips: NDArray[np.int32]
    """(sample, port, port), links from port to port in each sampled matching."""


# --- visits -------------------------------------------------------------------------------------


def seen_visits(
    draws: Sequence[StayDraws], measured: Mapping[str, tuple[float, float]] | None = None
) -> SeenVisits:
    """The seen visits of several berths; unseen stays (visit -1) are left out.

    ``measured`` gives (length_m, length_sd_m) by visit id, as in the visits table. Without it the
    draws' lengths stand for a measurement; they have the berth's prior in them, so lengths then
    look somewhat more alike than they are. Raises InputError for draws of different periods or
    numbers.
    """
    if not draws:
        raise InputError("voyages: no draws of stays were given; expected those of a berth or more")
    _same_frame(draws)
    arrival = np.concatenate([_by_visit(d, d.arrival, np.minimum, np.inf) for d in draws], axis=1)
    departure = np.concatenate(
        [_by_visit(d, d.departure, np.maximum, -np.inf) for d in draws], axis=1
    )
    ids = tuple(visit_id for d in draws for visit_id in d.visit_ids)
    length_m, length_sd_m = _lengths(draws, ids, measured)
    port = tuple(d.port for d in draws for _ in d.visit_ids)
    return SeenVisits(
        ids, port, draws[0].origin, draws[0].end, arrival, departure, length_m, length_sd_m
    )


def _same_frame(draws: Sequence[StayDraws]) -> None:
    first = draws[0]
    for other in draws[1:]:
        if (other.origin, other.end, other.draws) != (first.origin, first.end, first.draws):
            raise InputError(
                f"voyages: {other.port} {other.berth} has {other.draws} draws from {other.origin} "
                f"over {other.end:g} d, {first.port} {first.berth} has {first.draws} from "
                f"{first.origin} over {first.end:g} d; run both over one period with as many draws"
            )


def _by_visit(
    draws: StayDraws, values: NDArray[np.float64], pick: np.ufunc, empty: float
) -> NDArray[np.float64]:
    """(draw, visit); a visit that a draw splits in two stays counts from the first to the last."""
    found = np.full((draws.draws, len(draws.visit_ids)), empty)
    seen = draws.visit >= 0
    pick.at(found, (draws.draw[seen], draws.visit[seen]), values[seen])
    found[np.isinf(found)] = np.nan
    return found


def _lengths(
    draws: Sequence[StayDraws],
    ids: tuple[str, ...],
    measured: Mapping[str, tuple[float, float]] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if measured is not None:
        return _columns(ids, measured)
    mean, sd = zip(*(_drawn_lengths(d) for d in draws), strict=True)
    return np.concatenate(mean), np.concatenate(sd)


def _columns(
    ids: tuple[str, ...], given: Mapping[str, tuple[float, float]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows = np.array([given.get(visit_id, (np.nan, np.nan)) for visit_id in ids], dtype=np.float64)
    rows = rows.reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def _drawn_lengths(draws: StayDraws) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each visit's lengths over the draws."""
    seen = (draws.visit >= 0) & np.isfinite(draws.length_m)
    visit, length, visits = draws.visit[seen], draws.length_m[seen], len(draws.visit_ids)
    number = np.bincount(visit, minlength=visits).astype(np.float64)
    number[number == 0] = np.nan
    mean = np.bincount(visit, length, visits) / number
    variance = np.bincount(visit, (length - mean[visit]) ** 2, visits) / number
    return mean, np.sqrt(variance)


# --- time under way -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Transit:
    """The time from berth to berth between two ports, as a table over days."""

    days: NDArray[np.float64]
    density: NDArray[np.float64]
    """(days,), per day."""

    def density_at(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Per day; 0 for negative times and beyond the table."""
        found: NDArray[np.float64] = np.interp(days, self.days, self.density, left=0.0, right=0.0)
        return found

    def arrived_by(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Chance to have arrived after that many days."""
        total = np.cumsum(self.density) * STEP_D
        found: NDArray[np.float64] = np.interp(days, self.days + STEP_D / 2, total, left=0.0)
        return found


def transit(distance_km: float, settings: VoyageSettings) -> Transit:
    """Distance over a lognormal speed, plus an exponential wait."""
    sailing = distance_km / (settings.speed_kn * KM_PER_DAY_PER_KN)
    longest = sailing * np.exp(4 * settings.speed_log_sd) + 12 * settings.waiting_days
    edges = np.arange(0, longest + 2 * STEP_D, STEP_D)
    under_way = np.diff(lognorm.cdf(edges, settings.speed_log_sd, scale=sailing))
    waiting = np.diff(expon.cdf(edges, scale=settings.waiting_days))
    mass = np.convolve(under_way, waiting)[: len(under_way)]
    # two masses in the middles of steps i and j meet at the end of step i + j
    days = np.concatenate([[0.0], edges[1:]])
    density = np.concatenate([[0.0], mass / mass.sum() / STEP_D])
    return Transit(days, density)


# --- linking ------------------------------------------------------------------------------------


def link(
    visits: SeenVisits,
    routes: Mapping[tuple[str, str], SeaRoute],
    settings: VoyageSettings | None = None,
    *,
    seed: int,
    beams: Mapping[str, tuple[float, float]] | None = None,
    evidence: NDArray[np.float64] | None = None,
) -> Linkage:
    """How likely each pair of visits at two different ports is one ship's stop and next seen stop.

    ``beams``: (beam_m, beam_sd_m) by visit id. ``evidence``: (visit, visit) natural logarithm of
    the likelihood ratio, one ship against two, from anything else, such as appearance; -inf
    forbids. The same seed gives the same answer. Raises InputError where a route is missing.
    """
    settings = settings or VoyageSettings()
    ports = tuple(sorted(set(visits.port)))
    port_of = np.array([ports.index(port) for port in visits.port], dtype=np.int64)
    transits = _transits(ports, routes, settings)
    before, after, weight, hours = _candidates(visits, ports, port_of, transits)
    extra = np.zeros((len(visits), len(visits))) if evidence is None else evidence
    if extra.shape != (len(visits), len(visits)):
        raise InputError(
            f"voyages: evidence has shape {extra.shape}; expected a row and a column for each of "
            f"the {len(visits)} visits"
        )
    log_weight = np.full(extra.shape, -np.inf)
    log_weight[before, after] = np.log(weight) + extra[before, after]
    precision, pull, prior = _traits(visits, beams, settings)
    counted, no_next, no_previous, trips = _sample(
        log_weight,
        port_of,
        visits.present,
        _late(visits, ports, transits, port_of),
        visits.end,
        precision,
        pull,
        prior,
        _choice_prior(len(ports), settings),
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


def _choice_prior(ports: int, settings: VoyageSettings) -> NDArray[np.float64]:
    """Dirichlet weights (port, port + 1); the last column is elsewhere, one's own port has none."""
    prior = np.full((ports, ports + 1), settings.destination_weight / max(ports - 1, 1))
    prior[:, -1] = settings.elsewhere_weight
    prior[np.arange(ports), np.arange(ports)] = 0.0
    return prior


def _candidates(
    visits: SeenVisits,
    ports: tuple[str, ...],
    port_of: NDArray[np.int64],
    transits: Mapping[tuple[str, str], Transit],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Pairs that time allows: (before, after, mean density a day, hours (pair, 3))."""
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
    """Mean density over the draws, absent visits counting 0; weighted quantiles of the hours."""
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
    """(visit, port): chance that a ship bound there would arrive after anybody looked."""
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
    precision, (trait,). A measure that is missing has precision 0.
    """
    columns = [(visits.length_m, visits.length_sd_m, settings.fleet_length_sd_m)]
    if beams is not None:
        columns.append((*_columns(visits.visit_ids, beams), None))
    rows = [_trait(value, sd, spread) for value, sd, spread in columns]
    precision, pull, prior = zip(*rows, strict=True)
    return np.stack(precision), np.stack(pull), np.array(prior)


def _trait(
    value: NDArray[np.float64], sd: NDArray[np.float64], spread: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    known = np.isfinite(value) & np.isfinite(sd) & (sd > 0)
    mean = float(value[known].mean()) if known.any() else 0.0
    if spread is None:
        spread = spread_of_truth(value[known], sd[known])
    precision = np.where(known, 1 / np.where(known, sd, 1.0) ** 2, 0.0)
    return precision, precision * np.where(known, value - mean, 0.0), 1 / spread**2


# --- the sampler --------------------------------------------------------------------------------


@njit(cache=True)
def _gain(i, j, after, before, precision, pull, prior):  # type: ignore[no-untyped-def]
    """Log likelihood ratio of joining the chain that ends in i with the one that begins in j."""
    k = j
    while k >= 0:
        if k == i:
            return -np.inf  # a ship cannot come before itself
        k = after[k]
    total = 0.0
    for trait in range(len(prior)):
        p1, s1, p2, s2 = 0.0, 0.0, 0.0, 0.0
        k = i
        while k >= 0:
            p1 += precision[trait, k]
            s1 += pull[trait, k]
            k = before[k]
        k = j
        while k >= 0:
            p2 += precision[trait, k]
            s2 += pull[trait, k]
            k = after[k]
        total += one_ship(p1 + p2, s1 + s2, prior[trait])
        total -= one_ship(p1, s1, prior[trait]) + one_ship(p2, s2, prior[trait])
    return total


@njit(cache=True)
def _draw(weight, rng):  # type: ignore[no-untyped-def]
    """An index with chances proportional to the weights."""
    point = rng.random() * weight.sum()
    for k in range(len(weight) - 1):
        point -= weight[k]
        if point < 0:
            return k
    return len(weight) - 1


@njit(cache=True)
def _relink(i, fits, value, alone, after, before, precision, pull, prior, rng):  # type: ignore[no-untyped-def]
    """Gibbs step: cut what follows i, and draw its next stop from all that are free, or none."""
    if after[i] >= 0:
        before[after[i]] = -1
        after[i] = -1
    score = np.full(len(fits) + 1, -np.inf)
    score[-1] = alone[i]
    for k in range(len(fits)):
        j = fits[k]
        if before[j] < 0:
            score[k] = value[i, j] + _gain(i, j, after, before, precision, pull, prior)
    k = _draw(np.exp(score - score.max()), rng)
    if k < len(fits):
        after[i] = fits[k]
        before[fits[k]] = i


@njit(cache=True)
def _exchange(  # type: ignore[no-untyped-def]
    i, j, odds, value, alone, after, before, precision, pull, prior, rng
):
    """Metropolis step: i takes j from its present owner, who gets what i had, or nothing."""
    owner, had = before[j], after[i]
    change = odds if had < 0 else 0.0
    after[owner] = before[j] = -1
    change -= value[owner, j] + _gain(owner, j, after, before, precision, pull, prior)
    change -= alone[i] if had < 0 else 0.0
    if had >= 0:
        after[i] = before[had] = -1
        change -= value[i, had] + _gain(i, had, after, before, precision, pull, prior)
    change += value[i, j] + _gain(i, j, after, before, precision, pull, prior)
    after[i], before[j] = j, i
    change += alone[owner] if had < 0 else value[owner, had]
    if had >= 0 and change > -np.inf:
        change += _gain(owner, had, after, before, precision, pull, prior)
    if np.log(rng.random()) < change:
        if had >= 0:
            after[owner], before[had] = had, owner
        return
    after[i] = had
    after[owner], before[j] = j, owner
    if had >= 0:
        before[had] = i


@njit(cache=True)
def _sweep(fits, value, alone, after, before, precision, pull, prior, rng):  # type: ignore[no-untyped-def]
    """Relink every visit that has a candidate, and try as many exchanges."""
    visits = len(fits)
    for i in range(visits):
        if len(fits[i]):
            _relink(i, fits[i], value, alone, after, before, precision, pull, prior, rng)
    for _ in range(visits):
        i = int(rng.random() * visits)
        if len(fits[i]) == 0:
            continue
        j = fits[i][int(rng.random() * len(fits[i]))]
        owner = before[j]
        if owner >= 0 and owner != i:
            odds = np.log(len(fits[i]) / len(fits[owner]))
            _exchange(i, j, odds, value, alone, after, before, precision, pull, prior, rng)


@njit(cache=True)
def _choices(port_of, present, late, after, choice, weights, rng):  # type: ignore[no-untyped-def]
    """Gibbs step: where ships of each port go, given the links; the lost ones are told apart."""
    ports = len(weights)
    counts = weights.copy()
    for i in range(len(after)):
        a = port_of[i]
        if after[i] >= 0:
            counts[a, port_of[after[i]]] += 1
            continue
        fate = np.zeros(ports + 2)
        fate[:ports] = present[i] * choice[a, :ports] * late[i]
        fate[ports] = present[i] * choice[a, ports]
        fate[ports + 1] = 1 - present[i]  # nobody was there at all
        k = _draw(fate, rng)
        if k <= ports:
            counts[a, k] += 1
    for a in range(ports):
        for b in range(ports + 1):
            choice[a, b] = rng.standard_gamma(counts[a, b]) if counts[a, b] > 0 else 0.0
        choice[a] /= choice[a].sum()


@njit(cache=True)
def _strangers(port_of, present, before, share, seen, rng):  # type: ignore[no-untyped-def]
    """Gibbs step: of all arrivals at each port, the share that comes from nowhere known."""
    counts = np.full(len(share), 0.5)
    for j in range(len(before)):
        b = port_of[j]
        real = present[j] * share[b]
        if before[j] < 0 and rng.random() * (real + 1 - present[j]) < real:
            counts[b] += 1
    for b in range(len(share)):
        share[b] = rng.standard_gamma(counts[b]) / seen[b]


@njit(cache=True)
def _values(log_weight, port_of, present, late, choice, share, rate):  # type: ignore[no-untyped-def]
    """Log weight of each link and of each departure without one, against arrivals without one."""
    visits, ports = len(port_of), len(share)
    value, alone = np.full((visits, visits), -np.inf), np.zeros(visits)
    for i in range(visits):
        a = port_of[i]
        lost = choice[a, ports]
        for b in range(ports):
            lost += choice[a, b] * late[i, b]
        alone[i] = np.log(present[i] * lost + 1 - present[i])
        for j in range(visits):
            if log_weight[i, j] > -np.inf:
                b = port_of[j]
                stranger = (present[j] * share[b] + 1 - present[j]) * rate[b]
                value[i, j] = log_weight[i, j] + np.log(choice[a, b]) - np.log(stranger)
    return value, alone


@njit(cache=True)
def _sample(  # type: ignore[no-untyped-def]
    log_weight, port_of, present, late, days, precision, pull, prior, weights, sweeps, burn_in, rng
):
    """Samples matchings; how often each link and each lack of one was there, and trips by port."""
    visits, ports = len(port_of), len(weights)
    after, before = np.full(visits, -1), np.full(visits, -1)
    choice = weights / weights.sum()
    for a in range(ports):
        choice[a] = weights[a] / weights[a].sum()
    share, seen = np.full(ports, 0.5), np.full(ports, 1e-9)
    for j in range(visits):
        seen[port_of[j]] += present[j]
    counted = np.zeros((visits, visits))
    no_next, no_previous = np.zeros(visits), np.zeros(visits)
    trips = np.zeros((sweeps - burn_in, ports, ports), np.int32)
    fits = [np.flatnonzero(log_weight[i] > -np.inf) for i in range(visits)]
    for sweep in range(sweeps):
        value, alone = _values(log_weight, port_of, present, late, choice, share, seen / days)
        _sweep(fits, value, alone, after, before, precision, pull, prior, rng)
        _choices(port_of, present, late, after, choice, weights, rng)
        _strangers(port_of, present, before, share, seen, rng)
        if sweep < burn_in:
            continue
        now = trips[sweep - burn_in]
        for i in range(visits):
            no_previous[i] += before[i] < 0
            no_next[i] += after[i] < 0
            if after[i] >= 0:
                counted[i, after[i]] += 1
                now[port_of[i], port_of[after[i]]] += 1
    return counted, no_next, no_previous, trips


# --- the table ----------------------------------------------------------------------------------


def voyage_table(
    linkage: Linkage, routes: Mapping[tuple[str, str], SeaRoute], at_least: float = 0.05
) -> gpd.GeoDataFrame:
    """The links with at least that probability, as VOYAGE_COLUMNS; by departing visit, likeliest
    first.
    """
    if not 0 <= at_least <= 1:
        raise InputError(f"voyages: at_least is {at_least}; expected a probability from 0 to 1")
    shown = np.flatnonzero((linkage.probability >= at_least) & (linkage.probability > 0))
    order = np.lexsort((-linkage.probability[shown], linkage.before[shown]))
    return table(VOYAGE_COLUMNS, [_row(linkage, int(pair), routes) for pair in shown[order]])


def _row(
    linkage: Linkage, pair: int, routes: Mapping[tuple[str, str], SeaRoute]
) -> dict[str, object]:
    visits, i, j = linkage.visits, int(linkage.before[pair]), int(linkage.after[pair])
    route = routes[visits.port[i], visits.port[j]]
    hours_min, hours_median, hours_max = (float(hours) for hours in linkage.hours[pair])
    return {
        "from_visit": visits.visit_ids[i],
        "to_visit": visits.visit_ids[j],
        "from_port": visits.port[i],
        "to_port": visits.port[j],
        "probability": float(linkage.probability[pair]),
        "hours_min": hours_min,
        "hours_median": hours_median,
        "hours_max": hours_max,
        "distance_km": route.distance_km,
        "from_length_m": float(visits.length_m[i]),
        "from_length_sd_m": float(visits.length_sd_m[i]),
        "to_length_m": float(visits.length_m[j]),
        "to_length_sd_m": float(visits.length_sd_m[j]),
        "geometry": LineString(np.round(route.path, DEGREE_DECIMALS)),
    }
