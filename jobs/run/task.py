"""What a worker does: one stage of the units of one batch, in forks of their archives' sessions.

Whatever goes wrong in a unit becomes a value with its reason. Two kinds of trouble pass by
themselves and are tried again in place: a file that could not be reached, and an archive that could
not be written.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from jobs import segment, tile
from jobs.archive import ForkStore
from jobs.archive.retry import is_trouble
from jobs.domain import OverpassStore, Settings, StageName, Unit, UnitResult, UnitState
from jobs.errors import UnreachableError


@dataclass(frozen=True)
class Stage:
    """One per-overpass stage: what it does, and what its output depends on."""

    name: StageName
    run: Callable[[Unit, Settings, OverpassStore], UnitResult]
    key: Callable[[Unit, Settings], str]
    changed: Callable[[Unit, Settings, str, Iterable[str]], str]
    """Why a stored key is another than that of now, given the digests of models of old."""


STAGES = (
    Stage(StageName.TILE, tile.run, tile.key, tile.changed),
    Stage(StageName.SEGMENT, segment.run, segment.key, segment.changed),
)

ATTEMPTS = 3
FIRST_WAIT_S = 2.0
"""Before the second attempt; twice as long before the next, each with a jitter of up to half."""
PATIENCE_S = 600.0
"""No attempt begins later than this after the first one began."""
REASON_LENGTH = 500


@dataclass(frozen=True)
class Chain:
    """What has become of one unit so far: its results and the fork they were written into."""

    results: tuple[UnitResult, ...] = ()
    store: ForkStore | None = None
    trouble: str = ""
    """Why the archive could not be written; such a unit is not failed but has never been."""

    @property
    def broken(self) -> bool:
        """Whether a stage has failed, so that those behind it cannot run."""
        return any(not result for result in self.results)


def work(
    name: StageName, units: tuple[Unit, ...], settings: Settings, before: tuple[Chain, ...]
) -> tuple[Chain, ...]:
    """One stage of the units of one batch, whose files are opened once for all of them."""
    with tile.sharing_files():
        return tuple(
            advance(name, unit, settings, chain) for unit, chain in zip(units, before, strict=True)
        )


def advance(name: StageName, unit: Unit, settings: Settings, before: Chain) -> Chain:
    """One stage of one unit; whatever goes wrong becomes a failed result."""
    if before.broken or before.trouble or before.store is None:
        return before
    stage = next(stage for stage in STAGES if stage.name is name)
    given_up: list[str] = []
    started = time.perf_counter()
    waits = _waits(f"{name} {unit.overpass.id}")
    while True:
        # The stage writes into a copy, so that what a failing one leaves behind is never merged.
        store = before.store.copy()
        try:
            result = stage.run(unit, settings, store)
        except Exception as error:
            reason = described(error)
            wait_s = next(waits, None) if _may_pass(error) else None
            if wait_s is not None and time.perf_counter() - started + wait_s < PATIENCE_S:
                given_up.append(reason)
                time.sleep(wait_s)
                continue
            if is_trouble(error):
                return replace(before, trouble=reason)
            result = failure(unit, name, reason, time.perf_counter() - started)
            store = before.store
        return Chain((*before.results, replace(result, retries=tuple(given_up))), store)


def _may_pass(error: Exception) -> bool:
    return isinstance(error, UnreachableError) or is_trouble(error)


def _waits(seed: str) -> Iterator[float]:
    """Seconds before each further attempt: the same for the same unit, apart for two of them."""
    chance = random.Random(seed)
    for doubling in range(ATTEMPTS - 1):
        yield FIRST_WAIT_S * 2**doubling * chance.uniform(1.0, 1.5)


def described(error: BaseException) -> str:
    """An error in one line of bounded length, its kind first."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:REASON_LENGTH]


def failure(unit: Unit, stage: StageName, reason: str, seconds: float = 0.0) -> UnitResult:
    """The result of a unit that failed."""
    return UnitResult(
        overpass_id=unit.overpass.id,
        stage=stage,
        state=UnitState.FAILED,
        reason=reason,
        seconds=seconds,
    )
