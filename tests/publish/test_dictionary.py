"""The data dictionary: whole, lawful, and the same as what the files say of themselves."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import xarray as xr
import zarr

from jobs.ais.schema import AIS_TABLES
from jobs.archive.meanings import VARIABLES
from jobs.cli.columns import every_section
from jobs.domain import BUNDLED, Meaning
from jobs.publish.dictionary import (
    Section,
    data_dictionary,
    dictionary_csv,
    dictionary_json,
    dictionary_page,
)
from jobs.publish.parquet_files import write_parquet
from jobs.publish.publication import Publication
from jobs.publish.table_files import histories, whole_table
from jobs.publish.write import publish
from jobs.storage import LocalFolder
from jobs.visits import HISTORIES_TABLE, PUBLISHED, SERIES
from jobs.visits.columns import PublishedTable
from tests.archive.test_archive import archive
from tests.archive.test_packing import visual_passes
from tests.support.factories import make_publication
from tests.support.places import ROOT

TABLES = {**PUBLISHED, "histories": HISTORIES_TABLE, **AIS_TABLES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    return root / publish(make_publication(days=12, empty=True), LocalFolder(root))


def by_name(sections: tuple[Section, ...]) -> dict[str, Section]:
    return {section.name: section for section in sections}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_has_its_meaning_and_no_meaning_is_left_over(name: str) -> None:
    assert set(TABLES[name].meanings) == set(TABLES[name].columns)


@pytest.mark.parametrize("name", TABLES)
def test_what_may_be_missing_is_said_and_what_a_flag_is_has_no_unit(name: str) -> None:
    table = TABLES[name]
    for column, dtype in table.columns.items():
        meaning = table.meanings[column]
        if dtype in ("bool", "string", "geometry") or dtype.startswith("datetime"):
            assert meaning.unit == "", column
        elif column not in ("epsg", "mmsi"):
            assert meaning.unit, column  # a pure number has the unit 1


EVERY = {
    **{f"{name}.{column}": m for name, t in TABLES.items() for column, m in t.meanings.items()},
    **{f"series.{name}": meaning for name, meaning in SERIES.items()},
    **{f"archive.{name}": meaning for name, meaning in VARIABLES.items()},
}


def test_units_are_known_to_udunits() -> None:
    cf_units = pytest.importorskip("cf_units")  # comes with the compliance-checker
    for name, meaning in EVERY.items():
        if meaning.unit:
            assert not cf_units.Unit(meaning.unit).is_unknown(), name


def test_texts_are_there_and_of_one_line_without_a_full_stop() -> None:
    for name, meaning in EVERY.items():
        assert meaning.text == meaning.text.strip() != "", name
        for text in (meaning.text, meaning.values, meaning.source, meaning.missing):
            assert not text.endswith("."), name
            assert "\n" not in text, name


def test_a_column_without_a_meaning_cannot_be_published(tmp_path: Path) -> None:
    rows = whole_table(make_publication(days=12, empty=True), "ports")
    with pytest.raises(KeyError, match="name"):
        write_parquet(rows, PublishedTable({}, "", {"port": Meaning("x")}), tmp_path / "x.parquet")


@pytest.mark.parametrize("name", [*PUBLISHED, "histories"])
def test_parquet_says_itself_what_the_dictionary_says(folder: Path, name: str) -> None:
    schema = pq.read_schema(folder / f"{name}.parquet")
    section = by_name(data_dictionary())[name]
    assert [entry.name for entry in section.entries] == schema.names
    assert (schema.metadata[b"description"]).decode() == TABLES[name].description
    for entry in section.entries:
        said = {
            key.decode(): value.decode() for key, value in schema.field(entry.name).metadata.items()
        }
        assert entry.meaning.attributes.items() <= said.items(), entry.name


@pytest.fixture(scope="module")
def publication() -> Publication:
    return make_publication(days=60)


@pytest.mark.parametrize("name", [*PUBLISHED, "histories"])
def test_what_is_never_empty_never_is_and_shares_are_shares(
    publication: Publication, name: str
) -> None:
    rows = histories(publication) if name == "histories" else whole_table(publication, name)
    assert len(rows) > 0 or name == "voyages"  # of one port there is none
    for column, meaning in TABLES[name].meanings.items():
        values = rows[column]
        if not meaning.missing:
            assert not values.isna().any(), column
            assert not (values.astype(str) == "").any(), column
        if meaning.values.startswith("0 to 1") and meaning.unit == "1" and name != "histories":
            assert values.dropna().between(0, 1).all(), column


def test_the_series_say_it_too(folder: Path) -> None:
    section = by_name(data_dictionary())["port_visits.zarr"]
    with xr.open_datatree(folder / "port_visits.zarr", engine="zarr", consolidated=False) as tree:
        for frequency in ("day", "week", "month"):
            found = tree[frequency].to_dataset()
            assert set(found.variables) == {entry.name for entry in section.entries}
            for entry in section.entries:
                said = found[entry.name].attrs
                expected = dict(entry.meaning.attributes)
                if entry.name == "period":
                    expected["long_name"] = f"first day of the {frequency}, UTC"
                assert expected.items() <= said.items(), entry.name
                assert found[entry.name].dims == entry.dims


def test_the_archive_says_it_too_and_has_these_types(tmp_path: Path) -> None:
    found = archive(tmp_path)
    (one,) = visual_passes(0)
    found.ensure([replace(one, id=f"{name}-0", sensor=name) for name in BUNDLED])
    root = zarr.open_group(found.store(), mode="r")
    sections = by_name(data_dictionary())
    for name, section in sections.items():
        if not name.startswith("archive"):
            continue
        group = root if "root" in name else root[name.removeprefix("archive, group ")]
        assert isinstance(group, zarr.Group)
        arrays = dict(group.arrays())
        assert set(arrays) == {entry.name for entry in section.entries}
        for entry in section.entries:
            array = arrays[entry.name]
            assert tuple(array.metadata.dimension_names or ()) == entry.dims  # type: ignore[union-attr]
            if entry.dtype != "string":
                assert str(array.dtype) == entry.dtype
            if entry.name != "spatial_ref":  # whose attributes are those of CF's grid mappings
                said = {key: value for key, value in array.attrs.items()}
                expected = dict(entry.meaning.attributes)
                assert expected.items() <= said.items(), entry.name


def test_the_files_hold_every_entry(folder: Path) -> None:
    sections = data_dictionary()
    assert (folder / "data_dictionary.csv").read_text() == dictionary_csv(sections)
    rows = list(csv.DictReader(io.StringIO(dictionary_csv(sections))))
    assert len(rows) == sum(len(section.entries) for section in sections) > 200
    assert {"vessels", "berths", "port_visits.zarr"} <= {row["table"] for row in rows}
    assert json.loads((folder / "data_dictionary.json").read_text()) == dictionary_json(sections)
    (capacity,) = (row for row in rows if (row["table"], row["column"]) == ("berths", "capacity"))
    assert capacity["missing"] == "an anchorage, which has no limit"


def test_the_page_in_the_docs_is_what_the_command_prints() -> None:
    expected = dictionary_page(every_section())
    made_by = ".venv/bin/berthwatch columns --markdown > docs/data-dictionary.md"
    assert (ROOT / "docs" / "data-dictionary.md").read_text() == expected, made_by


def test_every_section_of_the_command_has_a_name_of_its_own() -> None:
    names = [section.name for section in every_section()]
    assert len(names) == len(set(names)) > 15
