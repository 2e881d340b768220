"""The page on catalogs and the table that the code reads say the same."""

from __future__ import annotations

import re
from pathlib import Path

from jobs.catalog import spellings
from jobs.catalog.spellings import Spelling
from tests.support.places import STAC_ITEMS

PAGE = (Path(__file__).parents[2] / "docs" / "catalogs.md").read_text(encoding="utf-8")

ROWS = {
    "processing baseline": spellings.BASELINE,
    "product's name": spellings.PRODUCT,
    "data strip": spellings.DATASTRIP,
    "time of production": spellings.GENERATED,
    "time the pixels were made": spellings.PRODUCED,
    "time the item was written": spellings.TOUCHED,
    "checksum of a file": spellings.CHECKSUM,
    "ETag of a file": spellings.ETAG,
    "MGRS tile": (*spellings.TILE, *(part for parts in spellings.TILE_PARTS for part in parts)),
    "kind of an asset": spellings.ASSET_KIND,
    "position, left out where it is uncertain": spellings.GROUND_CONTROL,
    "offset already applied": spellings.OFFSET_APPLIED,
}


def test_every_row_lists_the_names_that_are_read_in_their_order() -> None:
    for fact, table in ROWS.items():
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {fact} |")]
        assert re.findall(r"`([^`]+)`", row) == [spelling.key for spelling in table]


def test_no_spelling_of_the_code_is_missing() -> None:
    listed = {spelling.key for table in ROWS.values() for spelling in table}
    assert {spelling.key for spelling in of_module()} <= listed | set(re.findall(r"`(.+?)`", PAGE))


def test_every_spelling_has_a_source() -> None:
    assert all(spelling.source for spelling in of_module())


def of_module() -> list[Spelling]:
    found: list[Spelling] = []
    waiting: list[object] = list(vars(spellings).values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, Spelling):
            found.append(value)
        elif isinstance(value, tuple):
            waiting += value
    return found


def test_names_said_to_be_recorded_are_in_a_recorded_item() -> None:
    recorded = "".join(path.read_text(encoding="utf-8") for path in STAC_ITEMS.glob("*.json"))
    for spelling in of_module():
        if "(recorded item" in spelling.source:
            assert f'"{spelling.key}"' in recorded
