"""Verify: recompute overpasses from their pinned inputs and compare them with the archive; or read
their files again, whole, and compare them with what catalogs and archive say of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from math import isnan

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from jobs.archive import Archives, PortArchive, digest_of_read
from jobs.domain import (
    Engine,
    Overpass,
    Pixels,
    Settings,
    Source,
    StageName,
    Unit,
    UnitState,
    Vessel,
    content_id,
)
from jobs.errors import BerthwatchError
from jobs.plan import Plan
from jobs.run.common_ground import ground_of
from jobs.run.likeness import Ships, unlike
from jobs.run.parallel_map import parallel_map
from jobs.run.settings import settings_for
from jobs.run.task import STAGES, worker_offers_gpu
from jobs.run.unit_state import overall, port_steps, port_units
from jobs.storage import Storage
from jobs.tile import by_gdal_alone, file_facts
from models.inference import EngineError, EngineName, require_engine

EQUAL = "equal"
"""The result of an overpass that is as it should be, to the byte."""

ALIKE = "alike"
"""The result of one whose ships are as another engine finds them in the same pixels."""

AGREE = (EQUAL, ALIKE)

TO_THE_BYTE = "to the byte"
"""What was asked for, in the column ``compared``."""

SHOWN = 16
"""Digits of two checksums that differ."""


@dataclass(frozen=True)
class Compared:
    """How an overpass compares with the archive."""

    result: str
    """``equal``, ``alike``, what differs, or why that cannot be told."""
    compared: str = TO_THE_BYTE
    """How."""
    read: str = ""
    """sha256 of what was read of its files when it was tiled; empty where that was not kept."""


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
    plan: Plan,
    root: Storage,
    sample: int,
    seed: int,
    client: Client | None = None,
    inputs: bool = False,
    tell: Callable[[str], object] | None = None,
) -> list[dict[str, str]]:
    """One row per recomputed overpass: its id, ``equal``, ``alike`` or what differs, how that was
    compared, and the sha256 of what was read of its files when it was tiled, empty where that was
    not kept.

    Bytes are compared where the network is run by what ran it for the archive: engine, version and
    the processor's instructions. Where this process cannot do that, torch runs it in float32, and
    the ships must be alike (``likeness``); workers of a cluster must have the engine.

    With ``inputs`` nothing is recomputed: the files are read again. With a client its workers do
    it, else this process; ``tell`` hears how far that is. Raises ClusterLostError where the cluster
    is lost meanwhile.
    """
    settings = settings_for(plan)
    archives = Archives(plan.ports, root)
    chosen = heapq.nsmallest(  # by digest: pseudo-random, the same on every machine
        sample,
        _done(plan, archives, settings),
        key=lambda unit: content_id([seed, unit.overpass.id]),
    )
    chosen.sort(key=lambda unit: unit.overpass.id)
    calls = [(root, unit, settings, inputs) for unit in chosen]
    if client is None:
        results: Iterator[tuple[int, Compared]] = enumerate(_result(*call) for call in calls)
    else:
        results = parallel_map(client, ground_of(settings), _result, calls)
    found = dict(_told(results, len(calls), tell))
    return [
        {"overpass": unit.overpass.id, **asdict(found[number])}
        for number, unit in enumerate(chosen)
    ]


def _told(
    results: Iterator[tuple[int, Compared]],
    of: int,
    tell: Callable[[str], object] | None,
) -> Iterator[tuple[int, Compared]]:
    """The results; how many there are is told with each."""
    for number in range(of):
        if tell is not None:
            tell(f"verifying, {number} of {of} overpasses done ...")
        yield next(results)


def _result(root: Storage, unit: Unit, settings: Settings, inputs: bool) -> Compared:
    """How an overpass compares, or why that cannot be told. Also runs on a worker."""
    archive = PortArchive.create_or_open(root, unit.port, None)
    read = archive.what_was_read(unit.overpass.sensor, unit.step)
    compare = _compare_inputs if inputs else _compare
    try:
        with by_gdal_alone():  # by another reader, and with the checksums of whole blocks
            found = compare(unit, archive, settings, read)
    except BerthwatchError as error:
        found = Compared(f"cannot be {'read' if inputs else 'recomputed'}: {error}")
    return replace(found, read=digest_of_read(read) if read else "")


def _done(plan: Plan, archives: Archives, settings: Settings) -> Iterator[Unit]:
    """Every unit that is done, port by port."""
    for port in plan.ports:
        steps = port_steps(archives.existing(port.id))
        for unit, step in port_units(plan, port, steps):
            if overall(unit, step, settings) is UnitState.DONE:
                yield unit


def _compare(
    unit: Unit, archive: PortArchive, settings: Settings, read: Mapping[str, str]
) -> Compared:
    """Recomputed: ``equal``, ``alike``, or the names of what differs."""
    kept = archive.fork()
    again = MemoryStore(kept.land())
    here, other = _engine_here(settings)
    results = {stage.name: stage.run(unit, here, again, worker_offers_gpu()) for stage in STAGES}
    read_again = results[StageName.TILE].read
    sensor, step = unit.overpass.sensor, unit.step
    assert again.pixels is not None
    assert again.ship_probability is not None
    pixels = kept.read_pixels(sensor, step)
    vessels, probability = kept.read_vessels(sensor, step)
    same_pixels = {
        "image": np.array_equal(pixels.image, again.pixels.image),
        "quality": np.array_equal(pixels.quality, again.pixels.quality),
    }
    same_ships = {
        "ship_probability": np.array_equal(probability, again.ship_probability),
        "vessels": _as_stored(vessels) == _as_stored(again.vessels),
    }
    faults = [*_unequal(same_pixels), *_other_reads(read, read_again)]
    other = other or _other_maker(archive, settings, results[StageName.SEGMENT].made_by)
    if all(same_ships.values()) or not other:
        return Compared(_differs([*faults, *_unequal(same_ships)]))
    faults += unlike(Ships(vessels, probability), Ships(again.vessels, again.ship_probability))
    return Compared(_differs(faults, ALIKE), f"within the tolerance of engines: {other}")


def _unequal(same: Mapping[str, bool]) -> list[str]:
    return [name for name, equal in same.items() if not equal]


def _engine_here(settings: Settings) -> tuple[Settings, str]:
    """The settings to recompute with, and why they name another engine; empty where they do not."""
    try:
        require_engine(EngineName(settings.engine))
    except EngineError as error:
        reason = str(error).partition(":")[0]
        return replace(settings, engine=Engine.TORCH), f"run by {Engine.TORCH} here, for {reason}"
    return settings, ""


def _other_maker(archive: PortArchive, settings: Settings, here: str) -> str:
    """Why bytes may differ though the engine is the archive's, in words; empty where they may not.

    Commits name what ran the network, not which overpass; those of older versions do not.
    """
    made_by = sorted(set(archive.made_by(settings.model_id)))
    if not here or not made_by or made_by == [here]:
        return ""
    return f"made by {' or '.join(made_by)}, here {here}"


def _differs(faults: list[str], else_: str = EQUAL) -> str:
    return f"differs: {', '.join(faults)}" if faults else else_


def _other_reads(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Files of which other pixels are read now than were, in words; none where it is unknown."""
    changed = [name for name in now if name in then and then[name] != now[name]]
    if changed:
        yield f"what is read of {' '.join(changed)}"


