"""Merging forks of units, once it is sure that nobody else touched what they built on.

Icechunk merges a fork over what was committed since it was forked, without a conflict: the fork's
chunks replace those of another writer, those beyond an array's new shape are never read, and those
of an array that was deleted, or deleted and made again, are dropped. A run's lock keeps other
writers away; here the outcome is asserted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, overload

import icechunk
import numpy as np
import zarr

from jobs.archive.fork import ForkStore
from jobs.archive.schema import STATES, array
from jobs.domain import StageName, UnitResult, UnitState
from jobs.errors import ArchiveError

STEP_COLUMNS = ("overpass_id", *(f"{s}_{part}" for s in StageName for part in ("status", "key")))

StepFacts: TypeAlias = tuple[Any, ...]
"""The values of STEP_COLUMNS of one step."""

Layout: TypeAlias = tuple[int, Mapping[str, Any]]
"""Length of an array along time, and all else that its metadata says but attributes."""


class MergeRefusedError(ArchiveError):
    """Units cannot be merged, as another writer changed their steps or arrays meanwhile."""

    def __init__(self, message: str, overpass_ids: Iterable[str]) -> None:
        super().__init__(message)
        self.overpass_ids = frozenset(overpass_ids)


class Steps(Sequence[StepFacts]):
    """The facts of a family's steps, in the order of its time axis, read by chunk when asked for:
    a commit is about a few of them, whatever the archive's age.
    """

    def __init__(self, group: zarr.Group) -> None:
        self._columns = [array(group, name) for name in STEP_COLUMNS]
        self._read: dict[tuple[int, int], list[Any]] = {}

    def __len__(self) -> int:
        return int(self._columns[0].shape[0])

    @overload
    def __getitem__(self, index: int) -> StepFacts: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[StepFacts]: ...
    def __getitem__(self, index: int | slice) -> StepFacts | Sequence[StepFacts]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return tuple(self._value(column, index) for column in range(len(self._columns)))

    def _value(self, column: int, index: int) -> Any:
        found = self._columns[column]
        chunk, place = divmod(index, found.chunks[0])
        if (column, chunk) not in self._read:
            start = index - place
            part = np.asarray(found[start : start + found.chunks[0]])
            self._read[column, chunk] = part.tolist()
        return self._read[column, chunk][place]


@dataclass(frozen=True)
class Ground:
    """What a snapshot says about the things that units write to."""

    steps: Mapping[str, Sequence[StepFacts]]
    """By sensor family, in the order of its time axis."""
    layouts: Mapping[str, Layout]
    """By path of the array."""


def ground_of(root: zarr.Group) -> Ground:
    """The ground of the snapshot that a root group belongs to; steps are read when asked for."""
    steps: dict[str, Steps] = {}
    layouts: dict[str, Layout] = {}
    for family, group in root.groups():
        steps[family] = Steps(group)
        for name, found in group.arrays():
            layouts[f"/{family}/{name}"] = _layout(found)
    return Ground(steps, layouts)


def _layout(found: zarr.Array[Any]) -> Layout:
    facts: dict[str, Any] = dict(found.metadata.to_dict())
    length, *rest = (*found.shape, 0)
    return length, {**facts, "shape": rest, "attributes": None}


def merge(
    session: icechunk.Session,
    forks: Sequence[ForkStore],
    results: Sequence[tuple[UnitResult, str]],
    now: Ground,
    was: Mapping[str, Ground],
) -> None:
    """Merge forks into a session at ``now``; ``was`` is the ground of each fork's snapshot.

    Raises MergeRefusedError, where the session must not be committed.
    """
    written = [(fork, _chunks(fork.session)) for fork in forks]
    _check_arrays(written, results, now, was)
    _check_steps(written, results, now, was)
    for fork, chunks in written:
        if chunks:
            session.merge(fork.session)
    _check_taken(session, written, results)


Chunks: TypeAlias = frozenset[tuple[str, tuple[int, ...]]]
"""Path of the array and index of the chunk; along time, the index is the step's."""


