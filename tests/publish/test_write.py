"""The published folder: complete, readable without our code, the same bytes every time."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import pytest
import xarray as xr

from jobs.errors import ArchiveError, InputError
from jobs.publish import write as publish_module
from jobs.publish.publication import Publication
from jobs.publish.table_files import whole_table
from jobs.storage import LocalFolder
from jobs.visits.schema import (
    BERTH_COLUMNS,
    ESTIMATE_COLUMNS,
    FULL_LOOK_COLUMNS,
    FULL_VISIT_COLUMNS,
    HISTORY_COLUMNS,
    PAIR_COLUMNS,
    PORT_COLUMNS,
    SENSOR_COLUMNS,
    TRAFFIC_COLUMNS,
    VESSEL_COLUMNS,
    VOYAGE_COLUMNS,
)
from tests.support.factories import make_berth, make_port, make_publication
from tests.support.places import ROOT

TABLES = {
    "vessels": VESSEL_COLUMNS,
    "looks": FULL_LOOK_COLUMNS,
    "visits": FULL_VISIT_COLUMNS,
    "estimates": ESTIMATE_COLUMNS,
    "traffic": TRAFFIC_COLUMNS,
    "sensors": SENSOR_COLUMNS,
    "pairs": PAIR_COLUMNS,
    "voyages": VOYAGE_COLUMNS,
    "berths": BERTH_COLUMNS,
    "ports": PORT_COLUMNS,
}
ALWAYS = {"estimates", "traffic", "berths", "ports"}
"""The tables with rows although nothing was seen."""
FILES = {
    *(f"{name}.{kind}" for name in TABLES for kind in ("parquet", "csv")),
    "SHA256SUMS",
    "README.txt",
    "collection.json",
    "data_dictionary.csv",
    "data_dictionary.json",
    "histories.parquet",
    "items.json",
    "port_visits.zarr",
    "provenance.json",
    "report.html",
    "results.gpkg",
}
PUBLISH_AGAIN = """
import sys
from collections.abc import Callable
from pathlib import Path
from jobs.publish.write import publish
from tests.support.factories import make_publication
from jobs.storage import LocalFolder
publish(make_publication(days=24), LocalFolder(Path(sys.argv[1])))
"""


def publish(publication: Publication, root: Path) -> Path:
    """Publish into a local archive; gives the folder."""
    return root / publish_module.publish(publication, LocalFolder(root))


@pytest.fixture(scope="module")
def publication() -> Publication:
    ports = [make_port(), make_port(id="KPCHO", name="Chongjin", berths=(make_berth(id="quay"),))]
    return make_publication(ports=ports, days=24)


@pytest.fixture(scope="module")
def folder(publication: Publication, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(publication, tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def empty() -> Publication:
    return make_publication(days=24, empty=True)


@pytest.fixture(scope="module")
def empty_folder(empty: Publication, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(empty, tmp_path_factory.mktemp("empty"))


def files_under(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_folder_holds_just_the_promised_files(folder, publication):
    assert folder.parts[-2:] == (publication.job, publication.tag)
    assert {path.name for path in folder.iterdir()} == FILES
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, "latest.json"}


def test_latest_names_the_newest_tag_and_its_folder(folder, publication):
    found = json.loads((folder.parent / "latest.json").read_text())
    assert found == {
        "tag": publication.tag,
        "folder": publication.tag,
        "complete": False,
        "units": {"done": publication.units.done, "failed": 2, "pending": 0},
    }


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("state", ["full", "empty"])
def test_parquet_has_the_promised_columns_and_types(name, state, request, publication):
    place = request.getfixturevalue("folder" if state == "full" else "empty_folder")
    rows = gpd.read_parquet(place / f"{name}.parquet")
    full = whole_table(publication, name)
    assert list(rows.columns) == list(TABLES[name])
    assert rows.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()
    assert rows.crs == "EPSG:4326"
    assert rows.empty == (state == "empty" and name not in ALWAYS)


@pytest.mark.parametrize("name", TABLES)
def test_csv_twins_lose_nothing(folder, name):
    rows = gpd.read_parquet(folder / f"{name}.parquet")
    # as text, to be read by Python: pandas 2 loses a float's last digits unless asked
    floats = [column for column, dtype in TABLES[name].items() if dtype == "float64"]
    as_text = dict.fromkeys([*floats, "lon", "lat"], str)
    twin = pd.read_csv(folder / f"{name}.csv", keep_default_na=False, dtype=as_text)
    assert len(twin) == len(rows) > 0
    if name in ("voyages", "berths", "ports"):
        assert (
            gpd.GeoSeries.from_wkt(twin["geometry"], crs=4326)
            .geom_equals_exact(rows.geometry, 1e-7)
            .all()
        )
    else:
        assert (twin["lon"].map(float) == rows.geometry.x).all()
        assert (twin["lat"].map(float) == rows.geometry.y).all()
    for column in rows.columns.difference(["geometry", "footprint"]):
        if TABLES[name][column].startswith("datetime"):
            times = pd.to_datetime(twin[column].replace("", None), utc=True)
            assert (times.astype(rows[column].dtype).eq(rows[column]) | rows[column].isna()).all()
            assert (times.isna() == rows[column].isna()).all()
        elif TABLES[name][column] == "float64":
            # what is not known is an empty cell
            numbers = twin[column].map(lambda cell: float(cell) if cell != "" else np.nan)
            assert (numbers.eq(rows[column]) | (numbers.isna() & rows[column].isna())).all(), column
        elif TABLES[name][column] == "Int64":
            numbers = pd.to_numeric(twin[column]).astype("Int64")
            pd.testing.assert_series_equal(numbers, rows[column], check_names=False)
        else:
            assert (twin[column] == rows[column]).all(), column


def test_empty_csv_twins_have_their_header(empty_folder):
    header = (empty_folder / "visits.csv").read_text()
    assert header.startswith("visit_id,port,berth,arrival_after,")
    assert header.endswith(",lon,lat\n")


@pytest.mark.parametrize("place", ["folder", "empty_folder"])
def test_the_series_opens_with_xarray_alone(place, request, publication):
    store = request.getfixturevalue(place) / "port_visits.zarr"
    with xr.open_datatree(store, engine="zarr") as tree:
        assert set(tree.children) == {"day", "week", "month"}
        if place == "folder":
            for name, dataset in publication.series.items():
                xr.testing.assert_equal(
                    tree[name].to_dataset().astype(object), dataset.astype(object)
                )
        else:
            assert int(tree["day"]["looks"].sum()) == 0
        assert tree["month"]["visits_seen"].dtype == np.int32
        assert json.loads((store / "zarr.json").read_text())["zarr_format"] == 3


def test_the_collection_is_lawful_and_its_hashes_are_those_of_the_files(folder):
    stac = pystac.Collection.from_file(str(folder / "collection.json"))
    assert len(stac.extent.spatial.bboxes) == 3
    for asset in stac.assets.values():
        path = folder / asset.href
        assert path.exists()
        if path.is_file():
            content = path.read_bytes()
            assert asset.extra_fields["file:size"] == len(content)
            assert (
                asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
            )
    assert {Path(asset.href).name for asset in stac.assets.values()} == FILES - {"collection.json"}


def test_provenance_pins_what_the_numbers_were_made_from(folder, publication):
    found = json.loads((folder / "provenance.json").read_text())
    assert found["plan_hash"] == publication.provenance.plan_hash
    assert found["items"] == {k: list(v) for k, v in publication.provenance.items.items()}
    assert [port["id"] for port in found["ports"]] == ["KPCHO", "RUVYP"]
    assert len(found["failed"]) == 2
    assert set(found["failed"][0]) == {"overpass_id", "stage", "reason"}


def test_another_process_writes_the_same_bytes(tmp_path):
    publish(make_publication(days=24), tmp_path / "here")
    subprocess.run(
        [sys.executable, "-c", PUBLISH_AGAIN, str(tmp_path / "there")],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)},
        check=True,
    )
    here, there = files_under(tmp_path / "here"), files_under(tmp_path / "there")
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    assert not any(str(tmp_path).encode() in content for content in here.values())


def test_the_time_a_unit_took_is_in_no_byte(publication, folder, tmp_path):
    slower = tuple(dataclasses.replace(unit, seconds=99.0) for unit in publication.failures)
    again = publish(dataclasses.replace(publication, failures=slower), tmp_path)
    assert files_under(again) == files_under(folder)


def test_a_tag_that_is_there_is_left_alone_and_latest_follows(empty, tmp_path):
    folder = publish(empty, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    publish(dataclasses.replace(empty, tag="newer"), tmp_path)
    assert publish(empty, tmp_path) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    latest = tmp_path / "published" / empty.job / "latest.json"
    assert json.loads(latest.read_text())["tag"] == empty.tag


def one_chunk(folder: Path) -> Path:
    return next(path for path in sorted(folder.rglob("c/**/*")) if path.is_file())


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "visits.csv").unlink(), "visits.csv: missing or changed"),
        (lambda folder: one_chunk(folder).write_bytes(b"?"), "missing or changed"),
        (lambda folder: (folder / "SHA256SUMS").write_text(""), "is not the one that"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
        (lambda folder: (folder / "collection.json").unlink(), "collection.json is missing"),
    ],
)
def test_damaged_results_are_told_and_made_again(
    empty: Publication, tmp_path: Path, harm: Callable[[Path], object], said: str
) -> None:
    folder, told = publish(empty, tmp_path), list[str]()
    here = LocalFolder(tmp_path)
    assert publish_module.is_published(here, empty.job, empty.tag, told.append)
    before = files_under(folder)
    harm(folder)
    assert not publish_module.is_published(here, empty.job, empty.tag, told.append)
    assert [said in line for line in told] == [True]
    publish(empty, tmp_path)
    assert files_under(folder) == before


def test_any_tool_checks_the_digests_of_all_files(folder: Path) -> None:
    listed = (folder / "SHA256SUMS").read_text().splitlines()
    found = {line[66:]: line[:64] for line in listed}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert found == {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name not in ("SHA256SUMS", "collection.json")
    }


def test_a_publication_that_fails_leaves_nothing_behind(empty, tmp_path, monkeypatch):
    def full_disk(publication: Publication) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(publish_module, "render", full_disk)
    with pytest.raises(ArchiveError, match="no space"):
        publish(empty, tmp_path)
    assert list((tmp_path / "published" / "vostochny-2024").iterdir()) == []


@pytest.mark.parametrize("tag", ["", "../up", "a/b", ".hidden", "..", "a\\b"])
def test_a_tag_that_is_no_folder_name_is_refused(tag, empty, tmp_path):
    with pytest.raises(InputError, match="tag"):
        publish(dataclasses.replace(empty, tag=tag), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_publication_left_is_swept_away_by_the_next_run(tmp_path, publication):
    home = tmp_path / "published" / publication.job
    (home / ".old.123.partial").mkdir(parents=True)
    (home / ".old.123.partial" / "looks.csv").write_text("half")
    (home / ".latest.json.123.partial").write_text("{")
    with LocalFolder(tmp_path).locked():
        folder = publish(publication, tmp_path)
    assert sorted(path.name for path in home.iterdir()) == sorted([folder.name, "latest.json"])


def test_histories_are_the_stays_behind_the_series(folder, publication):
    rows = pd.read_parquet(folder / "histories.parquet")
    assert list(rows.columns) == list(HISTORY_COLUMNS)
    series = publication.series["month"]["visits"].sum("period").to_series()
    first, last = (pd.Timestamp(day, tz="UTC") for day in ("2024-03-01", "2024-03-25"))
    began = rows[(rows["arrival"] >= first) & (rows["arrival"] < last)]
    counted = began.groupby(["port", "berth"]).size() / (rows["history"].max() + 1)
    for (port, berth), visits in counted.items():
        assert visits == pytest.approx(series[f"{port}/{berth}"], rel=0.05)
    assert (rows["departure"] > rows["arrival"]).all()
    known = set(publication.tables["RUVYP"].visits["visit_id"]) | set(
        publication.tables["KPCHO"].visits["visit_id"]
    )
    assert set(rows["visit_id"]) - {""} <= known


def test_provenance_says_what_the_estimates_rest_on(folder):
    said = json.loads((folder / "provenance.json").read_text())["estimates"]
    assert said["draws"] == 100
    assert said["dwell"] is None
    assert said["cap_barrels"] == 500_000
