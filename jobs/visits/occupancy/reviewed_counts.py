"""What reviewers said of counts: its probability, by how many of the reports are ships.

The network reports a number of vessels at a place for several ships. Reviewers accept some of them,
reject some, and draw ships that were not reported. Given how many of the reports are ships, and how
many ships were not reported, the probability of that follows from the reviewers' two errors.
"""

from __future__ import annotations

from math import comb, exp, factorial

import numpy as np
from numpy.typing import NDArray

from jobs.visits.occupancy.panel import Panel, PanelReview

Floats = NDArray[np.float64]


def reviews_of(panel: Panel, reported: NDArray[np.integer], most: int) -> tuple[Floats, Floats]:
    """Probability of what was said by number of true reports, and by number of ships missed.

    (look, report + 1) and (look, ship + 1); both are 1 where nothing was said. ``reported`` (look,)
    is the network's number, cut off where it is no evidence; ``most`` the greatest number of ships.
    """
    review = panel.review
    if review is None:
        return np.ones((len(panel), 1)), np.ones((len(panel), 1))
    of_reports = np.ones((len(panel), int(reported.max(initial=0)) + 1))
    of_missed = np.ones((len(panel), most + 1))
    for look in np.flatnonzero(is_reviewed(review)):
        total = int(reported[look])
        accepted = min(int(review.accepted[look]), total)
        rejected = min(int(review.rejected[look]), total - accepted)
        of_reports[look, : total + 1] = _of_reports(review, total, accepted, rejected)
        of_missed[look] = _of_missed(
            review, int(review.drawn[look]), bool(review.whole[look]), most
        )
    return of_reports, of_missed


def is_reviewed(review: PanelReview) -> NDArray[np.bool_]:
    """(look,), where reviewers said anything."""
    said = review.accepted + review.rejected + review.drawn
    return np.asarray((said > 0) | review.whole, np.bool_)


def _of_reports(review: PanelReview, total: int, accepted: int, rejected: int) -> Floats:
    """By number of true reports, 0..total: which of the reports are true is equally likely."""
    right, wrong = (
        _weights(accepted, 1 - review.missed, review.invented),
        _weights(rejected, review.missed, 1 - review.invented),
    )
    unsaid = [float(comb(total - accepted - rejected, n)) for n in range(total + 1)]
    ways = np.convolve(np.convolve(right, wrong), unsaid)[: total + 1]
    return ways / [comb(total, n) for n in range(total + 1)]


def _weights(number: int, if_ship: float, if_none: float) -> list[float]:
    """By how many of the judged reports are ships: ways to choose them, times the verdicts."""
    return [comb(number, n) * if_ship**n * if_none ** (number - n) for n in range(number + 1)]


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
