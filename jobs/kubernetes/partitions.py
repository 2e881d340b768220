"""Partitions of a plan by acquisition date; each is one index of an indexed Job."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from jobs.domain import Period, did_you_mean
from jobs.errors import InputError

MAX_PARTITIONS = 1_000

MONTHS = {"year": 12, "quarter": 3, "month": 1}
"""Months of a partition, by the value of ``--by``."""

_POINT = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_SLICE = re.compile(r"(-?\d+)?:(-?\d+)?(?::(-?\d+)?)?")


@dataclass(frozen=True)
class Partition:
    """Overpasses acquired in a period; of the whole plan where it is None."""

    name: str
    """``all``, ``2017``, ``2017-q3`` or ``2017-05``."""
    period: Period | None


WHOLE = Partition("all", None)
"""The only partition of a run that is no backfill."""


def make_partitions(backfill: str, by: str, within: Period) -> tuple[Partition, ...]:
    """Calendar parts (``year``, ``quarter``, ``month``) of ``2017..2024``, both ends inclusive.

    The ends may also be months or days (``2017-05..2018-02``). Parts are cut to those ends and to
    ``within``, the plan's period; InputError where nothing of it is left.
    """
    wanted = covered(backfill)
    start, end = max(wanted.start, within.start), min(wanted.end, within.end)
    if end < start:
        raise InputError(
            f"backfill {backfill!r} is {wanted.start} to {wanted.end}, the plan covers "
            f"{within.start} to {within.end}; ask for days that it covers"
        )
    months = _months(by)
    whole = _month_of(end) - _first_month(start, months)
    if whole // months + 1 > MAX_PARTITIONS:
        raise InputError(
            f"backfill {backfill!r} by {by} makes {whole // months + 1} partitions, more than "
            f"{MAX_PARTITIONS}; use larger ones or fewer years"
        )
    return tuple(_parts(Period(start, end), by, months))


def covered(backfill: str) -> Period:
    """All days of ``2017..2024``, ``2017-05..2018-02`` or ``2017``, both ends inclusive."""
    ends = backfill.strip().split("..")
    if len(ends) > 2:
        raise _refused(backfill)
    period = Period(_span(ends[0], backfill).start, _span(ends[-1], backfill).end)
    if period.end < period.start:
        raise InputError(
            f"backfill {backfill!r} ends on {period.end} before it starts on {period.start}; "
            "expected the earlier end first"
        )
    return period


def sliced(parts: Sequence[Partition], text: str) -> tuple[Partition, ...]:
    """Some of the partitions, as a slice of a Python list: ``1::10``, ``:3``, ``-2:``."""
    found = _SLICE.fullmatch(text.strip())
    if not found:
        raise InputError(f"slice {text!r} will not do; expected start:stop:step, such as 1::10")
    start, stop, step = (int(number) if number else None for number in found.groups())
    if step == 0:
        raise InputError(f"slice {text!r} has step 0; expected 1 or more, such as 1::10")
    chosen = tuple(parts[start:stop:step])
    if not chosen:
        raise InputError(
            f"slice {text!r} of {len(parts)} partitions is empty; they count from 0 to "
            f"{len(parts) - 1}"
        )
    return chosen


def _parts(period: Period, by: str, months: int) -> Iterator[Partition]:
    for month in range(_first_month(period.start, months), _month_of(period.end) + 1, months):
        first = _day(month)
        cut = Period(max(first, period.start), min(_last_day(month + months - 1), period.end))
        yield Partition(_name(first, by), cut)


def _name(first: date, by: str) -> str:
    match by:
        case "year":
            return f"{first.year:04}"
        case "quarter":
            return f"{first.year:04}-q{(first.month + 2) // 3}"
        case _:
            return f"{first.year:04}-{first.month:02}"


def _months(by: str) -> int:
    if by in MONTHS:
        return MONTHS[by]
    hint = did_you_mean(by, MONTHS, f"expected one of {', '.join(MONTHS)}")
    raise InputError(f"cannot divide a backfill by {by!r}; {hint}")


def _span(text: str, backfill: str) -> Period:
    """All days of a year, month or day."""
    found = _POINT.fullmatch(text.strip())
    if not found:
        raise _refused(backfill)
    year, month, day = (int(number) if number else None for number in found.groups())
    try:
        if year is None or month is None:
            return Period(date(year or 0, 1, 1), date(year or 0, 12, 31))
        first = date(year, month, day or 1)
    except ValueError as error:
        raise _refused(backfill) from error
    return Period(first, first if day else _last_day(_month_of(first)))


def _refused(backfill: str) -> InputError:
    return InputError(
        f"backfill {backfill!r} is no range of time; expected years, months or days, such as "
        "2017..2024, 2017-05..2018-02 or 2017"
    )


def _first_month(day: date, months: int) -> int:
    """Number of the first month of the partition that contains a day."""
    return _month_of(day) // months * months


def _month_of(day: date) -> int:
    """Number of a day's month, counted from January of the year 0."""
    return day.year * 12 + day.month - 1


def _day(month: int) -> date:
    """First day of the month of that number."""
    return date(month // 12, month % 12 + 1, 1)


def _last_day(month: int) -> date:
    return _day(month).replace(day=monthrange(month // 12, month % 12 + 1)[1])