def _chunks(session: Any) -> Chunks:
    updated = session.status().updated_chunks
    return frozenset((path, tuple(index)) for path, found in updated.items() for index in found)


def _check_arrays(
    written: Sequence[tuple[ForkStore, Chunks]],
    results: Sequence[tuple[UnitResult, str]],
    now: Ground,
    was: Mapping[str, Ground],
) -> None:
    for fork, chunks in written:
        before = was[fork.session.snapshot_id].layouts
        for path in sorted({path for path, _ in chunks}):
            if (found := now.layouts.get(path)) is None:
                raise _refused_all(results, f"{path} was deleted")
            (old_length, old), (length, new) = before[path], found
            if new != old or length < old_length:
                changed = [name for name in old if old[name] != new.get(name)] or ["length"]
                raise _refused_all(results, f"{path} has another {', '.join(changed)}")


def _check_steps(
    written: Sequence[tuple[ForkStore, Chunks]],
    results: Sequence[tuple[UnitResult, str]],
    now: Ground,
    was: Mapping[str, Ground],
) -> None:
    ours = {(result.overpass_id, result.stage): (result.state, key) for result, key in results}
    moved: set[str] = set()
    for fork, chunks in written:
        before = was[fork.session.snapshot_id].steps
        for family, index in {(path.split("/")[1], step) for path, (step, *_) in chunks}:
            old, new = before[family][index], now.steps[family][index]
            if new != old and not _as_we_write(new, ours):
                moved.add(old[0])
    moved.update(_done_by_another(results, now))
    if moved:
        raise MergeRefusedError(
            f"another writer changed the steps of {', '.join(sorted(moved))} since this run read "
            "them; theirs stay as they are, what this run made of them is not merged: see that "
            "one run at a time writes to this archive, and run the same command again",
            moved,
        )


def _as_we_write(
    step: StepFacts, ours: Mapping[tuple[str, StageName], tuple[UnitState, str]]
) -> bool:
    """Whether a step is as this commit leaves it: the answer to an earlier attempt was lost."""
    overpass_id, facts = step[0], _by_stage(step)
    mine = {stage: ours[overpass_id, stage] for stage in StageName if (overpass_id, stage) in ours}
    return bool(mine) and all(facts[stage] == wanted for stage, wanted in mine.items())


def _by_stage(step: StepFacts) -> dict[StageName, tuple[UnitState, str]]:
    pairs = zip(step[1::2], step[2::2], strict=True)
    return {
        stage: (STATES[state], key) for stage, (state, key) in zip(StageName, pairs, strict=True)
    }


def _done_by_another(results: Sequence[tuple[UnitResult, str]], now: Ground) -> Iterator[str]:
    """Overpasses that failed here and that another run has done from the same inputs."""
    failed = {(r.overpass_id, r.stage, key) for r, key in results if r.state is UnitState.FAILED}
    if not failed:
        return
    for step in (step for steps in now.steps.values() for step in steps):
        for stage, (state, key) in _by_stage(step).items():
            if state is UnitState.DONE and (step[0], stage, key) in failed:
                yield step[0]


def _check_taken(
    session: icechunk.Session,
    written: Sequence[tuple[ForkStore, Chunks]],
    results: Sequence[tuple[UnitResult, str]],
) -> None:
    """Chunks of an array that was deleted and made again, which looks the same, are dropped."""
    dropped = frozenset().union(*(chunks for _, chunks in written)) - _chunks(session)
    if dropped:
        path, _ = min(dropped)
        raise _refused_all(results, f"{path} was deleted and made again")


def _refused_all(results: Sequence[tuple[UnitResult, str]], why: str) -> MergeRefusedError:
    return MergeRefusedError(
        f"another writer changed the archive since this run read it: {why}; nothing of this commit "
        "is merged, its overpasses stay as they were: see that one run at a time writes to this "
        "archive, and run the same command again",
        (result.overpass_id for result, _ in results),
    )
