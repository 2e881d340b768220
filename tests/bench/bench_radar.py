"""The radar detector on simulated harbours that nothing was fitted to.

    python -m tests.bench.bench_radar [--harbours 24] [--over-time 6] [--ground-range]

First single looks, one of each harbour: precision, and recall by length, of ships of 40 m and more,
by quays and in open water; lengths and headings. Then a few harbours in twelve looks of one orbit,
with ships that come and go: the same by quays before and after the port's own background, and
reports at empty berths. At last the errors as the estimates of visits take them.
With ``--ground-range`` each look goes through files on ground control points (sentinel-1-grd).
Simulated, not real: what real quays do from look to look is not in it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from jobs.domain import OverpassRecord, Vessel
from jobs.segment.radar.archive_looks import in_metres
from jobs.segment.radar.background import background_of, brightness
from jobs.segment.radar.detector import find_ships
from jobs.segment.radar.structure import RadarStructure
from jobs.segment.shore import near_quays
from jobs.visits.looks import berth_areas, berth_of
from models.evaluation.detector_error import detector_errors
from models.evaluation.looks import EmptyLook, Looks, Place, ShipLook
from tests.bench.ground_range import as_ground_range
from tests.bench.radar_worlds import MEASURED_ON, RadarWorld, TrueShip, looks_of_one_orbit, worlds

Product = Callable[[Iterable[RadarWorld]], Iterable[RadarWorld]]
"""What looks become on their way to the detector."""

MATCH_M = 60.0
SHORTEST_M = 40.0
LENGTHS = (40, 70, 100, 150, 400)
START = datetime(2023, 5, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Scored:
    """One look: pairs of reports and ships, and what is left of both."""

    world: RadarWorld
    pairs: tuple[tuple[Vessel, TrueShip], ...]
    false: tuple[Vessel, ...]
    missed: tuple[TrueShip, ...]
    ghosts: int


def scored(world: RadarWorld, vessels: Sequence[Vessel], ghosts: int) -> Scored:
    """Reports matched one to one to ships within MATCH_M; small ones count neither way."""
    left, bottom, right, top = world.grid.bounds
    ships = [s for s in world.ships if left < s.x < right and bottom < s.y < top]
    far = np.array([[math.hypot(v.x - s.x, v.y - s.y) for s in ships] for v in vessels])
    far = far.reshape(len(vessels), len(ships))
    rows, columns = linear_sum_assignment(np.where(far <= MATCH_M, far, 1e6))
    found = {i: j for i, j in zip(rows, columns, strict=True) if far[i, j] <= MATCH_M}
    return Scored(
        world,
        tuple((vessels[i], ships[j]) for i, j in found.items() if ships[j].length_m >= SHORTEST_M),
        tuple(v for i, v in enumerate(vessels) if i not in found),
        tuple(
            s for j, s in enumerate(ships) if j not in found.values() and s.length_m >= SHORTEST_M
        ),
        ghosts,
    )


def found_in(world: RadarWorld) -> tuple[tuple[Vessel, ...], int]:
    found = find_ships(
        world.image,
        world.land,
        near_quays(world.port),
        world.orbit,
        float(world.port.area.centroid.y),
        world.grid.resolution_m,
    )
    return tuple(in_metres(ship, world.grid) for ship in found.ships), found.ghosts


def over_time(number: int, product: Product, looks: int = 12) -> tuple[list[Scored], list[Scored]]:
    """One harbour's looks before and after its background."""
    seen = list(product(looks_of_one_orbit(MEASURED_ON, number, looks, days_apart=6)))
    bright = {str(n): brightness(world.image) for n, world in enumerate(seen)}
    things = RadarStructure(seen[0].grid, background_of(bright.values()), bright.__getitem__)
    before, after = [], []
    for number, world in enumerate(seen):
        vessels, ghosts = found_in(world)
        record = OverpassRecord(
            str(number),
            "sentinel-1-rtc",
            "sentinel-1a",
            START + timedelta(days=6 * number),
            (),
            vessels,
            np.zeros(world.grid.shape, np.uint8),
        )
        left = [v for v in things.mark_record(record).vessels if not v.fixed]
        before.append(scored(world, vessels, ghosts))
        after.append(scored(world, left, ghosts))
    return before, after


