"""Linking visits: on simulated fleets whose true links are known, and on small cases by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import LineString

from jobs.errors import InputError
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.schema import VOYAGE_COLUMNS
from jobs.visits.voyages.linking import Linkage, link
from jobs.visits.voyages.sea_routes import SeaRoute
from jobs.visits.voyages.seen_visits import SeenVisits, seen_visits
from jobs.visits.voyages.transit import VoyageSettings, transit
from jobs.visits.voyages.voyage_table import voyage_table

pytestmark = pytest.mark.early

ORIGIN = datetime(2024, 3, 7, tzinfo=UTC)
KM = {("A", "B"): 300.0, ("A", "C"): 1850.0, ("B", "C"): 1630.0}
ROUTES = {
    pair: SeaRoute(km, ((0.0, 0.0), (km / 100, 1.0)))
    for (a, b), km in KM.items()
    for pair in ((a, b), (b, a))
}
NEXT: dict[str, tuple[list[str], int | None, bool, list[float]]] = {
    "A": (["B", "C", "elsewhere"], None, True, [0.6, 0.2, 0.2]),
    "B": (["A", "elsewhere"], None, True, [0.3, 0.7]),
    "C": (["A", "elsewhere"], None, True, [0.2, 0.8]),
    "elsewhere": (["A"], None, True, [1.0]),
}
QUICK = VoyageSettings(sweeps=1_000, burn_in=200)


# --- a simulated fleet --------------------------------------------------------------------------


@dataclass(frozen=True)
class Fleet:
    """Ships that load at A and discharge at B, C or elsewhere; some of their visits are seen."""

    ships: int = 15
    days: float = 243.0
    seen: float = 0.7
    length_sd_m: float = 10.0
    """Error of a visit's measured length."""
    width_days: float = 1.0
    """Width of the interval that holds an arrival or a departure."""
    pause_days: float = 40.0
    draws: int = 200


@dataclass(frozen=True)
class Truth:
    visits: SeenVisits
    ship: NDArray[np.int64]
    links: frozenset[tuple[int, int]]
    """(departing visit, next seen visit) where no unseen one lies between."""


def simulate(fleet: Fleet, seed: int) -> Truth:
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, str, float, float, float]] = []
    links = set()
    for ship in range(fleet.ships):
        length_m, last = rng.normal(85, 14), -1
        for port, arrival, departure in calls(fleet, rng):
            if port == "elsewhere" or rng.random() > fleet.seen:
                last = -1
                continue
            if last >= 0:
                links.add((last, len(rows)))
            last = len(rows)
            rows.append((ship, port, arrival, departure, length_m))
    return Truth(observed(fleet, rows, rng), np.array([r[0] for r in rows]), frozenset(links))


def calls(fleet: Fleet, rng: np.random.Generator) -> list[tuple[str, float, float]]:
    """The calls of one ship; after a call elsewhere, that takes long, it comes back to A."""
    found = []
    port, time = "elsewhere", rng.uniform(-3 * fleet.pause_days, 0)
    while time < fleet.days:
        stay = rng.exponential(fleet.pause_days) if port == "elsewhere" else rng.gamma(4, 1.5 / 4)
        if port == "elsewhere" or time + stay > 0:
            found.append((port, time, time + stay))
        time += stay
        target = str(rng.choice(*NEXT[port]))
        if (port, target) in ROUTES:
            speed = 9.5 * np.exp(0.2 * rng.standard_normal())
            time += ROUTES[port, target].distance_km / (speed * 44.448) + rng.exponential(1.0)
        port = target
    return found


def observed(
    fleet: Fleet, rows: list[tuple[int, str, float, float, float]], rng: np.random.Generator
) -> SeenVisits:
    number, width = len(rows), fleet.width_days
    arrival, departure = (
        np.array([row[k] for row in rows])
        - rng.uniform(0, width, number)
        + rng.uniform(0, width, (fleet.draws, number))
        for k in (2, 3)
    )
    length_m = np.array([row[4] for row in rows]) + fleet.length_sd_m * rng.standard_normal(number)
    return SeenVisits(
        tuple(f"{row[1]}-{k}" for k, row in enumerate(rows)),
        tuple(row[1] for row in rows),
        ORIGIN,
        fleet.days,
        arrival,
        departure,
        length_m,
        np.full(number, fleet.length_sd_m),
    )


def visits_at(
    calls: list[tuple[str, float, float]],
    length_m: list[float] | None = None,
    sd_m: float = 5.0,
    end: float = 200.0,
) -> SeenVisits:
    """Visits known to the minute: (port, arrival, departure)."""
    lengths = np.full(len(calls), np.nan) if length_m is None else np.array(length_m)
    return SeenVisits(
        tuple(f"{port}{k}" for k, (port, _, _) in enumerate(calls)),
        tuple(port for port, _, _ in calls),
        ORIGIN,
        end,
        np.array([[arrival for _, arrival, _ in calls]]),
        np.array([[departure for _, _, departure in calls]]),
        lengths,
        np.full(len(calls), sd_m),
    )


