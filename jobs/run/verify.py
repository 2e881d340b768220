"""Verify: recompute overpasses from their pinned inputs and compare them with the archive."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from jobs.archive import Archives, PortArchive
from jobs.domain import Pixels, Settings, Unit, UnitState, Vessel, content_id
from jobs.errors import BerthwatchError
from jobs.plan import Plan
from jobs.run.parallel_map import parallel_map
from jobs.run.settings import settings_for
from jobs.run.task import STAGES, worker_offers_gpu
from jobs.run.unit_state import overall, port_steps, port_units
from jobs.storage import Storage


class MemoryStore:
    """An OverpassStore that keeps one overpass in memory."""

    def __init__(self, land: NDArray[np.bool_]) -> None:
        self._land = land
        self.pixels: Pixels | None = None
        self.vessels: tuple[Vessel, ...] = ()
        self.ship_probability: NDArray[np.uint8] | None = None

    def write_pixels(self, sensor: str, step: int, pixels: Pixels) -> None:
        """Keep the pixels."""
        self.pixels = pixels

    def read_pixels(self, sensor: str, step: int) -> Pixels:
        """The pixels the tile stage left."""
        assert self.pixels is not None
        return self.pixels

    def write_vessels(
        self,
        sensor: str,
        step: int,
        vessels: tuple[Vessel, ...],
        ship_probability: NDArray[np.uint8],
    ) -> None:
        """Keep the vessels and the probability."""
        self.vessels, self.ship_probability = vessels, ship_probability

    def land(self) -> NDArray[np.bool_]:
        """The land mask of the archive."""
        return self._land


def verify_sample(
    plan: Plan, root: Storage, sample: int, seed: int, client: Client | None = None
) -> list[dict[str, str]]:
    """One row per recomputed overpass: its id, and ``equal`` or what differs.

    With a client its workers recompute them, else this process. Raises ClusterLostError where the
    cluster is lost meanwhile.
    """
    settings = settings_for(plan)
    archives = Archives(plan.ports, root)
    chosen = heapq.nsmallest(  # by digest: pseudo-random, the same on every machine
        sample,
        _done(plan, archives, settings),
        key=lambda unit: content_id([seed, unit.overpass.id]),
    )
    chosen.sort(key=lambda unit: unit.overpass.id)
    calls = [(root, unit, settings) for unit in chosen]
    if client is None:
        found = dict(enumerate(_result(*call) for call in calls))
    else:
        found = dict(parallel_map(client, _result, calls))
    return [
        {"overpass": unit.overpass.id, "result": found[number]}
        for number, unit in enumerate(chosen)
    ]


def _result(root: Storage, unit: Unit, settings: Settings) -> str:
    """``equal``, what differs, or why it cannot be recomputed; also runs on a worker."""
    try:
        return _compare(unit, PortArchive.create_or_open(root, unit.port, None), settings)
    except BerthwatchError as error:
        return f"cannot be recomputed: {error}"


def _done(plan: Plan, archives: Archives, settings: Settings) -> Iterator[Unit]:
    """Every unit that is done, port by port."""
    for port in plan.ports:
        steps = port_steps(archives.existing(port.id))
        for unit, step in port_units(plan, port, steps):
            if overall(unit, step, settings) is UnitState.DONE:
                yield unit


def _compare(unit: Unit, archive: PortArchive, settings: Settings) -> str:
    """``equal``, or the names of what differs."""
    kept = archive.fork()
    again = MemoryStore(kept.land())
    for stage in STAGES:
        stage.run(unit, settings, again, worker_offers_gpu())
    sensor, step = unit.overpass.sensor, unit.step
    assert again.pixels is not None
    assert again.ship_probability is not None
    pixels = kept.read_pixels(sensor, step)
    vessels, probability = kept.read_vessels(sensor, step)
    same = {
        "image": np.array_equal(pixels.image, again.pixels.image),
        "quality": np.array_equal(pixels.quality, again.pixels.quality),
        "ship_probability": np.array_equal(probability, again.ship_probability),
        "vessels": _as_stored(vessels) == _as_stored(again.vessels),
    }
    different = [name for name, equal in same.items() if not equal]
    return f"differs: {', '.join(different)}" if different else "equal"


def _as_stored(vessels: tuple[Vessel, ...]) -> list[tuple[float, ...]]:
    """Vessels at the archive's precision: float32, positions float64."""
    return [
        (
            v.x,
            v.y,
            *(
                float(np.float32(n))
                for n in (v.length_m, v.length_sd_m, v.beam_m, v.heading_deg, v.score)
            ),
            float(v.truncated),
        )
        for v in vessels
    ]
