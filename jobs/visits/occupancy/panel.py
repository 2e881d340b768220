"""Panel data: irregular, imperfect observations of one berth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from jobs.visits.occupancy.detector import Detector


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
    """(look,), how many vessels were reported there."""
    length_m: NDArray[np.float64]
    """(look,), of the vessel most likely real; NaN where none was reported or it was cut off."""
    length_sd_m: NDArray[np.float64]
    """(look,), of that length; NaN where it is."""
    visit: NDArray[np.int32]
    """(look,), index into ``visit_ids`` of the seen visit that vessel was counted to, or -1."""
    detectors: tuple[Detector, ...]
    visit_ids: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.time)
