"""Days that a period may have: those on which something can have been imaged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from jobs.domain.types import Period
from jobs.errors import InputError

FIRST_IMAGE = date(1972, 7, 23)
"""The launch of the first Landsat."""
FURTHEST_AHEAD = timedelta(days=366)
"""How far ahead a period may end: one that is written for a year may be run within it."""


def today_utc() -> date:
    """Today's date in UTC."""
    return datetime.now(UTC).date()


def check_days(period: Period, today: date) -> None:
    """InputError for a period in which nothing can have been imaged, or most of which cannot."""
    if period.end < period.start:
        raise InputError(
            f"the period ends on {period.end} before it starts on {period.start}; "
            "expected end (inclusive) on or after start"
        )
    if period.start > today:
        raise InputError(
            f"the period starts on {period.start}, and today is {today} (UTC): nothing can have "
            "been imaged yet; expected a start in the past"
        )
    if period.start < FIRST_IMAGE:
        raise InputError(
            f"the period starts on {period.start}, before the first satellite image; expected a "
            f"start from {FIRST_IMAGE}, or from the first image of the sensor"
        )
    if period.end - today > FURTHEST_AHEAD:
        raise InputError(
            f"the period ends on {period.end}, years after today ({today} UTC), and estimates "
            "cover all of it; expected `end: today`, or a day within a year"
        )
