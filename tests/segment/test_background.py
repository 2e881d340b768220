"""Fixed structure: identified from the port's own looks, and counted as a ship nowhere.

The network is the packaged one; a port of a few pixels has a pontoon that looks like a ship on
every day, and a berth where ships of different lengths lie on most days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import Polygon

from jobs.archive import PortArchive
from jobs.domain import (
    DEFAULT_ESTIMATES,
    BerthKind,
    FixedStructure,
    Grid,
    OverpassRecord,
    Period,
    Pixels,
    Port,
    Quality,
    Settings,
    StageName,
    UnitResult,
    UnitState,
    Vessel,
)
from jobs.domain.sensors import SENSORS
from jobs.run import results
from jobs.run.results import Basis, PortResult, count_port
from jobs.run.settings import settings_for
from jobs.segment import structures
from jobs.segment.background import (
    LEAST_LOOKS,
    MOST_LOOKS,
    Candidate,
    background,
    choose_looks,
)
from jobs.segment.fixed_structure import Structure
from jobs.segment.places import Place
from jobs.storage import LocalFolder
from jobs.visits.tables import port_tables
from models.geometry import coverage
from tests.support.scenes import NOON, overpass, scene, small_port
from tests.support.small_runs import a_plan

GRID = Grid(epsg=32653, left=420_000.0, top=4_730_000.0, width=128, height=128)
SENSOR = "sentinel-2-l2a"
PONTOON = (40.0, 40.0, 20.0, 3.4, 25.0)
"""Row, column, length and beam in pixels, heading."""
BERTH = (90.0, 80.0)
OCCUPIED = (True, True, False, True, True, True, False, True, True, False)
"""On which of ten days a ship lies at the berth."""
DAYS_APART = 5

Hull = tuple[float, float, float, float, float]
"""Row, column, length and beam in pixels, heading."""
Contrast = tuple[float, float, float, float]
"""With the water, in reflectance: blue, green, red, nir."""
WHITE: Contrast = (0.15, 0.15, 0.15, 0.15)
RED: Contrast = (0.02, 0.02, 0.15, 0.12)
BLUE: Contrast = (0.15, 0.08, 0.03, 0.05)
DARK_RED: Contrast = (-0.02, -0.016, 0.05, 0.03)
SAME_SHIP: Hull = (64.0, 64.0, 18.0, 3.4, 60.0)
PERIOD = Period(date(2024, 5, 1), date(2024, 7, 31))


def ship(day: int) -> tuple[float, float, float, float, float]:
    return (*BERTH, 14.0 + day, 3.4, 120.0)


def look(day: int, *, moored: bool) -> Pixels:
    """One day at the port, all clear."""
    random = np.random.default_rng(day)
    image = (0.04 + random.normal(0, 0.001, (4, *GRID.shape))).astype(np.float32)
    for hull in (PONTOON, *((ship(day),) if moored else ())):
        window, share = coverage(GRID.shape, *hull)
        image[:, window[0], window[1]] += np.float32(0.15) * share
    return Pixels(SENSORS[SENSOR].encoding.encode(image), np.zeros(GRID.shape, np.uint8))


def vessel(hull: tuple[float, float, float, float, float]) -> Vessel:
    row, col, length, beam, heading = hull
    along = np.array([np.sin(np.radians(heading)), np.cos(np.radians(heading))])
    across = np.array([along[1], -along[0]])
    x, y = GRID.left + 10 * (col + 0.5), GRID.top - 10 * (row + 0.5)
    signs = ((1, 1), (1, -1), (-1, -1), (-1, 1))
    corners = [(x, y) + 5 * (a * length * along + b * beam * across) for a, b in signs]
    return Vessel(
        x, y, 10 * length, 8.0, 10 * beam, heading, 0.9, False, tuple((*c,) for c in corners)
    )


def record(day: int, *vessels: Vessel) -> OverpassRecord:
    return OverpassRecord(
        overpass_id=f"pass-{day:02d}",
        sensor=SENSOR,
        platform="sentinel-2a",
        acquired=NOON + timedelta(days=DAYS_APART * day),
        item_ids=(),
        vessels=vessels,
        quality=np.zeros(GRID.shape, np.uint8),
    )


def records(occupied: Sequence[bool]) -> Iterator[OverpassRecord]:
    for day, moored in enumerate(occupied):
        yield record(day, vessel(PONTOON), *((vessel(ship(day)),) if moored else ()))


PLAN = a_plan(Path("nowhere"))


def settings() -> Settings:
    return settings_for(PLAN)


def look_with(day: int, *hulls: Hull | tuple[Hull, Contrast]) -> Pixels:
    """One day in flat water with hulls: white ones, or of a contrast by band."""
    random = np.random.default_rng(day)
    image = (0.04 + random.normal(0, 0.0005, (4, *GRID.shape))).astype(np.float32)
    for each in hulls:
        hull, contrast = each if isinstance(each[0], tuple) else (each, WHITE)
        window, share = coverage(GRID.shape, *hull)
        image[:, window[0], window[1]] += np.array(contrast, np.float32)[:, None, None] * share
    return Pixels(SENSORS[SENSOR].encoding.encode(image), np.zeros(GRID.shape, np.uint8))


def structure_of(
    shown: Callable[[int], Pixels] | None = None,
    hull: Hull | None = None,
    days: int = 10,
    seen: Callable[[int], bool] = lambda day: True,
) -> Structure:
    """The structure by looks with a vessel at the hull in all that are seen; by default those of
    the pontoon and the berth.
    """
    if shown is None or hull is None:
        looks = {f"pass-{n:02d}": look(n, moored=m) for n, m in enumerate(OCCUPIED[:days])}
        given = list(records(OCCUPIED[:days]))
    else:
        looks = {f"pass-{day:02d}": shown(day) for day in range(days)}
        given = [record(day, *((vessel(hull),) if seen(day) else ())) for day in range(days)]
    return structures(iter(given), looks.__getitem__, GRID, settings())[SENSOR]


# --- the rule -----------------------------------------------------------------------------------


def test_a_pontoon_is_fixed_and_ships_at_a_berth_that_is_mostly_occupied_are_not() -> None:
    found = structure_of()
    pontoon = found.mark(vessel(PONTOON), "pass-00")
    assert pontoon.fixed
    assert (pontoon.place_seen, pontoon.place_looks) == (10, 10)
    assert pontoon.background is not None
    assert pontoon.background > 0.6
    for day, moored in enumerate(OCCUPIED):
        if moored:
            marked = found.mark(vessel(ship(day)), f"pass-{day:02d}")
            assert not marked.fixed
            assert marked.background is not None
            assert marked.background < 0.1


def test_a_ship_that_never_leaves_is_taken_for_structure() -> None:
    """Nothing in the images tells it from a jetty; the number of looks is said with it."""
    found = structure_of(lambda day: look_with(day, SAME_SHIP), SAME_SHIP)
    marked = found.mark(vessel(SAME_SHIP), "pass-00")
    assert marked.fixed
    assert (marked.place_seen, marked.place_looks) == (10, 10)


def test_ships_at_a_berth_that_is_never_free_are_none_as_they_differ() -> None:
    """Three ships by turns, alike in place and size: a white one, a red one, and a blue one."""

    def shown(day: int) -> Pixels:
        return look_with(day, (SAME_SHIP, (WHITE, RED, BLUE)[day % 3]))

    found = structure_of(shown, SAME_SHIP)
    for day in range(10):
        marked = found.mark(vessel(SAME_SHIP), f"pass-{day:02d}")
        assert marked.background is not None
        assert marked.background > 0.5
        assert not marked.fixed
        assert marked.place_looks == 10


def test_what_lies_there_for_less_than_three_weeks_is_none() -> None:
    shown, found = {}, []
    for day in range(10):
        shown[f"pass-{day:02d}"] = look(day, moored=False)
        found.append(replace(record(day, vessel(PONTOON)), acquired=NOON + timedelta(days=2 * day)))
    by = structures(iter(found), shown.__getitem__, GRID, settings())[SENSOR]
    marked = by.mark(vessel(PONTOON), "pass-00")
    assert marked.background is not None
    assert marked.background > 0.6
    assert not marked.fixed


@pytest.mark.parametrize("seen_on", [0, 5])
def test_a_red_hull_in_one_of_six_looks_leaves_nothing_in_the_background(seen_on: int) -> None:
    """It is darker than flat water in blue and green: band by band, its look was the lowest."""
    hull = (64.0, 64.0, 18.0, 3.4, 40.0)

    def shown(day: int) -> Pixels:
        return look_with(day, *(((hull, DARK_RED),) if day == seen_on else ()))

    found = structure_of(shown, hull, days=6, seen=lambda day: day == seen_on)
    marked = found.mark(vessel(hull), f"pass-{seen_on:02d}")
    assert marked.background is not None
    assert marked.background < 0.1
    assert not marked.fixed
    assert not found.hulls


def test_with_too_few_looks_nothing_is_known_and_nothing_fixed() -> None:
    marked = structure_of(days=LEAST_LOOKS - 1).mark(vessel(PONTOON), "pass-00")
    assert (marked.background, marked.fixed) == (None, False)


def test_the_same_looks_give_the_same_bytes() -> None:
    one, other = structure_of().probability, structure_of().probability
    assert one is not None
    assert other is not None
    assert one.tobytes() == other.tobytes()


def test_a_port_without_vessels_is_not_looked_at() -> None:
    def never(overpass_id: str) -> Pixels:
        raise AssertionError(overpass_id)

    found = structures((record(day) for day in range(10)), never, GRID, settings())
    assert found[SENSOR].probability is None


def test_a_hull_is_marked_by_its_area_and_only_where_half_of_it_is_known() -> None:
    probability = np.full(GRID.shape, np.nan, np.float32)
    probability[:, :20], probability[:, 20:40] = 0.8, 0.2
    found = Structure(GRID, probability)
    assert found.probability_under(vessel((60.0, 19.5, 10.0, 4.0, 90.0))) == pytest.approx(0.5)
    assert found.probability_under(vessel((60.0, 37.5, 12.0, 4.0, 90.0))) == pytest.approx(0.2)
    assert found.probability_under(vessel((60.0, 42.5, 12.0, 4.0, 90.0))) is None
    assert found.probability_under(vessel((60.0, -30.0, 12.0, 4.0, 90.0))) is None


def test_a_ship_beside_what_looks_like_one_is_not_that() -> None:
    """A jetty's head, a ship alongside it, a longer one around it, and a faint background."""
    head = (60.0, 60.0, 15.0, 3.0, 90.0)
    there = Place(vessel(head), dict.fromkeys("abcdefgh", True), days=90, contrast=0.1)
    sure = Structure(GRID, np.full(GRID.shape, 0.9, np.float32), (vessel(head).corners,), (there,))
    assert sure.mark(vessel(head), "a").fixed
    assert sure.mark(vessel((60.5, 61.0, 14.0, 3.0, 90.0)), "a").fixed
    assert not sure.mark(vessel((63.0, 60.0, 15.0, 3.0, 90.0)), "a").fixed
    assert not sure.mark(vessel((60.0, 64.0, 32.0, 4.0, 90.0)), "a").fixed
    faint = replace(sure, probability=np.full(GRID.shape, 0.4, np.float32))
    assert not faint.mark(vessel(head), "a").fixed


