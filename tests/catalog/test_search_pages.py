"""Paging of a STAC API with the manners of real ones, and its parts given as a catalog."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box, mapping, shape

from jobs.catalog.search import search_catalog
from jobs.catalog.search_pages import MOST_EMPTY, matched
from jobs.catalog.transport import RequestSettings
from jobs.domain import SourceSpec
from jobs.errors import CatalogError
from tests.catalog.test_search_server import AREA, COLLECTION, PERIOD, days, ids, month

QUICK = RequestSettings(page_items=80, retries=0, backoff_s=0.01)


class Api(ThreadingHTTPServer):
    """A STAC API that refuses POST or large pages, and puts empty pages between others."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.items = month()
        self.search_links: list[dict[str, str]] = [{"method": "GET"}, {"method": "POST"}]
        self.post_status = 0
        self.most_items = 100
        self.size_status = 400
        self.empty_before: frozenset[int] = frozenset()
        self.empty_length = 1
        self.cap = 10_000
        """Items that are given at most."""
        self.plane = False
        """Whether items are selected by their bbox, as on a plane."""
        self.turned_status = 200
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def page(self, limit: int, start: int, empties: int) -> dict[str, Any]:
        if start in self.empty_before and empties < self.empty_length:
            return self.feature_collection([], limit, start, empties + 1)
        end = min(start + limit, self.cap)
        following = end if end < min(len(self.items), self.cap) else None
        return self.feature_collection(self.items[start:end], limit, following, 0)

    def feature_collection(
        self, items: list[Any], limit: int, following: int | None, empties: int
    ) -> dict[str, Any]:
        links = [{"rel": "root", "href": self.url}]
        if following is not None:
            query = f"limit={limit}&start={following}&empties={empties}"
            links.append({"rel": "next", "href": f"{self.url}/search?{query}"})
        return {
            "type": "FeatureCollection",
            "features": items,
            "links": links,
            "numberMatched": len(self.items),
        }


