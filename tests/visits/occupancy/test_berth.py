"""The berth model as its users see it: what looks say of visits, and what they cannot."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.errors import InputError
from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.draws import credible
from jobs.visits.occupancy.prior import BerthPrior
from tests.support.panels import GOOD, fit_berth, make_panel, simulated_berth

PRIOR = BerthPrior()


def visits(panel, prior=PRIOR, draws=600):
    return fit_berth(panel, prior, draws).draws.arrivals([0.0, panel.days])[:, 0]


def test_nobody_looked_means_the_width_of_the_prior_and_not_zero():
    none = visits(make_panel([], [], days=90.0))
    low, high = credible(none, 0.9)
    rng = np.random.default_rng(0)
    rate = PRIOR.rate_median_per_day * np.exp(PRIOR.rate_sd * rng.standard_normal(20_000))
    dwell = PRIOR.dwell_median_days * np.exp(PRIOR.dwell_sd * rng.standard_normal(20_000))
    assert none.mean() == pytest.approx((90 / (1 / rate + dwell)).mean(), rel=0.1)
    assert low < 6 < 30 < high


def test_clear_looks_at_an_empty_berth_bring_the_estimate_down():
    often = np.arange(0.25, 90, 0.5)
    few = visits(make_panel(often, np.zeros(len(often), int), days=90.0))
    assert credible(few, 0.9)[1] <= 3


def test_dense_looks_count_the_visits_themselves():
    time = np.arange(0.1, 60, 0.2)
    there = ((time % 6) > 2) & ((time % 6) < 4)  # ten stays of two days
    length = np.where(there, 90.0, np.nan)
    counted = visits(make_panel(time, there.astype(int), length_m=length))
    low, high = credible(counted, 0.9)
    assert 9 <= low <= 10 <= high <= 12


@pytest.mark.parametrize(("second_m", "least", "most"), [(91.0, 0.0, 0.35), (150.0, 0.8, 1.0)])
def test_two_sightings_are_one_stay_or_two_ships_by_their_lengths(second_m, least, most):
    panel = make_panel([10.0, 11.0], [1, 1], length_m=[90.0, second_m], length_sd_m=6.0, days=20.0)
    stays = fit_berth(panel, PRIOR, 800).draws
    between = stays.arrivals([10.0, 11.0])[:, 0] > 0
    assert least <= between.mean() <= most


def test_a_sighting_with_the_length_of_no_ship_here_is_a_false_alarm():
    narrow = replace(PRIOR, length_median_sd=0.05, length_sd=0.1, length_sd_sd=0.05)
    careless = replace(GOOD, false_alarms=0.1)
    share = []
    for length in (90.0, 30.0):
        panel = make_panel([10.0], [1], length_m=[length], detectors=(careless,), days=20.0)
        stays = fit_berth(panel, narrow, 600).draws
        share.append(len(np.unique(stays.draw[stays.visit >= 0])) / 600)
    assert share[0] > 0.8 > 0.2 > share[1]


def test_a_lower_recall_means_more_unseen_visits():
    panel, _ = simulated_berth(3, rate=0.25, dwell=1.5, stages=2, recall=0.8, days=180.0)
    sure, blind = (
        visits(replace(panel, detectors=(replace(GOOD, recall=r, recall_sd=0.1),))).mean()
        for r in (0.9, 0.45)
    )
    assert blind > 1.4 * sure


def test_where_looks_are_sparse_the_count_hangs_on_the_dwell():
    panel, _ = simulated_berth(3, rate=0.3, dwell=1.5, stages=2, recall=0.9)
    sparse = replace(
        panel,
        time=panel.time[::3],
        vessels=panel.vessels[::3],
        clear=panel.clear[::3],
        detector=panel.detector[::3],
        length_m=panel.length_m[::3],
        length_sd_m=panel.length_sd_m[::3],
        visit=panel.visit[::3],
    )
    half, double = (visits(sparse, PRIOR.with_dwell(f)).mean() for f in (0.5, 2.0))
    assert half / double > 2


def test_histories_name_the_visits_they_contain():
    panel = make_panel([5.0, 15.0], [1, 1], length_m=[90.0, 95.0], days=20.0)
    stays = fit_berth(panel, PRIOR, 400).draws
    assert stays.visit_ids == ("visit-0", "visit-1")
    first = stays.visit == 0
    assert (stays.arrival[first] <= 5).all()
    assert (stays.departure[first] >= 5).all()
    assert len(np.unique(stays.draw[first])) > 300
    unseen = stays.visit == -1
    assert unseen.any()


def test_the_same_seed_gives_the_same_histories_and_another_others():
    panel, _ = simulated_berth(1, rate=0.2, dwell=1.5, stages=2, recall=0.9, days=60.0)
    one, two, other = (fit_berth(panel, PRIOR, 100, seed=seed).draws for seed in (1, 1, 2))
    assert np.array_equal(one.arrival, two.arrival)
    assert not np.array_equal(one.arrival, other.arrival)


def test_two_sensors_have_an_error_each():
    blind = Detector("blind", 0.2, 0.2, 0.0, 0.01, 0.2)
    time = np.arange(0.5, 40, 1.0)
    seen = np.tile([1, 0], 20)  # the good one sees a ship whenever it looks, the blind one never
    panel = make_panel(time, seen, detector=np.tile([0, 1], 20), detectors=(GOOD, blind), days=40.0)
    found = fit_berth(panel, replace(PRIOR, dwell_median_days=3.0), 400)
    good, poor = found.recall.mean(axis=0)
    assert good > 0.85
    assert poor < 0.25
    assert found.draws.occupied_days([0.0, 40.0]).mean() > 30


@pytest.mark.parametrize("bad", [{"dwell_median_days": 0.0}, {"rate_sd": -1}, {"stages": ()}])
def test_priors_that_cannot_be_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        BerthPrior(**bad)


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    held = {0.5: 0, 0.9: 0}
    rng = np.random.default_rng(11)
    for seed in range(120):
        panel, came = simulated_berth(
            seed,
            rate=PRIOR.rate_median_per_day * np.exp(PRIOR.rate_sd * rng.standard_normal()),
            dwell=PRIOR.dwell_median_days * np.exp(PRIOR.dwell_sd * rng.standard_normal()),
            stages=int(rng.choice(PRIOR.stages)),
            recall=0.9,
            days=240.0,
        )
        counted = visits(panel, draws=300)
        for mass in held:
            low, high = credible(counted, mass)
            held[mass] += low <= came <= high
    # three binomial standard errors
    assert 0.36 < held[0.5] / 120 < 0.64
    assert held[0.9] / 120 > 0.81
