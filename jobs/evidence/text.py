"""Times, shares and counts as words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd


def moment(time: datetime | pd.Timestamp | None) -> str | None:
    """A time in UTC, ISO 8601 to the millisecond; None where there is none."""
    if time is None or pd.isna(time):
        return None
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def minute(text: str | None) -> str:
    """A ``moment`` for people, to the minute; a dash where there is none."""
    return "—" if text is None else f"{text[:10]} {text[11:16]}"


def percent(share: float) -> str:
    """A share as per cent; never 0 or 100 where it is not just that."""
    if 0 < share < 0.01:
        return "under 1\u00a0%"
    return "over 99\u00a0%" if 0.99 < share < 1 else f"{100 * share:.0f}\u00a0%"


def counted(number: int, noun: str, ending: str = "s") -> str:
    """A number with its noun: 1 ship, 2 ships, no ship."""
    return f"{number or 'no'} {noun}{ending if number > 1 else ''}"


def length_text(row: Any) -> str:
    """A length with its error; a lower bound where the ship was cut."""
    least = "at least " if row["truncated"] else ""
    return f"{least}{row['length_m']:.0f} ± {row['length_sd_m']:.0f} m"