class Answer(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.answer(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.post_status:
            self.server.asked.append("POST")
            self.send(self.server.post_status, {"message": "no"})
        else:
            self.answer(json.loads(body))

    def answer(self, query: dict[str, Any]) -> None:
        path = urlsplit(self.path).path.rstrip("/")
        if path in ("/search", f"/collections/{COLLECTION}/items"):
            limit = int(query.get("limit", 10))
            self.server.asked.append(f"{self.command} {limit}")
            if limit > self.server.most_items:
                self.send(self.server.size_status, {"description": "limit"})
            elif self.server.plane:
                self.answer_on_a_plane(query)
            else:
                start, empties = int(query.get("start", 0)), int(query.get("empties", 0))
                self.send(200, self.server.page(limit, start, empties))
        elif path == f"/collections/{COLLECTION}":
            root = {"rel": "root", "href": self.server.url}
            self.send(200, {"type": "Collection", "id": COLLECTION, "links": [root]})
        elif path == "/collections":
            self.send(200, {"collections": [{"id": COLLECTION}], "links": []})
        else:
            links = [
                {"rel": "search", "href": "/search"} | link for link in self.server.search_links
            ]
            self.send(200, {"type": "Catalog", "id": "x", "conformsTo": [], "links": links})

    def answer_on_a_plane(self, query: dict[str, Any]) -> None:
        if "bbox" in query:
            west, _, east, _ = map(float, query["bbox"].split(","))
        else:
            west, _, east, _ = shape(query["intersects"]).bounds
        near = [i for i in self.server.items if i["bbox"][0] <= east and i["bbox"][2] >= west]
        beyond = max(abs(west), abs(east)) > 180
        status = self.server.turned_status if beyond else 200
        self.send(status, {"type": "FeatureCollection", "features": near})

    def send(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Api]:
    api = Api()
    thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        api.shutdown()
        thread.join()
        api.server_close()


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as api:
        yield api


def found(catalog: str, quick: RequestSettings = QUICK) -> list[str]:
    return ids(search_catalog(SourceSpec(catalog, COLLECTION), AREA, PERIOD, settings=quick))


@pytest.mark.parametrize("status", [400, 413, 422, 500, 504])
def test_smaller_pages_are_asked_for_where_a_size_is_refused(api: Api, status: int) -> None:
    api.most_items, api.size_status = 10, status
    assert found(api.url) == days(3, 22)
    assert api.asked[:4] == ["POST 80", "POST 40", "POST 20", "POST 10"]


def test_a_query_that_every_size_is_refused_for_gives_the_first_refusal(api: Api) -> None:
    api.most_items = 0
    with pytest.raises(CatalogError, match="status 400"):
        found(api.url)
    assert [asked.split()[0] for asked in api.asked] == ["POST"] * 4 + ["GET"] * 4


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_get_is_used_where_the_body_of_a_post_is_refused(api: Api, status: int) -> None:
    """Smaller pages are tried first; they do not help."""
    api.post_status = status
    assert found(api.url) == days(3, 22)
    assert api.asked == ["POST"] * 4 + ["GET 80"]


@pytest.mark.parametrize("links", [[{}], [{"method": "GET"}, {"method": "POST"}]])
@pytest.mark.parametrize("status", [403, 405, 501])
def test_get_is_used_where_post_is_refused(
    api: Api, links: list[dict[str, str]], status: int
) -> None:
    api.search_links, api.post_status = links, status
    assert found(api.url) == days(3, 22)
    assert api.asked[-1].startswith("GET")


def test_a_search_link_without_a_method_means_get(api: Api) -> None:
    api.search_links = [{}]
    assert found(api.url) == days(3, 22)
    assert all(asked.startswith("GET") for asked in api.asked)


@settings(max_examples=30)
@given(st.integers(1, 40), st.frozensets(st.integers(0, 25), max_size=6), st.integers(1, 5))
def test_empty_pages_hide_no_item(size: int, empty: frozenset[int], length: int) -> None:
    with serving() as api:
        api.empty_before, api.empty_length = empty, length
        assert found(api.url, RequestSettings(page_items=size, retries=0)) == days(3, 22)


def test_empty_pages_without_end_are_an_error(api: Api) -> None:
    api.empty_before, api.empty_length = frozenset({0}), 10**6
    with pytest.raises(CatalogError, match=f"{MOST_EMPTY + 1} empty pages"):
        found(api.url)


@pytest.mark.parametrize("turned_status", [200, 400, 500])
@pytest.mark.parametrize("lon", [179.5, -179.5])
def test_near_180_degrees_the_place_is_asked_for_in_both_turns(
    api: Api, lon: float, turned_status: int
) -> None:
    """A server compares numbers: what it holds beyond 180 degrees it finds only there."""
    api.plane, api.turned_status = True, turned_status
    turns = (0, 360, -360)
    api.items = [moved(item, lon, turns[i % 3]) for i, item in enumerate(api.items)]
    area = box(lon - 0.1, -4.7, lon + 0.1, -4.6)
    result = search_catalog(SourceSpec(api.url, COLLECTION), area, PERIOD, settings=QUICK)
    across = -360 if lon > 0 else 360
    reached = {0, across} if turned_status == 200 else {0}
    assert ids(result) == [each for i, each in enumerate(days(3, 22), 2) if turns[i % 3] in reached]
    said = ["items beyond 180"] if turned_status == 500 else []
    assert [left_out.item_id for left_out in result.rejected] == said
    assert len(api.asked) == 2


def moved(item: dict[str, Any], lon: float, turn: int) -> dict[str, Any]:
    west = lon - 0.5 + turn
    geometry = mapping(box(west, -5, west + 1, -4))
    return item | {"geometry": geometry, "bbox": [west, -5, west + 1, -4]}


def test_items_that_a_server_found_and_did_not_give_are_listed(api: Api) -> None:
    """As where a server stops at its cap."""
    api.cap = 7
    result = search_catalog(SourceSpec(api.url, COLLECTION), AREA, PERIOD, settings=QUICK)
    assert ids(result) == days(3, 7)
    (left_out,) = result.rejected
    assert left_out.item_id == "18 items not given"
    assert "18 items more than its pages held" in left_out.reason


def test_another_collections_item_of_the_same_id_hides_none(api: Api) -> None:
    twins = [item | {"collection": "landsat"} for item in api.items]
    api.items = [*twins[:10], *api.items, *twins[10:]]
    assert found(api.url) == days(3, 22)


def test_a_number_that_json_lacks_costs_no_other_item(api: Api) -> None:
    asset = {"href": "/x.tif", "raster:bands": [{"nodata": float("nan")}]}
    api.items[4]["assets"]["extra"] = asset
    api.items[5]["assets"]["red"]["raster:bands"][0]["scale"] = float("inf")
    result = search_catalog(SourceSpec(api.url, COLLECTION), AREA, PERIOD, settings=QUICK)
    assert ids(result) == [each for each in days(3, 22) if each != "item-06"]
    assert [each.item_id for each in result.rejected] == ["item-06"]


@pytest.mark.parametrize(
    "part", ["/collections", f"/collections/{COLLECTION}", f"/collections/{COLLECTION}/items"]
)
def test_a_part_of_an_api_is_refused_with_the_address_to_use(api: Api, part: str) -> None:
    with pytest.raises(CatalogError, match=f"set `catalog: {api.url}/?` and `coll"):
        found(api.url + part)


def test_a_page_of_a_search_is_refused_with_the_address_to_use(api: Api) -> None:
    with pytest.raises(CatalogError, match=f"set `catalog: {api.url}/?` and `coll"):
        found(f"{api.url}/search?limit=7")


def test_a_saved_page_is_followed_to_the_others(api: Api, tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_text(json.dumps(api.page(7, 0, 0)), encoding="utf-8")
    assert found(str(page)) == days(3, 22)


def test_a_saved_page_that_tells_of_more_than_it_holds_is_refused(api: Api, tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    saved = api.page(7, 0, 0) | {"links": []}
    page.write_text(json.dumps(saved), encoding="utf-8")
    with pytest.raises(CatalogError, match="holds 7 of the 25 items"):
        found(str(page))


def test_pages_saved_as_files_are_followed(api: Api, tmp_path: Path) -> None:
    for number, start in enumerate(range(0, 25, 10)):
        last = start + 10 >= 25
        links = [] if last else [{"rel": "next", "href": f"./page-{number + 1}.json"}]
        saved = api.page(10, start, 0) | {"links": links}
        (tmp_path / f"page-{number}.json").write_text(json.dumps(saved), encoding="utf-8")
    assert found(str(tmp_path / "page-0.json")) == days(3, 22)


@pytest.mark.parametrize("type_", ["Catalog", "Collection"])
def test_a_static_catalog_may_say_what_it_conforms_to(api: Api, tmp_path: Path, type_: str) -> None:
    (tmp_path / "item.json").write_text(json.dumps(api.items[12]), encoding="utf-8")
    catalog = {
        "type": type_,
        "id": COLLECTION,
        "conformsTo": ["https://api.stacspec.org/v1.0.0/item-search"],
        "links": [{"rel": "item", "href": "./item.json"}],
    }
    (tmp_path / "catalog.json").write_text(json.dumps(catalog), encoding="utf-8")
    assert len(found(str(tmp_path / "catalog.json"))) == 1


def test_a_saved_landing_page_is_refused_with_the_address_to_use(tmp_path: Path) -> None:
    page = {
        "type": "Catalog",
        "id": "api",
        "links": [
            {"rel": "root", "href": "https://stac.example/v1"},
            {"rel": "search", "href": "https://stac.example/v1/search"},
        ],
    }
    (tmp_path / "api.json").write_text(json.dumps(page), encoding="utf-8")
    with pytest.raises(CatalogError, match=r"set `catalog: https://stac\.example/v1`"):
        found(str(tmp_path / "api.json"))


def test_a_static_collection_may_list_what_it_conforms_to(api: Api, tmp_path: Path) -> None:
    items = {"type": "FeatureCollection", "features": api.items}
    (tmp_path / "items.json").write_text(json.dumps(items), encoding="utf-8")
    collection = {
        "type": "Collection",
        "id": COLLECTION,
        "conformsTo": ["https://api.stacspec.org/v1.0.0/item-search"],
        "links": [{"rel": "items", "href": "./items.json"}],
    }
    (tmp_path / "collection.json").write_text(json.dumps(collection), encoding="utf-8")
    assert found(str(tmp_path / "collection.json")) == days(3, 22)


@pytest.mark.parametrize(
    "said",
    [
        {"numberMatched": 6},
        {"numberMatched": "6"},
        {"numberMatched": 6.0},
        {"numberMatched": None, "context": {"matched": 6}},
        {"search:metadata": {"matched": 6}},
    ],
)
def test_how_many_were_found_is_read_in_every_spelling(said: dict[str, Any]) -> None:
    assert matched({"features": [], **said}) == 6


@pytest.mark.parametrize("said", [{}, {"numberMatched": "many"}, {"context": []}])
def test_how_many_were_found_may_be_unknown(said: dict[str, Any]) -> None:
    assert matched({"features": [], **said}) is None