def chance(linkage: Linkage, i: int, j: int) -> float:
    pair = (linkage.before == i) & (linkage.after == j)
    return float(linkage.probability[pair].sum())


# --- calibration --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linked() -> list[tuple[Truth, Linkage]]:
    truths = [simulate(Fleet(ships=8, draws=100, length_sd_m=5), seed) for seed in range(10)]
    return [(t, link(t.visits, ROUTES, QUICK, seed=k)) for k, t in enumerate(truths)]


def test_a_claimed_chance_is_the_share_that_is_right(
    linked: list[tuple[Truth, Linkage]],
) -> None:
    claimed = np.concatenate([linkage.probability for _, linkage in linked])
    right = np.concatenate([hits(truth, linkage) for truth, linkage in linked])
    for low, high in ((0.02, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        here = (claimed >= low) & (claimed < high)
        assert here.sum() > 25
        error = 3.5 * np.sqrt((claimed * (1 - claimed))[here].sum()) / here.sum()
        assert abs(claimed[here].mean() - right[here].mean()) < error + 0.02


def test_most_links_of_a_sparse_fleet_are_found_and_unmatched_ships_stay_so(
    linked: list[tuple[Truth, Linkage]],
) -> None:
    found = sum(chance(linkage, i, j) > 0.5 for truth, linkage in linked for i, j in truth.links)
    links = sum(len(truth.links) for truth, _ in linked)
    visits = sum(len(truth.visits) for truth, _ in linked)
    none = sum(linkage.no_next.sum() for _, linkage in linked)
    assert found > 0.6 * links
    assert none == pytest.approx(visits - links, rel=0.06)


def hits(truth: Truth, linkage: Linkage) -> NDArray[np.bool_]:
    pairs = zip(linkage.before.tolist(), linkage.after.tolist(), strict=True)
    return np.array([pair in truth.links for pair in pairs])


# --- laws ---------------------------------------------------------------------------------------


def test_every_visit_has_at_most_one_next_and_one_previous(
    linked: list[tuple[Truth, Linkage]],
) -> None:
    for truth, linkage in linked:
        number = len(truth.visits)
        onward = np.bincount(linkage.before, linkage.probability, number)
        back = np.bincount(linkage.after, linkage.probability, number)
        np.testing.assert_allclose(onward + linkage.no_next, 1)
        np.testing.assert_allclose(back + linkage.no_previous, 1)
        assert linkage.trips.sum(axis=(1, 2)).mean() == pytest.approx(linkage.probability.sum())


def test_two_departures_share_one_arrival() -> None:
    calls = [("A", 8, 10.0), ("A", 8, 10.0), ("B", 11.5, 13)]
    linkage = link(visits_at(calls), ROUTES, seed=1)
    both = chance(linkage, 0, 2), chance(linkage, 1, 2)
    assert sum(both) <= 1
    assert both[0] == pytest.approx(both[1], abs=0.05)
    assert min(both) > 0.2


def test_a_crossed_pair_is_sorted_out_by_length() -> None:
    calls = [("A", 8, 10.0), ("A", 8, 10.0), ("B", 11.5, 13), ("B", 11.5, 13)]
    settings = VoyageSettings(fleet_length_sd_m=15)
    linkage = link(visits_at(calls, [70, 110, 109, 72]), ROUTES, settings, seed=1)
    assert chance(linkage, 0, 3) > 0.7
    assert chance(linkage, 1, 2) > 0.7
    assert chance(linkage, 0, 2) < 0.01


def test_an_arrival_before_the_departure_or_too_late_is_out_of_the_question() -> None:
    calls = [("A", 18, 20.0), ("B", 15, 16), ("B", 20.2, 21), ("B", 80, 81), ("A", 21.5, 22)]
    linkage = link(visits_at(calls), ROUTES, seed=1)
    pairs = set(zip(linkage.before.tolist(), linkage.after.tolist(), strict=True))
    assert not {(0, 1), (0, 3), (0, 4), (3, 0)} & pairs
    assert (1, 0) in pairs
    assert chance(linkage, 0, 2) < 0.02  # 300 km in five hours: 34 knots


CROWD = [("B", float(day), day + 1.0) for day in range(20, 100, 2)]
"""Visits by ships from nowhere known: a chance arrival is then no wonder."""


def test_a_visit_that_many_draws_lack_is_linked_less() -> None:
    sure = visits_at([("A", 8, 10.0), ("B", 11.5, 13), *CROWD], end=100)
    arrival, departure = np.repeat(sure.arrival, 5, axis=0), np.repeat(sure.departure, 5, axis=0)
    arrival[1:, 1] = departure[1:, 1] = np.nan
    weaker = link(replace(sure, arrival=arrival, departure=departure), ROUTES, seed=1)
    assert 0 < chance(weaker, 0, 1) < 0.75 * chance(link(sure, ROUTES, seed=1), 0, 1)


def test_a_departure_on_the_last_day_says_nothing_about_where_ships_go() -> None:
    calls = [("A", 8, 10.0), ("B", 11.5, 13), *CROWD]
    last, lost = [("A", 98, 99.9)] * 6, [("A", 105, 110)] * 6
    few, censored = (link(visits_at(c, end=100), ROUTES, seed=1) for c in (calls, calls + last))
    watched = link(visits_at(calls + lost, end=200), ROUTES, seed=1)
    assert chance(censored, 0, 1) == pytest.approx(chance(few, 0, 1), abs=0.06)
    assert chance(watched, 0, 1) < chance(few, 0, 1) - 0.15


def test_the_sampler_agrees_with_counting_every_matching() -> None:
    left, came = [10.0, 10.6, 12.0], [11.4, 11.9, 13.6]
    length_m = [80.0, 95.0, 88.0, 93.0, 82.0, 90.0]
    calls = [("A", t - 1, t) for t in left] + [("B", t, 400.0) for t in came]
    visits = visits_at(calls, length_m)
    settings = VoyageSettings(fleet_length_sd_m=12, sweeps=20_000, burn_in=500)
    linkage = link(visits, ROUTES, settings, seed=3)
    expected = enumerated(left, came, np.array(length_m), settings)
    found = np.array([[chance(linkage, i, 3 + j) for j in range(3)] for i in range(3)])
    np.testing.assert_allclose(found, expected, atol=0.015)


def enumerated(
    left: list[float], came: list[float], length_m: NDArray[np.float64], settings: VoyageSettings
) -> NDArray[np.float64]:
    """Chances (3, 3) by summing over all matchings, shares and rates integrated by hand."""
    from scipy.special import gammaln
    from scipy.stats import multivariate_normal

    days = np.array(came)[None] - np.array(left)[:, None]
    density = transit(300.0, settings).density_at(days)
    x, variance, error = length_m - length_m.mean(), 12.0**2, 5.0**2
    total, chances = 0.0, np.zeros((3, 3))
    for size in range(4):
        for rows in permutations(range(3), size):
            if list(rows) != sorted(rows):
                continue
            for columns in permutations(range(3), size):
                weight = np.exp(
                    gammaln(1 + size)
                    + gammaln(1 + 3 - size)
                    + gammaln(0.5 + 3 - size)
                    - (3 - size) * np.log(200.0)
                )
                for i, j in zip(rows, columns, strict=True):
                    same = multivariate_normal(
                        cov=[[variance + error, variance], [variance, variance + error]]
                    )
                    one = multivariate_normal(cov=variance + error)
                    pair = [x[i], x[3 + j]]
                    apart = one.pdf(pair[0]) * one.pdf(pair[1])
                    weight *= density[i, j] * same.pdf(pair) / apart
                total += weight
                for i, j in zip(rows, columns, strict=True):
                    chances[i, j] += weight
    return chances / total


def test_three_calls_of_one_ship_pool_their_lengths() -> None:
    calls = [("A", 8, 10.0), ("B", 11.5, 13), ("A", 14.5, 16)]
    settings = VoyageSettings(fleet_length_sd_m=15)
    good = link(visits_at(calls, [112, 110, 111]), ROUTES, settings, seed=1)
    odd = link(visits_at(calls, [112, 110, 80]), ROUTES, settings, seed=1)
    assert chance(good, 1, 2) > 0.5 > 0.05 > chance(odd, 1, 2)


def test_the_seed_decides_and_nothing_else() -> None:
    visits = simulate(Fleet(ships=4), 1).visits
    first, again, other = (link(visits, ROUTES, QUICK, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.probability, again.probability)
    np.testing.assert_array_equal(first.trips, again.trips)
    assert not np.array_equal(first.trips, other.trips)
    np.testing.assert_allclose(first.probability, other.probability, atol=0.12)


def test_other_evidence_and_beams_count() -> None:
    visits = visits_at([("A", 8, 10.0), ("B", 11.5, 13), ("B", 11.5, 13), ("B", 30, 31)])
    against = np.zeros((4, 4))
    against[0, 1] = -np.inf
    found = link(visits, ROUTES, seed=1, evidence=against)
    assert chance(found, 0, 1) == 0
    assert chance(found, 0, 2) > 0.4
    beams = {"A0": (13.0, 0.5), "B1": (17.0, 0.5), "B2": (13.0, 0.5), "B3": (20.0, 0.5)}
    by_beam = link(visits, ROUTES, seed=1, beams=beams)
    assert chance(by_beam, 0, 2) > 5 * chance(by_beam, 0, 1)


# --- parts --------------------------------------------------------------------------------------


def test_transit_is_a_density_with_the_mean_it_should_have() -> None:
    settings = VoyageSettings()
    table = transit(1850.0, settings)
    mean = np.sum(table.days * table.density) / np.sum(table.density)
    sailing = 1850 / (9.5 * 44.448) * np.exp(0.2**2 / 2)
    assert mean == pytest.approx(sailing + 1.0, abs=0.05)
    assert table.density_at(np.array([-1.0, 0.0, 1e6])).tolist() == [0, 0, 0]
    assert table.arrived_by(np.array([-1.0, 1e6])).tolist() == [0, pytest.approx(1)]


def test_seen_visits_leaves_out_what_nobody_saw_and_keeps_absences() -> None:
    draws = stays("A", draw=[0, 0, 1, 1], visit=[0, -1, 0, 1])
    visits = seen_visits([draws, stays("B", draw=[0, 1, 1, 1], visit=[0, 0, 1, 1])])
    assert visits.visit_ids == ("A-0", "A-1", "B-0", "B-1")
    assert visits.port == ("A", "A", "B", "B")
    np.testing.assert_array_equal(visits.arrival, [[0, np.nan, 0, np.nan], [4, 6, 2, 4]])
    np.testing.assert_array_equal(visits.departure, [[1, np.nan, 1, np.nan], [5, 7, 3, 7]])
    np.testing.assert_array_equal(visits.present, [1, 0.5, 1, 0.5])
    np.testing.assert_allclose(visits.length_m[:2], [82, 86])
    measured = seen_visits([draws], {"A-1": (91.0, 4.0)})
    np.testing.assert_array_equal(measured.length_m, [np.nan, 91])


def stays(port: str, draw: list[int], visit: list[int], end: float = 10.0) -> StayDraws:
    arrival = np.arange(len(draw)) * 2.0
    return StayDraws(
        port,
        "oil",
        ORIGIN,
        end,
        2,
        np.array(draw, np.int32),
        arrival,
        arrival + 1,
        80 + arrival,
        np.array(visit, np.int32),
        (f"{port}-0", f"{port}-1"),
    )


def test_the_table_has_the_promised_columns_and_only_likely_rows() -> None:
    visits = visits_at([("A", 8, 10.0), ("B", 11.5, 13), ("B", 11.6, 13)], [80, 81, 82])
    linkage = link(visits, ROUTES, seed=1)
    rows = voyage_table(linkage, ROUTES, 0.05)
    assert tuple(rows.columns) == tuple(VOYAGE_COLUMNS)
    assert rows["probability"].is_monotonic_decreasing
    assert set(rows["from_visit"]) == {"A0"}
    assert rows["hours_min"].tolist() == pytest.approx([36.0, 38.4], abs=3)
    assert (rows["hours_min"] <= rows["hours_median"]).all()
    assert isinstance(rows.geometry.iloc[0], LineString)
    assert rows["distance_km"].tolist() == [300, 300]
    assert voyage_table(linkage, ROUTES, 1.0).empty
    assert len(voyage_table(linkage, ROUTES, 0.0)) == 2


def test_nothing_to_link_is_no_error() -> None:
    one_port = link(visits_at([("A", 8, 10.0), ("A", 20, 22)]), {}, seed=1)
    assert len(one_port.probability) == 0
    np.testing.assert_array_equal(one_port.no_next, [1, 1])
    none = link(visits_at([]), {}, seed=1)
    assert voyage_table(none, {}).empty


def test_refusals_say_what_to_do() -> None:
    visits = visits_at([("A", 8, 10.0), ("B", 11.5, 13)])
    with pytest.raises(InputError, match="no route from A to B"):
        link(visits, {}, seed=1)
    with pytest.raises(InputError, match="evidence has shape"):
        link(visits, ROUTES, seed=1, evidence=np.zeros((3, 3)))
    with pytest.raises(InputError, match="speed_kn"):
        VoyageSettings(speed_kn=0)
    with pytest.raises(InputError, match="burn_in"):
        replace(QUICK, burn_in=2_000)
    with pytest.raises(InputError, match="one period"):
        seen_visits([stays("A", [0], [0]), stays("B", [0], [0], end=11.0)])
    with pytest.raises(InputError, match="no draws"):
        seen_visits([])
    with pytest.raises(InputError, match="at_least"):
        voyage_table(link(visits, ROUTES, seed=1), ROUTES, 1.5)
