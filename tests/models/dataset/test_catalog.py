"""Static catalogs of labelled scenes: what is no STAC is refused with the file's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.dataset.catalog import DatasetError, read_items

BAND = {"name": "red", "common_name": "red"}
ITEM = {
    "id": "a",
    "properties": {"datetime": "2024-05-01T10:00:00Z"},
    "bbox": [1.0, 40.0, 1.1, 40.1],
    "assets": {"red": {"href": "red.tif", "eo:bands": [BAND]}},
}


def catalog(folder: Path, item: Any) -> Path:
    def link(rel: str, href: str) -> dict[str, Any]:
        return {"links": [{"rel": rel, "href": href}]}

    (folder / "catalog.json").write_text(json.dumps(link("child", "collection.json")))
    (folder / "collection.json").write_text(json.dumps({"id": "c", **link("item", "item.json")}))
    content = item if isinstance(item, bytes) else json.dumps(item).encode()
    (folder / "item.json").write_bytes(content)
    return folder / "catalog.json"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_item_in_any_encoding_of_unicode(encoding: str, tmp_path: Path) -> None:
    (item,) = read_items(catalog(tmp_path, json.dumps(ITEM).encode(encoding)), "c")
    assert item.bands[0].href == str(tmp_path / "red.tif")


def test_a_bounding_box_with_heights(tmp_path: Path) -> None:
    (item,) = read_items(catalog(tmp_path, {**ITEM, "bbox": [1, 40, -5, 1.1, 40.1, 90]}), "c")
    assert item.bbox == (1.0, 40.0, 1.1, 40.1)


@pytest.mark.parametrize(
    "item",
    [
        b"",
        b"\xff\x00\xff",
        [],
        None,
        {},
        {**ITEM, "assets": []},
        {**ITEM, "assets": {"red": {"eo:bands": [BAND]}}},
        {**ITEM, "assets": {"red": {"href": "red.tif", "eo:bands": [1]}}},
        {
            **ITEM,
            "assets": {"red": {"href": "red.tif", "eo:bands": [BAND, BAND], "raster:bands": [{}]}},
        },
        {**ITEM, "properties": None},
        {**ITEM, "properties": {}},
        {**ITEM, "bbox": None},
        {**ITEM, "bbox": [1, 2, 3]},
        {**ITEM, "bbox": [1, 2, float("nan"), 3]},
        {**ITEM, "bbox": [700000, 5000000, 710000, 5010000]},
    ],
)
def test_what_is_no_item_is_refused(item: Any, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"item\.json: "):
        read_items(catalog(tmp_path, item), "c")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"links": 1}', b'{"links": [{}]}', b"\xff"]
)
def test_what_is_no_catalog_is_refused(content: bytes, tmp_path: Path) -> None:
    path = catalog(tmp_path, ITEM)
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"catalog\.json"):
        read_items(path, "c")


def test_a_folder_is_no_catalog(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot be read \(Is a directory"):
        read_items(tmp_path, "c")
