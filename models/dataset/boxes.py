"""Labelled vessels as rotated boxes, and the 10 m UTM grid of their scene."""

import math
from dataclasses import dataclass, field

import numpy as np
import shapely
from rasterio.crs import CRS
from rasterio.transform import Affine
from shapely.geometry import Polygon

from models.config import PIXEL_M


@dataclass(frozen=True)
class Box:
    """One labelled vessel or area as a rotated box; row, column 0.0 are the first pixel's centre.

    The digest of a scene in a weights file is taken from the repr of its boxes: another name of the
    class or of a field changes it.
    """

    row: float
    col: float
    length_m: float
    beam_m: float
    heading_deg: float
    """0 <= heading < 180, clockwise from the grid's north."""
    kind: str
    """One of labels.KINDS."""
    confidence: int
    """1 (doubtful) to 3 (certain)."""
    at_edge: bool = False
    """The image cuts it."""
    moving: bool | None = field(default=None, repr=False)
    """Under way; None where the label does not say. Not part of the repr: see above."""

    @property
    def is_ship(self) -> bool:
        """Whether it counts as a ship in training and evaluation."""
        return self.kind == "ship" and self.confidence >= 2 and not self.at_edge

    @property
    def is_doubtful(self) -> bool:
        """Whether a detection here is neither a hit nor a false alarm."""
        return not self.is_ship and self.kind != "wrong"


@dataclass(frozen=True)
class Rectangle:
    """A rotated rectangle in the metres of a grid; x, y are easting and northing of its centre."""

    x: float
    y: float
    length_m: float
    beam_m: float
    heading_deg: float
    """Of the longer side, 0 <= heading < 180, clockwise from the grid's north."""


@dataclass(frozen=True)
class PixelGrid:
    """The pixels of a scene: edge PIXEL_M, north up, in a UTM zone."""

    crs: CRS
    transform: Affine
    height: int
    width: int

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Row and column of an easting and northing; 0.0 is the first pixel's centre."""
        return (
            (self.transform.f - y) / PIXEL_M - 0.5,
            (x - self.transform.c) / PIXEL_M - 0.5,
        )

    def box(
        self,
        on: Rectangle,
        kind: str,
        confidence: int,
        at_edge: bool,
        moving: bool | None = None,
    ) -> Box:
        """A rectangle in the grid's metres as a labelled box in its pixels."""
        row, col = self.position(on.x, on.y)
        return Box(
            row, col, on.length_m, on.beam_m, on.heading_deg, kind, confidence, at_edge, moving
        )

    def holds(self, box: Box) -> bool:
        """Whether a box's centre lies on a pixel of the grid."""
        return -0.5 <= box.row < self.height - 0.5 and -0.5 <= box.col < self.width - 0.5


def rectangle_around(hull: Polygon) -> Rectangle | None:
    """The rotated rectangle of least area around a hull in metres; None where it has no area."""
    around = shapely.oriented_envelope(hull)
    if around.geom_type != "Polygon":
        return None
    sides = np.diff(np.asarray(around.exterior.coords)[:3], axis=0)
    beam, length = sorted(sides, key=lambda side: math.hypot(*side))
    return Rectangle(
        x=float(around.centroid.x),
        y=float(around.centroid.y),
        length_m=math.hypot(*length),
        beam_m=math.hypot(*beam),
        heading_deg=heading_of(*length),
    )


def heading_of(east: float, north: float) -> float:
    """The direction of a vector in degrees clockwise from north, 0 <= heading < 180."""
    return math.degrees(math.atan2(east, north)) % 180
