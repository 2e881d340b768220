"""AIS tables: three layouts, one frame, and every row that was left out counted."""

from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from shapely.geometry import box

from jobs.ais import AIS_COLUMNS, Window, read_ais
from jobs.ais.codes import imo_number, ship_type
from jobs.errors import InputError

US = """MMSI,BaseDateTime,LAT,LON,SOG,COG,Heading,VesselName,IMO,CallSign,VesselType,Status,Length,Width,Draft,Cargo,TransceiverClass
367000002,2022-01-03T00:05:00,29.30,-94.80,102.3,360.0,511,BETA,IMO0000000,,31,15,0,,,31,B
367000001,2022-01-03T00:01:00,29.30,-94.70,9.5,45.5,46,ALPHA,IMO9792395,WAB1,81.0,0,183,32,11.2,80,A
367000001,2022-01-03T00:00:00,29.29,-94.71,9.4,45.0,46,ALPHA,IMO9792395,WAB1,81.0,0,183,32,11.2,80,A
"""  # noqa: E501
US_2025 = """mmsi,base_date_time,longitude,latitude,sog,cog,heading,vessel_name,imo,call_sign,vessel_type,status,length,width,draft,cargo,transceiver
367000001,2025-01-03 00:00:00,-94.71,29.29,9.4,45.0,46,ALPHA,IMO9792395,WAB1,81,0,183,32,11.2,80,A
"""  # noqa: E501
DANISH = """# Timestamp,Type of mobile,MMSI,Latitude,Longitude,Navigational status,ROT,SOG,COG,Heading,IMO,Callsign,Name,Ship type,Cargo type,Width,Length,Type of position fixing device,Draught,Destination,ETA,Data source type,A,B,C,D
04/03/2024 23:59:58,Class A,219000001,55.7,12.6,Moored,0,0.0,90.0,91,9792395,OX,"SEA, ONE",Tanker,,20,120,GPS,7.1,KOEGE,,AIS,100,20,10,10
04/03/2024 23:59:58,Base Station,2190045,55.7,12.6,Unknown value,,,,,Unknown,Unknown,,Undefined,,,,Undefined,,Unknown,,AIS,,,,
04/03/2024 23:59:59,AtoN,992191501,55.7,12.6,Unknown value,,,,,Unknown,,,Undefined,,,,,,,,AIS,,,,
04/03/2024 23:59:59,Class A,219000001,91.0,181.0,Moored,0,0.0,,,,,,,,,,,,,,AIS,,,,
"""  # noqa: E501


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_marine_cadastre_is_typed_ordered_and_free_of_sentinels(tmp_path: Path) -> None:
    frame, summary = read_ais([written(tmp_path, "us.csv", US)])
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == dict(AIS_COLUMNS)
    assert list(frame["mmsi"]) == [367000001, 367000001, 367000002]
    assert frame["time"].is_monotonic_increasing
    alpha, beta = frame.iloc[0], frame.iloc[2]
    assert (alpha["ship_type"], alpha["status"]) == ("tanker", "under way using engine")
    assert (alpha["imo"], alpha["length_m"], alpha["transceiver"]) == ("9792395", 183, "A")
    assert beta[["sog_kn", "cog_deg", "heading_deg", "length_m", "imo", "status"]].isna().all()
    assert (summary.rows, summary.kept, summary.ships) == (3, 3, 2)
    assert summary.layouts == {"us.csv": "MarineCadastre"}


def test_the_lower_case_spelling_says_the_same(tmp_path: Path) -> None:
    new, _ = read_ais([written(tmp_path, "new.csv", US_2025)])
    old, _ = read_ais([written(tmp_path, "old.csv", US)])
    sent = ["lon", "lat", "sog_kn", "name", "imo", "ship_type", "length_m", "transceiver"]
    assert new.loc[0, sent].to_dict() == old.loc[0, sent].to_dict()
    assert new.loc[0, "time"] == pd.Timestamp("2025-01-03", tz="UTC")


def test_danish_tables_keep_antennas_and_lose_stations(tmp_path: Path) -> None:
    frame, summary = read_ais([written(tmp_path, "dk.csv", DANISH)])
    (row,) = frame.to_dict("records")
    assert row["time"] == pd.Timestamp("2024-03-04 23:59:58", tz="UTC")  # the day comes first
    assert (row["to_bow_m"], row["to_stern_m"]) == (100, 20)
    assert (row["name"], row["status"], row["transceiver"]) == ("SEA, ONE", "moored", "A")
    assert (summary.rows, summary.stations, summary.unreadable, summary.kept) == (4, 2, 1, 1)


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    head, row = US.splitlines()[0], US.splitlines()[3]
    rows = [
        row,
        row,  # a repeat
        row.replace("29.29", "29.99"),  # the same number and second, 78 km away
        row.replace("T00:00:00", "T04:00:00"),  # too late
        row.replace("-94.71", "-80.0"),  # elsewhere
        row.replace("2022-01-03T00:00:00", "soon"),
        row.replace("2022-01-03T00:00:00", ""),
        row.replace("367000001", "123456789"),  # no country has 123
    ]
    window = Window(-96, 28, -94, 31, end=datetime(2022, 1, 3, 4, tzinfo=UTC))
    frame, summary = read_ais([written(tmp_path, "x.csv", "\n".join([head, *rows]))], window)
    assert (summary.duplicates, summary.conflicts, summary.outside) == (1, 1, 2)
    assert (summary.unreadable, summary.odd_numbers, summary.kept) == (2, 1, 3)
    assert list(frame["mmsi_valid"]) == [False, True, True]  # both places: which is right?
    lost = summary.outside + summary.unreadable + summary.stations
    assert summary.rows == summary.kept + lost + summary.duplicates


