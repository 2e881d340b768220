"""The plan's numbers of objects beside those of a real archive."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from jobs.archive import PortArchive
from jobs.domain import SENSORS, Overpass, Pixels, StageName, UnitResult, UnitState, Vessel
from jobs.plan import rates
from jobs.storage import storage_at
from tests.support.scenes import GRID, NOON, overpass, scene, small_port

SENSOR = "sentinel-2-l2a"
SHIPS = 12
NOT_IN_A_REPOSITORY = 1
"""Objects that come with a commit: the part of the journal."""


def objects(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def passes(number: int) -> list[Overpass]:
    return [
        overpass(scene({}, id=f"item-{day}"), id=f"pass-{day}", acquired=NOON + timedelta(days=day))
        for day in range(number)
    ]


def fill(archive: PortArchive, taken: list[Overpass]) -> None:
    """Both stages of overpasses with ships, in one commit."""
    steps, random = archive.steps(), np.random.default_rng(1)
    results, forks = [], []
    for each in taken:
        fork, step = archive.fork(), steps[each.id].index
        image = random.integers(1, 9000, (len(SENSORS[SENSOR].bands), *GRID.shape), np.uint16)
        fork.write_pixels(SENSOR, step, Pixels(image, np.zeros(GRID.shape, np.uint8)))
        corners = ((1.0, 1.0), (1.0, 2.0), (2.0, 2.0), (2.0, 1.0))
        numbers = random.uniform(10, 90, (SHIPS, 5))
        ships = tuple(Vessel(a, b, c, d, 14.0, e, 0.75, True, corners) for a, b, c, d, e in numbers)
        fork.write_vessels(SENSOR, step, ships, random.integers(0, 255, GRID.shape, np.uint8))
        forks.append(fork)
        for stage in StageName:
            read = {"1/blue": "0" * 64} if stage is StageName.TILE else {}
            result = UnitResult(each.id, stage, UnitState.DONE, inputs="x" * 600, read=read)
            results.append((result, "0" * 16))
    archive.commit(results, forks, "fill", {})


@pytest.fixture
def archive(tmp_path: Path) -> PortArchive:
    root = storage_at(str(tmp_path))
    return PortArchive.create_or_open(root, small_port(), np.zeros(GRID.shape, bool))


def test_a_commit_writes_as_many_objects_as_the_plan_says(
    archive: PortArchive, tmp_path: Path
) -> None:
    taken = passes(6)
    archive.ensure(taken)
    added: Counter[int] = Counter()
    for number in (1, 3):
        before = objects(tmp_path)
        fill(archive, taken[:number])
        added[number] = objects(tmp_path) - before
        taken = taken[number:]
    of_an_overpass = (added[3] - added[1]) / 2
    of_a_commit = added[1] - of_an_overpass
    writes_over = 1  # the branch, written over in its place
    planned = rates.WRITES.commit - writes_over - NOT_IN_A_REPOSITORY
    assert of_a_commit == pytest.approx(planned, rel=0.15), (
        "tests/bench/bench_run_costs.py says what jobs/plan/rates.py must state"
    )
