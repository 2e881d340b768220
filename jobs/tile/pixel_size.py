"""How a file's pixels lie to the grid's: they are its own, or finer, or neither."""

from __future__ import annotations

from functools import cache

from jobs.domain import Grid, Source, is_utm

FINER_BELOW = 0.95
"""A pixel of less than this share of the grid's is finer; of other zones or shifted ones, which
differ by less, none is: they are interpolated. It is GDAL's own bound."""

EARTH_RADIUS_M = 6_371_000.0


def is_aligned(source: Source, grid: Grid) -> bool:
    """Whether the source's pixels are the grid's or whole multiples of them, with common edges."""
    a, b, c, d, e, f = source.transform
    factor = a / grid.resolution_m
    return (
        source.epsg == grid.epsg
        and b == d == 0
        and a == -e
        and factor >= 1
        and factor.is_integer()
        and ((grid.left - c) / grid.resolution_m).is_integer()
        and ((f - grid.top) / grid.resolution_m).is_integer()
    )


def is_finer(source: Source, grid: Grid) -> bool:
    """Whether the source's pixels are finer than the grid's, by their height; those of files on
    ground control points, which have about its size, are not.
    """
    return not source.on_points and height_m(source) < FINER_BELOW * grid.resolution_m


def height_m(source: Source) -> float:
    """The height of a source's pixels in metres."""
    return abs(source.transform[4]) * _unit_m(source.epsg)


@cache
def _unit_m(epsg: int) -> float:
    """Metres of one unit of a projection; of a degree, those along a meridian."""
    if is_utm(epsg):
        return 1.0
    from pyproj import CRS  # takes longer to load than most of what `status` does

    crs = CRS.from_epsg(epsg)
    factor = float(crs.axis_info[0].unit_conversion_factor)
    return factor * EARTH_RADIUS_M if crs.is_geographic else factor
