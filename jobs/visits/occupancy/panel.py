"""Panel data: irregular, imperfect observations of one berth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.seen_again import SeenAgain


@dataclass(frozen=True)
class PanelReview:
    """What reviewers said of the looks of a panel; all arrays are (look,)."""

    accepted: NDArray[np.int32]
    """Reports of the network taken for ships; among the panel's ``vessels``."""
    rejected: NDArray[np.int32]
    """Reports taken for no ship; not among the panel's ``vessels``."""
    drawn: NDArray[np.int32]
    """Ships drawn by hand; among the panel's ``vessels``."""
    whole: NDArray[np.bool_]
    """Whether the look was checked as a whole: what is not there, a reviewer did not see."""
    missed: float
    """Chance that a reviewer rejects, or overlooks in a whole look, a ship that is there."""
    invented: float
    """Chance that a reviewer accepts what is no ship; and the expected number of ships drawn in a
    whole look where there is none."""


UNSAID, ACCEPTED, REJECTED = 0, 1, 2
"""What reviewers said of a report."""


@dataclass(frozen=True)
class Reports:
    """The network's reports of each look, the surest first; all arrays are (look, report)."""

    score: NDArray[np.float64]
    """0..1; NaN where it is not known, and beyond the reports of a look."""
    verdict: NDArray[np.int8]
    """UNSAID, ACCEPTED or REJECTED."""


@dataclass(frozen=True)
class Panel:
    """The usable looks at one berth, in time order; clouded and outside looks are not in it."""

    port: str
    berth: str
    origin: datetime
    """UTC; day 0."""
    days: float
    """The time of interest is from day 0 to this day; every look lies in it."""
    time: NDArray[np.float64]
    """(look,), days since origin, ascending."""
    detector: NDArray[np.int32]
    """(look,), index into ``detectors``."""
    clear: NDArray[np.float64]
    """(look,), the clear share of the berth, 0..1."""
    vessels: NDArray[np.int32]
    """(look,), how many vessels count there: reported and not rejected, or drawn by hand."""
    length_m: NDArray[np.float64]
    """(look,), of the vessel most likely real; NaN where none was reported or it was cut off."""
    length_sd_m: NDArray[np.float64]
    """(look,), of that length; NaN where it is."""
    visit: NDArray[np.int32]
    """(look,), index into ``visit_ids`` of the seen visit that vessel was counted to, or -1."""
    detectors: tuple[Detector, ...]
    visit_ids: tuple[str, ...] = ()
    review: PanelReview | None = None
    """None where no reviewer has said anything of these looks."""
    reports: Reports | None = None
    """None where only their number is known."""
    again: SeenAgain | None = None
    """Of a road: what was seen again. None elsewhere, or where places are not known."""

    @property
    def reported(self) -> NDArray[np.int32]:
        """(look,), how many vessels the network reported, rejected ones too."""
        if self.review is None:
            return self.vessels
        return self.vessels - self.review.drawn + self.review.rejected

    def __len__(self) -> int:
        return len(self.time)
