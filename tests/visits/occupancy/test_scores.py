"""Scores are evidence: a report at .9 is not as easily false as one at .3."""

from dataclasses import replace
from itertools import product
from math import comb, prod

import numpy as np
import pytest

from jobs.visits.occupancy import berth_hmm, birth_death
from jobs.visits.occupancy.detector import ANCHORAGE, Detector, ScoreStep, detectors_for
from jobs.visits.occupancy.likelihood import looks_of
from jobs.visits.occupancy.prior import BerthPrior
from jobs.visits.occupancy.queue_model import QueuePrior, counts_of
from jobs.visits.occupancy.reports import of_reports
from jobs.visits.occupancy.scores import (
    UNKNOWN_SCORE,
    least_of_false_alarms,
    least_of_ships,
    score_classes,
)
from models.config import DetectorError, ScoreError
from models.weights import load_weights
from tests.support.panels import false_chance, fit_berth, fit_queue, make_panel, scored

STEPS = (ScoreStep(0.5, 0.6, 0.5, 0.0, 0.25), ScoreStep(0.7, 0.45, 0.5, 0.0, 0.05))
SHARP = Detector("sharp", 0.8, 0.5, 0.0, 0.5, 1.0, steps=STEPS)
SHIPS_LEAST, FALSE_LEAST = np.array([1.0, 0.7, 0.4, 0.0]), np.array([1.0, 0.2, 0.05, 0.0])


def by_hand(ships, classes, chance, false):
    """The probability of the reports of a look, every way to tell true from false told apart."""
    if_ship, if_none = -np.diff(SHIPS_LEAST), -np.diff(FALSE_LEAST)
    total, number = 0.0, len(classes)
    for true in product((0, 1), repeat=number):
        found = sum(true)
        if found > ships:
            continue
        of_number = comb(ships, found) * chance**found * (1 - chance) ** (ships - found)
        alarms = number - found
        of_number *= false_chance(alarms, false) / comb(number, found)
        marks = zip(true, classes, strict=True)
        total += of_number * prod((if_ship if ship else if_none)[c] for ship, c in marks)
    return total


@pytest.mark.parametrize("classes", [[], [2], [2, 2, 1, 0], [0, 0]])
def test_reports_are_as_likely_as_by_hand(classes):
    marks = np.ones((len(classes), 3))
    marks[:, 0] = classes
    of_true, emission = of_reports(marks, len(classes), SHIPS_LEAST, FALSE_LEAST), np.empty(6)
    birth_death.count_likelihood(0.7, 0.4, of_true, emission)
    assert emission == pytest.approx([by_hand(n, classes, 0.7, 0.4) for n in range(6)], rel=1e-12)


@pytest.mark.parametrize("there", [True, False])
def test_what_a_look_at_a_berth_may_report_has_probability_one(there):
    errors = (np.array([0.7]), 0.3, SHIPS_LEAST[:, None], FALSE_LEAST)
    total, emission = 0.0, np.empty(1)
    for score in ([], [0.3], [0.6], [0.9]):
        panel = scored(make_panel([1.0], [len(score)], detectors=(SHARP,)), [score])
        none = berth_hmm.look_likelihood(1, *looks_of(panel)[2:], errors, emission)
        total += emission[0] if there else none
    assert total == pytest.approx(1)


def test_classes_are_those_of_the_detectors_steps_and_unknown_without():
    plain = replace(SHARP, steps=())
    panel = make_panel([1.0, 2.0], [3, 2], detectors=(SHARP, plain), detector=[0, 1])
    found = score_classes(scored(panel, [[0.7, 0.69, 0.3], [0.9, 0.8]]))
    unknown = [UNKNOWN_SCORE] * 3
    assert found.tolist() == [[2, 1, 0], unknown]
    assert score_classes(panel).shape == (2, 0)


def test_shares_of_the_median_port_are_those_measured_and_ports_differ():
    shift = np.array([0.0, -2.0, 2.0])
    ships = least_of_ships([np.full(3, r) for r in (0.8, 0.6, 0.45)], shift, 2)
    assert ships[0] == pytest.approx([1, 0.75, 0.5625, 0])
    false = least_of_false_alarms(SHARP, shift, 2)
    assert false[0] == pytest.approx([1, 0.25, 0.05, 0])
    for each in (ships, false):
        assert (np.diff(each, axis=1) < 0).all()
        assert each[1, 2] < each[0, 2] < each[2, 2]
    # a detector with fewer steps than another beside it
    assert least_of_false_alarms(replace(SHARP, steps=STEPS[:1]), shift, 2)[0, 2:].tolist() == [
        0,
        0,
    ]


def test_sure_reports_are_ships_and_unsure_ones_are_not():
    time = np.arange(3.0, 60.0, 6.0)
    panel = make_panel(time, [5] * len(time), detectors=(SHARP,))
    unsure, sure = ([[score] * 5] * len(time) for score in (0.35, 0.9))
    ships = [
        fit_queue(each, QueuePrior(), draws=400).draws.present(time)
        for each in (scored(panel, unsure), panel, scored(panel, sure))
    ]
    assert ships[0].mean() < ships[1].mean() < ships[2].mean()
    # that four of ten are no ships is what only numbers leave open
    few = [np.mean(each.mean(axis=1) < 3) for each in ships]
    assert few[1] > 10 * few[2]


def test_a_sure_sighting_at_a_berth_is_its_ship():
    panel = make_panel([30.0], [1], detectors=(replace(SHARP, false_alarms=0.1),))
    there = [
        fit_berth(scored(panel, [[score]]), BerthPrior(), draws=600)
        .draws.present(panel.time)
        .mean()
        for score in (0.35, 0.9)
    ]
    assert there[0] < there[1] - 0.1


def test_reviewed_reports_keep_their_scores():
    panel = scored(make_panel([1.0], [2], detectors=(SHARP,)), [[0.9, 0.3]])
    marks = counts_of(panel)[6][1]
    assert marks.tolist() == [[2, 1, 1], [0, 1, 1]]


def test_errors_by_score_come_from_the_weights_and_are_told():
    step = ScoreError(0.5, 0.6, 0.7, 1.0, 0.01, 0.9)
    error = DetectorError(ANCHORAGE, 0.8, 1.0, 1.0, 0.04, 1.0, 3, 50, 80.0, (step,))
    found = detectors_for([error], "s2", ANCHORAGE)
    assert found.steps == (ScoreStep(0.5, 0.6, 0.7, 1.0, 0.25),)
    assert found.source.endswith("scores from 0.5 apart")
    assert detectors_for([replace(error, steps=())], "s2", ANCHORAGE).source.endswith("score alike")


def test_the_packaged_weights_have_errors_by_score():
    for error in load_weights().detector_errors:
        assert [step.from_score for step in error.steps] == [0.5, 0.7]
        rates = [error.false_alarms, *(step.false_alarms for step in error.steps)]
        assert rates == sorted(rates, reverse=True)
