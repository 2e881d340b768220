"""The part of the world and of time from which position messages are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import cos, radians

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jobs.ais.geodesy import DEGREE_M, east_of


@dataclass(frozen=True)
class Window:
    """A box in longitude and latitude (WGS 84, degrees) and time; the default holds all.

    A box across 180 degrees has ``west`` below -180 or ``east`` above 180: its longitudes ascend.
    """

    west: float = -180.0
    south: float = -90.0
    east: float = 180.0
    north: float = 90.0
    start: datetime | None = None
    """UTC, inclusive."""
    end: datetime | None = None
    """UTC, exclusive."""

    @classmethod
    def around(
        cls,
        area: Polygon,
        margin_km: float = 30.0,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Window:
        """A box around an area (WGS 84), wide enough for arrivals and ships nearby."""
        west, south, east, north = area.bounds
        lat_deg = margin_km * 1000 / DEGREE_M
        lon_deg = lat_deg / cos(radians(max(abs(south), abs(north))))
        return cls(west - lon_deg, south - lat_deg, east + lon_deg, north + lat_deg, start, end)

    def holds(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        """(row,), True for rows of a frame with lon, lat and time inside the window."""
        inside = east_of(rows["lon"], self.west) <= self.east - self.west
        inside &= rows["lat"].between(self.south, self.north).to_numpy()
        if self.start is not None:
            inside &= (rows["time"] >= pd.Timestamp(self.start)).to_numpy()
        if self.end is not None:
            inside &= (rows["time"] < pd.Timestamp(self.end)).to_numpy()
        return inside


@dataclass(frozen=True)
class AnyWindow(Window):
    """The union of several windows, so that a file is read once for all ports."""

    parts: tuple[Window, ...] = ()

    def holds(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        """(row,), True for rows of a frame with lon, lat and time inside any part."""
        inside = np.zeros(len(rows), np.bool_)
        for part in self.parts:
            inside |= part.holds(rows)
        return inside