def _compare_inputs(
    unit: Unit, archive: PortArchive, settings: Settings, read: Mapping[str, str]
) -> Compared:
    """``equal``, which files differ from what was read of them or from what the catalog states, or
    that there is nothing to compare them with.
    """
    tile = next(stage for stage in STAGES if stage.name is StageName.TILE)
    again = tile.run(unit, settings, MemoryStore(archive.fork().land()), False)
    checksums, faults = _check_files(unit.overpass)
    faults += _other_reads(read, again.read)
    if not faults and not read and not checksums:
        return Compared(
            "unknown: neither the catalog nor the archive, filled before it kept any, has digests"
        )
    return Compared(_differs(faults))


def _check_files(overpass: Overpass) -> tuple[int, list[str]]:
    """How many checksums were compared with the catalog's, and the facts that differ, in words."""
    checksums, faults = 0, []
    for number, scene in enumerate(overpass.scenes, start=1):
        for name, source in _files(scene.bands, scene.mask):
            for fact in file_facts(source, scene.access):
                checksums += fact.is_checksum
                if not fact.agrees:
                    faults.append(
                        f"{fact.name} of {number}/{name} {fact.found[:SHOWN]}, "
                        f"in the catalog {fact.stated[:SHOWN]}"
                    )
    return checksums, faults


def _files(bands: Mapping[str, Source], mask: Source | None) -> Iterator[tuple[str, Source]]:
    """A source of each file, with the name of its first band."""
    masks = {} if mask is None else {"mask": mask}
    seen: set[str] = set()
    for name, source in {**bands, **masks}.items():
        if source.href not in seen:
            seen.add(source.href)
            yield name, source


def _as_stored(vessels: tuple[Vessel, ...]) -> list[tuple[float, ...]]:
    """Vessels at the archive's precision: float32, positions float64."""
    return [
        (
            v.x,
            v.y,
            *(
                float(np.float32(n))
                for n in (v.length_m, v.length_sd_m, *_beam(v), v.heading_deg, v.score)
            ),
            float(v.truncated),
        )
        for v in vessels
    ]


def _beam(vessel: Vessel) -> tuple[float, ...]:
    """Beam and its deviation. What is not measured is NaN in the archive and unequal to itself: -1
    stands for it.
    """
    return tuple(-1.0 if n is None or isnan(n) else n for n in (vessel.beam_m, vessel.beam_sd_m))
