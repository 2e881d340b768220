"""Flows: how many ships go from port to port, from the times of departures and arrivals alone.

Without identified ships, flows still show: arrivals at B follow departures from A by the
time under way. That is the cross-covariance by which Gupta, Mandjes, Ravner and Wang (2025, arXiv
2506.07057) find the routes in a network of infinite-server queues; here the time under way is known
roughly, so the arrivals at B are a Poisson process whose rate is a constant (ships of unknown
origin) plus, for each port A, the share of A's ships that goes to B times A's departures spread out
by that time. The shares are sampled with their uncertainty in every posterior draw of the stays.

What the data identify. Departures must be uneven at the scale of the standard deviation of the time
under way (about a day): a constant rate of departures looks the same from every port. The draws of
the stays are taken as they are: unseen stays are drawn independently of the other port, so where
many are unseen, shares come out too low, towards the constant. ``interval_reduction`` is the share
of the prior's interval that the data removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from jobs.errors import InputError
from jobs.visits.compiled import njit
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.voyages.sea_routes import SeaRoute
from jobs.visits.voyages.transit import Transit, VoyageSettings, destination_weights, transit

IDENTIFIED_FROM = 0.5
"""A flow is identified by the looks from this reduction of the prior's interval on."""


@dataclass(frozen=True)
class FlowSettings:
    """Priors, and how much is sampled."""

    under_way: VoyageSettings = field(default_factory=VoyageSettings)
    """Only the speed, the wait and the two weights are used."""
    draws: int = 200
    """Draws of the stays to use, evenly spaced out of all."""
    sweeps: int = 25
    """Gibbs sweeps in each of them; the last is kept."""

    def __post_init__(self) -> None:
        if self.draws < 2 or self.sweeps < 1:
            raise InputError(
                f"flows: {self.draws} draws of {self.sweeps} sweeps; expected at least 2 draws of 1"
            )


@dataclass(frozen=True)
class Flows:
    """Posterior draws of the flow matrix."""

    ports: tuple[str, ...]
    share: NDArray[np.float64]
    """(sample, port, port + 1): share of the first port's ships whose next stop is the second; the
    last column is elsewhere."""
    trips: NDArray[np.int32]
    """(sample, port, port), arrivals at the second that came from the first."""
    interval_reduction: NDArray[np.float64]
    """(port, port): share of the width of the prior's 90 % interval of ``share`` that the data
    removed, 0..1."""

    @property
    def identified(self) -> NDArray[np.bool_]:
        """(port, port): whether the looks identify this flow, rather than the prior alone."""
        return self.interval_reduction >= IDENTIFIED_FROM

    def interval(self, origin: str, target: str, mass: float) -> tuple[float, float]:
        """Central interval of the share of ``origin``'s ships whose next stop is ``target``."""
        values = self.share[:, self.ports.index(origin), self.ports.index(target)]
        low, high = np.quantile(values, [(1 - mass) / 2, (1 + mass) / 2])
        return float(low), float(high)


@dataclass(frozen=True)
class _Counts:
    """One draw of the stays as arrays."""

    port: NDArray[np.int64]
    """(arrival,), index of the port."""
    rate: NDArray[np.float64]
    """(arrival, port): arrivals per day at this place and time if all ships of that port came
    here."""
    departures: NDArray[np.int64]
    """(port,)."""
    late: NDArray[np.float64]
    """(port, port): share of the departures that arrive after the observed period."""


def flow_matrix(
    draws: Sequence[StayDraws],
    routes: Mapping[tuple[str, str], SeaRoute],
    settings: FlowSettings | None = None,
    *,
    seed: int,
) -> Flows:
    """Shares and numbers of trips between the ports of these berths, of seen and unseen stays.

    The same seed gives the same result. Raises InputError for fewer than two ports, for draws of
    different periods or numbers, and for a missing route.
    """
    settings = settings or FlowSettings()
    ports = _ports(draws, routes)
    transits = {
        (a, b): transit(routes[a, b].distance_km, settings.under_way)
        for a in ports
        for b in ports
        if a != b
    }
    weights = destination_weights(len(ports), settings.under_way)
    rng = np.random.default_rng(seed)
    chosen = np.unique(np.linspace(0, draws[0].draws - 1, settings.draws).astype(int))
    choice = weights / weights.sum(axis=1, keepdims=True)
    background = np.ones(len(ports))
    share, trips = [], []
    for index in chosen:
        counts = _counted(draws, int(index), ports, transits)
        trips.append(
            _sampled_trips(counts, draws[0].end, choice, background, weights, settings, rng)
        )
        share.append(choice.copy())  # the sampler starts the next draw from here
    drawn = np.array(share)
    return Flows(ports, drawn, np.array(trips, np.int32), _interval_reduction(drawn, weights))


