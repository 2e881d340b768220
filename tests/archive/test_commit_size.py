"""What a commit writes: chunks and manifests of the steps that it changes, in old archives too."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import icechunk
import numpy as np
import pytest
import zarr

from jobs.archive import PortArchive, repository, schema
from jobs.archive.schema import VESSEL_FIELDS, array, child
from jobs.archive.step_chunks import StepArrays
from jobs.domain import SENSORS, Pixels, StageName, UnitState, content_id
from tests.archive.test_archive import SENSOR, archive, fill, passes, pixels, results, vessel
from tests.support.scenes import GRID

FAMILY = SENSORS[SENSOR].family
SIMPLE = Pixels(np.full((4, *GRID.shape), 7, np.uint16), np.zeros(GRID.shape, np.uint8))


TEXTS_OF_TILING = {f"/{FAMILY}/inputs", f"/{FAMILY}/read"}


def config(split: int) -> icechunk.RepositoryConfig:
    dims = {icechunk.ManifestSplitDimCondition.DimensionName("time"): split}
    sizes = {icechunk.ManifestSplitCondition.AnyArray(): dims}
    splitting = icechunk.ManifestSplittingConfig.from_dict(sizes)
    return icechunk.RepositoryConfig(manifest=icechunk.ManifestConfig(splitting=splitting))


def written(folder: Path, change: Callable[[], object]) -> Counter[str]:
    """Bytes of new files, by the folder of the repository that they lie in."""
    before = set(folder.rglob("*"))
    change()
    new = [path for path in set(folder.rglob("*")) - before if path.is_file()]
    sizes: Counter[str] = Counter()
    for path in new:
        sizes[path.parts[-2]] += path.stat().st_size
    return sizes


def day(found: PortArchive, number: int) -> None:
    """A day's run: one overpass more, tiled."""
    found.ensure(passes(number))
    fork = found.fork().copy()
    fork.write_pixels(SENSOR, number, SIMPLE)
    (id,) = (each.id for each in passes(number))
    text = "".join(content_id([number, part], 64) for part in range(16))
    found.commit(results(id, reason=text), [fork], "a day", {})


def test_a_commit_does_not_grow_with_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "STEPS", 2)
    monkeypatch.setattr(schema, "INPUTS", 2)
    monkeypatch.setattr(repository, "CONFIG", config(2))
    found = archive(tmp_path)
    sizes = [written(tmp_path, lambda n=n: day(found, n)) for n in range(14)]  # type: ignore[misc]
    young, old = sizes[2:4], sizes[12:14]  # as far into their chunks
    for kind in ("chunks", "manifests"):
        assert sum(s[kind] for s in old) < 1.02 * sum(s[kind] for s in young), kind
    assert [step.index for step in archive(tmp_path).steps().values()] == list(range(14))


def test_only_chunks_of_steps_that_change_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "STEPS", 2)
    monkeypatch.setattr(schema, "INPUTS", 2)
    found = archive(tmp_path)
    found.ensure(passes(*range(6)))
    found.commit(results("pass-3"), [], "one", {})
    tip = found.repository.lookup_branch("main")
    parent = next(iter(found.repository.ancestry(snapshot_id=tip))).parent_id
    changed = found.repository.diff(from_snapshot_id=parent, to_snapshot_id=tip).updated_chunks
    facts = {f"/{FAMILY}/{stage}_{part}" for stage in StageName for part in ("status", "key")}
    assert facts <= set(changed) <= facts | {f"/{FAMILY}/reason", *TEXTS_OF_TILING}
    assert all(list(index) == [1] for chunks in changed.values() for index in chunks)
    assert all(changed[path] for path in facts)


