"""The radar detector on looks of an archive: numbers to backscatter, pixels to metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.domain import OPAQUE, Grid, Pixels, Sensor, Vessel
from jobs.segment.background import choose_looks
from jobs.segment.protocol import Found, Looks, View
from jobs.segment.radar.background import MOST_LOOKS, background_of, brightness
from jobs.segment.radar.detector import SLENDERNESS, RadarShip, find_ships
from jobs.segment.radar.sea import Plane
from jobs.segment.radar.structure import RadarStructure
from jobs.segment.shore import near_quays
from models.geometry import box_corners


@dataclass(frozen=True)
class RadarDetector:
    """Ships in backscatter, VV and VH; it learns nothing from anywhere but the port's own looks."""

    def find(self, view: View) -> Found:
        """As the protocol says."""
        port = view.port
        found = find_ships(
            backscatter(view.pixels, view.sensor),
            view.land,
            near_quays(port),
            view.orbit,
            float(port.area.centroid.y),
            port.grid.resolution_m,
        )
        vessels = tuple(in_metres(ship, port.grid) for ship in found.ships)
        probability = np.rint(found.probability * 255).astype(np.uint8)
        return Found(vessels, probability, found.ghosts)

    def fixed_things(self, looks: Looks) -> RadarStructure:
        """As the protocol says. Memory: some 60 bytes per pixel of the grid."""

        def bright_of(overpass_id: str) -> Plane:
            return brightness(backscatter(looks.pixels_of(overpass_id), looks.sensor))

        ids = choose_looks(looks.candidates, MOST_LOOKS) if any(looks.vessels.values()) else ()
        return RadarStructure(looks.grid, background_of(map(bright_of, ids)), bright_of)


def backscatter(pixels: Pixels, sensor: Sensor) -> Plane:
    """Gamma nought, linear, (VV and VH, y, x); NaN where there is no data, or none of use."""
    decibels = sensor.encoding.decode(pixels.image)
    decibels[:, (pixels.quality & np.uint8(OPAQUE)) > 0] = np.nan
    linear: Plane = np.power(np.float32(10), decibels / np.float32(10))
    return linear


def in_metres(ship: RadarShip, grid: Grid) -> Vessel:
    """A detection as a vessel; its beam is unknown, and its box as slender as ships are."""
    step = grid.resolution_m
    length_px = ship.length_m / step
    corners = box_corners(ship.row, ship.col, length_px, length_px / SLENDERNESS, ship.heading_deg)
    return Vessel(
        x=grid.left + (ship.col + 0.5) * step,
        y=grid.top - (ship.row + 0.5) * step,
        length_m=ship.length_m,
        length_sd_m=ship.length_sd_m,
        beam_m=float("nan"),
        heading_deg=ship.heading_deg,
        score=ship.score,
        truncated=ship.truncated,
        corners=tuple(
            (grid.left + (col + 0.5) * step, grid.top - (row + 0.5) * step) for row, col in corners
        ),
    )
