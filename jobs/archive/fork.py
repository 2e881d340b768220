"""A fork of an archive's session: the store that a stage reads from and writes to."""

from __future__ import annotations

import pickle

import icechunk
import numpy as np
import zarr
from numpy.typing import NDArray

from jobs.archive.schema import VESSEL_FIELDS, VESSELS, array
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

    def _group(self, sensor: str) -> zarr.Group:
        return zarr.open_group(self.session.store, path=SENSORS[sensor].family, mode="r+")

    def write_pixels(self, sensor: str, step: int, pixels: Pixels) -> None:
        """Store the image and its quality for one step; whole chunks only."""
        group = self._group(sensor)
        array(group, SENSORS[sensor].encoding.variable)[step] = pixels.image
        array(group, "quality")[step] = pixels.quality

    def read_pixels(self, sensor: str, step: int) -> Pixels:
        """The image and quality of one step, as written."""
        return read_pixels(self._group(sensor), sensor, step)

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
        group = self._group(sensor)
        array(group, "ship_probability")[step] = ship_probability
        for name in VESSEL_FIELDS:
            row = np.full(VESSELS, np.nan, np.float32 if name not in "xy" else np.float64)
            row[: len(vessels)] = [float(getattr(vessel, name)) for vessel in vessels]
            array(group, f"vessel_{name}")[step] = row
        corners = np.full((VESSELS, 4, 2), np.nan)
        corners[: len(vessels)] = np.array([v.corners for v in vessels]).reshape(-1, 4, 2)
        array(group, "vessel_corners")[step] = corners

    def read_vessels(self, sensor: str, step: int) -> tuple[tuple[Vessel, ...], NDArray[np.uint8]]:
        """The vessels and the ship probability of one step, as written."""
        group = self._group(sensor)
        probability = np.asarray(array(group, "ship_probability")[step])
        return read_vessels(group, step), probability

    def land(self) -> NDArray[np.bool_]:
        """The land mask, (y, x): True on land."""
        root = zarr.open_group(self.session.store, mode="r")
        return np.asarray(array(root, "land")[:]).astype(bool)