def at_quay(scores: Iterable[Scored], quay: bool) -> str:
    """Precision and recall of reports near quays, or elsewhere, in words."""
    right = wrong = missed = 0
    for each in scores:
        near, grid = near_quays(each.world.port), each.world.grid

        def here(v: Vessel, near=near, grid=grid) -> bool:
            row = min(max(int((grid.top - v.y) // grid.resolution_m), 0), grid.height - 1)
            column = min(max(int((v.x - grid.left) // grid.resolution_m), 0), grid.width - 1)
            return bool(near[row, column])

        right += sum((s.berth != "") == quay for _, s in each.pairs)
        missed += sum((s.berth != "") == quay for s in each.missed)
        wrong += sum(here(v) == quay for v in each.false)
    share = right / (right + wrong) if right + wrong else math.nan
    return f"precision {share:.2f} ({wrong} false), recall {right / (right + missed):.2f}"


def by_length(scores: Sequence[Scored], quay: bool) -> None:
    for low, high in pairwise(LENGTHS):
        seen = [s for each in scores for _, s in each.pairs if in_class(s, low, high, quay)]
        missed = [s for each in scores for s in each.missed if in_class(s, low, high, quay)]
        total = len(seen) + len(missed)
        if total:
            print(f"    {low:>3} to {high:>3} m: recall {len(seen) / total:.2f} of {total}")


def in_class(ship: TrueShip, low: float, high: float, quay: bool) -> bool:
    return low <= ship.length_m < high and (ship.berth != "") == quay


def sizes(scores: Sequence[Scored], quay: bool) -> None:
    pairs = [(v, s) for each in scores for v, s in each.pairs if (s.berth != "") == quay]
    if not pairs:
        return
    error = np.array([v.length_m - s.length_m for v, s in pairs])
    scaled = np.array([(v.length_m - s.length_m) / v.length_sd_m for v, s in pairs])
    turn = np.array([abs((v.heading_deg - s.heading_deg + 90) % 180 - 90) for v, s in pairs])
    print(
        f"    length error mean {error.mean():.1f}, absolute {abs(error).mean():.1f}, "
        f"sd {error.std():.1f} m, of stated errors {scaled.std():.2f}; "
        f"heading within 10 degrees {np.mean(turn <= 10):.2f}"
    )


def errors_of(single: Sequence[Scored], later: Sequence[Scored]) -> None:
    """As the file of the sensor has them: by quays after the background, open in one."""
    looks = []
    for each in single:
        group = each.world.port.id
        ships = tuple(
            ShipLook(group, Place.ANCHORAGE, s.length_m, seen)
            for seen, group_of in ((True, [s for _, s in each.pairs]), (False, each.missed))
            for s in group_of
            if s.berth == "" and s.length_m >= SHORTEST_M
        )
        area_km2 = float((~each.world.land).sum()) * 1e-4
        wrong = sum(1 for _ in each.false if not _at_berth(each, _))
        looks.append(Looks(ships, (EmptyLook(group, Place.ANCHORAGE, area_km2, wrong),)))
    for each in later:
        group = each.world.port.id
        ships = tuple(
            ShipLook(group, Place.BERTH, s.length_m, seen)
            for seen, group_of in ((True, [s for _, s in each.pairs]), (False, each.missed))
            for s in group_of
            if s.berth != ""
        )
        taken = {s.berth for s in each.world.ships}
        empty = [b.id for b in each.world.port.berths if b.id not in taken]
        areas = berth_areas(each.world.port)
        wrong = sum(berth_of(v, areas) in empty for v in each.false)
        looks.append(Looks(ships, (EmptyLook(group, Place.BERTH, float(len(empty)), wrong),)))
    for error in detector_errors(looks):
        print(f"  {error}")


def _at_berth(each: Scored, vessel: Vessel) -> bool:
    return berth_of(vessel, berth_areas(each.world.port)) != ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--harbours", type=int, default=24)
    parser.add_argument("--over-time", type=int, default=6)
    parser.add_argument("--ground-range", action="store_true")
    asked = parser.parse_args()
    product: Product = as_ground_range if asked.ground_range else iter
    single = [scored(w, *found_in(w)) for w in product(worlds(MEASURED_ON, asked.harbours))]
    print(f"{len(single)} single looks, {sum(each.ghosts for each in single)} ghosts left out")
    for quay, name in ((False, "open water"), (True, "by quays")):
        print(f"  {name}: {at_quay(single, quay)}")
        by_length(single, quay)
        sizes(single, quay)
    pairs = [over_time(number, product) for number in range(asked.over_time)]
    before = [each for one, _ in pairs for each in one]
    after = [each for _, other in pairs for each in other]
    print(f"{len(after)} looks of {asked.over_time} harbours over time, by quays")
    print(f"  before the background: {at_quay(before, True)}")
    print(f"  after it: {at_quay(after, True)}")
    by_length(after, True)
    print(f"  open water after it: {at_quay(after, False)}")
    print("errors")
    errors_of(single, after)


if __name__ == "__main__":
    main()
