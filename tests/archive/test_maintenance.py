"""Cleaning an archive: what a tag or the newest commit reaches stays to the last byte."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import zarr

from jobs.archive import PortArchive
from jobs.archive.maintenance import clean, overview
from jobs.archive.schema import array
from jobs.domain import Pixels, StageName, UnitResult, UnitState
from jobs.plan import Plan
from tests.support.scenes import GRID
from tests.support.small_runs import a_plan, content, root_of

SENSOR = "sentinel-2-l2a"
AT_ONCE = timedelta(0)
MADE_FROM = {"plan": "p", "code": "c", "model": "m"}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return a_plan(tmp_path, 1, 2)


@pytest.fixture
def archive(plan: Plan) -> PortArchive:
    land = np.zeros(GRID.shape, bool)
    made = PortArchive.create_or_open(root_of(plan), plan.ports[0], land)
    made.ensure(plan.overpasses)
    return made


def write(archive: PortArchive, step: int, value: int, *, commit: bool = True) -> None:
    """An image of one number at a step, as a unit writes it."""
    fork = archive.fork()
    image = np.random.default_rng(value).integers(1, 60_000, (4, *GRID.shape)).astype(np.uint16)
    fork.write_pixels(SENSOR, step, Pixels(image, np.zeros(GRID.shape, np.uint8)))
    if commit:
        result = UnitResult(f"TESTP-{step + 1:03d}", StageName.TILE, UnitState.DONE)
        archive.commit([(result, str(value))], [fork], f"value {value}", MADE_FROM)


def pixels(archive: PortArchive, tag: str | None = None) -> bytes:
    group = zarr.open_group(archive.store(tag), mode="r")["sentinel-2"]
    assert isinstance(group, zarr.Group)
    return np.asarray(array(group, "reflectance")[:]).tobytes()


def stored(plan: Plan) -> int:
    folder = Path(plan.archive) / "ports"
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_an_overview_names_snapshots_tags_and_sizes(plan: Plan, archive: PortArchive) -> None:
    write(archive, 0, 1)
    archive.tag("test-1")
    write(archive, 0, 2)
    found = overview(archive)
    assert [s.message for s in found.snapshots[:2]] == ["value 2", "value 1"]
    assert [s.tags for s in found.snapshots[:2]] == [(), ("test-1",)]
    assert found.snapshots[0].made_from == MADE_FROM
    assert 0 < found.chunk_bytes < (found.stored_bytes or 0) == stored(plan)


def test_cleaning_keeps_tags_and_the_newest_and_frees_the_rest(
    plan: Plan, archive: PortArchive
) -> None:
    write(archive, 0, 1)
    archive.tag("first")
    write(archive, 0, 2)  # overwritten and not tagged: this is what can go
    write(archive, 0, 3)
    write(archive, 1, 4, commit=False)
    tagged, newest, whole = pixels(archive, "first"), pixels(archive), content(plan)
    before = stored(plan)

    said = clean(archive, 0, dry_run=True, safe_age=AT_ONCE)
    assert stored(plan) == before
    done = clean(archive, 0, dry_run=False, safe_age=AT_ONCE)
    assert said.expired == done.expired > 0
    assert done.chunks > said.chunks > 0  # a dry run cannot tell what expiring would free
    assert before - stored(plan) >= done.bytes * 0.9 > 0

    again = PortArchive.create_or_open(root_of(plan), plan.ports[0], None)
    assert pixels(again, "first") == tagged
    assert pixels(again) == newest
    assert content(plan) == whole
    assert again.tags() == ("first",)
    assert overview(again).snapshots[0].message == "value 3"
    write(again, 1, 5)
    assert pixels(again, "first") == tagged


def test_rubbish_of_broken_off_work_goes_without_expiring(plan: Plan, archive: PortArchive) -> None:
    write(archive, 0, 1)
    kept = len(overview(archive).snapshots)
    clean(archive, None, dry_run=False, safe_age=AT_ONCE)
    before = stored(plan)
    write(archive, 1, 2, commit=False)
    assert stored(plan) > before
    done = clean(archive, None, dry_run=False, safe_age=AT_ONCE)
    assert done.expired == 0
    assert done.chunks == 1
    assert stored(plan) == before
    assert len(overview(archive).snapshots) == kept


def test_what_is_young_is_left_for_whoever_is_about_to_commit_it(
    plan: Plan, archive: PortArchive
) -> None:
    write(archive, 1, 2, commit=False)
    assert clean(archive, None, dry_run=False).chunks == 0


def test_a_tagged_commit_is_not_counted_as_expired(archive: PortArchive) -> None:
    """Of six commits the first stays as the end of the history, the tagged and the newest too."""
    write(archive, 0, 1)
    archive.tag("first")
    write(archive, 0, 2)
    write(archive, 0, 3)
    assert len(overview(archive).snapshots) == 6
    assert clean(archive, 0, dry_run=True, safe_age=AT_ONCE).expired == 3
    assert clean(archive, 0, dry_run=False, safe_age=AT_ONCE).expired == 3
