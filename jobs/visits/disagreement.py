"""Estimates whose model does not explain the looks that they rest on."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from jobs.visits.occupancy.agreement import IMPROBABLE


def is_doubted(row: pd.Series) -> bool:
    """Whether a berth's row of estimates disagrees with its looks; not where it was not checked."""
    return bool(row.get("agreement", float("nan")) < IMPROBABLE)


def disagreement_text(row: pd.Series) -> str:
    """What a reader must know of a row of estimates that is doubted."""
    return (
        f"looks as odd as these have probability {row['agreement']:.3f} under the model, which "
        "does not explain them: the interval is no finding. The usual reasons are numbers that "
        "change with the season, ships that come together, and structures taken for ships: look "
        "at the chips, correct the berth in the port file, or take a shorter period"
    )


def doubted_estimates(estimates: pd.DataFrame) -> Iterator[str]:
    """A line for each berth whose estimate is doubted; results of before the check have none."""
    for _, row in estimates.iterrows():
        if is_doubted(row):
            yield f"berth {row['berth']!r} of {row['port']}: {disagreement_text(row)}"
