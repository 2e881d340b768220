"""Land and sea by the GSHHG shoreline: the land mask of a grid, and what lies at points."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from roaring_landmask import LandmaskProvider, RoaringLandmask

from jobs.domain.geometry import WGS84, transformer
from jobs.domain.types import Grid


def make_land_mask(grid: Grid) -> NDArray[np.bool_]:
    """True for land at pixel centres, (y, x), by the GSHHG shoreline, which has no quays.

    The first call in a process loads the shorelines of the world: 5 to 10 s.
    """
    x, y = np.meshgrid(grid.x, grid.y)
    lon, lat = transformer(grid.epsg, WGS84).transform(x.ravel(), y.ravel())
    return land_at(lon, lat).reshape(grid.shape)


def land_at(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """True for points on land; longitudes beyond 180 degrees are those of the turn before."""
    land: NDArray[np.bool_] = _shorelines().contains_many(_inside_180(lon), lat)
    return land


def _inside_180(lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes between -180 and 180 degrees; those at either end lie a centimetre further in.

    roaring-landmask 0.11 takes that meridian itself for sea, amid Chukotka and Antarctica.
    """
    return np.clip((lon + 180) % 360 - 180, -180 + 1e-7, 180 - 1e-7)


@cache
def _shorelines() -> RoaringLandmask:
    # The OSM provider is finer but paints Nampo's basin as land.
    return RoaringLandmask.new_with_provider(LandmaskProvider.Gshhg)
