"""Pictures of overpasses for the report, stretched to 8 bits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from jobs.archive import PortArchive, Step
from jobs.domain import (
    SENSORS,
    StageName,
    UnitState,
)

EYE_GAMMA = 0.7
"""Lifts the dark water: most of a port picture lies in the lowest tenth of its range."""


class ArchiveImagery:
    """Pictures of overpasses for the report, from the port archives."""

    def __init__(self, archives: Mapping[str, PortArchive]) -> None:
        self.archives = archives
        self._steps: dict[str, Mapping[str, Step]] = {}

    def rgb(self, port_id: str, overpass_id: str) -> NDArray[np.uint8] | None:
        """(y, x, 3) on the port's grid, stretched for the eye; None where it was never tiled."""
        if port_id not in self._steps:
            self._steps[port_id] = self.archives[port_id].steps()
        step = self._steps[port_id].get(overpass_id)
        if step is None or step.state[StageName.TILE] is not UnitState.DONE:
            return None
        sensor = SENSORS[step.sensor]
        image = sensor.encoding.decode(self.archives[port_id].image(step).image)
        visible = image[[sensor.bands.index(band) for band in ("red", "green", "blue")]]
        return stretch(visible)


def stretch(visible: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(y, x, 3) from (band, y, x): the 1st to 99.5th percentile of all bands as one range."""
    if np.isnan(visible).all():
        return np.zeros((*visible.shape[1:], 3), np.uint8)
    low, high = np.nanpercentile(visible, [1.0, 99.5])
    unit = np.clip((visible - low) / max(high - low, 1e-6), 0, 1) ** EYE_GAMMA
    shown = np.nan_to_num(1 + unit * 254, nan=0)
    return np.moveaxis(np.rint(shown).astype(np.uint8), 0, -1)
