"""What it costs to know inputs again: hashing what is read, keeping it, comparing it.

python -m tests.bench.bench_inputs [--overpasses 3000] [--passes 5]

Prints CPU seconds per megapixel of hashing beside those of the whole tile stage; and for one port
with many overpasses of two scenes with checksums: the bytes that the archive keeps of each, and
the seconds of a run that finds nothing to do, with inputs and without.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from jobs import tile
from jobs.archive import PortArchive, Step
from jobs.domain import (
    Overpass,
    Period,
    Scene,
    Settings,
    Source,
    StageName,
    Unit,
    UnitResult,
    UnitState,
)
from jobs.plan import Inputs, Plan
from jobs.plan.serialise import overpass_from_json, overpass_to_json
from jobs.run.unit_state import overall, port_units
from jobs.run.verify import MemoryStore
from jobs.segment import key as segment_key
from jobs.storage import storage_at
from jobs.tile import stage as tile_stage
from tests.bench.bench_costs import BANDS, SIDES, _overpass, scene_files
from tests.support.scenes import GRID, NOON, overpass, scene, small_port

STORE = "https://e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com/sentinel-2-c1-l2a"

SETTINGS = Settings("bench", None, "0" * 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--overpasses", type=int, default=3000)
    parser.add_argument("--passes", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for side in SIDES:
            _hashing(Path(folder), side, chosen.passes)
        _keeping(Path(folder), chosen.overpasses, chosen.passes)


def _hashing(folder: Path, side: int, passes: int) -> None:
    grid = replace(GRID, width=side, height=side)
    taken = _overpass(scene_files(folder), 1)
    store = MemoryStore(np.zeros(grid.shape, bool))
    unit = Unit(small_port(grid=grid), taken, 0)
    whole = _cpu_s(lambda: tile.run(unit, SETTINGS, store), passes)
    layers = [np.random.default_rng(n).integers(0, 9000, grid.shape).astype("u2") for n in range(5)]
    hashing = _cpu_s(lambda: [tile_stage._digest(layer) for layer in layers], passes)
    megapixels = side * side / 1e6
    print(
        f"{side} x {side}: tile {whole / megapixels:.4f} CPU-s/Mpx, of it hashing "
        f"{hashing / megapixels:.4f} ({100 * hashing / whole:.1f} %)"
    )


def _keeping(folder: Path, count: int, passes: int) -> None:
    found = {}
    for kept in (False, True):
        root = folder / f"archive-{kept}"
        archive = PortArchive.create_or_open(
            storage_at(str(root)), small_port(), np.zeros(GRID.shape, bool)
        )
        taken = [_taken(day) for day in range(count)]
        archive.ensure(taken)
        archive.commit(_done(taken, kept), [], "bench", {})
        reading = _cpu_s(archive.steps, passes)
        steps, plan = archive.steps(), _plan(taken)

        def nothing_to_do(plan: Plan = plan, steps: dict[str, Step] = steps) -> None:
            for unit, step in port_units(plan, plan.ports[0], steps):
                state = overall(unit, step, SETTINGS)
                assert state is UnitState.DONE, state

        found[kept] = (_objects(root)[1], reading, _cpu_s(nothing_to_do, passes))
    lines = [json.dumps(overpass_to_json(each)) for each in taken]
    parsing = _cpu_s(lambda: [overpass_from_json(json.loads(line)) for line in lines], passes)
    (size, read, compared), (size_kept, read_kept, compared_kept) = found[False], found[True]
    print(
        f"{count} overpasses: {(size_kept - size) / count:.0f} bytes more of each in the archive; "
        f"us of each: plan read {1e6 * parsing / count:.0f}, "
        f"steps read {1e6 * read / count:.0f} -> {1e6 * read_kept / count:.0f}, "
        f"compared {1e6 * compared / count:.0f} -> "
        f"{1e6 * compared_kept / count:.0f}"
    )


def _plan(taken: list[Overpass]) -> Plan:
    period = Period(NOON.date(), NOON.date() + timedelta(days=len(taken)))
    return Plan(
        name="bench",
        period=period,
        archive="",
        model=None,
        sources=(),
        ports=(small_port(),),
        overpasses=tuple(taken),
    )


def _taken(day: int) -> Overpass:
    made = overpass(_scene(day, "a"), _scene(day, "b"))
    return replace(made, id=f"TESTP-{day:05d}", acquired=NOON + timedelta(days=day))


def _scene(day: int, name: str) -> Scene:
    id = f"S2A_T52TFN_20240501T021007_L2A_{day:05d}_{name}"
    random = np.random.default_rng([day, ord(name)])
    files = {band: _source(f"{STORE}/{id}/{band}.tif", random) for band in (*BANDS, "mask")}
    mask = files.pop("mask")
    facts = {"processing_baseline": "05.11", "produced": NOON.isoformat()}
    made = scene(files, id=id, mask=mask)
    return replace(made, catalog="https://earth-search.aws.element84.com/v1", facts=facts)


def _source(href: str, random: np.random.Generator) -> Source:
    checksum = f"1220{random.bytes(32).hex()}"
    size = int(random.integers(10**8, 2 * 10**8))
    grid = (GRID.epsg, GRID.transform, (10980, 10980))
    return Source(href, 1, *grid, 1e-4, -0.1, 0.0, checksum=checksum, size_bytes=size)


def _done(taken: list[Overpass], kept: bool) -> list[tuple[UnitResult, str]]:
    """The results of both stages, with inputs and digests or, as of early versions, without."""
    results = []
    for number, each in enumerate(taken):
        unit = Unit(small_port(), each, number)
        made = UnitResult(each.id, StageName.TILE, UnitState.DONE)
        if kept:
            read = {f"{n}/{band}": _hex(number, n, band) for n in "12" for band in (*BANDS, "mask")}
            made = replace(made, inputs=Inputs.of(each).text, read=read)
        results.append((made, tile.key(unit, SETTINGS)))
        segmented = UnitResult(each.id, StageName.SEGMENT, UnitState.DONE)
        results.append((segmented, segment_key(unit, SETTINGS)))
    return results


def _hex(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _cpu_s(do: Callable[[], object], passes: int) -> float:
    """Median CPU seconds of several passes, after one to warm up."""
    spent = []
    for _ in range(passes + 1):
        started = time.process_time()
        do()
        spent.append(time.process_time() - started)
    return float(np.median(spent[1:]))


def _objects(root: Path) -> tuple[int, int]:
    """(files, bytes) of the archive."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


if __name__ == "__main__":
    main()
