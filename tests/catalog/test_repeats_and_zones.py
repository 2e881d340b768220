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
    """A server may repeat an item on its next page, changed in between or broken."""
    first, again, broken = item(), item(**{"eo:cloud_cover": 99.0}), item(**{"proj:code": "none"})
    for asset in broken["assets"].values():
        asset.pop("href")
    path = tmp_path / "items.json"
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": [first, again, broken]}),
        encoding="utf-8",
    )
    found = search_catalog(SourceSpec(str(path), COLLECTION), AREA, PERIOD)
    assert found.rejected == ()
    (scene,) = found.scenes
    assert scene.cloud_cover == first["properties"]["eo:cloud_cover"] != 99.0


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
