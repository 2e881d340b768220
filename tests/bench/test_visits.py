"""The simulator and the formulas that the visit model is measured with."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.panel import Panel
from jobs.visits.voyages.linking import Linkage
from jobs.visits.voyages.seen_visits import SeenVisits
from tests.bench.visits.baselines import (
    Known,
    horvitz_thompson,
    merged_sightings,
    naive,
    seen_at_all,
    snapshot,
    with_visits,
)
from tests.bench.visits.berth_years import (
    DWELL_SHAPES,
    ORIGIN,
    SCENARIOS,
    WARM_UP_DAYS,
    YEAR_DAYS,
    Eye,
    History,
    Looks,
    clouded_at,
    observe,
    orbit_times,
    random_orbits,
    simulate_history,
    simulate_year,
)
from tests.bench.visits.investigation import (
    DAYS,
    DISCHARGE_SHARE,
    LOADING,
    SENSORS,
    SHIPS,
    VISITS,
    Watched,
    simulate_twin,
    watch,
)
from tests.bench.visits.links import compared, measured_lengths, true_voyages

SURE = Detector("sure", 0.8, 0.0, 0.0, 1e-9, 0.0)
DWELL = Known(1.5, 0.0, 90.0)


def panel_of(time, vessels, length_m=None, clear=None, detector=SURE) -> Panel:
    time = np.asarray(time, dtype=float)
    length = np.full(len(time), 90.0) if length_m is None else np.asarray(length_m, dtype=float)
    seen = np.asarray(vessels) > 0
    return Panel(
        port="SIM",
        berth="berth",
        origin=ORIGIN,
        days=YEAR_DAYS,
        time=time,
        detector=np.zeros(len(time), dtype=np.int32),
        clear=np.ones(len(time)) if clear is None else np.asarray(clear, dtype=float),
        vessels=np.asarray(vessels, dtype=np.int32),
        length_m=np.where(seen, length, np.nan),
        length_sd_m=np.where(seen, 5.0, np.nan),
        visit=np.full(len(time), -1, dtype=np.int32),
        detectors=(detector,),
    )


# --- the simulator ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", DWELL_SHAPES)
def test_every_shape_has_mean_one_and_is_positive(shape: str) -> None:
    rng = np.random.default_rng(1)
    stays = np.array([DWELL_SHAPES[shape](rng) for _ in range(20_000)])
    assert stays.min() > 0
    assert stays.mean() == pytest.approx(1, abs=4 * stays.std() / np.sqrt(len(stays)))


def test_one_ship_at_a_time_and_as_many_as_renewal_theory_says() -> None:
    rng = np.random.default_rng(2)
    rate, dwell, days = 0.4, 1.5, 20_000.0
    history = simulate_history(
        rng, np.array([rate]), dwell, "lognormal", np.array([60.0, 120.0]), days
    )
    assert (history.arrival[1:] >= history.departure[:-1]).all()
    assert (history.departure > history.arrival).all()
    assert set(history.length_m) == {60.0, 120.0}
    expected = days / (1 / rate + dwell)
    assert history.arrivals(0, days) == pytest.approx(expected, rel=0.04)


def test_monthly_rates_are_followed() -> None:
    rng = np.random.default_rng(3)
    monthly = np.tile([0.05, 2.0], 6)
    busy = np.zeros(2)
    for _ in range(60):
        history = simulate_history(rng, monthly, 0.2, "uniform", np.array([90.0]))
        inside = history.arrival[history.arrival >= 0]
        busy += np.bincount((inside // (YEAR_DAYS / 12)).astype(int) % 2, minlength=2)
    expected = [60 * 6 * (YEAR_DAYS / 12) / (1 / rate + 0.2) for rate in (0.05, 2.0)]
    assert busy == pytest.approx(np.array(expected), rel=0.06)


def test_ships_lie_there_from_arrival_until_departure() -> None:
    history = History(np.array([1.0, 5.0]), np.array([2.0, 6.0]), np.array([80.0, 90.0]))
    when = np.array([0.5, 1.0, 1.9, 2.0, 5.5, 7.0])
    assert history.stay_at(when).tolist() == [-1, 0, 0, -1, 1, -1]
    nobody = History(*(np.empty(0) for _ in range(3)))
    assert nobody.stay_at(when).tolist() == [-1] * 6


def test_clouds_have_their_share_and_their_memory() -> None:
    rng = np.random.default_rng(4)
    time = np.arange(0, 40_000.0)
    clouded = clouded_at(rng, time, 0.4, efold_days=2.0)
    assert clouded.mean() == pytest.approx(0.4, abs=0.03)
    next_day = np.corrcoef(clouded[1:], clouded[:-1])[0, 1]
    assert next_day == pytest.approx(np.exp(-0.5), abs=0.03)


def test_two_looks_at_one_moment_have_one_weather() -> None:
    time = np.repeat(np.arange(0, 400.0, 5.0), 2)
    clouded = clouded_at(np.random.default_rng(5), time, 0.5, efold_days=1.0)
    assert (clouded[::2] == clouded[1::2]).all()


def test_passes_repeat_with_the_cycle() -> None:
    time = orbit_times(np.random.default_rng(6), 10, np.array([0, 3]), 2.0, 2000.0)
    day = np.round(time - 2 / 24) % 10
    first, second = sorted(set(day))
    assert second - first in (3, 7)
    # two in ten days, one in twenty of them dropped
    assert len(time) == pytest.approx(380, abs=18)


@settings(max_examples=30)
@given(st.floats(1, 6), st.integers(0, 1000))
def test_orbits_come_about_as_often_as_asked(revisit_days: float, seed: int) -> None:
    time = random_orbits(np.random.default_rng(seed), revisit_days, 400.0)
    assert (np.diff(time) > 0).all()
    assert time[0] >= 0
    assert time[-1] < 400
    # whole days in a whole cycle, neighbours may fall on one
    assert 0.6 * revisit_days < 400 / len(time) < 2.2 * revisit_days


def test_looks_err_as_the_eye_says() -> None:
    rng = np.random.default_rng(7)
    always = History(np.array([-1.0]), np.array([1e6]), np.array([100.0]))
    never = History(*(np.empty(0) for _ in range(3)))
    number = 20_000
    looks = Looks(np.arange(number) * 0.01, np.zeros(number, dtype=np.int32), np.full(number, 0.9))
    seen, stay = observe(rng, always, looks, (Eye(0.8, 1.0, 1e-9, 15.0),), (SURE,), 200.0)
    assert seen.vessels.mean() == pytest.approx(0.8 * 0.9, abs=0.012)
    assert (stay[seen.vessels > 0] == 0).all()
    assert np.nanmean(seen.length_m) == pytest.approx(100, abs=0.6)
    assert np.nanstd(seen.length_m) == pytest.approx(15, rel=0.05)
    false, stay = observe(rng, never, looks, (Eye(0.8, 1.0, 0.05, 15.0),), (SURE,), 200.0)
    assert false.vessels.mean() == pytest.approx(0.05 * 0.9, abs=0.006)
    assert (stay == -1).all()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_a_year_is_lawful_and_the_same_again(scenario) -> None:
    year, again = (simulate_year(scenario, np.random.default_rng(8)) for _ in range(2))
    assert year.visits == again.visits
    assert np.array_equal(year.panel.vessels, again.panel.vessels)
    assert (np.diff(year.panel.time) > 0).all()
    assert year.panel.time[0] >= 0
    assert year.panel.time[-1] < YEAR_DAYS
    reported = year.panel.vessels > 0
    assert np.isnan(year.panel.length_m[~reported]).all()
    assert year.history.arrival[0] > -WARM_UP_DAYS
    if scenario.dwell_mean_days:
        assert year.dwell_mean_days == scenario.dwell_mean_days


# --- naive counting -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vessels", "clear", "length_m", "time", "expected"),
    [
        ([1, 1, 1], None, None, [1, 2, 3], [0, 0, 0]),
        ([1, 0, 1], None, None, [1, 2, 3], [0, -1, 1]),
        ([1, 0, 1], [1, 0.5, 1], None, [1, 2, 3], [0, -1, 0]),
        ([1, 1], None, None, [1, 6], [0, 1]),
        ([1, 1], None, [60, 120], [1, 2], [0, 1]),
        ([1, 1], None, [60, np.nan], [1, 2], [0, 0]),
        ([0, 0], None, None, [1, 2], [-1, -1]),
    ],
    ids=["one stay", "gone between", "cloud between", "too long", "other ship", "cut", "nothing"],
)
def test_sightings_are_merged(vessels, clear, length_m, time, expected) -> None:
    panel = panel_of(time, vessels, length_m, clear)
    assert merged_sightings(panel).tolist() == expected
    assert naive(panel).mean == max(expected) + 1
    named = with_visits(panel)
    assert len(set(named.visit_ids)) == max(expected) + 1


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_naive_counts_no_more_than_the_looks_with_a_vessel(seed: int) -> None:
    year = simulate_year(SCENARIOS[0], np.random.default_rng(seed))
    counted = naive(year.panel).mean
    assert counted <= np.sum(year.panel.vessels > 0)
    visit = merged_sightings(year.panel)
    assert (np.diff(visit[visit >= 0]) >= 0).all()
    assert ((visit >= 0) == (year.panel.vessels > 0)).all()


# --- formulas -----------------------------------------------------------------------------------


def test_formulas_are_unbiased_where_their_assumptions_hold() -> None:
    """Known dwell and detector, no false alarms, looks that do not depend on the ships."""
    rng = np.random.default_rng(9)
    truth, found, weighed, inside = [], [], [], []
    for _ in range(150):
        history = simulate_history(rng, np.array([0.3]), 1.5, "lognormal", np.array([90.0]))
        time = np.sort(rng.uniform(0, YEAR_DAYS, 150))
        looks = Looks(time, np.zeros(150, dtype=np.int32), np.ones(150))
        panel, _ = observe(rng, history, looks, (Eye(0.8, 0.0, 1e-9, 5.0),), (SURE,), YEAR_DAYS)
        estimate = snapshot(panel, DWELL)
        truth.append(history.arrivals(0, YEAR_DAYS))
        found.append(estimate.mean)
        weighed.append(horvitz_thompson(panel, DWELL).mean)
        inside.append(estimate.low90 <= truth[-1] <= estimate.high90)
    assert np.mean(found) == pytest.approx(np.mean(truth), rel=0.03)
    assert 0.8 <= np.mean(inside) <= 0.99
    # a missed ship splits a stay in two where looks are close: counted twice, weighed twice
    assert np.mean(weighed) == pytest.approx(np.mean(truth), rel=0.15)


def test_false_alarms_are_taken_off_the_occupied_share() -> None:
    rng = np.random.default_rng(10)
    noisy = replace(SURE, false_alarms=0.1)
    seen = rng.random(1500) < 1 - np.exp(-0.1)
    panel = panel_of(np.linspace(0, 364, 1500), seen, detector=noisy)
    assert snapshot(panel, DWELL).mean < 0.03 * YEAR_DAYS / 1.5


def test_an_unknown_dwell_widens_the_snapshot_interval() -> None:
    panel = panel_of(np.arange(0, 360, 3), np.arange(120) % 4 == 0)
    sure, unsure = snapshot(panel, DWELL), snapshot(panel, replace(DWELL, dwell_sd=0.35))
    assert np.log(unsure.high90 / unsure.low90) > 1.2 * np.log(sure.high90 / sure.low90)
    assert sure.low90 < sure.low50 < sure.mean < sure.high50 < sure.high90


def test_no_sighting_gives_no_interval_of_zero_width() -> None:
    found = snapshot(panel_of(np.arange(0, 360, 3), np.zeros(120)), DWELL)
    assert found.low90 < found.high90
    assert np.isnan(snapshot(panel_of([], []), DWELL).mean)


def test_the_chance_to_be_seen_is_that_of_a_simulation() -> None:
    """Daily looks that find all: only stays that fit between two looks are missed."""
    perfect = replace(SURE, recall=1 - 1e-12)
    panel = panel_of(np.arange(0.5, YEAR_DAYS), np.zeros(365), detector=perfect)
    rng = np.random.default_rng(11)
    known = replace(DWELL, dwell_median_days=0.5)
    stays = 0.5 * rng.gamma(4, 0.25, 200_000)
    assert seen_at_all(panel, known, 90.0) == pytest.approx(np.minimum(stays, 1).mean(), abs=0.02)


# --- the investigation --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_twin_is_the_investigation(seed: int) -> None:
    twin = simulate_twin(np.random.default_rng(seed))
    loading = twin.calls[LOADING]
    assert loading.history.arrivals(0, DAYS) == VISITS
    assert (loading.history.arrival[1:] >= loading.history.departure[:-1]).all()
    assert loading.history.departure[-1] <= DAYS
    assert loading.ship.max() < SHIPS
    assert 400_000 < twin.barrels.sum() < 2_500_000
    assert 0 < twin.crossed(twin.barrels.sum() / 2) < DAYS
    assert twin.crossed(1e9) == np.inf


def test_every_cargo_is_discharged_once_by_the_ship_that_loaded_it() -> None:
    twin = simulate_twin(np.random.default_rng(12))
    loading = twin.calls[LOADING]
    carried = []
    for port in DISCHARGE_SHARE:
        calls = twin.calls[port]
        mine = calls.voyage >= 0
        came = calls.voyage[mine]
        carried += came.tolist()
        assert {twin.bound_for[call] for call in came} <= {port}
        assert (calls.ship[mine] == loading.ship[came]).all()
        assert (calls.history.length_m[mine] == loading.history.length_m[came]).all()
        assert (calls.history.arrival[mine] > loading.history.departure[came]).all()
        assert (calls.history.arrival[1:] >= calls.history.departure[:-1]).all()
    assert sorted(carried) == list(range(VISITS))


def test_a_ship_is_nowhere_twice_at_a_time() -> None:
    twin = simulate_twin(np.random.default_rng(13))
    loading = twin.calls[LOADING]
    for port in DISCHARGE_SHARE:
        calls = twin.calls[port]
        for index in np.flatnonzero(calls.voyage >= 0):
            hers = loading.ship == calls.ship[index]
            overlap = (loading.history.arrival[hers] < calls.history.arrival[index]) & (
                calls.history.arrival[index] < loading.history.departure[hers]
            )
            assert not overlap.any()


def test_fewer_sensors_see_part_of_the_same_looks() -> None:
    rng = np.random.default_rng(14)
    watched = watch(rng, simulate_twin(rng), LOADING)
    alone = watched.by((0,))
    assert len(watched.by(range(len(SENSORS))).panel) == len(watched.panel)
    assert 0 < len(alone.panel) < len(watched.panel)
    assert set(alone.panel.time) <= set(watched.panel.time)
    assert len(alone.stay) == len(alone.panel)
    usable_days = np.sum(watched.panel.detector == len(SENSORS) - 1) / DAYS
    assert 0.25 < usable_days < 0.6


def test_links_are_compared_with_the_true_voyages() -> None:
    """Voyages 0 and 1 are seen at both ends, 2 only when loaded; 0 is linked rightly, 1 is not."""
    port = (LOADING, LOADING, LOADING, "KPCHO", "KPCHO", "KPNAM")
    voyage = np.array([0, 1, 2, 0, 1, -1])
    nothing = np.empty((1, 6))
    visits = SeenVisits(
        tuple("abcdef"), port, ORIGIN, DAYS, nothing, nothing, np.empty(6), np.empty(6)
    )
    linkage = Linkage(
        visits=visits,
        ports=(LOADING, "KPCHO", "KPNAM"),
        before=np.array([0, 0, 1, 1, 2, 3]),
        after=np.array([3, 4, 4, 5, 5, 0]),
        probability=np.array([0.7, 0.2, 0.3, 0.6, 0.1, 0.9]),
        hours=np.zeros((6, 3)),
        no_next=np.zeros(6),
        no_previous=np.zeros(6),
        trips=np.zeros((1, 3, 3), dtype=np.int32),
    )
    found = compared(linkage, voyage)
    assert (found.both_seen, found.right, found.true) == (2, 1, 2)
    assert (found.stated, found.stated_right) == (2, 1)
    assert found.claimed == pytest.approx(1.9)


def test_a_visit_is_the_voyage_of_the_ship_seen_most() -> None:
    twin = simulate_twin(np.random.default_rng(15))
    panel = with_visits(panel_of([1, 2, 3, 9], [1, 1, 1, 1]))
    watched = Watched(panel, np.array([4, 5, 5, -1]))
    assert list(true_voyages(twin, LOADING, watched, panel).values()) == [5, -1]
    lengths = measured_lengths(panel)
    assert lengths["SIM-berth-0"] == pytest.approx((90.0, 5 / np.sqrt(3)))
