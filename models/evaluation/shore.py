"""Distances to solid ground: of hulls and false alarms, and the areas for alarm rates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from models.config import PIXEL_M
from models.dataset import Box, LabelledScene
from models.evaluation.looks import ALONGSIDE_M, REACH_M, Mask, distance_m, to_ground_m
from models.evaluation.metrics import Comparison
from models.evaluation.rafts import Hull
from models.inference import Detection

HARBOUR_M = 500.0
"""Water at most this far from solid ground is harbour."""


class Zone(StrEnum):
    """Distance of a hull to land, quays and breakwaters."""

    ALONGSIDE = "within 100 m"
    NEAR = "100 to 500 m"
    FAR = "beyond 500 m"


class Water(StrEnum):
    """Kind of area by which false alarms are counted."""

    OPEN = "open water"
    """Farther than 500 m from solid ground."""
    HARBOUR = "harbour"
    """Water within 500 m of solid ground; detections up to 50 m inland count here, since they are
    on quays."""
    ASHORE = "ashore"
    """Ground farther than 50 m from water, where a land mask removes detections."""


@dataclass(frozen=True)
class Shore:
    """Areas of one scene and the location of its hulls; empty where solid ground is unknown."""

    areas_km2: Mapping[Water, float] = field(default_factory=dict)
    """Of pixels with data; the strip inland in which detections count as harbour adds no area."""
    zones: Mapping[Hull, Zone] = field(default_factory=dict)
    waters: Mapping[Detection, Water] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Whether the scene's solid ground is known."""
        return bool(self.areas_km2)


@dataclass(frozen=True)
class AlarmRate:
    """False alarms on one kind of area, over all scenes with known ground."""

    water: Water
    area_km2: float
    false_alarms: int

    @property
    def per_100_km2(self) -> float:
        """False alarms per 100 square kilometres; NaN where the area is 0."""
        return 100 * self.false_alarms / self.area_km2 if self.area_km2 else float("nan")


def shore_of(scene: LabelledScene, found: Sequence[Detection], ground: Mask | None) -> Shore:
    """The location of a scene's labelled and detected vessels.

    ground: (y, x), True on land, quays and breakwaters; None = unknown.
    """
    if ground is None:
        return Shore()
    known = np.isfinite(scene.image).any(axis=0)
    shore_m, inland_m = distance_m(ground), distance_m(~ground)
    waters = np.select(
        [inland_m > REACH_M, shore_m <= HARBOUR_M],
        [Water.ASHORE.value, Water.HARBOUR.value],
        Water.OPEN.value,
    )
    dry = {Water.OPEN: ~ground, Water.HARBOUR: ~ground, Water.ASHORE: ground}
    boxes = {box: box for box in scene.boxes} | {vessel: _as_box(vessel) for vessel in found}
    return Shore(
        areas_km2={
            water: np.count_nonzero(known & part & (waters == water.value)) * (PIXEL_M / 1000) ** 2
            for water, part in dry.items()
        },
        zones={hull: _zone(to_ground_m(box, shore_m)) for hull, box in boxes.items()},
        waters={vessel: Water(waters[_pixel(vessel, waters.shape)]) for vessel in found},
    )


def alarm_rates(cases: Iterable[tuple[Comparison, Shore]]) -> tuple[AlarmRate, ...]:
    """False alarms on each kind of area, by their centre; empty where no ground is known."""
    known = [(comparison, shore) for comparison, shore in cases if shore.is_known]
    if not known:
        return ()
    return tuple(
        AlarmRate(
            water,
            sum(shore.areas_km2[water] for _, shore in known),
            sum(shore.waters[v] is water for one, shore in known for v in one.false_alarms),
        )
        for water in Water
    )


def _as_box(vessel: Detection) -> Box:
    return Box(
        vessel.row, vessel.col, vessel.length_m, vessel.beam_m, vessel.heading_deg, "ship", 3
    )


def _zone(ground_m: float) -> Zone:
    if ground_m <= ALONGSIDE_M:
        return Zone.ALONGSIDE
    return Zone.NEAR if ground_m <= HARBOUR_M else Zone.FAR


def _pixel(vessel: Detection, shape: tuple[int, ...]) -> tuple[int, int]:
    row, col = (
        min(max(round(at), 0), size - 1)
        for at, size in zip((vessel.row, vessel.col), shape, strict=True)
    )
    return row, col
