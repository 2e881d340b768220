"""What ships that were seen again tell of how fast the ships of a road change.

Numbers alone do not tell: a road that always holds six ships may hold the same six, or others every
day. A ship at anchor lies where it lay, so of the reports of a look some are found again at a later
look, by place and length (``found_again``), the more, the fewer of the ships have left. A report is
found again where it was of a ship, which lies there still and is detected again; or else by chance,
another ship lying there, as often as that happens months later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from jobs.visits.occupancy.seen_again_likelihood import SPREAD

Floats = NDArray[np.float64]

UNRECOGNISED = -0.45
"""Of the logit of the chance to detect a ship again that was detected before: one in ten swings or
is measured beyond the gates, as those of ``tests/bench/visits/road_years.py`` do."""
AGAIN_SD = 0.5
"""Of the same: how ships differ besides by their length is not measured, nor is the share that is
recognised."""


@dataclass(frozen=True)
class SeenAgain:
    """Sure reports of looks, and how many of them were there again at the next look.

    All arrays but ``steps`` are (pair,).
    """

    gap: Floats
    """Days from the first look to the second."""
    first: NDArray[np.int32]
    """Detector of the first look."""
    second: NDArray[np.int32]
    first_clear: Floats
    """The clear share of the road, 0..1."""
    second_clear: Floats
    reports: NDArray[np.int32]
    """All of the first look."""
    sure: NDArray[np.int32]
    """Those of them whose score reaches the step of their detector."""
    again: NDArray[np.int32]
    """Those of the sure that were found again in the second look."""
    second_reports: NDArray[np.int32]
    steps: NDArray[np.intp]
    """(detector,), the step of its scores from which a report is sure; 0: all are."""
    stranger: float
    """Chance that a report is taken for that of another ship, for each report of another ship."""

    def __len__(self) -> int:
        return len(self.gap)

    @property
    def arrays(self) -> tuple[NDArray[Any] | float, ...]:
        """What the likelihood needs, in its order."""
        detectors, clear = (self.first, self.second), (self.first_clear, self.second_clear)
        numbers = (self.reports, self.sure, self.again, self.second_reports)
        return (self.gap, *detectors, *clear, *numbers, self.stranger)


def detected_again(recall_logit: Floats, within: Floats) -> Floats:
    """Chance that a ship that one detector detected is detected by another in a clear look, and is
    recognised; (point, spread, detector, detector).

    recall_logit (point, detector), of the fleet's median ship; within (detector,), the standard
    deviation of the logit within the fleet: who was detected is more easily detected than others.
    """
    nodes, weight = np.polynomial.hermite_e.hermegauss(7)
    recall = expit(recall_logit[..., None] + within[:, None] * nodes)
    weight = weight / weight.sum()
    both = np.einsum("pdn,pen,n->pde", recall, recall, weight) / (recall @ weight)[..., None]
    spread = UNRECOGNISED + AGAIN_SD * SPREAD[:, None, None]
    return np.asarray(expit(logit(both)[:, None] + spread), np.float64)