def test_the_same_outcome_again_is_a_commit_again(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    failed = results("pass-0", UnitState.FAILED, "no such file")
    first = found.commit(failed, [], "bad", {})
    assert found.commit(failed, [], "bad again", {}) != first
    assert found.steps()["pass-0"].reason == "no such file"


def test_an_archive_of_the_old_layout_is_read_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as early:
        early.setattr(schema, "STEPS", 4096)
        early.setattr(repository, "CONFIG", icechunk.RepositoryConfig())
        found = archive(tmp_path)
        found.ensure(passes(0, 1, 2))
        fill(found, "pass-1", seed=1)
    found = archive(tmp_path)
    group = child(zarr.open_group(found.store(), mode="r"), FAMILY)
    assert array(group, "tile_key").chunks == (4096,)
    found.ensure(passes(3, 4))
    fill(found, "pass-2", seed=2)
    fill(found, "pass-4", seed=4)
    found.commit(results("pass-0", UnitState.FAILED, "no such file"), [], "bad", {})
    steps = archive(tmp_path).steps()
    assert {id: step.state[StageName.SEGMENT] for id, step in steps.items()} == {
        "pass-0": UnitState.FAILED,
        "pass-1": UnitState.DONE,
        "pass-2": UnitState.DONE,
        "pass-3": UnitState.PENDING,
        "pass-4": UnitState.DONE,
    }
    assert steps["pass-0"].reason == "no such file"
    for number in (1, 2, 4):
        kept = found.image(steps[f"pass-{number}"])
        np.testing.assert_array_equal(kept.image, pixels(number).image)
        np.testing.assert_array_equal(kept.quality, pixels(number).quality)
    assert len(list(found.records(steps))) == 3


# --- chunks that are set together ----------------------------------------------------------------


def as_zarr_has_them(found: PortArchive, values: dict[str, np.ndarray]) -> dict[str, bytes]:
    """The chunks of step 0 by key, assigned one array after the other by Zarr."""
    session = found.repository.writable_session("main")
    group = child(zarr.open_group(session.store, mode="r+"), FAMILY)
    for name, value in values.items():
        array(group, name)[0] = value
    return chunks_of(session)


def chunks_of(session: icechunk.Session) -> dict[str, bytes]:
    async def content() -> dict[str, bytes]:
        keys = [key async for key in session.store.list() if "/c/0" in key]
        prototype = zarr.buffer.default_buffer_prototype()
        found = {key: await session.store.get(key, prototype) for key in keys}
        return {key: data.to_bytes() for key, data in found.items() if data is not None}

    return asyncio.run(content())


def values() -> dict[str, np.ndarray]:
    """Of one step: some all fill value, some in part, some not at all."""
    rows = {f"vessel_{name}": np.full(schema.VESSELS, np.nan) for name in VESSEL_FIELDS}
    rows["vessel_x"][:2] = 1.5, -0.0
    corners = np.full((schema.VESSELS, 4, 2), np.nan)
    image = pixels(3).image
    probability = np.zeros(GRID.shape, np.uint8)
    return {**rows, "vessel_corners": corners, "reflectance": image, "quality": pixels(3).quality,
            "ship_probability": probability}  # fmt: skip


@pytest.mark.parametrize("chunk", [512, 50, 7])
def test_chunks_set_together_are_the_bytes_that_zarr_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(schema, "CHUNK", chunk)
    found = archive(tmp_path)
    found.ensure(passes(0))
    fork = found.fork()
    StepArrays(fork.session, FAMILY).write(0, values())
    ours = {key: data for key, data in chunks_of(fork.session).items() if "tile" not in key}
    theirs = as_zarr_has_them(found, values())
    assert ours == theirs
    assert f"{FAMILY}/vessel_x/c/0/0" in ours
    assert f"{FAMILY}/vessel_score/c/0/0" not in ours
    assert len([key for key in ours if "reflectance" in key]) == (-(-GRID.width // chunk)) * (
        -(-GRID.height // chunk)
    )


def test_a_step_written_again_keeps_nothing_of_what_it_was(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    fill(found, "pass-0")
    fork = found.fork().copy()
    fork.write_vessels(SENSOR, 0, (), np.zeros(GRID.shape, np.uint8))
    assert fork.read_vessels(SENSOR, 0)[0] == ()
    assert not fork.read_vessels(SENSOR, 0)[1].any()
    found.commit(results("pass-0"), [fork], "none", {})
    (record,) = found.records(["pass-0"])
    assert record.vessels == ()


def test_arrays_packed_in_another_way_are_zarrs(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    session = found.repository.writable_session("main")
    group = child(zarr.open_group(session.store, mode="r+"), FAMILY)
    was = array(group, "vessel_x")
    del group["vessel_x"]
    group.create_array("vessel_x", shape=was.shape, chunks=(1, 100), dtype="f8", fill_value=np.nan,
                       dimension_names=("time", "vessel"))  # fmt: skip
    session.commit("another codec")
    fork = found.fork().copy()
    fork.write_vessels(SENSOR, 0, (vessel(),), np.zeros(GRID.shape, np.uint8))
    assert fork.read_vessels(SENSOR, 0)[0] == (vessel(),)


def test_a_value_of_another_shape_is_refused(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    with pytest.raises(ValueError, match="a step of quality has shape"):
        StepArrays(found.fork().session, FAMILY).write(0, {"quality": np.zeros((3, 3), np.uint8)})