def test_a_hull_in_the_background_alone_is_no_evidence() -> None:
    found = Structure(GRID, np.full(GRID.shape, 0.9, np.float32), (vessel(PONTOON).corners,))
    marked = found.mark(vessel(PONTOON), "a")
    assert not marked.fixed
    assert marked.background == pytest.approx(0.9)
    assert marked.place_looks is None


# --- the background -----------------------------------------------------------------------------


def planes(count: int, *, missing: float = 0.0, seed: int = 0) -> list[NDArray[np.float32]]:
    """Looks in which that share of the pixels, in all bands, is missing."""
    random = np.random.default_rng(seed)
    stack = random.normal(0, 2, (count, 4, 6, 7)).astype(np.float32)
    gone = random.random((count, 1, 6, 7)) < missing
    stack[np.broadcast_to(gone, stack.shape)] = np.nan
    return list(stack)


@pytest.mark.parametrize("count", [6, 11, 30])
def test_a_pixel_of_the_background_is_one_look_the_calmest_but_a_tenth(count: int) -> None:
    looks = planes(count, missing=0.3)
    found = background(looks)
    assert found is not None
    stack = np.stack(looks)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(stack).all(axis=1))
    unknown = known.sum(axis=0) < LEAST_LOOKS
    assert np.array_equal(np.isnan(found), np.broadcast_to(unknown, found.shape))
    for at in zip(*np.nonzero(~unknown), strict=True):
        values = stack[known[:, *at]][:, :, *at]
        order = np.argsort(np.abs(values).max(axis=1))
        expected = values[order[int(0.1 * (len(values) - 1))]]
        assert found[:, *at] == pytest.approx(expected, abs=1 / 256)


