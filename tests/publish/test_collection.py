"""The STAC collection of a result: lawful, with digests of all and links to the source items."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pystac
import pytest
import xarray as xr
from pystac.extensions.datacube import DatacubeExtension
from pystac.extensions.file import FileExtension
from pystac.extensions.table import TableExtension

from jobs.publish.publication import Publication, SourceItem
from jobs.publish.source_items import MOST_LINKS, derived_from, item_href, items_json
from jobs.publish.tree_digest import RECIPE, tree_digest
from jobs.publish.write import publish
from jobs.storage import LocalFolder
from jobs.visits import PUBLISHED
from tests.support.factories import make_port, make_publication, make_records, make_sources


def published(publication: Publication, root: Path) -> Path:
    return root / publish(publication, LocalFolder(root))


@pytest.fixture(scope="module")
def publication() -> Publication:
    return make_publication(days=12)


@pytest.fixture(scope="module")
def folder(publication: Publication, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(publication, tmp_path_factory.mktemp("published"))


def with_sources(publication: Publication, sources: tuple[SourceItem, ...]) -> Publication:
    provenance = dataclasses.replace(publication.provenance, sources=sources)
    return dataclasses.replace(publication, provenance=provenance)


def links(folder: Path) -> list[dict[str, str]]:
    found = json.loads((folder / "collection.json").read_text())["links"]
    return [link for link in found if link["rel"] == "derived_from"]


def test_pystac_finds_it_valid(folder: Path) -> None:
    """By the core schema, which comes with pystac; those of extensions lie on the web."""
    stac = pystac.Collection.from_file(str(folder / "collection.json"))
    assert len(stac.stac_extensions) == 3
    stac.stac_extensions = []
    stac.validate()


def test_pystacs_own_extensions_read_the_fields(folder: Path) -> None:
    stac = pystac.Collection.from_file(str(folder / "collection.json"))
    table = TableExtension.ext(stac.assets["visits"])
    assert [column.name for column in table.columns or ()] == list(PUBLISHED["visits"].columns)
    assert table.row_count == pq.read_metadata(folder / "visits.parquet").num_rows
    assert table.primary_geometry == "geometry"
    assert FileExtension.ext(stac.assets["geopackage"]).size == (
        (folder / "results.gpkg").stat().st_size
    )
    cube = DatacubeExtension.ext(stac)
    assert set(cube.dimensions) == {"port_berth", "period"}
    assert cube.dimensions["period"].dim_type == "temporal"


def test_every_file_is_an_asset_with_its_digest(folder: Path) -> None:
    stac = pystac.Collection.from_file(str(folder / "collection.json"))
    assert {Path(asset.href).name for asset in stac.assets.values()} == {
        path.name for path in folder.iterdir()
    } - {"collection.json"}
    for key, asset in stac.assets.items():
        assert asset.media_type
        if key == "port_visits":
            continue
        content = (folder / asset.href).read_bytes()
        assert asset.extra_fields["file:size"] == len(content)
        digest = "1220" + hashlib.sha256(content).hexdigest()
        assert asset.extra_fields["file:checksum"] == digest


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs coreutils")
def test_anyone_can_compute_the_digest_of_the_zarr_in_a_shell(folder: Path) -> None:
    asset = json.loads((folder / "collection.json").read_text())["assets"]["port_visits"]
    said = subprocess.run(
        ["sh", "-c", RECIPE],
        cwd=folder / "port_visits.zarr",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.split()[0] == asset["berthwatch:tree_sha256"]
    assert RECIPE in asset["description"]
    assert RECIPE in (folder / "README.txt").read_text()
    sizes = (path.stat().st_size for path in (folder / "port_visits.zarr").rglob("*"))
    assert asset["berthwatch:tree_size"] >= 1
    assert asset["berthwatch:tree_size"] <= sum(sizes)


def test_the_digest_of_a_folder_tells_content_name_and_place(tmp_path: Path) -> None:
    def digest(files: dict[str, str]) -> str:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return tree_digest(root)[0]

    # the order of bytes, in which "a-b" comes before "a/b" and capitals before all
    same = digest({"a/b": "1", "a-b": "2", "Z": "3", "é": "4"})
    assert same == digest({"é": "4", "Z": "3", "a-b": "2", "a/b": "1"})
    others = (
        {"a/b": "1", "a-b": "2", "Z": "4", "é": "3"},
        {"a/b": "1", "a-c": "2", "Z": "3", "é": "4"},
        {"a/b": "1", "a-b": "2", "Z": "3"},
    )
    assert same not in {digest(files) for files in others}


def test_tables_have_their_columns_rows_and_shape(folder: Path) -> None:
    assets = json.loads((folder / "collection.json").read_text())["assets"]
    for name, table in PUBLISHED.items():
        facts = assets[name]
        assert [column["name"] for column in facts["table:columns"]] == list(table.columns)
        rows = pq.read_metadata(folder / f"{name}.parquet").num_rows
        assert facts["table:row_count"] == rows
        assert facts["table:primary_geometry"] == "geometry"
        assert all(column["description"] for column in facts["table:columns"])
    assert "table:primary_geometry" not in assets["histories"]


def test_the_cube_is_that_of_the_series(folder: Path) -> None:
    found = json.loads((folder / "collection.json").read_text())
    with xr.open_zarr(folder / "port_visits.zarr", group="day", consolidated=False) as days:
        assert list(days["port_berth"].values) == found["cube:dimensions"]["port_berth"]["values"]
        assert set(found["cube:variables"]) == set(days.data_vars)
        for name, variable in found["cube:variables"].items():
            assert tuple(variable["dimensions"]) == days[name].dims
            assert variable["unit"] == days[name].attrs["units"]


def test_each_source_item_is_a_link_by_the_rules_of_the_api(
    folder: Path, publication: Publication
) -> None:
    items = json.loads((folder / "items.json").read_text())["items"]
    sources = publication.provenance.sources
    assert [item["id"] for item in items] == [source.item_id for source in sources]
    assert [link["href"] for link in links(folder)] == [item["href"] for item in items]
    assert items[0]["href"] == (
        f"https://stac.example/v1/collections/sentinel-2-l2a/items/{sources[0].item_id}"
    )
    assert items[0]["datetime"].endswith("Z")
    ids = {id for item in items for id in item["overpass_ids"]}
    assert ids == set(publication.provenance.items)


def test_of_many_items_there_is_one_link_for_each_collection(publication: Publication) -> None:
    one = publication.provenance.sources[0]
    many = tuple(
        dataclasses.replace(one, item_id=f"item-{number:04d}") for number in range(MOST_LINKS + 1)
    )
    (link,) = derived_from(many)
    assert link.href == "https://stac.example/v1/collections/sentinel-2-l2a"
    assert link.title == f"{len(many)} items, listed in items.json"
    assert len(list(derived_from(many[1:]))) == MOST_LINKS


def test_items_of_local_files_have_no_address_and_name_no_machine(
    publication: Publication,
) -> None:
    records = list(make_records(port=make_port(), days=12))
    sources = make_sources(records, catalog="/home/somebody/data/catalog.json")
    items = items_json(with_sources(publication, sources))["items"]
    assert "somebody" not in str(items)
    assert {item["catalog"] for item in items} == {"catalog.json"}
    assert {item["href"] for item in items} == {None}
    assert list(derived_from(sources)) == []


@pytest.mark.parametrize(
    ("catalog", "item_id", "href"),
    [
        ("https://a.example/v1/", "S2 A/1", "https://a.example/v1/collections/c/items/S2%20A%2F1"),
        (
            "https://me:secret@a.example/v1?key=secret",
            "x",
            "https://a.example/v1/collections/c/items/x",
        ),
        ("https://a.example/catalog.json", "x", None),
        ("https://a.example/catalog.json?sig=secret", "x", None),
        ("https://a.example/items.parquet", "x", None),
        ("s3://bucket/items.parquet", "x", None),
        ("/data/catalog.json", "x", None),
    ],
)
def test_addresses(publication: Publication, catalog: str, item_id: str, href: str | None) -> None:
    one = publication.provenance.sources[0]
    item = dataclasses.replace(one, catalog=catalog, collection="c", item_id=item_id)
    assert item_href(item) == href
    assert "secret" not in str(items_json(with_sources(publication, (item,))))
