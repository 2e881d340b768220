"""Looks of known quality: what reviewers said enters the likelihood with their own errors."""

from dataclasses import replace
from itertools import product
from math import comb, exp, factorial

import numpy as np
import pytest

from jobs.visits.occupancy import berth_hmm, birth_death
from jobs.visits.occupancy.likelihood import kinds_of, looks_of
from jobs.visits.occupancy.panel import Panel, PanelReview
from jobs.visits.occupancy.prior import BerthPrior
from jobs.visits.occupancy.queue_model import QueuePrior, counts_of
from jobs.visits.occupancy.reports import of_reports
from jobs.visits.occupancy.reviewed_counts import marks_of, missed_of
from tests.support.panels import GOOD, NO_SCORES, false_chance, fit_berth, fit_queue, make_panel

MISSED, INVENTED = 0.02, 0.01
DOUBTFUL = replace(GOOD, recall=0.5, recall_sd=1.0, false_alarms=0.2, false_alarms_sd=1.0)


def reviewed(panel: Panel, **said: list[int]) -> Panel:
    """The panel with what was said of each of its looks; nothing unless given."""
    numbers = {
        name: np.array(said.get(name, np.zeros(len(panel))), np.int32)
        for name in ("accepted", "rejected", "drawn")
    }
    whole = np.array(said.get("whole", np.zeros(len(panel))), bool)
    return replace(
        panel, review=PanelReview(**numbers, whole=whole, missed=MISSED, invented=INVENTED)
    )


TIMES = [2.0, 9.0, 20.0, 31.0, 44.0]


def test_a_review_that_says_nothing_changes_no_byte():
    panel = make_panel(TIMES, [0, 1, 0, 1, 1], length_m=[np.nan, 80, np.nan, 95, 120])
    for one, two in (
        (looks_of(panel), looks_of(reviewed(panel))),
        (counts_of(panel, 3)[:6], counts_of(reviewed(panel), 3)[:6]),
    ):
        for a, b in zip(one, two, strict=True):
            assert a.tobytes() == b.tobytes()
    plain, empty = (
        fit_berth(panel, BerthPrior(), draws=50),
        fit_berth(reviewed(panel), BerthPrior(), draws=50),
    )
    assert plain.draws.arrival.tobytes() == empty.draws.arrival.tobytes()


def emissions(panel: Panel, look: int, recall: float, false: float) -> tuple[float, float]:
    """Probability of one look with a ship there, and at an empty berth."""
    looks = looks_of(panel)
    emission = np.empty(1)
    errors = (np.array([recall]), false, np.array([[1.0], [0.0]]), np.array([1.0, 0.0]))
    none = berth_hmm.look_likelihood(look + 1, *looks[2:], errors, emission)
    return emission[0], none


@pytest.mark.parametrize("there", [True, False])
def test_what_network_and_reviewer_may_say_of_a_look_has_probability_one(there):
    # every outcome of a look at which the whole was checked: reported or not, accepted or not,
    # drawn or not; lengths unknown, so that no density is in it
    outcomes = {
        "nothing": dict(vessels=0, whole=1),
        "accepted": dict(vessels=1, accepted=1, whole=1),
        "rejected": dict(vessels=0, rejected=1, whole=1),
        "drawn": dict(vessels=1, drawn=1, whole=1),
        "replaced": dict(vessels=1, drawn=1, rejected=1, whole=1),
    }
    total = 0.0
    for said in outcomes.values():
        panel = make_panel([1.0], [said["vessels"]])
        panel = reviewed(panel, **{name: [n] for name, n in said.items() if name != "vessels"})
        total += emissions(panel, 0, 0.7, 0.3)[0 if there else 1]
    # the chance that a reviewer both rejects a ship and draws it again is left out
    assert total == pytest.approx(1, abs=0.02)


def test_an_accepted_ship_is_there_and_a_rejected_one_is_not():
    for sightings, said, least, most in (
        ([1], {"accepted": [1]}, 0.97, 1.0),
        ([1], {"drawn": [1], "rejected": [0]}, 0.9, 1.0),
        ([0], {"rejected": [1], "whole": [1]}, 0.0, 0.02),
        ([0], {"whole": [1]}, 0.0, 0.03),
    ):
        panel = make_panel([30.0], sightings, detectors=(DOUBTFUL,))
        draws = fit_berth(reviewed(panel, **said), BerthPrior(), draws=600).draws
        there = draws.present(np.array([30.0])).mean()
        assert least <= there <= most, said


