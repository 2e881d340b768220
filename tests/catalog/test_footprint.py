"""Footprints across 180 degrees, in every way in which catalogs write them."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from jobs.catalog.footprint import footprint, overlap, raster_touches, touches

WEST, EAST, SOUTH, NORTH = 178.2, 180.6, 65.9, 66.9


def ring(west: float, east: float) -> list[list[list[float]]]:
    corners = [(west, SOUTH), (east, SOUTH), (east, NORTH), (west, NORTH), (west, SOUTH)]
    return [[list(corner) for corner in corners]]


SPELLINGS: dict[str, dict[str, Any]] = {
    "split": {
        "type": "MultiPolygon",
        "coordinates": [ring(WEST, 180), ring(-180, EAST - 360)],
    },
    "beyond 180": {"type": "Polygon", "coordinates": ring(WEST, EAST)},
    "below -180": {"type": "Polygon", "coordinates": ring(WEST - 360, EAST - 360)},
    "one ring that wraps": {"type": "Polygon", "coordinates": ring(WEST, EAST - 360)},
}


@pytest.mark.parametrize("geometry", SPELLINGS.values(), ids=SPELLINGS)
@settings(deadline=None)
@given(lon=st.floats(-180, 180))
def test_a_footprint_touches_the_same_places_in_every_spelling(
    geometry: dict[str, Any], lon: float
) -> None:
    inside = any(WEST < lon + turn < EAST for turn in (0, 360))
    near = min(abs(lon + turn - edge) for turn in (-360, 0, 360) for edge in (WEST, EAST))
    place = shapely.Point(lon, 66.3).buffer(0.01)
    if near > 0.02:
        assert touches({"geometry": geometry}, place) is inside


@pytest.mark.parametrize("geometry", SPELLINGS.values(), ids=SPELLINGS)
def test_a_footprint_is_one_polygon_of_the_same_size(geometry: dict[str, Any]) -> None:
    whole = footprint(shapely.geometry.shape(geometry))
    assert whole is not None
    assert whole.area == pytest.approx((EAST - WEST) * (NORTH - SOUTH))
    assert overlap(whole, box(179.5, 66, 180, 66.5)) == pytest.approx(0.25)
    assert overlap(whole, box(-180, 66, -179.5, 66.5)) == pytest.approx(0.25)


def test_a_bbox_across_180_touches_both_sides_and_no_other_place() -> None:
    item = {"bbox": [WEST, SOUTH, EAST - 360, NORTH]}
    assert touches(item, box(179, 66, 179.1, 66.1))
    assert touches(item, box(-179.9, 66, -179.8, 66.1))
    assert not touches(item, box(0, 66, 1, 66.1))


def test_a_raster_touches_what_lies_on_its_own_grid() -> None:
    raster = (32660, (10.0, 0.0, 600_000.0, 0.0, -10.0, 7_400_000.0), (1000, 1000))
    assert raster_touches(*raster, box(179.3, 66.6, 179.35, 66.65))
    assert not raster_touches(*raster, box(170.3, 66.6, 170.35, 66.65))
    assert not raster_touches(*raster, box(10, 0, 11, 1))


def test_an_ordinary_footprint_is_left_as_it_is() -> None:
    shape = Polygon([(0, 0), (9, 0), (9, 9), (0, 9)])
    assert footprint(shape) == shape
