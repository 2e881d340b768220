"""What a port always shows to one orbit is no ship; what lies there for a while is."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from jobs.domain import OverpassRecord, Pixels, Settings, Vessel
from jobs.domain.sensors import SENSORS
from jobs.segment.fixed_things import seen_alike, structures
from jobs.segment.radar.archive_looks import in_metres
from jobs.segment.radar.background import LEAST_LOOKS, background_of, coded, decoded
from jobs.segment.radar.detector import RadarShip
from tests.support.scenes import GRID, NOON

SENSOR = SENSORS["sentinel-1-rtc"]
SETTINGS = Settings("code", None, "digest")
CRANE, BERTH = (40, 40), (70, 70)


def vessel(at: tuple[int, int], score: float = 0.4) -> Vessel:
    return in_metres(RadarShip(*at, 90.0, 20.0, 0.0, score, False), GRID)


def look(number: int, ship: bool) -> Pixels:
    rng = np.random.default_rng(number)
    power = rng.gamma(4.4, 1 / 4.4, (2, *GRID.shape)) * np.array([0.01, 0.002])[:, None, None]
    places = [(CRANE, 6.0), *([(BERTH, 6.0)] if ship else [])]
    for (row, col), level in places:
        power[:, row - 4 : row + 5, col - 1 : col + 2] = level * rng.uniform(0.8, 1.25)
    image = SENSOR.encoding.encode(10 * np.log10(power))
    return Pixels(image, np.zeros(GRID.shape, np.uint8))


def record(number: int, vessels: tuple[Vessel, ...], orbit: str) -> OverpassRecord:
    return OverpassRecord(
        overpass_id=f"look-{number}",
        sensor=SENSOR.name,
        platform="sentinel-1a",
        acquired=NOON + timedelta(days=6 * number),
        item_ids=(),
        vessels=vessels,
        quality=np.zeros(GRID.shape, np.uint8),
        orbit=orbit,
    )


def marked(looks: int, orbits: int = 1) -> list[OverpassRecord]:
    """A ship lies at the berth in every third look, a crane stands in each."""
    pixels = {f"look-{n}": look(n, n % 3 == 0) for n in range(looks)}
    records = [
        record(
            n,
            (vessel(CRANE), *([vessel(BERTH)] if n % 3 == 0 else [])),
            f"descending {80 + n % orbits} right",
        )
        for n in range(looks)
    ]
    found = structures(records, pixels.__getitem__, GRID, SETTINGS)
    return [found[seen_alike(each)].mark_record(each) for each in records]


def test_the_crane_is_fixed_and_the_ship_is_not():
    for number, each in enumerate(marked(looks=12)):
        crane, *ships = each.vessels
        assert crane.fixed
        assert (crane.place_seen, crane.place_looks) == (12, 12)
        assert crane.background is not None
        assert crane.background > 0.7
        assert len(ships) == (number % 3 == 0)
        assert not any(ship.fixed for ship in ships)


def test_other_orbits_tell_nothing():
    """Two orbits of five looks each are too few, though there are ten."""
    assert all(v.background is None for each in marked(looks=10, orbits=2) for v in each.vessels)


def test_where_the_background_is_unknown_only_the_sure_counts():
    few = LEAST_LOOKS - 1
    pixels = {f"look-{n}": look(n, True) for n in range(few)}
    records = [record(n, (vessel(CRANE, 0.3), vessel(BERTH, 0.8)), "") for n in range(few)]
    things = structures(records, pixels.__getitem__, GRID, SETTINGS)[SENSOR.name]
    doubtful, sure = things.mark_record(records[0]).vessels
    assert doubtful.fixed
    assert doubtful.place_looks is None
    assert not sure.fixed


def test_brightness_is_kept_to_a_fraction_of_a_decibel():
    power = np.array([[1e-3, 0.5, 30.0, np.nan]], np.float32)
    again = decoded(coded(power))
    assert np.isnan(again[0, 3])
    assert 10 * np.log10(again[0, :3] / power[0, :3]) == pytest.approx([0, 0, 0], abs=0.16)


def test_too_few_looks_give_no_background():
    looks = [np.ones((4, 4), np.float32)] * (LEAST_LOOKS - 1)
    assert background_of(looks) is None
    found = background_of([*looks, np.full((4, 4), np.nan, np.float32)])
    assert found is not None
    assert np.isnan(found.still).all()
