"""Beams at PlanetScope's own pixels: on simulated harbours by lot, as the segment stage measures.

Every ship counts that is wholly visible and that the packaged network finds at 10 m. The seed is
none by which the measuring's numbers were chosen (those were 2024 and 77). The simulator's tankers
have the beams of the registry's fit with half of its scatter (sd of ln .05, the registry's .099);
other ships are 6.2 to 8.3 times as long as broad. Deadweights are drawn as for visits, of every
ship as if a tanker of 60 to 130 m.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from time import perf_counter

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.domain import SENSORS, Overpass, Vessel
from jobs.segment.network import away_from_cloud, in_metres, visible
from jobs.segment.own_pixels import with_beams
from jobs.simulate import SimulationConfig, simulate_archive
from jobs.tile.stage import read_overpass
from jobs.visits.cargo import BeamMeasure, VolumeSettings, volumes_of
from jobs.visits.occupancy.draws import StayDraws
from models.inference import Predictor
from tests.bench.bench_sensors import Ship, matched, scenes, shown
from tests.support.scenes import overpass

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

SENSOR = SENSORS["planetscope-sr"]
HARBOURS, SEED = 12, 31
BANDS_M = ((40, 100), (100, 150), (150, 400))
DRAWS = 1000


@dataclass(frozen=True)
class Pair:
    ship: Ship
    before: Vessel
    after: Vessel


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    folder = tmp_path_factory.mktemp("hulls") / "world"
    config = SimulationConfig(
        seed=SEED,
        sensor=SENSOR.name,
        harbours=HARBOURS,
        start=date(2024, 5, 1),
        days=5,
        revisit_days=(8,),
        cloud_share=0.05,
    )
    simulate_archive(config, folder, lambda _: None)
    predictor, found, seconds, windows = Predictor.load(), list[Pair](), 0.0, 0
    for scene, ships in scenes(folder, SENSOR.name):
        pixels, grid = shown(scene, SENSOR.name, 10.0)
        prediction = predictor.predict(visible(pixels, SENSOR), SENSOR.bands)
        usable = away_from_cloud(pixels.quality, 10.0)
        detected = predictor.detect(prediction, pixel_m=10.0, usable=usable)
        before = tuple(in_metres(each, grid) for each in detected)
        taken: Overpass = replace(overpass(scene), sensor=SENSOR.name)
        started = perf_counter()
        after = with_beams(before, taken, grid.epsg, read_overpass)
        seconds, windows = seconds + perf_counter() - started, windows + len(before)
        for i, j in matched([(v.x, v.y, v.length_m) for v in before], ships):
            if ships[j].sure:
                found.append(Pair(ships[j], before[i], after[i]))
    print(f"\n{windows} vessels, {seconds / windows:.3f} s each")
    return found


def test_beams(pairs: list[Pair]) -> None:
    measured = [pair for pair in pairs if pair.after.beam_sd_m is not None]
    error, sd = errors(measured)
    before = np.array([pair.before.beam_m - pair.ship.beam_m for pair in measured])
    print(f"measured {len(measured)} of {len(pairs)} ships; MAE {np.abs(error).mean():.2f} m, ")
    print(
        f"bias {error.mean():+.2f} m, sd {error.std():.2f} m; network {np.abs(before).mean():.2f}"
    )
    within = [float((np.abs(error) < k * sd).mean()) for k in (1, 2)]
    print(
        f"within 1 and 2 sd_m: {within[0]:.2f}, {within[1]:.2f}; worst {np.abs(error).max():.1f} m"
    )
    for low, high in BANDS_M:
        here = [pair for pair in pairs if low <= pair.ship.length_m < high]
        known = [pair for pair in here if pair.after.beam_sd_m is not None]
        off, _ = errors(known)
        print(
            f"{low}-{high} m: {len(known)} of {len(here)}, bias {off.mean():+.2f}, "
            f"sd {off.std():.2f} m"
        )
    assert len(measured) > 0.15 * len(pairs)  # .22 here, .38 with the other seeds: by the quays
    assert np.abs(error).mean() < 1.2
    assert within[0] > 0.62
    assert within[1] > 0.9


def errors(pairs: list[Pair]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    off = [pair.after.beam_m - pair.ship.beam_m for pair in pairs]
    return np.array(off), np.array([pair.after.beam_sd_m for pair in pairs], np.float64)


def test_deadweight_with_these_beams(pairs: list[Pair]) -> None:
    here = [
        pair
        for pair in pairs
        if pair.after.beam_sd_m is not None and 60 <= pair.ship.length_m <= 130
    ]
    names = tuple(f"v{n}" for n in range(len(here)))
    beams = {
        name: BeamMeasure(pair.after.beam_m, float(pair.after.beam_sd_m or 0))
        for name, pair in zip(names, here, strict=True)
    }
    widths = [float(np.median(np.log(width(here, names, each)))) for each in ({}, beams)]
    print(f"\n{len(here)} ships of 60-130 m: 90 % of the deadweight from 1 to ", end="")
    print(f"{np.exp(widths[0]):.2f} by length, to {np.exp(widths[1]):.2f} by length and beam")
    assert widths[1] < 0.7 * widths[0]


def width(
    pairs: list[Pair], names: tuple[str, ...], beams: dict[str, BeamMeasure]
) -> NDArray[np.float64]:
    """Upper end of the 90 % interval by its lower one, of each ship."""
    count, random = len(pairs), np.random.default_rng(1)
    length, sd = (
        np.array([getattr(pair.before, name) for pair in pairs])
        for name in ("length_m", "length_sd_m")
    )
    drawn = length * np.exp(sd / length * random.standard_normal((DRAWS, count)))
    stays = StayDraws(
        "p",
        "b",
        datetime(2024, 1, 1, tzinfo=UTC),
        1.0,
        DRAWS,
        np.repeat(np.arange(DRAWS), count).astype(np.int32),
        np.zeros(DRAWS * count),
        np.ones(DRAWS * count),
        drawn.ravel(),
        np.tile(np.arange(count), DRAWS).astype(np.int32),
        names,
    )
    (volumes,) = volumes_of([stays], VolumeSettings(), beams=beams)
    low, high = np.quantile(volumes.deadweight_t.reshape(DRAWS, count), [0.05, 0.95], axis=0)
    return np.asarray(high / low)
