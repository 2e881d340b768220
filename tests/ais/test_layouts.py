"""Columns of AIS tables: spellings, delimiters, decimal commas, and two columns of one meaning."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.ais import read_ais
from jobs.ais.counts import ReadSummary
from jobs.errors import InputError

MMSI, TIME = "367000001", "2024-03-05T12:00:00Z"


def read(folder: Path, *lines: str) -> tuple[pd.DataFrame, ReadSummary]:
    path = folder / "x.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_ais([path])


@pytest.mark.parametrize(
    "header",
    [
        "mmsi,time,lon,lat,sog_kn",
        "MMSI,BaseDateTime,LON,LAT,SOG",
        " Mmsi , Base Date Time ,Longitude, LATITUDE,sog",
        "mmsi,base_date_time,longitude,latitude,sog",
        "mmsi,# Timestamp,Longitude,Latitude,SOG",
        '"mmsi","date_time_utc","lon","lat","sog"',
        "MMSI,TIMESTAMP,LONGITUDE,LATITUDE,Speed over ground",
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_columns_are_known_by_any_publishers_name(
    tmp_path: Path, header: str, delimiter: str
) -> None:
    row = f"{MMSI},{TIME},-94.7,29.3,9.4"
    found, _ = read(tmp_path, *(text.replace(",", delimiter) for text in (header, row)))
    kept = found[["mmsi", "lon", "lat"]].iloc[0].tolist()
    assert [*kept, round(float(found["sog_kn"].iloc[0]), 3)] == [int(MMSI), -94.7, 29.3, 9.4]
    assert found["time"].tolist() == [pd.Timestamp(TIME)]


def test_a_comma_may_be_the_decimal_point(tmp_path: Path) -> None:
    rows = ("mmsi;time;lon;lat;sog", f"{MMSI};{TIME};-94,7;29,3;9,5")
    quoted = ("mmsi,time,lon,lat,sog", f'{MMSI},{TIME},"-94,7","29,3","9,5"')
    for lines in (rows, quoted):
        found, summary = read(tmp_path, *lines)
        assert found[["lon", "lat", "sog_kn"]].iloc[0].tolist() == [-94.7, 29.3, 9.5]
        assert summary.unreadable == 0


@pytest.mark.parametrize(
    "number", ["367000001.0", " 367000001 ", "367 000 001", '"367000001,0"', "0367000001"]
)
def test_numbers_of_ships_are_read_as_spreadsheets_write_them(tmp_path: Path, number: str) -> None:
    lines = ("mmsi,time,lon,lat", f"{number},{TIME},-94.7,29.3")
    if number.startswith("0"):  # ten digits are no MMSI
        with pytest.raises(InputError, match="no MMSI"):
            read(tmp_path, *lines)
        return
    assert read(tmp_path, *lines)[0]["mmsi"].tolist() == [367000001]


# --- two columns of one meaning -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "values"),
    [
        ("lat,lat", "29.3,0"),
        ("lat,latitude", "29.3,29.4"),
        ("lat,latitude", ",29.3"),
        ("lat,time,BaseDateTime", f"29.3,{TIME},2024-03-05T13:00:00Z"),
        ("lat,sog,sog_kn", "29.3,9.4,4.8"),
        ("lat,sog_kn,sog", "29.3,,4.8"),
        ("lat,name,vessel_name", "29.3,ALPHA,BETA"),
        ("lat,mmsi", "29.3,367000002"),
    ],
)
def test_two_columns_of_one_meaning_that_differ_are_refused(
    tmp_path: Path, names: str, values: str
) -> None:
    with pytest.raises(InputError, match=r"two columns mean .* and differ in line 2"):
        read(tmp_path, f"mmsi,timestamp,lon,{names}", f"{MMSI},{TIME},-94.7,{values}")


def test_two_columns_that_say_the_same_are_read_and_it_is_said(tmp_path: Path) -> None:
    header = "mmsi,timestamp,base_date_time,lon,lat,latitude,name,vessel_name"
    row = f"{MMSI},1709640000,{TIME},-94.7,29.3,29.300,ALPHA,ALPHA"
    found, summary = read(tmp_path, header, row)
    assert (len(found), found["lat"].iloc[0]) == (1, 29.3)
    assert "lat is read from lat; latitude must say the same" in summary.files[0].remarks


def test_columns_that_tell_no_unit_are_not_read_and_it_is_said(tmp_path: Path) -> None:
    row = f"{MMSI},{TIME},-94.7,29.3"
    found, summary = read(tmp_path, "mmsi,time,lon,lat,sog,speed", f"{row},9.5,95")
    assert found["sog_kn"].tolist() == [9.5]
    (remark,) = summary.files[0].remarks
    assert remark.startswith("column speed is not read")
    assert "sog_kn is read from sog" in remark
    found, summary = read(tmp_path, "mmsi,time,lon,lat,speed", f"{row},95")
    assert found["sog_kn"].isna().all()
    assert "sog_kn stays empty" in summary.files[0].remarks[0]
    found, summary = read(tmp_path, "mmsi,time,lon,lat,SOG (m/s)", f"{row},5")
    assert found["sog_kn"].isna().all()
    assert summary.files[0].remarks[0].startswith("column SOG (m/s) is not read")


def test_the_summary_names_the_columns_read_and_the_others(tmp_path: Path) -> None:
    _, summary = read(tmp_path, "MMSI,BaseDateTime,LON,LAT,Cargo", f"{MMSI},{TIME},-94.7,29.3,80")
    (one,) = summary.files
    assert one.columns == {"mmsi": "MMSI", "time": "BaseDateTime", "lon": "LON", "lat": "LAT"}
    assert one.unused == ("Cargo",)
    assert json.loads(json.dumps(summary.as_json()))["files"][0]["unused"] == ["Cargo"]


# --- types of mobile ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "stations"),
    [("Class A", 0), ("Class B", 0), ("", 0), ("Base Station", 1), ("AtoN", 1)],
)
def test_what_the_danish_tables_call_a_station_is_none_of_the_ships(
    tmp_path: Path, kind: str, stations: int
) -> None:
    header = "# Timestamp,Type of mobile,MMSI,Latitude,Longitude"
    _, summary = read(tmp_path, header, f"05/03/2024 12:00:00,{kind},219000001,55.7,12.6")
    assert (summary.stations, summary.kept) == (stations, 1 - stations)


# --- GeoParquet ---------------------------------------------------------------------------------


def geoparquet(
    folder: Path,
    system: str = "EPSG:4326",
    column: str = "geometry",
    encoding: Literal["WKB", "geoarrow"] = "WKB",
    **more: list[object],
) -> Path:
    """MarineCadastre's points: positions stand in the geometry alone."""
    points = gpd.points_from_xy([-94.7, -94.8, np.nan], [29.3, 29.4, np.nan], crs="EPSG:4326")
    facts = {
        "mmsi": [367000001, 367000002, 367000003],
        "base_date_time": pd.to_datetime(["2024-03-05T12:00:00"] * 3),
        "sog": [9.5, 0.0, 1.0],
        **more,
    }
    path = folder / "ais-2024-03-05.parquet"
    frame = gpd.GeoDataFrame({**facts, column: points}, geometry=column).to_crs(system)
    frame.to_parquet(path, geometry_encoding=encoding)
    return path


