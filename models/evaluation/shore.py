"""What lies how far from solid ground: hulls, false alarms, and the water they are counted on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from models.config import PIXEL_M
from models.dataset.boxes import Box
from models.dataset.scenes import LabelledScene
from models.evaluation.looks import ALONGSIDE_M, REACH_M, Mask, distance_m, to_ground_m
from models.evaluation.metrics import Comparison
from models.inference.vessels import Detection

HARBOUR_M = 500.0
"""Water nearer to solid ground than this is a harbour's."""

Hull = Box | Detection


class Zone(StrEnum):
    """How far a hull lies from land, quays and breakwaters."""

    ALONGSIDE = "within 100 m"
    NEAR = "100 to 500 m"
    FAR = "beyond 500 m"


class Water(StrEnum):
    """What a square kilometre is of."""

    OPEN = "open water"
    """farther than 500 m from solid ground"""
    HARBOUR = "harbour"
    """water within 500 m of solid ground; what is reported up to 50 m inland counts here, since
    quays are what harbours are made of"""
    ASHORE = "ashore"
    """ground farther than 50 m from water: a land mask takes its reports away"""


@dataclass(frozen=True)
class Shore:
    """Where everything of one scene lies; empty where nobody knows its solid ground."""

    areas_km2: Mapping[Water, float] = field(default_factory=dict)
    """of pixels with data; the strip of quay in which reports count as the harbour's adds none"""
    zones: Mapping[Hull, Zone] = field(default_factory=dict)
    waters: Mapping[Detection, Water] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Whether the scene's solid ground is known."""
        return bool(self.areas_km2)


@dataclass(frozen=True)
class AlarmRate:
    """False alarms on one kind of area, over all scenes whose ground is known."""

    water: Water
    area_km2: float
    false_alarms: int

    @property
    def per_100_km2(self) -> float:
        """NaN without such an area."""
        return 100 * self.false_alarms / self.area_km2 if self.area_km2 else float("nan")


def shore_of(scene: LabelledScene, found: Sequence[Detection], ground: Mask | None) -> Shore:
    """Where a scene's labelled and reported vessels lie.

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
    """False alarms on each kind of area, by where their centre lies; none where all is unknown."""
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