def test_a_rejected_report_is_no_sighting_of_a_visit():
    panel = make_panel([10.0, 11.0], [0, 1], detectors=(DOUBTFUL,))
    found = fit_berth(reviewed(panel, rejected=[1, 0], accepted=[0, 1]), BerthPrior(), draws=200)
    assert set(found.draws.visit[found.draws.visit >= 0]) == {0}
    kind, _ = kinds_of(reviewed(panel, rejected=[1, 0]))
    assert list(kind) == [berth_hmm.REJECTED, berth_hmm.VESSEL]


def test_reviewing_only_what_was_found_does_not_lower_the_recall():
    # had reviewed looks the reviewer's errors alone, the network's would be all misses
    rng = np.random.default_rng(3)
    time = np.arange(1.0, 119.0, 1.5)
    there = (time % 12) < 6
    vessels = (there & (rng.random(len(time)) < 0.7)).astype(int)
    panel = make_panel(time, vessels, days=120.0, detectors=(DOUBTFUL,))
    judged = fit_berth(reviewed(panel, accepted=vessels), BerthPrior(), draws=400)
    assert judged.recall.mean() == pytest.approx(0.7, abs=0.08)
    assert judged.points.false_alarm.mean() < 0.1


def by_hand(ships, vessels, chance, false, accepted, rejected, drawn, whole):
    """The probability of a reviewed count, every way to tell true from false reports told apart."""
    total = 0.0
    for true in product((0, 1), repeat=vessels):
        found = sum(true)
        if found > ships:
            continue
        reports = comb(ships, found) * chance**found * (1 - chance) ** (ships - found)
        alarms = vessels - found
        reports *= false_chance(alarms, false) / comb(vessels, found)
        for number, is_ship in enumerate(true):
            if number < accepted:
                reports *= 1 - MISSED if is_ship else INVENTED
            elif number < accepted + rejected:
                reports *= MISSED if is_ship else 1 - INVENTED
        left = ships - found
        if whole:
            reports *= sum(
                comb(left, n)
                * (1 - MISSED) ** n
                * MISSED ** (left - n)
                * exp(-INVENTED)
                * INVENTED ** (drawn - n)
                / factorial(drawn - n)
                for n in range(min(left, drawn) + 1)
            )
        else:
            reports *= INVENTED ** max(drawn - left, 0)
        total += reports
    return total


@pytest.mark.parametrize(
    ("vessels", "accepted", "rejected", "drawn", "whole"),
    [
        (4, 2, 1, 0, False),
        (4, 2, 1, 2, True),
        (3, 3, 0, 0, True),
        (0, 0, 0, 1, False),
        (2, 0, 2, 0, True),
    ],
)
def test_counts_are_as_likely_as_by_hand(vessels, accepted, rejected, drawn, whole):
    counted = vessels - rejected + drawn
    panel = reviewed(
        make_panel([1.0], [counted]),
        accepted=[accepted],
        rejected=[rejected],
        drawn=[drawn],
        whole=[whole],
    )
    looks = counts_of(panel, 6)
    emission = np.empty(7)
    assert looks[4][1] == vessels
    of_true = of_reports(looks[6][1], vessels, *(each[0, 0] for each in NO_SCORES))
    birth_death.reviewed_likelihood(0.7, 0.4, of_true, looks[7][1], emission)
    expected = [by_hand(s, vessels, 0.7, 0.4, accepted, rejected, drawn, whole) for s in range(7)]
    assert emission == pytest.approx(expected, rel=1e-9)


def test_without_a_word_a_count_is_as_likely_as_ever():
    plain, same = np.empty(9), np.empty(9)
    birth_death.count_likelihood(0.6, 0.5, np.ones(4), plain)
    birth_death.reviewed_likelihood(0.6, 0.5, np.ones(4), np.ones(9), same)
    assert same == pytest.approx(plain, rel=1e-12)
    panel = make_panel([1.0], [2])
    assert marks_of(panel, 5).tolist() == [[[-1, 1, 1], [-1, 1, 1]]]
    assert (missed_of(panel, 5) == 1).all()


def test_an_anchorage_counts_what_reviewers_left_of_it():
    panel = make_panel(TIMES, [3, 3, 3, 3, 3], detectors=(DOUBTFUL,))
    ships = [
        fit_queue(each, QueuePrior(), draws=300).draws.present(np.array(TIMES)).mean()
        for each in (
            reviewed(panel, accepted=[3] * 5, whole=[1] * 5),
            reviewed(panel, accepted=[1] * 5, rejected=[4] * 5, drawn=[2] * 5, whole=[1] * 5),
            panel,
        )
    ]
    assert ships[0] == pytest.approx(3, abs=0.2)
    assert ships[1] == pytest.approx(3, abs=0.25)
    assert ships[2] > 3.3
