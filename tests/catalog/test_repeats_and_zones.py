"""Items that come twice, and times that say no zone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import box

from jobs.catalog.query import SearchResult
from jobs.catalog.search import search_catalog
from jobs.catalog.stac_item import acquired
from jobs.domain import Period
from jobs.domain.job import SourceSpec
from tests.support.places import STAC_ITEMS

COLLECTION = "sentinel-2-c1-l2a"
AREA = box(-40.1, -4.7, -39.9, -4.6)
PERIOD = Period(date(2025, 7, 3), date(2025, 7, 12))


def item(**properties: Any) -> dict[str, Any]:
    """The recorded item as if taken on 5 July 2025."""
    text = (STAC_ITEMS / f"earth-search_v1__{COLLECTION}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)["features"][0]
    found["properties"] |= {"datetime": "2025-07-05T13:03:27Z"} | properties
    return found


def test_of_an_item_that_comes_twice_the_first_is_kept(tmp_path: Path) -> None:
    """A server may repeat an item on its next page, changed in between or with another token."""
    first, again = item(), item(**{"eo:cloud_cover": 99.0})
    for asset in again["assets"].values():
        asset["href"] += "?token=2"
    found = search(tmp_path, [first, again])
    assert found.rejected == ()
    (scene,) = found.scenes
    assert scene.cloud_cover == first["properties"]["eo:cloud_cover"] != 99.0


@pytest.mark.parametrize("order", [1, -1])
def test_a_broken_item_hides_no_good_one_of_its_id(tmp_path: Path, order: int) -> None:
    broken = item()
    for asset in broken["assets"].values():
        asset.pop("href")
    found = search(tmp_path, [item(), broken][::order])
    assert len(found.scenes) == 1
    assert ["has no href" in left_out.reason for left_out in found.rejected] == [True]


def test_another_item_under_the_same_id_is_left_out_with_its_reason(tmp_path: Path) -> None:
    found = search(tmp_path, [item(), item(datetime="2025-07-08T13:03:27Z")])
    assert [scene.acquired.day for scene in found.scenes] == [5]
    (left_out,) = found.rejected
    assert "another item of this id came before it, acquired 2025-07-05" in left_out.reason


def test_items_without_an_id_are_counted_one_by_one(tmp_path: Path) -> None:
    items = [item(datetime=f"2025-07-{day:02d}T13:00:00Z") for day in (4, 5, 6, 6)]
    for each in items:
        del each["id"]
    found = search(tmp_path, [*items, 7, "seven", None])
    assert len(found.rejected) == 3 + 3
    assert len({left_out.item_id for left_out in found.rejected}) == 3 + 3


def search(folder: Path, items: list[Any]) -> SearchResult:
    path = folder / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": items}), encoding="utf-8")
    return search_catalog(SourceSpec(str(path), COLLECTION), AREA, PERIOD)


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Vladivostok")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_greenwich")
def test_a_time_without_zone_is_utc_wherever_the_program_runs() -> None:
    bare, zoned = item(datetime="2025-07-05T13:03:27"), item(datetime="2025-07-05T15:03:27+02:00")
    assert acquired(bare) == acquired(zoned) == datetime(2025, 7, 5, 13, 3, 27, tzinfo=UTC)
