"""Times of AIS tables: every form that means one moment is read, others are not guessed at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from jobs.visits import TIME

ZONE = r"\s*(?:UTC|GMT|Z)$"
"""A time without a zone is UTC: AIS has no other."""
ISO = r"\d{4}-\d{2}-\d{2}(?:$|[T ]\d)"
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


def times(column: pd.Series, day_first: bool | None) -> pd.Series:
    """The column as whole UTC seconds; NaT where it cannot be read.

    Read are ISO 8601 (also with a blank, a fraction, ``UTC`` or an offset), seconds, milli-, micro-
    or nanoseconds since 1970, 20240305120000, and a day, month and year with a time of day.
    ``day_first`` is the order of 03/04/2024; None: such a time is read only where it can be one.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        found = column.dt.tz_convert("UTC")
    elif column.dtype.kind == "M":
        found = column.dt.tz_localize("UTC")
    elif pd.api.types.is_numeric_dtype(column):
        found = _epoch(column.astype("float64"))
    else:
        # a day has fewer seconds than messages: each text is read once
        given = pd.Categorical(column)
        parsed = _parsed(_texts(given.categories), day_first)
        taken = parsed.array.take(given.codes, allow_fill=True, fill_value=pd.NaT)
        found = pd.Series(taken, index=column.index)
    return found.dt.floor("s").astype(TIME)


def date_orders(column: pd.Series) -> tuple[int, int, str]:
    """Texts that can only have the day first, only the month first, and one that may be either.

    The third is "" where no time has two numbers before its year.
    """
    if pd.api.types.is_numeric_dtype(column) or column.dtype.kind == "M":
        return 0, 0, ""
    texts = _texts(pd.Categorical(column).categories)
    parts = texts.str.extract(f"^{DAY_MONTH}$")
    slashed = parts[parts[1] != "."].dropna(subset=[0])
    if not len(slashed):
        return 0, 0, ""
    first, second = (slashed[at].astype(int) for at in (0, 2))
    day_only = (first > 12) & (second <= 12)
    month_only = (second > 12) & (first <= 12)
    return int(day_only.sum()), int(month_only.sum()), str(texts[slashed.index[0]])


def days_only(column: pd.Series) -> pd.Series:
    """True for rows whose time is a day without a time of day."""
    if pd.api.types.is_numeric_dtype(column) or column.dtype.kind == "M":
        return pd.Series(False, index=column.index)
    given = pd.Categorical(column)
    plain = _texts(given.categories).str.fullmatch(r"\d{4}-\d{2}-\d{2}").to_numpy(dtype=bool)
    return pd.Series(np.append(plain, False)[given.codes], index=column.index)


def _texts(values: Iterable[object]) -> pd.Series:
    """Distinct texts with one spelling of UTC, of offsets and of year/month/day."""
    texts = pd.Series([str(value) for value in values], dtype=str).str.strip().str.upper()
    texts = texts.str.replace(ZONE, "Z", regex=True)
    texts = texts.str.replace(r"\s+([+-]\d{2}:?\d{2})$", r"\1", regex=True)
    return texts.str.replace(r"^(\d{4})/(\d{1,2})/(\d{1,2})\b", _iso_day, regex=True)


def _iso_day(found: object) -> str:
    year, month, day = found.groups()  # type: ignore[attr-defined]
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
