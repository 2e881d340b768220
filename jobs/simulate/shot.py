"""One pass over one harbour as it was drawn: what every sensor's images are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Grid
from jobs.simulate.moorings import Harbour
from jobs.simulate.traffic import Pose
from jobs.simulate.weather import View, Weather


@dataclass(frozen=True)
class Shot:
    """Harbour, ships and weather of a pass, and the view of 10 m with its classification."""

    seed: int
    harbour: Harbour
    weather: Weather
    ships: tuple[Pose, ...]
    moment: datetime
    view: View
    scl: NDArray[np.uint8]
    """Scene classification of Sentinel-2 at 20 m."""

    @property
    def window(self) -> Grid:
        """The grid of the view."""
        return self.harbour.window
