"""Forks meet what another writer committed meanwhile: merged where nothing of theirs was touched,
refused else, and then the archive stays as the other writer left it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from jobs.archive import ForkStore, MergeRefusedError, PortArchive
from jobs.archive.schema import array, create_family
from jobs.domain import SENSORS, StageName, UnitState
from tests.archive.test_archive import SENSOR, archive, fill, passes, pixels, results
from tests.support.scenes import GRID

FAMILY = "sentinel-2"


def forked(found: PortArchive, step: int = 0) -> ForkStore:
    fork = found.fork().copy()
    fork.write_pixels(SENSOR, step, pixels(7))
    return fork


def change(found: PortArchive, do: Callable[[zarr.Group], object]) -> None:
    """What another writer, who has no lock, commits."""
    session = found.repository.writable_session("main")
    do(zarr.open_group(session.store, mode="r+"))
    session.commit("meanwhile")


def family(root: zarr.Group) -> zarr.Group:
    found = root[FAMILY]
    assert isinstance(found, zarr.Group)
    return found


def delete(root: zarr.Group) -> None:
    del family(root)["quality"]


def make_again(root: zarr.Group) -> None:
    group = family(root)
    was = array(group, "quality")
    shape, chunks, attributes = was.shape, was.chunks, dict(was.attrs)
    fill_value, compressors = was.fill_value, was.compressors
    del group["quality"]
    group.create_array(
        "quality",
        shape=shape,
        chunks=chunks,
        dtype="uint8",
        fill_value=fill_value,
        compressors=compressors,
        dimension_names=("time", "y", "x"),
        attributes=attributes,
    )


def shorten(root: zarr.Group) -> None:
    array(family(root), "quality").resize((1, *GRID.shape))


def widen(root: zarr.Group) -> None:
    array(family(root), "quality").resize((2, GRID.height, GRID.width + 1))


def delete_family(root: zarr.Group) -> None:
    del root[FAMILY]


def make_family_again(root: zarr.Group) -> None:
    del root[FAMILY]
    create_family(root, SENSORS[SENSOR], GRID)


@pytest.mark.parametrize(
    ("do", "why"),
    [
        (delete, "quality was deleted;"),
        (make_again, "quality was deleted and made again"),
        (shorten, "quality has another length"),
        (widen, "quality has another shape"),
        (delete_family, "was deleted"),
        (make_family_again, "has another length"),
    ],
)
def test_a_fork_whose_arrays_are_others_now_is_not_merged(
    tmp_path: Path, do: Callable[[zarr.Group], None], why: str
) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0, 5))
    fork = forked(found)
    change(found, do)
    tip = found.repository.lookup_branch("main")
    with pytest.raises(MergeRefusedError, match=why) as refusal:
        found.commit(results("pass-0"), [fork], "late", {})
    assert refusal.value.overpass_ids == {"pass-0"}
    assert found.repository.lookup_branch("main") == tip


def test_a_step_that_another_writer_has_done_from_other_inputs_stays_theirs(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0, 5))
    first, second = forked(found), forked(found, 1)
    theirs = found.fork().copy()
    theirs.write_pixels(SENSOR, 0, pixels(1))
    found.commit([(results("pass-0")[0][0], "other key")], [theirs], "theirs", {})
    both = [*results("pass-0"), *results("pass-5")]
    with pytest.raises(MergeRefusedError, match="changed the steps of pass-0 since") as refusal:
        found.commit(both, [first, second], "ours", {})
    assert refusal.value.overpass_ids == {"pass-0"}
    steps = found.steps()
    np.testing.assert_array_equal(found.image(steps["pass-0"]).image, pixels(1).image)
    assert steps["pass-5"].state[StageName.TILE] is UnitState.PENDING
    found.commit(results("pass-5"), [second], "the rest", {})
    np.testing.assert_array_equal(found.image(found.steps()["pass-5"]).image, pixels(7).image)


def test_a_step_that_another_writer_has_set_back_is_not_merged(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    fill(found, "pass-0")
    fork = forked(found)
    failed = results("pass-0", UnitState.FAILED, "theirs")
    found.commit([(result, "their key") for result, _ in failed], [], "theirs", {})
    with pytest.raises(MergeRefusedError, match="pass-0"):
        found.commit([(result, "new") for result, _ in results("pass-0")], [fork], "ours", {})
    assert found.steps()["pass-0"].reason == "theirs"


def test_steps_that_moved_to_other_places_are_not_merged(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0, 5))
    fork = forked(found)

    def swap(root: zarr.Group) -> None:
        array(family(root), "overpass_id")[:] = np.array(["pass-5", "pass-0"], object)

    change(found, swap)
    with pytest.raises(MergeRefusedError, match="pass-0"):
        found.commit(results("pass-0"), [fork], "late", {})


def test_the_same_commit_again_is_no_conflict(tmp_path: Path) -> None:
    """The answer to the first may have been lost."""
    found = archive(tmp_path)
    found.ensure(passes(0))
    fork = forked(found)
    for _ in range(2):
        found.commit([results("pass-0")[0]], [fork], "ours", {})
    np.testing.assert_array_equal(found.image(found.steps()["pass-0"]).image, pixels(7).image)


def test_what_others_add_and_do_beside_is_no_conflict(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0, 5))
    fork = forked(found)
    fill(found, "pass-5", seed=5)
    found.ensure(passes(9))
    change(found, lambda root: root.attrs.update(note="mine"))
    change(found, lambda root: array(family(root), "quality").attrs.update(note="mine"))
    found.commit(results("pass-0"), [fork], "late", {})
    assert {step.state[StageName.TILE] for step in found.steps().values()} == {
        UnitState.DONE,
        UnitState.PENDING,
    }


def test_a_failure_does_not_undo_what_another_run_has_done_from_the_same_inputs(
    tmp_path: Path,
) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0, 5))
    fill(found, "pass-0")
    with pytest.raises(MergeRefusedError, match="pass-0"):
        found.commit(results("pass-0", UnitState.FAILED, "timed out"), [], "ours", {})
    found.commit(results("pass-5", UnitState.FAILED, "timed out"), [], "ours", {})
    later = [(result, "new key") for result, _ in results("pass-0", UnitState.FAILED, "cut off")]
    found.commit(later, [], "stale, and failed anew", {})
    assert {step.reason for step in found.steps().values()} == {"timed out", "cut off"}