def test_a_band_that_no_look_has_is_unknown_and_the_others_are_not() -> None:
    looks = planes(8)
    for each in looks:
        each[3] = np.nan
    found = background(looks)
    assert found is not None
    assert np.isnan(found[3]).all()
    assert np.isfinite(found[:3]).all()


def test_the_order_of_looks_does_not_matter() -> None:
    looks = planes(14, missing=0.2)
    one, other = background(looks), background(looks[::-1])
    assert one is not None
    assert other is not None
    assert one.tobytes() == other.tobytes()


def test_more_looks_than_are_kept_for_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 30"):
        background(planes(MOST_LOOKS + 1))


def test_no_look_has_no_background() -> None:
    assert background([]) is None


# --- the choice of looks ------------------------------------------------------------------------


def test_looks_are_spread_over_the_period_and_the_clearest_of_each_stretch() -> None:
    early = [Candidate(f"a{i:03d}", 1.0) for i in range(100)]
    late = [Candidate(f"b{i:03d}", 0.9 if i % 10 == 3 else 0.7) for i in range(200)]
    found = choose_looks([*early, *late])
    assert len(found) == MOST_LOOKS
    assert sum(id.startswith("b") for id in found) == 20
    assert {id for id in found if id.startswith("b")} == {f"b{i:03d}" for i in range(3, 200, 10)}
    assert list(found) == sorted(found)
    assert found == choose_looks([*early, *late])


