"""A fork of an archive's session: the store that a stage reads from and writes to."""

from __future__ import annotations

import pickle
from typing import Any

import icechunk
import numpy as np
from numpy.typing import NDArray

from jobs.archive.schema import VESSEL_FIELDS, VESSELS
from jobs.archive.step_chunks import StepArrays
from jobs.archive.steps import read_pixels, read_vessels
from jobs.domain import SENSORS, Pixels, Vessel
from jobs.errors import ArchiveError


class ForkStore:
    """A fork of a writable session: picklable; its writes are visible only once it is merged."""

    def __init__(self, session: icechunk.session.ForkSession) -> None:
        self.session = session

    def copy(self) -> ForkStore:
        """An independent fork with the same content."""
        copied: ForkStore = pickle.loads(pickle.dumps(self))
        return copied

    def _arrays(self, sensor: str) -> StepArrays:
        return StepArrays(self.session, SENSORS[sensor].family)

    def write_pixels(self, sensor: str, step: int, pixels: Pixels) -> None:
        """Store the image and its quality for one step; whole chunks only."""
        image = SENSORS[sensor].encoding.variable
        self._arrays(sensor).write(step, {image: pixels.image, "quality": pixels.quality})

    def read_pixels(self, sensor: str, step: int) -> Pixels:
        """The image and quality of one step, as written."""
        return read_pixels(self._arrays(sensor), sensor, step)

    def write_vessels(
        self,
        sensor: str,
        step: int,
        vessels: tuple[Vessel, ...],
        ship_probability: NDArray[np.uint8],
    ) -> None:
        """Store one step's vessels and its ship probability; ArchiveError for more than VESSELS."""
        if len(vessels) > VESSELS:
            raise ArchiveError(
                f"{len(vessels)} vessels in one overpass, but a step holds {VESSELS}: "
                "draw a smaller area of interest, or raise the model's threshold"
            )
        values: dict[str, NDArray[Any]] = {"ship_probability": ship_probability}
        for name in VESSEL_FIELDS:
            row = np.full(VESSELS, np.nan, np.float32 if name not in "xy" else np.float64)
            known = [getattr(vessel, name) for vessel in vessels]
            row[: len(vessels)] = [np.nan if n is None else float(n) for n in known]
            values[f"vessel_{name}"] = row
        corners = np.full((VESSELS, 4, 2), np.nan)
        corners[: len(vessels)] = np.array([v.corners for v in vessels]).reshape(-1, 4, 2)
        values["vessel_corners"] = corners
        self._arrays(sensor).write(step, values)

    def read_vessels(self, sensor: str, step: int) -> tuple[tuple[Vessel, ...], NDArray[np.uint8]]:
        """The vessels and the ship probability of one step, as written."""
        arrays = self._arrays(sensor)
        probability = np.asarray(arrays["ship_probability"][step])
        return read_vessels(arrays, step), probability

    def land(self) -> NDArray[np.bool_]:
        """The land mask, (y, x): True on land."""
        return np.asarray(StepArrays(self.session, "")["land"][:]).astype(bool)
