"""Seen visits against the ships that were truly seen, by what an empty look is taken to prove.

    python -m tests.bench.bench_seen_visits --years 20

Ships at a berth and on a road, simulated; looks of sensors that see as little as was measured, or
more; each merged into stays by the house's own code under several limits of ``absence.OVERLOOKED``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias
from unittest.mock import patch

import numpy as np
from numpy.random import Generator
from scipy.special import expit, logit

from jobs.domain import Berth, BerthKind, LookState
from jobs.domain.sensor import SensorErrors
from jobs.run.settings import detector_errors
from jobs.visits import absence
from jobs.visits import stays as rule
from jobs.visits.looks import Look, Sighting
from jobs.visits.occupancy.detector import ANCHORAGE, BERTH, REFERENCE_LENGTH_M
from jobs.visits.stays import Stay, stays_at
from tests.bench.visits.berth_years import ORIGIN, WARM_UP_DAYS, clouded_at, simulate_history
from tests.support.factories import LEFT, TOP, make_berth, make_vessel

SEED = 20261130
DAYS = 365.0
LIMITS = (
    (1.0, 4),
    *((limit, 1) for limit in (0.9, 0.8, 0.7, 0.6, 0.5, 0.3)),
    *((0.6, days) for days in (2, 4)),
)
"""Values of ``OVERLOOKED`` and, in days, of ``MISSED_GAP``. With the first any clear look proves a
ship gone, whatever its sensor."""
PLACES = {
    BERTH: make_berth(),
    ANCHORAGE: make_berth(
        id="roads", kind=BerthKind.ANCHORAGE, capacity=None, place_m=(2300, 2300, 1500, 1500)
    ),
}
OPTICAL, LANDSAT, RADAR = "sentinel-2-l2a", "landsat-c2-l2", "sentinel-1-rtc"
SD_M = {OPTICAL: 10.0, LANDSAT: 25.0, RADAR: 20.0}
"""Of a length; as simulated, and as said."""
CYCLE = {OPTICAL: (2.5, 10.5), LANDSAT: (4.0, 10.2), RADAR: (4.0, 21.5)}
"""Mean days between passes, and the hour."""
CLOUDED = 0.4


def measured() -> tuple[SensorErrors, ...]:
    """The errors of the packaged network, each with its sensor's name."""
    return tuple(
        given(error.place, sensor, error.recall, error.recall_sd, error.recall_slope)
        for error in detector_errors(None)
        if (sensor := getattr(error, "sensor", "") or OPTICAL) in CYCLE
    )


def given(
    place: str, sensor: str, recall: float, sd: float = 0.0, slope: float = 0.0
) -> SensorErrors:
    return SensorErrors(sensor, place, "", recall, sd, slope, 0.01, 1.0, 1, 1)


WATCHES = {
    "Sentinel-2": (OPTICAL,),
    "Sentinel-2, Landsat": (OPTICAL, LANDSAT),
    "Sentinel-2, Landsat, Sentinel-1": (OPTICAL, LANDSAT, RADAR),
}
GIVEN = tuple(
    given(place, sensor, recall)
    for place in PLACES
    for sensor, recall in ((OPTICAL, 0.8), (LANDSAT, 0.2), (RADAR, 0.9))
)
"""Whatever the length, and the same at every port."""
RATES = (0.1, 1.0)
"""Ships a day to an empty berth, lowest and highest; to a road three times that."""
FLEETS_SD = (0.1, 0.4)
"""Of the logarithm of the lengths: ships that are alike, and a mixed fleet; the median is 100 m."""
Sums: TypeAlias = dict[tuple[float, int], Counter[str]]


@dataclass(frozen=True)
class Ship:
    """One true stay."""

    arrival: float
    departure: float
    length_m: float
    east_m: float
    north_m: float


def ships_at(rng: Generator, place: str, fleet_sd: float) -> list[Ship]:
    """A year of stays: at a berth one by one, on a road of any number."""
    dwell = 1.5 if place == BERTH else 2.0
    rate = float(np.exp(rng.uniform(*np.log(RATES))))
    fleet = 100 * np.exp(fleet_sd * rng.standard_normal(500))
    if place == BERTH:
        one = simulate_history(rng, np.full(12, rate), dwell, "lognormal", fleet, DAYS)
        rows = zip(one.arrival, one.departure, one.length_m, strict=True)
        return [Ship(*map(float, row), 1530.0, -1230.0) for row in rows]
    start = np.sort(rng.uniform(-WARM_UP_DAYS, DAYS, rng.poisson(rate * 3 * (DAYS + WARM_UP_DAYS))))
    return [
        Ship(
            t,
            t + dwell * rng.gamma(4) / 4,
            rng.choice(fleet),
            *rng.uniform(2300, 3800, 1),
            -rng.uniform(2300, 3800),
        )
        for t in start
    ]