@pytest.mark.parametrize("column", ["geometry", "geom"])
@pytest.mark.parametrize("encoding", ["WKB", "geoarrow"])
def test_positions_of_geoparquet_are_its_points(
    tmp_path: Path, column: str, encoding: Literal["WKB", "geoarrow"]
) -> None:
    found, summary = read_ais([geoparquet(tmp_path, column=column, encoding=encoding)])
    assert found[["mmsi", "lon", "lat"]].to_numpy().tolist() == [
        [367000001, -94.7, 29.3],
        [367000002, -94.8, 29.4],
    ]
    assert (summary.rows, summary.unreadable) == (3, 1)
    assert summary.layouts == {"ais-2024-03-05.parquet": "MarineCadastre"}


def test_points_in_another_system_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="points are in WGS 84 / Pseudo-Mercator"):
        read_ais([geoparquet(tmp_path, "EPSG:3857")])


def test_columns_of_positions_win_over_points(tmp_path: Path) -> None:
    path = geoparquet(tmp_path, longitude=[-90.0] * 3, latitude=[28.0] * 3)
    found, summary = read_ais([path])
    assert found["lon"].tolist() == [-90.0] * 3
    assert "geometry" in summary.files[0].unused


def test_one_half_of_a_position_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="columns mmsi, base_date_time"):
        read_ais([geoparquet(tmp_path, longitude=[-90.0] * 3)])


# --- types of Parquet ---------------------------------------------------------------------------


def typed_table(folder: Path, **columns: pa.Array) -> Path:
    usual = {
        "mmsi": pa.array([367000001]),
        "time": pa.array(["2024-03-05T12:00:00Z"]),
        "lon": pa.array([-94.7]),
        "lat": pa.array([29.3]),
    }
    path = folder / "x.parquet"
    pq.write_table(pa.table(usual | columns), path)
    return path


NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("mmsi", pa.array(["367000001"])),
        ("mmsi", pa.array([b"367000001"])),
        ("mmsi", pa.array([367000001], pa.uint32())),
        ("mmsi", pa.array(["367000001"]).dictionary_encode()),
        ("mmsi", pa.array([Decimal(367000001)])),
        ("lat", pa.array([Decimal("29.3")])),
        ("lat", pa.array(["29,3"], pa.large_string())),
        ("time", pa.array([NOON], pa.timestamp("ns", tz="Asia/Vladivostok"))),
        ("time", pa.array([1709640000], pa.int32())),
        ("name", pa.nulls(1)),
    ],
)
def test_parquet_types_that_can_hold_a_meaning_are_read(
    tmp_path: Path, column: str, values: pa.Array
) -> None:
    found, _ = read_ais([typed_table(tmp_path, **{column: values})])
    (row,) = found[["mmsi", "time", "lat"]].itertuples(index=False)
    assert tuple(row) == (367000001, pd.Timestamp(NOON), 29.3)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("mmsi", pa.array([367000001.0], pa.float32()), "float, which has lost digits"),
        ("time", pa.array([1709640000.0], pa.float32()), "float, which has lost digits"),
        ("mmsi", pa.array([True]), "read as mmsi, is bool; expected numbers or texts"),
        ("lat", pa.array([[29.3]]), "read as lat, is list"),
        ("time", pa.array([timedelta(1)]), "is duration.*expected numbers or texts or times"),
        ("sog", pa.array([NOON]), "column sog, read as sog_kn, is timestamp"),
        ("name", pa.array([["ALPHA"]]), "column name, read as name, is list"),
    ],
)
def test_parquet_types_that_cannot_hold_a_meaning_are_refused(
    tmp_path: Path, column: str, values: pa.Array, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_ais([typed_table(tmp_path, **{column: values})])
