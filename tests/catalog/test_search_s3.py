"""Search over catalogs that lie in a bucket, and how scenes are said to be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import rasterio

from jobs.catalog import search as search_module
from jobs.catalog.search import search_catalog
from jobs.catalog.transport import RequestSettings
from jobs.domain import Access, Period, load_port
from jobs.domain.job import SourceSpec
from jobs.errors import CatalogError
from tests.catalog.test_search import (
    AREA,
    COLLECTION,
    PERIOD,
    WRITERS,
    catalog,
    ids,
    item_on,
    month,
)
from tests.support.planet_order import SCENES, make_order, make_port
from tests.support.servers.faults import answers
from tests.support.servers.s3 import S3, Proxy, environment, faulty_proxy, s3_server

HASTY = RequestSettings(retries=1, connect_s=30, read_s=30)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture
def proxy(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with faulty_proxy(s3.url) as server:
        for name, value in environment(server.url).items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.parametrize("write_as", WRITERS)
def test_every_kind_of_file_is_read_from_a_bucket(
    s3: S3,
    proxy: Proxy,
    tmp_path: Path,
    write_as: Callable[[Path, list[dict[str, Any]]], str],
) -> None:
    place = Path(write_as(tmp_path, month()))
    s3.put(tmp_path, write_as.__name__)
    found = search_catalog(
        SourceSpec(f"s3://berthwatch/{write_as.__name__}/{place.name}", COLLECTION), AREA, PERIOD
    )
    assert ids(found) == [f"item-{day:02d}" for day in range(3, 13)]
    assert all(request.path.startswith("/berthwatch/") for request in proxy.requests)


def test_relative_hrefs_stay_in_the_bucket(s3: S3, proxy: Proxy, tmp_path: Path) -> None:
    item = item_on(5)
    item["assets"]["red"]["href"] = "./red.tif"
    catalog(tmp_path, [item])
    s3.put(tmp_path, "relative")
    place = "s3://berthwatch/relative/catalog.json"
    found = search_catalog(
        SourceSpec(place, COLLECTION, access=Access.REQUESTER_PAYS), AREA, PERIOD
    )
    folder = f"s3://berthwatch/relative/sub/{COLLECTION}/2025/{item['id']}"
    assert found.scenes[0].bands["red"].href == f"{folder}/red.tif"
    assert found.scenes[0].access is Access.REQUESTER_PAYS
    assert {r.headers.get("x-amz-request-payer") for r in proxy.requests} == {"requester"}


def test_an_order_of_planet_is_read_from_a_bucket(s3: S3, proxy: Proxy, tmp_path: Path) -> None:
    """Of its images, whose digests are not compared there, the headers alone."""
    make_order(tmp_path / "order", make_port(tmp_path))
    s3.put(tmp_path / "order", "order")
    source = SourceSpec("s3://berthwatch/order/manifest.json", "PSScene")
    area = load_port(tmp_path / "port.geojson").area
    found = search_catalog(source, area, Period(date(2024, 5, 1), date(2024, 5, 31)))
    assert [scene.item_id for scene in found.scenes] == [scene.id for scene in SCENES]
    assert found.rejected == ()
    image = found.scenes[0].bands["red"]
    assert image.href.startswith("s3://berthwatch/order/PSScene/20240502")
    (local,) = tmp_path.glob(f"order/PSScene/{SCENES[0].id}*SR_8b_clip.tif")
    with rasterio.open(local) as file:
        assert image.transform == tuple(file.transform)[:6]
        assert image.shape == file.shape
    assert image.size_bytes == local.stat().st_size


def test_anonymous_access_signs_nothing(proxy: Proxy) -> None:
    source = SourceSpec("s3://berthwatch/x.parquet", COLLECTION, access=Access.ANONYMOUS)
    with pytest.raises(CatalogError, match=r"s3://berthwatch/x\.parquet.*access: anonymous"):
        search_catalog(source, AREA, PERIOD, settings=HASTY)
    assert not any("authorization" in request.headers for request in proxy.requests)


def test_a_bucket_that_is_slow_is_asked_again_and_given_up(proxy: Proxy) -> None:
    fault = proxy.faults.add(answers(503, times=None))
    with pytest.raises(CatalogError, match=r"s3://berthwatch/catalog\.json cannot be read"):
        search_catalog(
            SourceSpec("s3://berthwatch/catalog.json", COLLECTION), AREA, PERIOD, settings=HASTY
        )
    assert fault.hits == 1 + HASTY.retries


@pytest.mark.parametrize(
    ("catalog", "access"),
    [
        ("https://planetarycomputer.microsoft.com/api/stac/v1", Access.PLANETARY_COMPUTER),
        ("https://planetarycomputer.microsoft.com.evil.example/api", None),
        ("https://earth-search.aws.element84.com/v1", None),
        ("/data/planetarycomputer.microsoft.com/catalog.json", None),
    ],
)
def test_planetary_computer_is_known_by_its_host(catalog: str, access: Access | None) -> None:
    assert search_module._usual_access(catalog) is access


def test_without_access_a_scene_has_none(tmp_path: Path) -> None:
    found = search_catalog(
        SourceSpec(str(catalog(tmp_path, [item_on(5)])), COLLECTION), AREA, PERIOD
    )
    assert found.scenes[0].access is None
