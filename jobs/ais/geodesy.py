"""Offsets and distances over at most some 200 km, by the flat-earth approximation.

Deliberately not the ellipsoid's geodesic of ``jobs.domain.geometry``: these are computed for every
pair of messages of a year, and their error is far below that of a position.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

DEGREE_M = 111_195.0
"""A degree of a great circle on the sphere of 6,371 km."""
KNOT_MS = 0.514444


def wrapped(degrees: ArrayLike) -> NDArray[np.float64]:
    """Longitudes, or differences of longitudes, brought into [-180, 180)."""
    given = np.asarray(degrees, np.float64)
    # what lies inside stays as it is, to the last bit
    inside = (given >= -180) & (given < 180)
    return np.where(inside, given, (given + 180) % 360 - 180)


def east_of(lon: ArrayLike, west: ArrayLike) -> NDArray[np.float64]:
    """Degrees from a meridian eastward to longitudes, in [0, 360)."""
    return np.asarray(np.subtract(np.asarray(lon, np.float64), west) % 360)


def offsets_m(
    lon: ArrayLike, lat: ArrayLike, to_lon: ArrayLike, to_lat: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres east and north from one place to another, broadcast.

    The sphere stands for the ellipsoid, which is wrong by at most 0.7 %; the middle latitude stands
    for the way between, which below 200 km and 70 degrees adds less than that. The shorter way
    round the globe is meant: from 179.9 to -179.9 degrees are 0.2.
    """
    lon, lat, to_lon, to_lat = (np.asarray(a, np.float64) for a in (lon, lat, to_lon, to_lat))
    north_m = (to_lat - lat) * DEGREE_M
    east_m = wrapped(to_lon - lon) * DEGREE_M * np.cos(np.radians((lat + to_lat) / 2))
    return east_m, north_m


def distance_m(one: pd.DataFrame, other: pd.DataFrame) -> NDArray[np.float64]:
    """Metres between the rows of two frames of one length with lon and lat, (row,)."""
    east_m, north_m = offsets_m(one["lon"], one["lat"], other["lon"], other["lat"])
    return np.hypot(east_m, north_m)
