"""Estimates whose model does not explain the looks that they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from jobs.visits.occupancy.agreement import IMPROBABLE

Row: TypeAlias = Any
"""A row of estimates: its columns by name, with ``get``."""


def is_doubted(row: Row) -> bool:
    """Whether a berth's row of estimates disagrees with its looks; not where it was not checked:
    results of early versions, and berths without a look (NaN, or None as Parquet has it).
    """
    agreement = row.get("agreement")
    return agreement is not None and bool(agreement < IMPROBABLE)


def disagreement_text(row: Row) -> str:
    """What a reader must know of a row of estimates that is doubted."""
    return (
        f"looks as odd as these have probability {row['agreement']:.3f} under the model, which "
        "does not explain them: the interval is no finding. The usual reasons are numbers that "
        "change with the season, ships that come together, and structures taken for ships: look "
        "at the chips, correct the berth in the port file, or take a shorter period"
    )


def doubted_estimates(estimates: Iterable[Row]) -> Iterator[str]:
    """A line for each berth whose estimate is doubted; results of before the check have none."""
    for row in estimates:
        if is_doubted(row):
            yield f"berth {row['berth']!r} of {row['port']}: {disagreement_text(row)}"
