"""Rows of AIS tables at the edge of what is taken: windows, zones, repeats, zeros that mean it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from jobs.ais import read_ais
from jobs.ais.codes import imo_number
from jobs.ais.window import Window

NOON = datetime(2024, 3, 7, 12, tzinfo=UTC)
SHIP = 273000001


def written(folder: Path, rows: list[dict[str, object]]) -> Path:
    """A Parquet table in Berthwatch's own columns; every row a ship's message at sea."""
    usual = {"mmsi": SHIP, "time": NOON, "lon": 133.0, "lat": 42.7}
    path = folder / "ais.parquet"
    pd.DataFrame([usual | row for row in rows]).to_parquet(path)
    return path


def minutes(*numbers: float) -> list[dict[str, object]]:
    return [{"time": NOON + timedelta(minutes=number)} for number in numbers]


def test_a_window_holds_its_first_moment_and_not_its_last(tmp_path: Path) -> None:
    path = written(tmp_path, minutes(-1, 0, 5, 10))
    window = Window(start=NOON, end=NOON + timedelta(minutes=10))
    found, summary = read_ais([path], window)
    assert [(time - NOON) / timedelta(minutes=1) for time in found["time"]] == [0, 5]
    assert summary.outside == 2


def test_times_of_another_zone_become_utc(tmp_path: Path) -> None:
    rows = pd.DataFrame({"mmsi": [SHIP], "lon": [133.0], "lat": [42.7]})
    rows["time"] = pd.Series([pd.Timestamp(NOON).tz_convert("Asia/Vladivostok")])
    path = tmp_path / "local.parquet"
    rows.to_parquet(path)
    found, _ = read_ais([path])
    assert found["time"].tolist() == [pd.Timestamp(NOON)]


@pytest.mark.parametrize(("metres_off", "kind"), [(50, "duplicates"), (2_000, "conflicts")])
def test_a_second_message_in_one_second_is_a_repeat_or_another_transmitter(
    tmp_path: Path, metres_off: float, kind: str
) -> None:
    second = 42.7 + metres_off / 111_000
    for rows in ([{}, {"lat": second}], [{"lat": second}, {}]):
        found, summary = read_ais([written(tmp_path, rows)])
        # which of two places is the ship's, its track says
        assert found["lat"].tolist() == ([42.7] if kind == "duplicates" else [42.7, second])
    counted = {"duplicates": summary.duplicates, "conflicts": summary.conflicts}
    assert counted == {"duplicates": 0, "conflicts": 0} | {kind: 1}


def test_an_antenna_at_the_bow_stands_there_and_two_zeros_say_nothing(tmp_path: Path) -> None:
    at_bow = {"to_bow_m": 0.0, "to_stern_m": 85.0, "length_m": 85.0}
    unknown = {"to_bow_m": 0.0, "to_stern_m": 0.0, "length_m": 0.0, "mmsi": SHIP + 1}
    found, _ = read_ais([written(tmp_path, [at_bow, unknown])])
    names = ["to_bow_m", "to_stern_m", "length_m"]
    assert found[names].iloc[0].tolist() == [0.0, 85.0, 85.0]
    assert found[names].iloc[1].isna().all()


@pytest.mark.parametrize(
    ("speed_kn", "known"), [(0.0, True), (102.2, True), (102.3, False), (-1.0, False)]
)
def test_102_3_knots_mean_not_available(tmp_path: Path, speed_kn: float, known: bool) -> None:
    found, _ = read_ais([written(tmp_path, [{"sog_kn": speed_kn}])])
    assert found["sog_kn"].notna().tolist() == [known]


@pytest.mark.parametrize(
    ("mmsi", "kept"),
    [
        (273000001, True),
        (982730001, True),  # a ship's boat
        (2_734_400, False),  # a coast station
        (992731001, False),  # an aid to navigation
        (970_123_456, False),  # a beacon in distress
        (111_273_001, False),  # an aircraft
    ],
)
def test_what_is_no_craft_on_the_water_is_counted_apart(
    tmp_path: Path, mmsi: int, kept: bool
) -> None:
    found, summary = read_ais([written(tmp_path, [{"mmsi": mmsi}])])
    assert (len(found), summary.stations) == ((1, 0) if kept else (0, 1))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("IMO9074729", "9074729"),
        ("9074729.0", "9074729"),
        ("9074728", ""),  # another check digit
        ("0000000", ""),  # its check digit fits, and it is nobody's
        ("907472", ""),
    ],
)
def test_an_imo_number_is_lawful_or_none(text: str, number: str) -> None:
    assert imo_number(text) == number