def _ports(
    draws: Sequence[StayDraws], routes: Mapping[tuple[str, str], SeaRoute]
) -> tuple[str, ...]:
    ports = tuple(sorted({stays.port for stays in draws}))
    if len(ports) < 2:
        raise InputError(f"flows: ports {', '.join(ports) or 'none'}; expected two or more")
    frames = {(stays.origin, stays.end, stays.draws) for stays in draws}
    if len(frames) > 1:
        raise InputError(
            f"flows: the berths have {len(frames)} different periods or numbers of draws; "
            "run all over one period with as many draws"
        )
    missing = [(a, b) for a in ports for b in ports if a != b and (a, b) not in routes]
    if missing:
        raise InputError(
            f"flows: no route from {missing[0][0]} to {missing[0][1]}; expected one for every pair "
            "of ports: make them with sea_routes"
        )
    return ports


def _counted(
    draws: Sequence[StayDraws],
    index: int,
    ports: tuple[str, ...],
    transits: Mapping[tuple[str, str], Transit],
) -> _Counts:
    end = draws[0].end
    came = {port: _times(draws, index, port, "arrival") for port in ports}
    left = {port: _times(draws, index, port, "departure") for port in ports}
    rate = [
        np.stack([_rate(came[b], left[a], transits.get((a, b))) for a in ports], axis=1)
        for b in ports
    ]
    late = np.zeros((len(ports), len(ports)))
    for (a, b), table in transits.items():
        if len(left[a]):
            arrived = table.arrived_by(end - left[a]).mean()
            late[ports.index(a), ports.index(b)] = 1 - arrived
    return _Counts(
        np.repeat(np.arange(len(ports)), [len(came[port]) for port in ports]),
        np.concatenate(rate),
        np.array([len(left[port]) for port in ports], np.int64),
        late,
    )


def _times(draws: Sequence[StayDraws], index: int, port: str, name: str) -> NDArray[np.float64]:
    """Arrivals or departures at all berths of a port in one draw, inside the period."""
    found = [getattr(s, name)[s.draw == index] for s in draws if s.port == port]
    times = np.concatenate(found)
    inside: NDArray[np.float64] = times[(times > 0) & (times < draws[0].end)]
    return inside


def _rate(
    came: NDArray[np.float64], left: NDArray[np.float64], table: Transit | None
) -> NDArray[np.float64]:
    if table is None:
        return np.zeros(len(came))
    expected: NDArray[np.float64] = table.density_at(came[:, None] - left[None, :]).sum(axis=1)
    return expected


def _sampled_trips(
    counts: _Counts,
    days: float,
    choice: NDArray[np.float64],
    background: NDArray[np.float64],
    weights: NDArray[np.float64],
    settings: FlowSettings,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Trips after the Gibbs sweeps of one draw; ``choice`` and ``background`` change in place."""
    trips: NDArray[np.int64] = _sweeps(
        counts.port,
        counts.rate,
        counts.departures,
        counts.late,
        days,
        choice,
        background,
        weights,
        settings.sweeps,
        rng,
    )
    return trips


@njit(cache=True)
def _sweeps(  # type: ignore[no-untyped-def]
    port, rate, departures, late, days, choice, background, weights, sweeps, rng
):
    """Draw every arrival's origin, then shares and constants; trips of the last sweep."""
    ports = len(departures)
    trips = np.zeros((ports, ports), np.int64)
    for _ in range(sweeps):
        trips[:] = 0
        unexplained = np.full(ports, 0.5)
        for k in range(len(port)):
            b = port[k]
            point = rng.random() * (background[b] + (choice[:, b] * rate[k]).sum())
            a = 0
            while a < ports and point >= choice[a, b] * rate[k, a]:
                point -= choice[a, b] * rate[k, a]
                a += 1
            if a < ports:
                trips[a, b] += 1
            else:
                unexplained[b] += 1
        for b in range(ports):
            background[b] = rng.standard_gamma(unexplained[b]) / days
        for a in range(ports):
            counts = weights[a].copy()
            counts[:ports] += trips[a]
            lost = choice[a, ports] + (choice[a, :ports] * late[a]).sum()
            for _ in range(departures[a] - trips[a].sum()):
                point = rng.random() * lost - choice[a, ports]
                b = 0
                while point >= 0 and b < ports:
                    point -= choice[a, b] * late[a, b]
                    b += 1
                counts[b - 1 if b else ports] += 1
            for b in range(ports + 1):
                choice[a, b] = rng.standard_gamma(counts[b]) if counts[b] > 0 else 0.0
            choice[a] /= choice[a].sum()
    return trips


def _interval_reduction(
    share: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    ports = len(weights)
    width = np.diff(np.quantile(share[:, :, :ports], [0.05, 0.95], axis=0), axis=0)[0]
    reduction = np.zeros((ports, ports))
    for a in range(ports):
        for b in range(ports):
            if a != b:
                prior = beta(weights[a, b], weights[a].sum() - weights[a, b])
                reduction[a, b] = max(0.0, 1 - width[a, b] / (prior.ppf(0.95) - prior.ppf(0.05)))
    return reduction
