"""Compiled: what the scores of a look's reports, and reviewers, say of how many are ships."""

from __future__ import annotations

import numpy as np

from jobs.visits.compiled import njit
from jobs.visits.occupancy.agreement import FALSE_SHAPE

CLASS, IF_SHIP, IF_NONE = 0, 1, 2
"""Of the marks of a report: the class of its score, below 0 if not known; and the probability of
what a reviewer said of it, if it is a ship and if it is none."""


@njit(cache=True)
def of_reports(marks, vessels, ships_least, false_least):
    """Probability of the marks of the reports by how many of them are ships; (vessels + 1,).

    Which of them are is equally likely. marks: (report, 3); ships_least, false_least: (class + 1,),
    as of ``scores``.
    """
    found = np.zeros(vessels + 1)
    found[0] = 1.0
    for i in range(vessels):
        score_class = int(marks[i, CLASS])
        ship, none = marks[i, IF_SHIP], marks[i, IF_NONE]
        if score_class >= 0:
            ship *= ships_least[score_class] - ships_least[score_class + 1]
            none *= false_least[score_class] - false_least[score_class + 1]
        for t in range(i + 1, 0, -1):
            found[t] = (found[t] * none * (i + 1 - t) + found[t - 1] * ship * t) / (i + 1)
        found[0] *= none
    return found


@njit(cache=True)
def with_false_alarms(of_true, false_alarms):
    """The same, times the probability that the others are all false alarms, in place.

    Their number is negative binomial: looks differ, by yachts, waves and haze (FALSE_SHAPE).
    """
    false = (FALSE_SHAPE / (FALSE_SHAPE + false_alarms)) ** FALSE_SHAPE
    more = false_alarms / (FALSE_SHAPE + false_alarms)
    for t in range(len(of_true) - 1, -1, -1):
        number = len(of_true) - 1 - t
        of_true[t] *= false
        false *= more * (FALSE_SHAPE + number) / (number + 1)


@njit(cache=True)
def one_ship_more(by_reported, chance):
    """By number of ships reported besides, with one ship more, which is reported with a chance."""
    for n in range(len(by_reported) - 1):
        by_reported[n] = (1.0 - chance) * by_reported[n] + chance * by_reported[n + 1]
    by_reported[-1] *= 1.0 - chance


@njit(cache=True)
def errors_at(errors, point):
    """Recall, false alarms, and the least shares of both of one parameter point."""
    recall, false_alarm, ships_least, false_least = errors
    return recall[point], false_alarm[point], ships_least[point], false_least[point]