def test_small_pieces_give_the_same_frame(tmp_path: Path) -> None:
    path = written(tmp_path, "us.csv", US)
    whole, summary = read_ais([path])
    pieces, same = read_ais([path], chunk_rows=1)
    pd.testing.assert_frame_equal(whole, pieces)
    assert summary == same


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    plain = written(tmp_path, "us.csv", US)
    gz, zst, zipped = (tmp_path / f"us.csv.{ending}" for ending in ("gz", "zst", "zip"))
    gz.write_bytes(gzip.compress(US.encode()))
    with pa.output_stream(zst, compression="zstd") as stream:
        stream.write(US.encode())
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a.csv", "\n".join(US.splitlines()[:2]))
        archive.writestr("b.csv", "\n".join(US.splitlines()[:1] + US.splitlines()[2:]))
    expected, _ = read_ais([plain])
    for path in (gz, zst, zipped):
        pd.testing.assert_frame_equal(read_ais([path])[0], expected)


def test_parquet_of_either_naming(tmp_path: Path) -> None:
    expected, _ = read_ais([written(tmp_path, "us.csv", US)])
    ours, theirs = tmp_path / "ours.parquet", tmp_path / "theirs.parquet"
    expected.to_parquet(ours)
    pd.read_csv(tmp_path / "us.csv").to_parquet(theirs)
    pd.testing.assert_frame_equal(read_ais([ours], chunk_rows=2)[0], expected)
    pd.testing.assert_frame_equal(read_ais([theirs])[0], expected)


def test_unknown_columns_are_refused_with_what_was_expected(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "ship,when,x,y\n1,2,3,4\n")
    with pytest.raises(InputError, match="ship, when, x, y") as refusal:
        read_ais([path])
    for layout in ("MarineCadastre", "Danish Maritime Authority", "Berthwatch"):
        assert layout in str(refusal.value)


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.csv.zst", "x.zip", "x.parquet"])
def test_damaged_and_missing_files_are_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_ais([tmp_path / name])
    for when in (0, 13, 10, 2573):  # the packed bytes hold a time: with and without line ends
        (tmp_path / name).write_bytes(gzip.compress(US.encode(), mtime=when)[:60])
        with pytest.raises(InputError, match=name):
            read_ais([tmp_path / name])


def test_nothing_inside_the_window_is_an_empty_typed_frame(tmp_path: Path) -> None:
    frame, summary = read_ais([written(tmp_path, "us.csv", US)], Window(0, 0, 1, 1))
    assert len(frame) == 0
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == dict(AIS_COLUMNS)
    assert (summary.outside, summary.kept) == (3, 0)


def test_a_window_around_an_area_has_its_margin_on_every_side() -> None:
    window = Window.around(box(132.9, 42.7, 133.1, 42.8), margin_km=30)
    degree_km = 111.195
    assert (42.7 - window.south) * degree_km == pytest.approx(30)
    assert (132.9 - window.west) * degree_km * np.cos(np.radians(42.8)) == pytest.approx(30)


@pytest.mark.parametrize(
    ("text", "number"),
    [("IMO9792395", "9792395"), ("9792395.0", "9792395"), ("9792394", ""), ("0000000", "")],
)
def test_imo_numbers_must_carry_their_check_digit(text: str, number: str) -> None:
    assert imo_number(text) == number


def test_ship_types_have_one_word_in_all_layouts() -> None:
    assert ship_type("80") == ship_type("84.0") == ship_type("Tanker") == "tanker"
    assert ship_type("49") == ship_type("HSC") == "high-speed craft"
    assert ship_type("0") == ""


@pytest.mark.real_data
def test_an_hour_of_galveston(shared: Path) -> None:
    path = shared / "ais" / "marinecadastre_galveston_20220103.csv.gz"
    frame, summary = read_ais([path])
    assert (summary.rows, summary.kept, summary.ships) == (8492, 8492, 719)
    assert frame["heading_deg"].isna().sum() == 3184
    assert (frame["ship_type"] == "tanker").sum() == 893
