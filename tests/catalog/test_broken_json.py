"""A page with faults in its JSON costs no item but the broken one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.catalog.broken_json import loads
from jobs.catalog.search import search_catalog
from jobs.domain import SourceSpec
from jobs.errors import CatalogError
from tests.catalog.test_addresses import folder_server
from tests.catalog.test_search_pages import QUICK
from tests.catalog.test_search_server import AREA, COLLECTION, PERIOD, days, month


def page_with(token: str, **more: Any) -> str:
    """A page of a month, with a token as the cloud cover of the item of the 7th."""
    items = month()
    items[6]["properties"]["eo:cloud_cover"] = "TOKEN"
    page = {"type": "FeatureCollection", "features": items, "links": [], **more}
    return json.dumps(page).replace('"TOKEN"', token)


@pytest.mark.parametrize("token", ["nan", "None", "undefined", "1,5", "01", ".5", "-", ""])
@pytest.mark.parametrize("indent", ["", "\ufeff"])
def test_a_token_that_is_no_json_costs_that_item_alone(
    tmp_path: Path, token: str, indent: str
) -> None:
    (tmp_path / "page.json").write_text(indent + page_with(token), encoding="utf-8")
    with folder_server(tmp_path, lambda path: None) as url:
        for place in (str(tmp_path / "page.json"), f"{url}/page.json"):
            found = search_catalog(SourceSpec(place, COLLECTION), AREA, PERIOD, settings=QUICK)
            others = [each for each in days(3, 22) if each != "item-07"]
            assert [scene.item_id for scene in found.scenes] == others
            (left_out,) = found.rejected
            assert left_out.item_id == "item-07"
            assert "is not written as JSON" in left_out.reason


@pytest.mark.parametrize("token", ["NaN", "-Infinity", '"much\tcloud"'])
def test_a_token_that_python_reads_costs_nothing(tmp_path: Path, token: str) -> None:
    (tmp_path / "page.json").write_text(page_with(token), encoding="utf-8")
    source = SourceSpec(str(tmp_path / "page.json"), COLLECTION)
    found = search_catalog(source, AREA, PERIOD)
    assert [scene.item_id for scene in found.scenes] == days(3, 22)


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_a_page_that_ends_too_early_is_an_error(tmp_path: Path, cut: float) -> None:
    text = page_with("1")
    (tmp_path / "page.json").write_text(text[: int(len(text) * cut)], encoding="utf-8")
    with pytest.raises(CatalogError, match=r"page\.json cannot be read"):
        search_catalog(SourceSpec(str(tmp_path / "page.json"), COLLECTION), AREA, PERIOD)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=4), min_size=1, max_size=4), st.data())
def test_what_is_json_is_read_as_it_is_beside_a_broken_item(
    features: list[dict[str, Any]], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(features) - 1))
    broken = [*features[:place], {"id": "x", "value": "TOKEN!"}, *features[place:]]
    text = json.dumps({"before": [1], "features": broken, "after": {"a": [2]}})
    page = loads(text.replace('"TOKEN!"', "undefined"))
    assert page["before"] == [1]
    assert page["after"] == {"a": [2]}
    assert [*page["features"][:place], *page["features"][place + 1 :]] == features
    assert page["features"][place]["id"] == "x"


def test_numbers_beyond_json_are_read() -> None:
    assert loads(b"[Infinity, 1]") == [math.inf, 1]