def looks_of(
    rng: Generator, berth: Berth, ships: Sequence[Ship], errors: Sequence[SensorErrors]
) -> tuple[list[Look], dict[str, int]]:
    """The looks of these sensors in time order, and which ship each sighting shows."""
    looks, shows = [], {}
    for error in errors:
        days, hour = CYCLE[error.sensor]
        at = np.arange(rng.uniform(0, days), DAYS, days)
        at = np.floor(at) + hour / 24 + rng.normal(0, 0.005, len(at))
        if error.sensor != RADAR:
            at = at[~clouded_at(rng, at, CLOUDED, 2.0)]
        # the port's own level, which the believed errors do not know
        level = logit(error.recall) + error.recall_sd * rng.standard_normal()
        for t in at:
            name = f"{error.sensor}-{t:08.3f}"
            time = ORIGIN + timedelta(days=float(t))
            seen = []
            for number, ship in enumerate(ships):
                if not ship.arrival <= t < ship.departure:
                    continue
                chance = expit(
                    level + error.recall_slope * np.log(ship.length_m / REFERENCE_LENGTH_M)
                )
                if rng.random() < chance:
                    vessel = make_vessel(
                        x=LEFT + ship.east_m + rng.normal(0, 60 if berth.capacity is None else 5),
                        y=TOP + ship.north_m + rng.normal(0, 60 if berth.capacity is None else 5),
                        length_m=max(20.0, ship.length_m + rng.normal(0, SD_M[error.sensor])),
                        length_sd_m=SD_M[error.sensor],
                    )
                    sighting = Sighting(f"{name}-{number:03d}", name, time, vessel)
                    shows[sighting.vessel_id] = number
                    seen.append(sighting)
            looks.append(
                Look(
                    berth.id,
                    name,
                    time,
                    error.sensor,
                    "",
                    1.0,
                    1.0,
                    0.0,
                    True,
                    LookState.CLEAR,
                    tuple(seen),
                )
            )
    return sorted(looks, key=lambda look: look.time), shows


def score(stays: Sequence[Stay], ships: Sequence[Ship], shows: dict[str, int]) -> dict[str, float]:
    """How the stays differ from what was there: sums over a year."""
    owners = [{shows[s.vessel_id] for s in stay.sightings} for stay in stays]
    true = len(set(shows.values()))
    ends = [
        (stay, ships[shows[stay.sightings[-1].vessel_id]].departure)
        for stay in stays
        if stay.departure_before is not None
    ]
    wrong = sum((stay.departure_before - ORIGIN) / timedelta(days=1) < end for stay, end in ends)
    waited = sum((stay.departure_before - stay.last) / timedelta(days=1) for stay, _ in ends)
    return {
        "true": true,
        "counted": len(stays),
        "split": sum(len(owner) for owner in owners) - true,
        "merged": sum(len(owner) - 1 for owner in owners),
        "bounded": len(ends),
        "waited": waited,
        "wrong": wrong,
    }


def measure(place: str, sensors: Sequence[str], errors: Sequence[SensorErrors], years: int) -> Sums:
    """Sums over years and fleets, by limit."""
    here = [each for each in errors if each.place == place and each.sensor in sensors]
    sums: Sums = {limit: Counter() for limit in LIMITS}
    for fleet_sd in FLEETS_SD:
        for year in range(years):
            rng = np.random.default_rng([SEED, year])
            ships = ships_at(rng, place, fleet_sd)
            looks, shows = looks_of(rng, PLACES[place], ships, here)
            for limit in LIMITS:
                missed_gap = timedelta(days=limit[1])
                with (
                    patch.object(absence, "OVERLOOKED", limit[0]),
                    patch.object(rule, "MISSED_GAP", missed_gap),
                ):
                    stays = stays_at(PLACES[place], looks, errors=here)
                sums[limit].update(score(stays, ships, shows))
    return sums


def told(sums: Counter[str]) -> str:
    """A row of the table."""
    shares = (100 * sums[name] / sums["true"] for name in ("counted", "split", "merged"))
    bounds = 100 * sums["bounded"] / sums["counted"], 100 * sums["wrong"] / max(sums["bounded"], 1)
    waited = sums["waited"] / max(sums["bounded"], 1)
    cells = "  ".join(f"{each:5.1f}" for each in (*shares, *bounds, waited))
    return f"{sums['true']:5}  {cells}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=20)
    years = parser.parse_args().years
    print("place, errors, sensors:\n  limit: ships seen; % of them counted, split, merged;")
    print("  % of stays with a bounded departure, % of these before the true one; days that bounds")
    print("  lie from the last sighting")
    for place in PLACES:
        for name, errors in (("as measured", measured()), (".8, .2, .9", GIVEN)):
            for watch, sensors in WATCHES.items():
                print(f"{place}, {name}, {watch}:")
                for limit, sums in measure(place, sensors, errors, years).items():
                    print(f"  {limit}: {told(sums)}", flush=True)


if __name__ == "__main__":
    main()
