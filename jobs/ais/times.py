"""Times of AIS tables: every form that means one moment is read, others are not guessed at."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from jobs.visits import TIME

ZONE = r"\s*(?:UTC|GMT|Z)$"
"""A time without a zone is UTC: AIS has no other."""
ISO = r"\d{4}-\d{2}-\d{2}(?:$|[T ]\d)"
DAY = r"\d{4}-\d{2}-\d{2}"
USUAL = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}|\d{2}/\d{2}/\d{4} \d{2}:\d{2}:\d{2}"
"""As MarineCadastre and the Danish tables have them: nothing to spell otherwise."""
YEAR_FIRST = r"^(\d{4})/(\d{1,2})/(\d{1,2})\b"
COMPACT = r"\d{14}"
EPOCH = r"\d+(?:\.\d*)?"
DAY_MONTH = (
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d*)?)?"
    r"\s*([AP]M)?Z?"
)
"""Two numbers before the year, in either order: 03/04/2024."""
EPOCH_SECONDS = (315_532_800, 4_102_444_800)
"""1980 to 2100; in milli-, micro- and nanoseconds these ranges do not overlap."""
EPOCH_DIVISORS = (1, 1_000, 1_000_000, 1_000_000_000)


class TimeColumn:
    """A column of times; texts of which a day has fewer than messages, so each is read once."""

    def __init__(self, column: pd.Series) -> None:
        self.column = column
        self.is_text = column.dtype.kind not in "Mmiuf"
        given = pd.Categorical(column if self.is_text else ())
        self.codes = given.codes
        self.texts = _spelled([str(text) for text in given.categories])

    def values(self, day_first: bool | None) -> pd.Series:
        """The column as whole UTC seconds; NaT where it cannot be read.

        Read are ISO 8601 (also with a blank, a fraction, ``UTC`` or an offset), seconds, milli-,
        micro- or nanoseconds since 1970, 20240305120000, and a day, month and year with a time of
        day. ``day_first`` is the order of 03/04/2024; None: such a time is read only where it can
        be one.
        """
        column = self.column
        if self.is_text:
            parsed = _parsed(self.texts, day_first)
            taken = parsed.array.take(self.codes, allow_fill=True, fill_value=pd.NaT)
            found = pd.Series(taken, index=column.index)
        elif isinstance(column.dtype, pd.DatetimeTZDtype):
            found = column.dt.tz_convert("UTC")
        elif column.dtype.kind == "M":
            found = column.dt.tz_localize("UTC")
        else:
            found = _epoch(column.astype("float64"))
        return found.dt.floor("s").astype(TIME)

    def orders(self) -> tuple[int, int, str]:
        """Texts that can only have the day first, only the month first, and one with either.

        The third is "" where no time has two numbers before its year.
        """
        parts = self.texts[~self.texts.str.match(ISO)].str.extract(f"^{DAY_MONTH}$")
        slashed = parts[parts[1] != "."].dropna(subset=[0])
        if not len(slashed):
            return 0, 0, ""
        first, second = (slashed[at].astype(int) for at in (0, 2))
        day_only = (first > 12) & (second <= 12)
        month_only = (second > 12) & (first <= 12)
        return int(day_only.sum()), int(month_only.sum()), str(self.texts[slashed.index[0]])

    def days(self) -> int:
        """Number of rows whose time is a day without a time of day."""
        plain = self.texts.str.fullmatch(DAY).to_numpy(dtype=bool)
        return int(np.append(plain, False)[self.codes].sum())


def times(column: pd.Series, day_first: bool | None) -> pd.Series:
    """``TimeColumn(column).values(day_first)``."""
    return TimeColumn(column).values(day_first)


def _spelled(texts: Sequence[str]) -> pd.Series:
    """Texts with one spelling of UTC, of offsets and of year/month/day."""
    found = pd.Series(texts, dtype=str)
    odd = ~found.str.fullmatch(USUAL)
    if odd.any():
        spelled = found[odd].str.strip().str.upper().str.replace(ZONE, "Z", regex=True)
        spelled = spelled.str.replace(r"\s+([+-]\d{2}:?\d{2})$", r"\1", regex=True)
        found[odd] = spelled.str.replace(YEAR_FIRST, _iso_day, regex=True)
    return found


def _iso_day(found: re.Match[str]) -> str:
    year, month, day = found.groups()
    return f"{year}-{int(month):02}-{int(day):02}"


def _parsed(texts: pd.Series, day_first: bool | None) -> pd.Series:
    found = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[ns, UTC]")
    iso = texts.str.match(ISO)
    found[iso] = _iso(texts[iso])
    compact = texts.str.fullmatch(COMPACT)
    found[compact] = pd.to_datetime(
        texts[compact], format="%Y%m%d%H%M%S", utc=True, errors="coerce"
    )
    numbers = texts.str.fullmatch(EPOCH) & ~compact
    found[numbers] = _epoch(texts[numbers].astype("float64"))
    rest = texts[~(iso | compact | numbers)]
    if len(rest) and day_first is not None:
        order = "%d/%m/%Y %H:%M:%S" if day_first else "%m/%d/%Y %H:%M:%S"
        found[rest.index] = pd.to_datetime(rest, format=order, utc=True, errors="coerce")
        rest = rest[found[rest.index].isna()]
    if len(rest):
        found[rest.index] = _iso(_day_month_as_iso(rest, day_first))
    return found


def _iso(texts: pd.Series) -> pd.Series:
    return pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")


def _epoch(numbers: pd.Series) -> pd.Series:
    """Times of numbers since 1970, by their size."""
    seconds = pd.Series(np.nan, index=numbers.index)
    for divisor in EPOCH_DIVISORS:
        scaled = numbers / divisor
        seconds = seconds.where(~scaled.between(*EPOCH_SECONDS), scaled)
    return pd.to_datetime(np.floor(seconds), unit="s", utc=True, errors="coerce")


def _day_month_as_iso(texts: pd.Series, day_first: bool | None) -> pd.Series:
    """ISO 8601 of 05.03.2024 12:00 and of 03/05/2024 12:00 PM; "" where it cannot be told."""
    parts = texts.str.extract(f"^{DAY_MONTH}$").dropna(subset=[0])
    if not len(parts):
        return pd.Series("", index=texts.index)
    first, second, hour = (parts[at].astype(int) for at in (0, 2, 4))
    # with dots the day always comes first
    leads = (parts[1] == ".") | (first > 12 if day_first is None else day_first)
    told = (parts[1] == ".") | (day_first is not None) | (first > 12) | (second > 12)
    told |= first == second
    day, month = first.where(leads, second), second.where(leads, first)
    half = parts[7]
    told &= half.isna() | hour.between(1, 12)
    hour = hour.where(half.isna(), hour % 12 + 12 * (half == "PM"))
    joined = (
        parts[3]
        + "-" + month.map("{:02}".format) + "-" + day.map("{:02}".format)
        + "T" + hour.map("{:02}".format) + ":" + parts[5] + ":" + parts[6].fillna("00")
    )  # fmt: skip
    return joined.where(told, "").reindex(texts.index, fill_value="")
