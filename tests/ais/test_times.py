"""Times of AIS tables: what means one moment is read, what may mean two is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ais import read_ais
from jobs.ais.times import times
from jobs.errors import InputError

NOON = pd.Timestamp("2024-03-05T12:00:00Z")
NOON_WRITTEN = [
    "2024-03-05T12:00:00",
    "2024-03-05 12:00",
    "2024-03-05 12:00:00 UTC",
    "2024-03-05T12:00:00.987Z",
    "2024-03-05T15:00:00+03:00",
    "2024-03-05 07:00:00 -0500",
    "2024/03/05 12:00:00",
    "20240305120000",
    "1709640000",
    "1709640000.4",
    "1709640000000",
    "1709640000000000",
    "1709640000000000000",
    "05.03.2024 12:00:00",
]
NO_TIME = [
    "",
    "soon",
    "12:00:00",
    "2024",
    "20240305",
    "45356.5",
    "1.70964E+09",
    "43",
    "2024-13-05T12:00:00",
    "2024-03-05T25:00:00",
    "2024-03-05 12:00:00 EST",
    "05/03/24 12:00",
    "99/99/2024 12:00",
]


def one(text: str, day_first: bool | None = None) -> pd.Timestamp:
    (found,) = times(pd.Series([text], dtype=object), day_first)
    return found


@pytest.mark.parametrize("text", NOON_WRITTEN)
def test_one_moment_is_read_from_every_form_that_means_it(text: str) -> None:
    assert one(text) == NOON


@pytest.mark.parametrize("text", NO_TIME)
def test_what_is_no_moment_is_not_guessed_at(text: str) -> None:
    assert one(text) is pd.NaT


@pytest.mark.parametrize(
    ("text", "day_first", "month_first"),
    [
        ("03/04/2024 12:00:00", "2024-04-03T12:00", "2024-03-04T12:00"),
        ("3/4/2024 12:30 AM", "2024-04-03T00:30", "2024-03-04T00:30"),
        ("13-03-2024 12:00", "2024-03-13T12:00", None),
        ("03/13/2024 01:00 PM", None, "2024-03-13T13:00"),
    ],
)
def test_two_numbers_before_the_year_are_read_in_the_order_that_is_known(
    text: str, day_first: str | None, month_first: str | None
) -> None:
    for order, wanted in ((True, day_first), (False, month_first)):
        found = one(text, order)
        assert found is pd.NaT if wanted is None else found == pd.Timestamp(wanted, tz="UTC")


@given(st.datetimes(datetime(1980, 1, 1), datetime(2099, 12, 31)))
def test_every_form_of_one_second_is_one_time(when: datetime) -> None:
    when = when.replace(microsecond=0, tzinfo=UTC)
    seconds = (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    forms = [
        when.isoformat(),
        f"{when:%Y-%m-%d %H:%M:%S} UTC",
        f"{when:%Y%m%d%H%M%S}",
        f"{when:%d.%m.%Y %H:%M:%S}",
        str(seconds),
        str(seconds * 1000),
        str(seconds * 1_000_000),
    ]
    assert set(times(pd.Series(forms), None)) == {pd.Timestamp(when)}
    assert one(f"{when:%d/%m/%Y %H:%M:%S}", day_first=True) == when
    assert one(f"{when:%m/%d/%Y %I:%M:%S %p}", day_first=False) == when


# --- whole tables -------------------------------------------------------------------------------


def table(folder: Path, *texts: str, column: str = "time") -> Path:
    path = folder / "x.csv"
    rows = [f"367000001,{text},-94.7,29.3" for text in texts]
    path.write_text("\n".join([f"mmsi,{column},lon,lat", *rows]))
    return path


def test_the_whole_column_tells_the_order_and_it_is_said(tmp_path: Path) -> None:
    months = ["03/05/2024 12:00:00", "03/06/2024 12:00:00", "03/13/2024 12:00:00"]
    found, summary = read_ais([table(tmp_path, *months)], chunk_rows=1)
    assert [time.day for time in found["time"]] == [5, 6, 13]
    assert summary.files[0].remarks == (
        "times are read as month/day/year: 1 of them can be nothing else",
    )
    days = ["05/03/2024 12:00:00", "13/03/2024 12:00:00"]
    found, summary = read_ais([table(tmp_path, *days)])
    assert [time.day for time in found["time"]] == [5, 13]


def test_a_column_that_tells_no_order_or_both_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"03/05/2024 12:00 may have the day first or the month"):
        read_ais([table(tmp_path, "03/05/2024 12:00", "03/06/2024 12:00")])
    with pytest.raises(InputError, match="1 times have the day first and 1 the month"):
        read_ais([table(tmp_path, "03/13/2024 12:00", "13/03/2024 13:00")])


def test_the_danish_tables_document_their_order(tmp_path: Path) -> None:
    found, _ = read_ais([table(tmp_path, "05/03/2024 12:00:00", column="# Timestamp")])
    assert found["time"].tolist() == [NOON]


def test_danish_tables_with_the_month_first_are_refused(tmp_path: Path) -> None:
    months = [f"03/{day:02}/2024 12:00:00" for day in range(3, 20)]
    with pytest.raises(InputError, match="0 times have the day first and 7 the month"):
        read_ais([table(tmp_path, *months, column="# Timestamp")])
    days = [f"{day:02}/03/2024 12:00:00" for day in range(3, 12)]
    damaged = ["03/14/2024 12:00:00"]
    _, summary = read_ais([table(tmp_path, *days, *damaged, column="# Timestamp")])
    assert (summary.kept, summary.unreadable) == (9, 1)


def test_days_without_a_time_are_refused_and_one_among_times_is_midnight(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="days without a time of day"):
        read_ais([table(tmp_path, "2024-03-05", "2024-03-06")])
    found, _ = read_ais([table(tmp_path, "2024-03-05", "2024-03-05 00:10:00")])
    assert [time.minute for time in found["time"]] == [0, 10]


def test_parquet_holds_times_as_times_texts_or_numbers(tmp_path: Path) -> None:
    for kept in (NOON, "2024-03-05 12:00:00 UTC", 1709640000, 1709640000000.0):
        path = tmp_path / "x.parquet"
        frame = pd.DataFrame({"mmsi": [367000001], "time": [kept], "lon": [-94.7], "lat": [29.3]})
        frame.to_parquet(path)
        assert read_ais([path])[0]["time"].tolist() == [NOON]
