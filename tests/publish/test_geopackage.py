"""The GeoPackage: the rows and types of the tables, read back by GDAL and by SQLite alone."""

from __future__ import annotations

import dataclasses
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from jobs.domain import BerthKind
from jobs.publish.geopackage import FOOTPRINT_COLUMNS, write_geopackage
from jobs.publish.publication import Publication
from jobs.publish.table_files import whole_table
from jobs.visits import PUBLISHED
from tests.support.factories import make_berth, make_port, make_publication

LAYERS = {
    "vessels": "Point",
    "vessel_footprints": "Polygon",
    "looks": "Point",
    "visits": "Point",
    "estimates": "Point",
    "traffic": "Point",
    "sensors": "Point",
    "pairs": "Point",
    "voyages": "LineString",
    "berths": "Polygon",
    "ports": "Polygon",
}


@pytest.fixture(scope="module")
def publication() -> Publication:
    roads = make_berth(
        id="roads", kind=BerthKind.ANCHORAGE, capacity=None, place_m=(300, 300, 500, 500)
    )
    ports = [make_port(), make_port(id="KPCHO", berths=(make_berth(id="quay"), roads))]
    return make_publication(ports=ports, days=24)


@pytest.fixture(scope="module")
def path(publication: Publication, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("gpkg") / "results.gpkg"
    write_geopackage(publication, found)
    return found


def test_every_table_is_a_layer_of_its_kind_in_wgs_84(path: Path) -> None:
    assert {name: kind for name, kind in pyogrio.list_layers(path)} == LAYERS
    for name in LAYERS:
        assert pyogrio.read_info(path, layer=name)["crs"] == "EPSG:4326"


@pytest.mark.parametrize("name", PUBLISHED)
def test_gdal_reads_back_the_rows(path: Path, publication: Publication, name: str) -> None:
    expected = whole_table(publication, name)
    found = pyogrio.read_dataframe(path, layer=name, use_arrow=True)
    shapes = expected.drop(columns=["footprint"], errors="ignore")
    assert set(found.columns) == set(shapes.columns)
    assert len(found) == len(expected) > 0
    assert found.geometry.geom_equals_exact(shapes.geometry, 0).all()
    for column, kind in PUBLISHED[name].columns.items():
        if kind == "geometry":
            continue
        values, wanted = found[column], expected[column]
        assert (values.isna() == wanted.isna()).all(), column
        if kind.startswith("datetime"):
            assert values.dt.tz is not None
            wanted = wanted.dt.round("ms")
        there = ~wanted.isna()
        assert (values[there] == wanted[there]).all(), column
        if kind == "bool":
            assert values.dtype == "bool"


def test_a_number_that_may_be_missing_stays_a_whole_number(path: Path) -> None:
    with closing(sqlite3.connect(path)) as data:
        rows = dict(data.execute("select berth, capacity from berths where port = 'KPCHO'"))
    assert rows == {"quay": 1, "roads": None}
    assert isinstance(rows["quay"], int)


def test_sqlite_alone_reads_types_texts_and_times(path: Path, publication: Publication) -> None:
    with closing(sqlite3.connect(path)) as data:
        types = {row[1]: row[2] for row in data.execute("pragma table_info(vessels)")}
        layers = dict(data.execute("select table_name, description from gpkg_contents"))
        columns = {
            (table, column): text
            for table, column, text in data.execute(
                "select table_name, column_name, description from gpkg_data_columns"
            )
        }
        (first,) = data.execute("select min(time) from looks").fetchone()
        (changed,) = data.execute("select distinct last_change from gpkg_contents").fetchone()
        (about,) = data.execute("select metadata from gpkg_metadata").fetchone()
    assert (types["time"], types["fixed"], types["length_m"]) == ("DATETIME", "BOOLEAN", "REAL")
    assert layers["vessels"] == PUBLISHED["vessels"].description
    assert columns["vessels", "length_m"] == PUBLISHED["vessels"].meanings["length_m"].line
    said = {(name, column) for name, table in PUBLISHED.items() for column in table.columns}
    assert said - set(columns) == {(name, "geometry") for name in PUBLISHED} | {
        ("vessels", "footprint")
    }
    looks = whole_table(publication, "looks")
    assert pd.Timestamp(first) == looks["time"].min().round("ms")
    assert first.endswith("Z")
    assert changed == "2024-03-24T00:00:00Z"  # the period's last day, not the day of writing
    assert publication.tag in about


def test_readers_of_older_versions_take_it(path: Path) -> None:
    """Version 1.3, each time with its milliseconds: of 1.4 GDAL 3.6 warns, time by time."""
    with closing(sqlite3.connect(path)) as data:
        assert data.execute("pragma application_id").fetchone() == (0x47504B47,)  # "GPKG"
        assert data.execute("pragma user_version").fetchone() == (10300,)
        assert data.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert data.execute("pragma foreign_key_check").fetchall() == []
        for (time,) in data.execute("select time from looks union select arrival_low from visits"):
            assert time is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="needs GDAL's programs")
def test_the_gdal_of_the_system_reads_it_without_a_warning(path: Path) -> None:
    for layer in LAYERS:
        done = subprocess.run(["ogrinfo", path, layer], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert "Warning" not in done.stdout


def test_the_boxes_are_a_layer_that_joins_the_vessels(path: Path, publication: Publication) -> None:
    boxes = gpd.read_file(path, layer="vessel_footprints")
    vessels = whole_table(publication, "vessels")
    assert list(boxes["vessel_id"]) == list(vessels["vessel_id"])
    assert set(boxes.columns) == {*FOOTPRINT_COLUMNS, "geometry"} - {"footprint"}
    assert boxes.geometry.geom_equals_exact(vessels["footprint"], 0).all()


def test_a_result_without_a_row_has_all_its_layers(tmp_path: Path) -> None:
    write_geopackage(make_publication(days=12, empty=True), tmp_path / "empty.gpkg")
    assert dict(pyogrio.list_layers(tmp_path / "empty.gpkg")) == LAYERS
    assert len(pyogrio.read_dataframe(tmp_path / "empty.gpkg", layer="vessels")) == 0
    assert len(pyogrio.read_dataframe(tmp_path / "empty.gpkg", layer="berths")) > 0


def test_the_same_content_is_the_same_bytes_and_gdal_keeps_its_clock(
    publication: Publication, path: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.gpkg"
    write_geopackage(publication, again)
    assert again.read_bytes() == path.read_bytes()
    write_geopackage(dataclasses.replace(publication, tag="other"), tmp_path / "other.gpkg")
    assert (tmp_path / "other.gpkg").read_bytes() != path.read_bytes()
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None
