"""What a commit writes and costs as an archive grows: overpasses almost without pixels.

    python -m tests.bench.bench_commits [--overpasses 20000] [--commit 20]

A port of 64 x 64 pixels gets its overpasses as daily runs give them: appended, tiled and segmented
into forks, merged and committed, so many at a time. At each size the bytes of some such rounds are
told by kind (chunks of pixels and vessels; chunks of all else; Icechunk's manifests, snapshots and
transaction logs) beside the CPU of this process. Between the sizes the archive is filled in
commits of 500. The last lines are what all commits up to the last size write in all, by
interpolation between the sizes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import box

from jobs.archive import PortArchive
from jobs.domain import (
    Overpass,
    Pixels,
    Port,
    Scene,
    StageName,
    UnitResult,
    UnitState,
    Vessel,
    content_id,
)
from jobs.domain.geometry import local_grid
from jobs.storage import LocalFolder

pytestmark = pytest.mark.bench

SENSOR = "sentinel-2-l2a"
FILL = 500
ROUNDS = 3
KINDS = ("chunks", "manifests", "snapshots", "transactions")


@dataclass
class Round:
    """What one round wrote, by kind, and the CPU ms of its steps."""

    written: Counter[str] = field(default_factory=Counter)
    cpu_ms: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.cpu_ms[name] += 1000 * (time.process_time() - began)


def small_port() -> Port:
    """A port of about 64 x 64 pixels without berths."""
    area = box(132.0, 42.6, 132.0 + 0.0076, 42.6 + 0.0055)
    return Port("SMALL", "Small", "XX", area, (), local_grid(area))


def overpass(number: int) -> Overpass:
    """The overpass of that number, a day after the one before."""
    acquired = datetime(1970, 1, 1, 2, 10, tzinfo=UTC) + timedelta(days=number)
    scene = Scene(
        item_id=f"S2A_T52TXX_{acquired:%Y%m%dT%H%M%S}_L2A",
        collection="sentinel-2-c1-l2a",
        catalog="https://catalog.example/v1",
        sensor=SENSOR,
        platform="sentinel-2a",
        acquired=acquired,
        bands={},
        mask=None,
        cloud_cover=10.0,
        geometry=small_port().area,
    )
    id = f"SMALL-{acquired:%Y%m%dT%H%M%S}-{content_id(scene.item_id, 8)}"
    return Overpass(id, "SMALL", SENSOR, "sentinel-2a", acquired, (scene,))


def vessels(count: int) -> tuple[Vessel, ...]:
    corners = ((0.0, 0.0), (0.0, 9.0), (99.0, 9.0), (99.0, 0.0))
    return tuple(
        Vessel(409_800.0 + n, 4_740_000.0, 99.0, 4.0, 9.0, 12.0, 0.9, False, corners)
        for n in range(count)
    )


def grow(archive: PortArchive, first: int, count: int, rng: np.random.Generator) -> Round:
    """Append, tile, segment and commit that many overpasses; what it wrote and cost."""
    done = Round()
    before = sizes(archive)
    new = [overpass(first + n) for n in range(count)]
    with done.timed("ensure"):
        archive.ensure(new)
    with done.timed("fork"):
        forks = [archive.fork() for _ in new]
    shape = archive.port.grid.shape
    with done.timed("write"):
        for n, fork in enumerate(forks):
            image = rng.integers(1000, 3000, (4, *shape), np.uint16)
            fork.write_pixels(SENSOR, first + n, Pixels(image, np.zeros(shape, np.uint8)))
            fork.write_vessels(SENSOR, first + n, vessels(3), np.ones(shape, np.uint8))
    results = [pair for each in new for pair in outcome(each)]
    between = sizes(archive)
    done.written["pixels, vessels"] = size(between, "chunks") - size(before, "chunks")
    with done.timed("commit"):
        archive.commit(results, forks, f"{count} overpasses", {})
    after = sizes(archive)
    for kind in KINDS:
        name = "other chunks" if kind == "chunks" else kind
        done.written[name] = size(after, kind) - size(before, kind)
    done.written["other chunks"] -= done.written["pixels, vessels"]
    return done


def outcome(each: Overpass) -> Iterator[tuple[UnitResult, str]]:
    """The results of both stages and their keys."""
    read = {f"1/{band}": content_id([each.id, band], 64) for band in ("blue", "nir", "mask")}
    inputs = f'[{{"id": "{each.scenes[0].item_id}", "digest": "{content_id(each.id, 64)}"}}]'
    for stage in StageName:
        texts = {"read": read, "inputs": inputs} if stage is StageName.TILE else {}
        result = UnitResult(each.id, stage, UnitState.DONE, **texts)  # type: ignore[arg-type]
        yield result, content_id([each.id, stage], 32)


def sizes(archive: PortArchive) -> dict[Path, int]:
    """Bytes of every file of the repository."""
    folder = Path(archive.storage.url_of(f"ports/{archive.port.id}"))
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def size(files: dict[Path, int], kind: str) -> int:
    return sum(count for path, count in files.items() if path.parts[-2] == kind)


def measure(folder: Path, at: Sequence[int], count: int) -> dict[int, Round]:
    """Rounds of ``count`` overpasses at each size, the mean of ROUNDS."""
    port, rng = small_port(), np.random.default_rng(1)
    land = np.zeros(port.grid.shape, bool)
    archive = PortArchive.create_or_open(LocalFolder(folder), port, land)
    there, found = 0, {}
    for wanted in at:
        while there < wanted:
            part = min(FILL, wanted - there)
            grow(archive, there, part, rng)
            there += part
        mean = Round()
        for _ in range(ROUNDS):
            one = grow(archive, there, count, rng)
            there += count
            for name, value in one.written.items():
                mean.written[name] += value / ROUNDS  # type: ignore[assignment]
            for name, value in one.cpu_ms.items():
                mean.cpu_ms[name] += value / ROUNDS  # type: ignore[assignment]
        found[wanted] = mean
        print(row(wanted, mean, count), flush=True)
    return found


def row(at: int, one: Round, count: int) -> str:
    kinds = "".join(f"{one.written[name] / 1e3:>17.1f}" for name in WRITTEN)
    cpu = "".join(f"{one.cpu_ms[name]:>9.1f}" for name in STEPS)
    beside = sum(one.written[name] for name in WRITTEN[1:]) / count / 1e3
    return f"{at:>8}{kinds}{beside:>17.2f} |{cpu}"


WRITTEN = ("pixels, vessels", "other chunks", "manifests", "snapshots", "transactions")
STEPS = ("ensure", "fork", "write", "commit")


def in_all(found: dict[int, Round], count: int) -> str:
    """Bytes that commits of so many overpasses write up to the last size, by interpolation."""
    at = sorted(found)
    moments = np.arange(0, at[-1], count)
    lines = []
    for name in WRITTEN:
        each = np.interp(moments, at, [found[n].written[name] for n in at])
        lines.append(f"  {name}: {each.sum() / 1e6:.1f} MB")
    cpu = sum(
        np.interp(moments, at, [found[n].cpu_ms[name] for n in at]).sum()
        for name in ("ensure", "commit")
    )
    return "\n".join([*lines, f"  CPU of appending and committing: {cpu / 1000:.1f} s"])


@pytest.mark.parametrize("count", [2])
def test_commits(count: int, tmp_path: Path) -> None:
    """A small run, so that the script itself is known to work."""
    found = measure(tmp_path, [0, 20], count)
    assert found[20].written["manifests"] > 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--overpasses", type=int, default=20_000)
    parser.add_argument("--commit", type=int, default=20, help="overpasses in a commit")
    chosen = parser.parse_args()
    at = [0, *(round(chosen.overpasses * part) for part in (0.05, 0.25, 0.5, 1))]
    print(
        f"{'kB:':<8}"
        + "".join(f"{name:>17}" for name in (*WRITTEN, "beside/overpass"))
        + " |"
        + "".join(f"{name:>9}" for name in STEPS)
        + "  CPU ms"
    )
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), at, chosen.commit)
    print(f"{chosen.overpasses} overpasses in commits of {chosen.commit}:")
    print(in_all(found, chosen.commit))


if __name__ == "__main__":
    main()
