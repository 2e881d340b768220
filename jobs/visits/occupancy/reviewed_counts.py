"""What is known of each report of a count: its score, and what reviewers said.

The network reports a number of vessels at a place for several ships. Reviewers accept some of them,
reject some, and draw ships that were not reported. Given which of the reports are ships, and how
many ships were not reported, the probability of that follows from the reviewers' two errors.
"""

from __future__ import annotations

from math import comb, exp, factorial

import numpy as np
from numpy.typing import NDArray

from jobs.visits.occupancy.panel import ACCEPTED, REJECTED, UNSAID, Panel, PanelReview
from jobs.visits.occupancy.reports import CLASS, IF_NONE, IF_SHIP
from jobs.visits.occupancy.scores import UNKNOWN_SCORE, score_classes

Floats = NDArray[np.float64]


def marks_of(panel: Panel, most: int) -> Floats:
    """The marks of the reports, (look, report, 3) as of ``reports``: classes of their scores, and
    the probability of what reviewers said of each. Of the surest ones, where there are more than
    ``most``.
    """
    width = min(int(panel.reported.max(initial=0)), most)
    marks = np.ones((len(panel), width, 3))
    marks[:, :, CLASS] = UNKNOWN_SCORE
    classes = score_classes(panel)[:, :width]
    marks[:, : classes.shape[1], CLASS] = classes
    if panel.review is not None:
        said = verdicts_of(panel, width)
        missed, invented = panel.review.missed, panel.review.invented
        marks[said == ACCEPTED, IF_SHIP], marks[said == ACCEPTED, IF_NONE] = 1 - missed, invented
        marks[said == REJECTED, IF_SHIP], marks[said == REJECTED, IF_NONE] = missed, 1 - invented
    return marks


def verdicts_of(panel: Panel, width: int) -> NDArray[np.int8]:
    """(look, report), what reviewers said of each; of reports that are not told apart the first
    are those accepted.
    """
    said = np.full((len(panel), width), UNSAID, np.int8)
    if panel.reports is not None:
        known = panel.reports.verdict[:, :width]
        said[:, : known.shape[1]] = known
    elif panel.review is not None:
        number = np.arange(width)
        accepted = panel.review.accepted[:, None]
        said[number < accepted + panel.review.rejected[:, None]] = REJECTED
        said[number < accepted] = ACCEPTED
    return said


def missed_of(panel: Panel, most: int) -> Floats:
    """Probability of what was said by number of ships missed, (look, ship + 1); 1 where nothing
    was. ``most``: the greatest number of ships.
    """
    review = panel.review
    if review is None:
        return np.ones((len(panel), 1))
    of_missed = np.ones((len(panel), most + 1))
    for look in np.flatnonzero(is_reviewed(review)):
        of_missed[look] = _of_missed(
            review, int(review.drawn[look]), bool(review.whole[look]), most
        )
    return of_missed


def is_reviewed(review: PanelReview) -> NDArray[np.bool_]:
    """(look,), where reviewers said anything."""
    said = review.accepted + review.rejected + review.drawn
    return np.asarray((said > 0) | review.whole, np.bool_)


def _of_missed(review: PanelReview, drawn: int, whole: bool, most: int) -> Floats:
    """By number of ships that the network missed, 0..most."""
    return np.array([_drawn_of(review, drawn, missed, whole) for missed in range(most + 1)])


def _drawn_of(review: PanelReview, drawn: int, missed: int, whole: bool) -> float:
    """Probability of the drawn ships. Of a look that was not checked as a whole only that there are
    as many is known, not that there are no more.
    """
    if not whole:
        return review.invented ** max(drawn - missed, 0)
    return sum(
        comb(missed, real)
        * (1 - review.missed) ** real
        * review.missed ** (missed - real)
        * exp(-review.invented)
        * review.invented ** (drawn - real)
        / factorial(drawn - real)
        for real in range(min(drawn, missed) + 1)
    )
