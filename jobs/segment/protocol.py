"""What every detector of ships gets and gives, whatever the sensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Grid, Orbit, OverpassRecord, Pixels, Port, Scene, Sensor, Vessel

PixelsOf: TypeAlias = Callable[[str], Pixels]
"""The pixels of an overpass, by its id."""

ReadWindow: TypeAlias = Callable[[Sequence[Scene], Sensor, Grid], Pixels]
"""Reads the scenes of an overpass on any grid; the task hands it to the stage."""


@dataclass(frozen=True)
class View:
    """One overpass as a detector sees it."""

    pixels: Pixels
    sensor: Sensor
    port: Port
    land: NDArray[np.bool_]
    """True where the land mask says land, (y, x)."""
    orbit: Orbit | None = None
    """From where a radar saw it; None of other sensors, and where the catalog does not say."""


@dataclass(frozen=True)
class Found:
    """What a detector found in one overpass."""

    vessels: tuple[Vessel, ...]
    probability: NDArray[np.uint8]
    """Of ship, (y, x), 0..255 for 0..1."""
    ghosts: int = 0
    """Detections that were left out as a radar's azimuth ambiguities."""
    made_by: str = ""
    """Library, number format and instructions that ran the network; empty where none was."""


@dataclass(frozen=True)
class Candidate:
    """A look that the background may be made from."""

    overpass_id: str
    clear_fraction: float
    """Share of the port's grid that is imaged and not under cloud."""


@dataclass(frozen=True)
class Looks:
    """All finished looks of a port that show it in the same way, in order of time."""

    sensor: Sensor
    grid: Grid
    candidates: tuple[Candidate, ...]
    acquired: Mapping[str, datetime]
    vessels: Mapping[str, tuple[Vessel, ...]]
    """Both by overpass."""
    pixels_of: PixelsOf


class FixedThings(Protocol):
    """What never moves in a port, as such looks show it."""

    def mark_record(self, record: OverpassRecord) -> OverpassRecord:
        """The record, its vessels marked with what they owe to what never moves."""


class ShipDetector(Protocol):
    """Finds ships in the images of one kind of sensor."""

    def find(self, view: View) -> Found:
        """The vessels of one overpass; of equal pixels the same ones."""

    def fixed_things(self, looks: Looks) -> FixedThings:
        """What never moves, from many looks together. Pixels are read one look at a time."""
