"""Days as people write them, and what they are in the histories of a result."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias

from jobs.domain import Period
from jobs.errors import InputError

Day: TypeAlias = "str | date"
"""A day in UTC: ``"2024-03-01"``, a ``date``, or a midnight of pandas or datetime."""


def day_of(value: Day, name: str) -> date:
    """The day; InputError for what is none, or is a time within one."""
    expected = "expected a day in UTC such as '2024-03-01'"
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise InputError(
                f"{name} is {value!r}, which is no day ({error}); {expected}"
            ) from error
    if isinstance(value, datetime):
        if value.time() != datetime.min.time() or value.utcoffset():
            raise InputError(f"{name} is {value}, a time within a day of UTC; {expected}")
        return value.date()
    if isinstance(value, date):
        return value
    raise InputError(f"{name} is {value!r}; {expected}")


def window_in(period: Period, start: Day | None, end: Day | None) -> Period:
    """The days from start to end, both included; None is the end of the period on that side.

    InputError where they are not days of the period: histories say nothing of others.
    """
    found = Period(
        period.start if start is None else day_of(start, "start"),
        period.end if end is None else day_of(end, "end"),
    )
    if found.end < found.start:
        raise InputError(
            f"end {found.end} lies before start {found.start}; expected it on that day or later "
            "(the last day belongs to the window)"
        )
    if found.start < period.start or found.end > period.end:
        raise InputError(
            f"{found.start} to {found.end} reaches beyond the result, whose period is "
            f"{period.start} to {period.end}; expected days of it: what lies outside was not "
            "looked at"
        )
    return found


def day_numbers(period: Period, window: Period) -> tuple[float, float]:
    """First and last edge of a window in days since the period's start."""
    first = (window.start - period.start).days
    return float(first), float((window.end - period.start).days + 1)
