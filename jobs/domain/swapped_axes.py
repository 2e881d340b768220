"""Whether a port's longitudes and latitudes stand in each other's place, where both are possible.

What no latitude can be is refused when the port file is read. Elsewhere the shoreline tells: a port
lies at a coast, and a place that has none while its mirror has one is hardly where it was meant.
"""

from __future__ import annotations

import numpy as np
from shapely.geometry import Polygon

from jobs.domain.land_mask import land_at
from jobs.domain.outline import swapped
from jobs.domain.types import Port

POINTS = 40
"""Points along each side by which an area is judged; one every 250 m in a usual port."""


def looks_swapped(port: Port) -> str | None:
    """A line on a port away from any shore whose mirror lies at one; None for any other port.

    A port off the coast may have a coast for its mirror too, by chance: this is no reason to refuse
    it. The first call in a process may load the shorelines of the world: 5 to 10 s.
    """
    west, south, east, north = port.area.bounds
    if max(-west, east) > 80:
        return None  # beyond where UTM reaches, had it been the latitude
    here = _land_share(port.area)
    if 0 < here < 1 or not 0 < _land_share(swapped(port.area)) < 1:
        return None
    return (
        f"port {port.id}: longitude and latitude look swapped: around [{(west + east) / 2:.2f}, "
        f"{(south + north) / 2:.2f}] (lon, lat) there is only {'land' if here else 'sea'}, with "
        "the two in each other's place a coast; GeoJSON has [lon, lat]: correct the port file, or "
        "take no notice where the port does lie there"
    )


def _land_share(area: Polygon) -> float:
    """Share (0..1) of land in the bounds of an area."""
    west, south, east, north = area.bounds
    lon, lat = np.meshgrid(np.linspace(west, east, POINTS), np.linspace(south, north, POINTS))
    return float(land_at(lon.ravel(), lat.ravel()).mean())
