"""Places where vessels recur: one thing that lies there, or another each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.domain import Grid, Vessel
from jobs.segment.places import LEAST_COMPARED, LEAST_CONTRAST, Place, Places, place_of

GRID = Grid(epsg=32653, left=0.0, top=640.0, width=64, height=64)
START = datetime(2024, 5, 1, tzinfo=UTC)
Planes = NDArray[np.float32]


def vessel(x: float = 305.0, y: float = 305.0, score: float = 0.9) -> Vessel:
    """Of 120 by 40 m, lying east and west."""
    corners = ((x - 60, y - 20), (x - 60, y + 20), (x + 60, y + 20), (x + 60, y - 20))
    return Vessel(x, y, 120.0, 8.0, 40.0, 90.0, score, False, corners)


def thing(seed: int, contrast: float = 0.1) -> Planes:
    """A look (band, y, x) of water around one thing, the same for the same seed."""
    random = np.random.default_rng(seed)
    image = np.full((4, *GRID.shape), 0.03, np.float32)
    image[:, 31:36, 24:37] += contrast * (1 + random.normal(0, 0.4, (4, 5, 13)))
    return image


def seen_in(
    images: Sequence[Planes], days_apart: float = 5.0, order: int = 1, found: int | None = None
) -> tuple[Place, ...]:
    """The places by looks with a vessel in each, or in the first few."""
    names = [f"look-{number:02d}" for number in range(len(images))]
    vessels = {name: (vessel(),) for name in names[:found]}
    places = Places(dict(list(vessels.items())[::order]), GRID)
    for number, (name, image) in list(enumerate(zip(names, images, strict=True)))[::order]:
        noise = np.random.default_rng(number).normal(0, 0.02, image.shape).astype(np.float32)
        planes = np.arcsinh((image - 0.03) / 0.05) + noise
        places.add(name, START + timedelta(days=number * days_apart), image, planes)
    return places.settled()


def test_one_thing_looks_the_same_in_every_look() -> None:
    (place,) = seen_in([thing(1)] * 8)
    assert (place.seen, place.looks, place.days) == (8, 8, 35.0)
    assert place.one_thing
    assert place.is_thing_in("look-03")
    assert place.is_thing_in("a look that was not compared")


def test_another_ship_in_every_look_is_not_one_thing() -> None:
    (place,) = seen_in([thing(number) for number in range(8)])
    assert place.seen < 8
    assert not place.one_thing


def test_a_ship_of_one_shape_and_another_colour_is_another_ship() -> None:
    red = thing(1)
    red[0] -= 0.03 * (red[0] > 0.031)
    red[2] += 0.05 * (red[2] > 0.031)
    (place,) = seen_in([*[thing(1)] * 5, *[red] * 3])
    assert [place.alike[f"look-{n:02d}"] for n in range(8)] == [True] * 5 + [False] * 3
    assert not place.one_thing


def test_a_ship_in_half_of_the_looks_is_not_one_thing() -> None:
    water = np.full((4, *GRID.shape), 0.03, np.float32)
    (place,) = seen_in([thing(1)] * 4 + [water] * 4, days_apart=10, found=4)
    assert (place.looks, place.days) == (8, 70.0)
    assert not place.one_thing


def test_a_look_in_which_a_ship_covers_the_thing_does_not_show_it() -> None:
    """One in ten may differ, and what is found in that one is kept."""
    looks = [thing(1)] * 10
    looks[4] = thing(2)
    (place,) = seen_in(looks)
    assert (place.seen, place.looks) == (9, 10)
    assert place.one_thing
    assert not place.is_thing_in("look-04")


def test_less_than_three_weeks_or_eight_clear_looks_show_nothing() -> None:
    assert not seen_in([thing(1)] * 8, days_apart=2.5)[0].one_thing
    assert not seen_in([thing(1)] * (LEAST_COMPARED - 1))[0].one_thing
    assert seen_in([thing(1)] * LEAST_COMPARED)[0].one_thing
    clouded = thing(1)
    clouded[:, 28:38, :] = np.nan
    (place,) = seen_in([*[thing(1)] * 5, *[clouded] * 5])
    assert place.looks == 5
    assert not place.one_thing


def test_what_hardly_differs_from_the_water_is_nothing() -> None:
    (place,) = seen_in([thing(1, contrast=LEAST_CONTRAST / 2)] * 8)
    assert 0 < place.contrast < LEAST_CONTRAST
    assert not place.one_thing
    assert replace(place, contrast=LEAST_CONTRAST).one_thing


def test_half_a_cloud_leaves_the_place_comparable() -> None:
    half = thing(1)
    half[:, :, :28] = np.nan
    (place,) = seen_in([*[thing(1)] * 6, half, half])
    assert (place.seen, place.looks) == (8, 8)


@pytest.mark.parametrize("images", [[thing(1)] * 8, [thing(n) for n in range(8)]])
def test_the_order_of_looks_does_not_matter(images: list[Planes]) -> None:
    assert seen_in(images) == seen_in(images, order=-1)


def test_what_is_found_in_one_look_only_is_no_place() -> None:
    places = Places({"a": (vessel(),), "b": (vessel(x=505.0),), "c": ()}, GRID)
    places.add("a", START, thing(1), thing(1))
    assert places.settled() == ()


def test_places_are_those_of_the_surest_vessels_and_two_side_by_side_are_two() -> None:
    sure, other = vessel(x=310.0, score=0.95), vessel(y=365.0, score=0.4)
    found = Places({"a": (vessel(), other), "b": (sure, other)}, GRID)
    found.add("a", START, thing(1), thing(1))
    places = found.settled()
    assert [place.vessel for place in places] == [sure, other]
    assert place_of(vessel(), places) == places[0]
    assert place_of(vessel(y=365.0), places) == places[1]
    assert place_of(vessel(x=505.0), places) is None
    assert place_of(vessel(), ()) is None


def test_no_vessels_have_no_places() -> None:
    assert Places({"a": ()}, GRID).settled() == ()
