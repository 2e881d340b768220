"""What items say of Sentinel-1's products in ground range: mode, polarisations, size, place.

Neither catalog says where the pixels lie: the file's own control points do. Earth Search's
``proj:transform`` is that of a box around the swath, with rows and columns taken for each other;
``s1:shape`` is (samples, lines), that is columns first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import shapely

from jobs.catalog.footprint import footprint
from jobs.domain import POINTS_PIXEL_M, GroundRange, Sensor
from jobs.errors import InputError

Item = Mapping[str, Any]

_SPACINGS = ("sar:pixel_spacing_range", "sar:pixel_spacing_azimuth")


def check_ground_range(item: Item, sensor: Sensor, product: GroundRange) -> None:
    """Refuse an item of another mode, of other polarisations or of other pixels."""
    properties = item.get("properties") or {}
    name, mode = item.get("id"), properties.get("sar:instrument_mode")
    if mode != product.mode:
        raise InputError(
            f"item {name!r} is of the mode {mode!r}; {sensor.name} reads {product.mode} alone, "
            "for which ships were measured"
        )
    given = properties.get("sar:polarizations") or ()
    wanted = [band.upper() for band in sensor.bands]
    if not set(wanted) <= set(given):
        raise InputError(
            f"item {name!r} has the polarisations {', '.join(map(str, given)) or 'none'}; "
            f"{sensor.name} needs {' and '.join(wanted)}"
        )
    for key in _SPACINGS:
        spacing = properties.get(key, POINTS_PIXEL_M)
        if spacing != POINTS_PIXEL_M:
            raise InputError(
                f"item {name!r} has {key} {spacing}; {sensor.name} reads pixels of "
                f"{POINTS_PIXEL_M:g} m, those of high resolution"
            )


def shape_on_points(item: Item, asset: Item) -> tuple[int, int]:
    """(rows, columns), as the product's own (samples, lines) say; else the asset's."""
    properties = item.get("properties") or {}
    given = properties.get("s1:shape")
    shape = list(given)[::-1] if given else asset.get("proj:shape") or properties.get("proj:shape")
    if shape is None or len(shape) != 2 or not all(int(side) > 0 for side in shape):
        raise InputError(
            f"item {item.get('id')!r} has neither s1:shape nor proj:shape of two numbers; the size "
            "of its files is unknown"
        )
    return (int(shape[0]), int(shape[1]))


def box_around(
    item: Item, shape: tuple[int, int]
) -> tuple[float, float, float, float, float, float]:
    """Transform that lays so many rows and columns over the box around the item's footprint."""
    geometry = item.get("geometry")
    found = None if geometry is None else footprint(shapely.geometry.shape(geometry))
    if found is None:
        raise InputError(
            f"item {item.get('id')!r} has no footprint with an area; expected the outline of the "
            "swath, for where its pixels lie is known from its files alone"
        )
    west, south, east, north = found.bounds
    return ((east - west) / shape[1], 0.0, west, 0.0, (south - north) / shape[0], north)
