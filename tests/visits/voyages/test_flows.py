"""The flow matrix from times alone, on simulated traffic whose shares are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.errors import InputError
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.voyages.flows import Flows, FlowSettings, flow_matrix
from jobs.visits.voyages.sea_routes import SeaRoute

ORIGIN = datetime(2024, 3, 7, tzinfo=UTC)
DAYS = 300.0
KM = {("A", "B"): 300.0, ("A", "C"): 1850.0, ("B", "C"): 1630.0}
ROUTES = {
    pair: SeaRoute(km, ((0.0, 0.0), (1.0, 1.0)))
    for (a, b), km in KM.items()
    for pair in ((a, b), (b, a))
}
SHARE = {"B": 0.6, "C": 0.25}


def traffic(
    seed: int, a_day: float = 0.3, strangers: float = 0.05, share: dict[str, float] = SHARE
) -> tuple[StayDraws, ...]:
    """Ships leave A for B, C or elsewhere; others come to B and C from nowhere known."""
    rng = np.random.default_rng(seed)
    left = np.sort(rng.uniform(0, DAYS, rng.poisson(a_day * DAYS)))
    target = rng.choice(
        ["B", "C", "-"], len(left), p=[share["B"], share["C"], 1 - sum(share.values())]
    )
    ports = [stays("A", left - 1.0)]
    for port in ("B", "C"):
        sailing = KM["A", port] / (9.5 * 44.448 * np.exp(0.2 * rng.standard_normal(len(left))))
        came = (left + sailing + rng.exponential(1.0, len(left)))[target == port]
        other = rng.uniform(0, DAYS, rng.poisson(strangers * DAYS))
        ports.append(stays(port, np.concatenate([came, other])))
    return tuple(ports)


def stays(port: str, arrival: NDArray[np.float64], draws: int = 60) -> StayDraws:
    """Stays of a day, known exactly: every draw is the same."""
    arrival = np.sort(arrival)
    number = len(arrival)
    times = np.tile(arrival, draws)
    return StayDraws(
        port,
        "oil",
        ORIGIN,
        DAYS,
        draws,
        np.repeat(np.arange(draws, dtype=np.int32), number),
        times,
        times + 1.0,
        np.full(len(times), 85.0),
        np.full(len(times), -1, np.int32),
    )


def median(flows: Flows, origin: str, target: str) -> float:
    return float(np.median(flows.share[:, flows.ports.index(origin), flows.ports.index(target)]))


def test_known_shares_lie_in_their_intervals_and_are_found_without_bias() -> None:
    held, middle = 0, {"B": 0.0, "C": 0.0}
    runs = 12
    for seed in range(runs):
        flows = flow_matrix(traffic(seed), ROUTES, seed=seed)
        for target, share in SHARE.items():
            low, high = flows.interval("A", target, 0.9)
            held += low <= share <= high
            middle[target] += median(flows, "A", target) / runs
    assert held >= 0.75 * 2 * runs
    assert middle["B"] == pytest.approx(0.6, abs=0.06)
    assert middle["C"] == pytest.approx(0.25, abs=0.08)


def test_a_flow_that_is_not_there_is_small_and_the_matrix_adds_up() -> None:
    flows = flow_matrix(traffic(3), ROUTES, seed=1)
    np.testing.assert_allclose(flows.share.sum(axis=2), 1)
    assert median(flows, "B", "C") < 0.1
    assert (flows.share[:, [0, 1, 2], [0, 1, 2]] == 0).all()
    assert flows.identified[0, 1]
    assert flows.trips[:, 0, 1].mean() == pytest.approx(0.6 * 0.3 * DAYS, rel=0.25)


def test_it_says_when_it_cannot_tell() -> None:
    three = traffic(3, a_day=0.01, strangers=0.3)
    flows = flow_matrix(three, ROUTES, seed=1)
    assert not flows.identified[0, 1]
    low, high = flows.interval("A", "B", 0.9)
    assert high - low > 0.5


def test_times_that_know_nothing_of_each_other_show_no_flow() -> None:
    """The stated weakness: where stays are unseen, and their times drawn, the flow is lost."""
    rng = np.random.default_rng(1)
    a, b, c = traffic(3)
    scattered = replace(b, arrival=rng.uniform(0, DAYS, len(b.arrival)))
    scattered = replace(scattered, departure=scattered.arrival + 1)
    known, lost = (flow_matrix((a, x, c), ROUTES, seed=1) for x in (b, scattered))
    assert median(lost, "A", "B") < 0.6 * median(known, "A", "B")


def test_departures_of_the_last_days_are_not_lost_ships() -> None:
    rng = np.random.default_rng(2)
    left = rng.uniform(DAYS - 6, DAYS, 40)
    far = KM["A", "C"] / (9.5 * 44.448) + rng.exponential(1.0, 40)
    came = (left + far)[left + far < DAYS]
    flows = flow_matrix((stays("A", left - 1), stays("C", came)), ROUTES, seed=1)
    assert len(came) < 15
    assert median(flows, "A", "C") > 0.6


def test_the_seed_decides() -> None:
    first, again = (flow_matrix(traffic(1), ROUTES, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.share, again.share)


def test_a_port_without_a_ship_is_the_prior() -> None:
    flows = flow_matrix(
        (stays("A", np.zeros(0)), stays("B", np.array([5.0]))),
        ROUTES,
        FlowSettings(draws=60),
        seed=1,
    )
    assert median(flows, "A", "B") == pytest.approx(0.5, abs=0.2)
    assert not flows.identified[0, 1]


def test_refusals() -> None:
    a, b, _ = traffic(1)
    with pytest.raises(InputError, match="two or more"):
        flow_matrix((a,), ROUTES, seed=1)
    with pytest.raises(InputError, match="no route from A to B"):
        flow_matrix((a, b), {}, seed=1)
    with pytest.raises(InputError, match="different periods"):
        flow_matrix((a, replace(b, end=10.0)), ROUTES, seed=1)
    with pytest.raises(InputError, match="at least 2 draws"):
        FlowSettings(draws=1)