def test_holes_in_the_clouds_are_not_used_but_half_a_swath_is() -> None:
    looks = [Candidate("full", 1.0), Candidate("half", 0.5), Candidate("hole", 0.1)]
    assert choose_looks(looks) == ("full", "half")
    assert choose_looks([Candidate("dark", 0.0)]) == ()
    assert choose_looks([]) == ()


# --- in the results -----------------------------------------------------------------------------


def port() -> Port:
    x, y = GRID.left + 10 * BERTH[1], GRID.top - 10 * BERTH[0]
    to_lon_lat = Transformer.from_crs(GRID.epsg, 4326, always_xy=True).transform
    around = ((-150, -150), (150, -150), (150, 150), (-150, 150))
    found = small_port(grid=GRID)
    berth = replace(
        found.berths[0],
        kind=BerthKind.BULK,
        polygon=Polygon([to_lon_lat(x + dx, y + dy) for dx, dy in around]),
    )
    px, py = GRID.left + 10 * PONTOON[1], GRID.top - 10 * PONTOON[0]
    pontoon = Polygon([to_lon_lat(px + dx, py + dy) for dx, dy in around])
    return replace(found, berths=(berth, replace(berth, id="pontoon", polygon=pontoon)))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> LocalFolder:
    """An archive of the ten days as tile and segment leave it."""
    root = LocalFolder(tmp_path_factory.mktemp("archive"))
    archive = PortArchive.create_or_open(root, port(), np.zeros(GRID.shape, bool))
    days = list(records(OCCUPIED))
    archive.ensure(
        [
            replace(overpass(scene({})), id=day.overpass_id, acquired=day.acquired, port="TESTP")
            for day in days
        ]
    )
    fork, steps = archive.fork(), archive.steps()
    for number, day in enumerate(days):
        step = steps[day.overpass_id].index
        fork.write_pixels(SENSOR, step, look(number, moored=OCCUPIED[number]))
        fork.write_vessels(SENSOR, step, day.vessels, np.zeros(GRID.shape, np.uint8))
    done = [
        (UnitResult(day.overpass_id, stage, UnitState.DONE), "key")
        for day in days
        for stage in StageName
    ]
    archive.commit(done, [fork], "fill", {})
    return root


def counted(root: LocalFolder, for_structure: Settings | None) -> PortResult:
    ids = [f"pass-{day:02d}" for day in range(len(OCCUPIED))]
    quick = replace(DEFAULT_ESTIMATES, draws=100)
    return count_port(root, port(), ids, Basis(PERIOD, quick, (), structure_settings=for_structure))


def test_fixed_structure_stays_in_the_table_of_vessels_and_counts_nowhere(
    filled: LocalFolder,
) -> None:
    found = counted(filled, settings())
    vessels = found.tables.vessels
    assert len(vessels) == 10 + sum(OCCUPIED)
    assert (vessels["fixed"] == (vessels["berth"] == "pontoon")).all()
    assert vessels.loc[vessels["fixed"], "background"].min() > 0.5
    assert (vessels.loc[vessels["fixed"], "visit_id"] == "").all()
    assert len(found.tables.ships) == sum(OCCUPIED)
    seen = found.tables.looks.groupby("berth")["vessels"].sum()
    assert seen.to_dict() == {"oil": sum(OCCUPIED), "pontoon": 0}
    assert set(found.tables.visits["berth"]) == {"oil"}
    assert int(found.series["month"]["vessels_seen"].sum()) == sum(OCCUPIED)
    estimated = found.estimate.berths.set_index("berth")["visits_seen"]
    assert estimated["pontoon"] == 0


def test_kept_it_is_a_vessel_like_any_other(filled: LocalFolder) -> None:
    found = counted(filled, None)
    vessels = found.tables.vessels
    assert not vessels["fixed"].any()
    assert vessels["background"].isna().all()
    seen = found.tables.looks.groupby("berth")["vessels"].sum()
    assert seen["pontoon"] == 10


def test_the_plan_says_whether_structure_is_rejected() -> None:
    run = settings()
    assert results.basis_of(PLAN, run).structure_settings == run
    kept = replace(PLAN, fixed_structure=FixedStructure.KEEP)
    assert results.basis_of(kept, run).structure_settings is None


def test_a_fixed_vessel_makes_no_clouded_look_a_partly_clear_one() -> None:
    clouded = np.full(GRID.shape, Quality.CLOUD, np.uint8)
    there = replace(vessel(ship(3)), fixed=True, background=0.8)
    hidden = replace(record(0, there), quality=clouded)
    states = port_tables(port(), [hidden]).looks.set_index("berth")["state"]
    assert states["oil"] == "clouded"
