"""Distances by sea, against Pub. 151 and on made-up coasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod

from jobs.domain import Grid
from jobs.errors import InputError
from jobs.visits.voyages import sea_routes as sea
from jobs.visits.voyages.sea_routes import Place, sea_routes

ELLIPSOID = Geod(ellps="WGS84")
PORTS: dict[str, Place] = {
    "Vladivostok": (131.883, 43.108),
    "Vostochny": (133.045, 42.74),
    "Nakhodka": (132.908, 42.79),
    "Chongjin": (129.82, 41.77),
    "Wonsan": (127.45, 39.177),
    "Hungnam": (127.645, 39.815),
    "Nampo": (125.395, 38.725),
    "Busan": (129.05, 35.1),
}
PUB_151 = {"Chongjin": 135, "Wonsan": 324, "Busan": 514, "Nampo": 997}
"""Nautical miles from Vladivostok: Distances Between Ports, NGA Pub. 151, 2001."""


def straight_km(a: Place, b: Place) -> float:
    return float(ELLIPSOID.inv(*a, *b)[2]) / 1000


def test_distances_agree_with_the_tables_of_the_trade() -> None:
    routes = sea_routes(PORTS)
    for port, miles in PUB_151.items():
        found = routes["Vladivostok", port].distance_km / 1.852
        assert found == pytest.approx(miles, rel=0.08), port
    assert routes["Vladivostok", "Nampo"].distance_km == pytest.approx(997 * 1.852, rel=0.02)
    assert routes["Vostochny", "Chongjin"].distance_km == pytest.approx(290, abs=15)
    assert routes["Vostochny", "Nakhodka"].distance_km < 20
    assert routes["Wonsan", "Hungnam"].distance_km < 90


def test_a_way_is_the_same_both_ways_and_never_shorter_than_straight() -> None:
    routes = sea_routes(PORTS)
    assert len(routes) == len(PORTS) * (len(PORTS) - 1)
    for (a, b), route in routes.items():
        back = routes[b, a]
        assert (back.distance_km, back.path[::-1]) == (route.distance_km, route.path)
        assert route.distance_km >= straight_km(PORTS[a], PORTS[b]) - 0.001
        assert route.path[0] == pytest.approx(PORTS[a], abs=1e-6)
        assert route.path[-1] == pytest.approx(PORTS[b], abs=1e-6)


def test_no_place_or_one_has_no_way() -> None:
    assert sea_routes({}) == {}
    assert sea_routes({"a": (0.0, 0.0)}) == {}


# --- made-up coasts -----------------------------------------------------------------------------


Wall: TypeAlias = list[tuple[float, float, float, float]]
"""Land in these boxes (west, south, east, north) in degrees, and water elsewhere."""


@contextmanager
def made_up(wall: Wall) -> Iterator[None]:
    def mask(grid: Grid) -> NDArray[np.bool_]:
        lon = np.degrees(grid.x / sea.SPHERE_M)
        lat = np.degrees(np.arctan(np.sinh(grid.y / sea.SPHERE_M)))
        x, y = np.meshgrid(lon, lat)
        land = np.zeros(x.shape, bool)
        for west, south, east, north in wall:
            land |= (x > west) & (x < east) & (y > south) & (y < north)
        return land

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sea, "make_land_mask", mask)
        sea._routes.cache_clear()
        yield
    sea._routes.cache_clear()  # ways are kept, and these must not show in another test


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2))
def test_over_open_water_a_way_is_straight(x: float, y: float, u: float, v: float) -> None:
    a, b = (20 + x, 40 + y), (20 + u, 40 + v)
    with made_up([]), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sea, "CELL_M", 30_000.0)
        found = sea_routes({"a": a, "b": b})["a", "b"]
    assert found.distance_km == pytest.approx(straight_km(a, b), rel=0.001, abs=0.001)


def test_a_wall_is_rounded_at_its_end() -> None:
    a, b = (19.0, 40.0), (21.3, 40.0)
    with made_up([(20.0, 38.0, 20.3, 50.0)]):
        found = sea_routes({"a": a, "b": b})["a", "b"]
    corners = [a, (20.0, 38.0), (20.3, 38.0), b]
    round_it = sum(straight_km(*leg) for leg in pairwise(corners))
    assert found.distance_km == pytest.approx(round_it, rel=0.02)
    assert min(latitude for _, latitude in found.path) < 38.05


def test_a_port_up_a_river_is_reached_and_one_inland_is_refused() -> None:
    river, inland, at_sea = (20.2, 40.0), (24.0, 40.0), (18.0, 40.0)
    with made_up([(20.0, 30.0, 50.0, 50.0)]):
        found = sea_routes({"river": river, "sea": at_sea})["sea", "river"]
        with pytest.raises(InputError, match="inland lies more than"):
            sea_routes({"inland": inland, "sea": at_sea})
    assert found.distance_km == pytest.approx(straight_km(at_sea, river), rel=0.01)


def test_a_lake_is_not_the_sea() -> None:
    shore = [(20.0, 30.0, 23.0, 50.0), (23.0, 30.0, 26.0, 39.0), (23.0, 41.0, 26.0, 50.0)]
    with (
        made_up([*shore, (25.0, 30.0, 60.0, 50.0)]),
        pytest.raises(InputError, match="lake lies more than"),
    ):
        sea_routes({"lake": (24.0, 40.0), "sea": (18.0, 40.0)})


def test_the_antimeridian_is_no_wall() -> None:
    fiji, samoa = (178.4, -18.1), (-171.7, -13.8)
    with made_up([]):
        found = sea_routes({"fiji": fiji, "samoa": samoa})["fiji", "samoa"]
    assert found.distance_km == pytest.approx(straight_km(fiji, samoa), rel=0.005)
    assert all(-180 <= longitude <= 180 for longitude, _ in found.path)


@pytest.mark.parametrize("place", [(200.0, 10.0), (10.0, 91.0), (float("nan"), 0.0)])
def test_what_is_no_coordinate_is_refused(place: Place) -> None:
    with pytest.raises(InputError, match="expected degrees"):
        sea_routes({"a": place, "b": (0.0, 0.0)})
