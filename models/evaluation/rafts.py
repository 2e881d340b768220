"""Which hulls of a scene lie beside others: rafts are harder to separate than single hulls."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import shapely

from models.config import PIXEL_M
from models.dataset import Box
from models.geometry import box_corners
from models.inference import Detection

GAP_PX = 1.0
"""Hulls nearer to each other than this show no water between them at 10 m."""

Hull: TypeAlias = Box | Detection


class Company(StrEnum):
    """Whether another hull lies beside one."""

    SINGLE = "single hulls"
    RAFT = "within a pixel of another"


@dataclass(frozen=True)
class Rafts:
    """Hulls of one scene that lie beside another: labels by labels, detections by detections."""

    hulls: frozenset[Hull] = frozenset()

    def company(self, hull: Hull) -> Company:
        """The class of a hull of the scene."""
        return Company.RAFT if hull in self.hulls else Company.SINGLE


def rafts_of(boxes: Sequence[Box], found: Sequence[Detection]) -> Rafts:
    """The labelled vessels beside another label of a vessel, and such detections.

    Labels of any confidence, small craft and docks count as neighbours; ``wrong`` and ``ignore``,
    an area that may hold anything, do not.
    """
    vessels = [box for box in boxes if box.kind not in ("wrong", "ignore")]
    outlines = [_outline(box) for box in vessels]
    drawn = [shapely.Polygon(vessel.corners) for vessel in found]
    return Rafts(frozenset([*_beside(vessels, outlines), *_beside(found, drawn)]))


def _beside(hulls: Sequence[Hull], outlines: Sequence[shapely.Polygon]) -> list[Hull]:
    if not hulls:
        return []
    one, other = shapely.STRtree(outlines).query(outlines, predicate="dwithin", distance=GAP_PX)
    return [hulls[index] for index in sorted({int(i) for i in one[one != other]})]


def _outline(box: Box) -> shapely.Polygon:
    length, beam = box.length_m / PIXEL_M, box.beam_m / PIXEL_M
    return shapely.Polygon(box_corners(box.row, box.col, length, beam, box.heading_deg))
