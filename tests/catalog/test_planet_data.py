"""Planet's Data API: searched as its documents say, with a key that nobody else sees."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.catalog import asset_to_order, is_data_api, may_be_ordered
from jobs.catalog.query import SearchResult
from jobs.catalog.search import search_catalog
from jobs.catalog.transport import RequestSettings
from jobs.domain import Period, SourceSpec, load_port
from jobs.errors import CatalogError, InputError
from tests.support.own_sensor import rectangle
from tests.support.planet_order import make_port
from tests.support.servers.planet import KEY, DataApi, item
from tests.support.servers.server import Answer, running

MAY = Period(date(2024, 5, 1), date(2024, 5, 31))
HASTY = RequestSettings(retries=2, backoff_s=0.01)
IDS = [f"202405{day:02d}_021011_03_24ee" for day in range(2, 9)]


def scenes() -> list[dict[str, Any]]:
    days = range(2, 9)
    return [
        item(id, f"2024-05-{day:02d}T02:10:11.035748Z", rectangle())
        for id, day in zip(IDS, days, strict=True)
    ]


@pytest.fixture
def planet(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataApi]:
    monkeypatch.setenv("PL_API_KEY", KEY)
    with running(DataApi(scenes())) as server:
        yield server


def search(
    tmp_path: Path,
    server: DataApi,
    collection: str = "PSScene",
    most_cloud: float | None = None,
    period: Period = MAY,
) -> SearchResult:
    make_port(tmp_path)
    source = SourceSpec(f"{server.url}/data/v1", collection, max_cloud_cover=most_cloud)
    area = load_port(tmp_path / "port.geojson").area
    return search_catalog(source, area, period, settings=HASTY)


def test_all_pages_are_read_also_behind_an_empty_one(tmp_path: Path, planet: DataApi) -> None:
    found = search(tmp_path, planet)
    assert [scene.item_id for scene in found.scenes] == IDS
    assert found.rejected == ()
    scene = found.scenes[0]
    assert (scene.sensor, scene.platform) == ("planetscope-sr", "planetscope-24ee")
    assert scene.acquired.isoformat() == "2024-05-02T02:10:11.035748+00:00"
    assert (scene.cloud_cover, scene.facts["updated"]) == (20.0, "2024-05-05T04:07:13+00:00")
    assert asset_to_order(scene) == "ortho_analytic_4b_sr"
    assert may_be_ordered(scene)
    assert is_data_api(scene.catalog)
    (query,) = planet.queries
    place, when = query["filter"]["config"]
    assert place["config"]["type"] == "Polygon"
    assert when["config"] == {"gte": "2024-05-01T00:00:00Z", "lt": "2024-06-01T00:00:00Z"}
    assert planet.requests[0].query == "_sort=acquired%20asc&_page_size=200"


def test_period_and_cloud_are_held_to(tmp_path: Path, planet: DataApi) -> None:
    planet.items[0]["properties"]["cloud_percent"] = 81
    planet.items[1]["properties"].pop("cloud_percent")
    planet.items[1]["properties"]["cloud_cover"] = 0.79
    period = Period(date(2024, 5, 2), date(2024, 5, 4))
    found = search(tmp_path, planet, most_cloud=80, period=period)
    assert [scene.item_id for scene in found.scenes] == IDS[1:3]
    assert found.scenes[0].cloud_cover == pytest.approx(79)


def test_what_cannot_be_read_after_an_order_is_said(tmp_path: Path, planet: DataApi) -> None:
    planet.items[0]["assets"] = ["ortho_analytic_4b", "ortho_visual"]
    planet.items[1]["properties"]["ground_control"] = False
    del planet.items[2]["properties"]["pixel_resolution"]
    planet.items[3]["_permissions"] = ["assets.ortho_visual:download"]
    found = search(tmp_path, planet)
    reasons = {each.item_id: each.reason for each in found.rejected}
    assert set(reasons) == set(IDS[:3])
    assert "no asset `ortho_analytic_4b_sr` or `ortho_analytic_8b_sr`" in reasons[IDS[0]]
    assert "ground_control false" in reasons[IDS[1]]
    assert "malformed (KeyError: 'pixel_resolution')" in reasons[IDS[2]]
    assert [may_be_ordered(scene) for scene in found.scenes] == [False, True, True, True]


def test_eight_bands_where_there_are_no_four(tmp_path: Path, planet: DataApi) -> None:
    planet.items[0]["assets"] = ["ortho_analytic_8b_sr", "ortho_udm2"]
    kinds = [asset_to_order(scene) for scene in search(tmp_path, planet).scenes]
    assert kinds == ["ortho_analytic_8b_sr", *["ortho_analytic_4b_sr"] * 6]


def test_busy_and_broken_answers_are_asked_for_again(tmp_path: Path, planet: DataApi) -> None:
    planet.failures = [Answer(429, b"slow down", {"Retry-After": "0"}), Answer(503)]
    assert len(search(tmp_path, planet).scenes) == 7


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(429, b"slow down", {"Retry-After": "0"}), "status 429: slow down; too many"),
        (Answer(500, b"oh"), "status 500: oh; check the network"),
        (Answer(403, b"no"), "the account of the key in PL_API_KEY may not search this"),
        (Answer(200, b"<html>"), "failed: .*; check the network"),
        (Answer(200, b"[]"), "a list, not a JSON object"),
        (Answer(200, b"{}"), "without a list of `features`"),
    ],
)
def test_a_search_that_fails_says_why(
    tmp_path: Path, planet: DataApi, answer: Answer, words: str
) -> None:
    planet.failures = [answer] * 3
    with pytest.raises(CatalogError, match=words):
        search(tmp_path, planet)


def test_an_item_type_that_planet_lacks(tmp_path: Path, planet: DataApi) -> None:
    with pytest.raises(CatalogError, match=r"is 'psscene' an item type of Planet, such as PSScene"):
        search(tmp_path, planet, "psscene")


def test_a_next_page_elsewhere_gets_no_key(tmp_path: Path, planet: DataApi) -> None:
    with running(DataApi([])) as other:
        planet.next_at = f"{other.url}/data/v1/searches/one/results?_page=1"
        with pytest.raises(CatalogError, match="to which no key is sent"):
            search(tmp_path, planet)
        assert other.requests == []


def test_pages_in_a_circle_end(tmp_path: Path, planet: DataApi) -> None:
    planet.next_at = f"{planet.url}/data/v1/searches/one/results?_page=0"
    with pytest.raises(CatalogError, match="names a page as its own next one"):
        search(tmp_path, planet)


def test_without_a_key_and_with_a_wrong_one(
    tmp_path: Path, planet: DataApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PL_API_KEY", "wrong-secret")
    with pytest.raises(CatalogError, match="Planet does not know the key in PL_API_KEY") as failed:
        search(tmp_path, planet)
    assert "wrong-secret" not in str(failed.value)
    monkeypatch.delenv("PL_API_KEY")
    planet.forget()
    with pytest.raises(InputError, match="the environment variable PL_API_KEY is not set"):
        search(tmp_path, planet)
    assert planet.requests == []


def test_the_key_is_in_no_log(
    tmp_path: Path, planet: DataApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    found = search(tmp_path, planet)
    assert caplog.text
    secret = planet.requests[0].headers["authorization"].removeprefix("Basic ")
    for text in (caplog.text, repr(found)):
        assert KEY not in text
        assert secret not in text


@pytest.mark.parametrize(
    ("catalog", "words"),
    [
        ("http://api.planet.com/data/v1", "in the clear"),
        ("https://api.planet.com/data/v1/quick-search", "is a part of Planet's Data API"),
    ],
)
def test_other_addresses_are_refused_before_a_key_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog: str, words: str
) -> None:
    monkeypatch.setenv("PL_API_KEY", KEY)
    make_port(tmp_path)
    area = load_port(tmp_path / "port.geojson").area
    with pytest.raises(InputError, match=words):
        search_catalog(SourceSpec(catalog, "PSScene"), area, MAY, settings=HASTY)


def test_headers_beside_the_key_are_refused(tmp_path: Path, planet: DataApi) -> None:
    make_port(tmp_path)
    area = load_port(tmp_path / "port.geojson").area
    source = SourceSpec(f"{planet.url}/data/v1", "PSScene", headers=(("X-Key", "HOME"),))
    with pytest.raises(InputError, match="with the key in PL_API_KEY alone"):
        search_catalog(source, area, MAY, settings=HASTY)
    assert planet.requests == []


def test_another_host_is_no_data_api() -> None:
    assert not is_data_api("https://planet.example.com/data/v1")
    assert not is_data_api("https://api.planet.com/x/data")
    assert is_data_api("https://api.planet.com/data/v1/")
