"""Search over servers: a real STAC API (rustac serve) and one that misbehaves on purpose."""

from __future__ import annotations

import copy
import json
import socket
import subprocess
import sysconfig
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import box

from jobs.catalog.query import SearchResult
from jobs.catalog.search import search_catalog
from jobs.catalog.transport import RequestSettings
from jobs.domain import Period
from jobs.domain.job import SourceSpec
from jobs.errors import CatalogError
from tests.support.places import STAC_ITEMS

COLLECTION = "sentinel-2-c1-l2a"
AREA = box(-40.1, -4.7, -39.9, -4.6)
PERIOD = Period(date(2025, 7, 3), date(2025, 7, 22))
HASTY = RequestSettings(page_items=6, retries=3, backoff_s=0.01, connect_s=30, read_s=30)


def month() -> list[dict[str, Any]]:
    """The recorded item as if taken on each of 25 days of July 2025, cloud 0, 4, 8, ... 96."""
    text = (STAC_ITEMS / "earth-search_v1__sentinel-2-c1-l2a.json").read_text(encoding="utf-8")
    recorded = json.loads(text)["features"][0]
    items = []
    for day in range(1, 26):
        item = copy.deepcopy(recorded)
        item["id"] = f"item-{day:02d}"
        item["properties"]["datetime"] = f"2025-07-{day:02d}T13:03:27.058Z"
        item["properties"]["eo:cloud_cover"] = 4.0 * (day - 1)
        items.append(item)
    return items


def ids(result: SearchResult) -> list[str]:
    return [scene.item_id for scene in result.scenes]


def days(first: int, last: int) -> list[str]:
    return [f"item-{day:02d}" for day in range(first, last + 1)]


# --- a real STAC API ----------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise RuntimeError(f"{url} did not come up")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("api")
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    collection = {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": COLLECTION,
        "description": "recorded",
        "license": "proprietary",
        "extent": extent,
        "links": [],
    }
    (folder / "collection.json").write_text(json.dumps(collection), encoding="utf-8")
    # The server answers in the order it was given: not that of time.
    items = {"type": "FeatureCollection", "features": month()[::-1]}
    (folder / "items.json").write_text(json.dumps(items), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    rustac = Path(sysconfig.get_path("scripts")) / "rustac"
    command = [str(rustac), "serve", "-a", address, "collection.json", "items.json"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(f"http://{address}/", server)
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(10)


def test_all_pages_of_a_real_server_are_read(api: str) -> None:
    lines: list[str] = []
    result = search_catalog(
        SourceSpec(api, COLLECTION), AREA, PERIOD, progress=lines.append, settings=HASTY
    )
    assert ids(result) == days(3, 22)
    assert result.rejected == ()
    pages = [text for text in lines if "pages" in text]
    assert len(pages) == 4  # 20 items at 6 a page
    assert "20 items on 4 pages" in pages[-1]


def test_cloud_is_filtered_though_the_server_cannot(api: str) -> None:
    source = SourceSpec(api, COLLECTION, max_cloud_cover=20)
    assert ids(search_catalog(source, AREA, PERIOD, settings=HASTY)) == days(3, 6)


def test_what_the_server_says_of_projection_is_not_rewritten(api: str) -> None:
    scene = search_catalog(SourceSpec(api, COLLECTION), AREA, PERIOD, settings=HASTY).scenes[0]
    assert scene.bands["red"].epsg == 32724
    assert scene.bands["red"].offset == -0.1
    assert scene.catalog == api


def test_elsewhere_the_server_has_nothing(api: str) -> None:
    assert search_catalog(SourceSpec(api, COLLECTION), box(9, 9, 10, 10), PERIOD) == SearchResult(
        (), ()
    )


def test_an_unknown_collection_is_named_with_the_nearest(api: str) -> None:
    with pytest.raises(CatalogError, match=r"no collection 'sentinel-2-l2a'.*sentinel-2-c1-l2a"):
        search_catalog(SourceSpec(api, "sentinel-2-l2a"), AREA, PERIOD, settings=HASTY)


def test_a_trailing_slash_makes_no_difference(api: str) -> None:
    found = search_catalog(SourceSpec(api + "/", COLLECTION), AREA, PERIOD, settings=HASTY)
    assert ids(found) == days(3, 22)


# --- a server that misbehaves -------------------------------------------------------------------


class Misbehaving(ThreadingHTTPServer):
    """Answers /search as the test says, and counts; everything else lawfully."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []
        self.asked_at: list[float] = []
        self.methods = ["GET", "POST"]
        self.on_search: Callable[[Handler, int], None] = lambda handler, _: handler.send_page([])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def searches(self) -> int:
        return sum("/search" in request for request in self.requests)


class Handler(BaseHTTPRequestHandler):
    server: Misbehaving

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def answer(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.asked_at.append(time.monotonic())
        if self.path.startswith("/search"):
            self.server.on_search(self, self.server.searches())
        elif self.path.startswith("/collections/"):
            self.send(200, {"type": "Collection", "id": COLLECTION})
        else:
            links = [{"rel": "search", "href": "/search", "method": m} for m in self.server.methods]
            self.send(200, {"type": "Catalog", "id": "x", "conformsTo": [], "links": links})

    def send(self, status: int, content: Any, **headers: str) -> None:
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_page(self, items: list[Any], next_page: bool = False) -> None:
        links = [{"rel": "next", "href": f"{self.server.url}/search?more"}] if next_page else []
        self.send(200, {"type": "FeatureCollection", "features": items, "links": links})

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    server = Misbehaving()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def find(server: Misbehaving, settings: RequestSettings = HASTY) -> SearchResult:
    return search_catalog(SourceSpec(server.url, COLLECTION), AREA, PERIOD, settings=settings)


def failing_first(times: int, status: int, **headers: str) -> Callable[[Handler, int], None]:
    def answer(handler: Handler, number: int) -> None:
        if number <= times:
            handler.send(status, "not now", **headers)
        else:
            handler.send_page(month())

    return answer


def test_a_server_that_is_busy_is_waited_for_as_it_asks(server: Misbehaving) -> None:
    server.on_search = failing_first(1, 429, Retry_After="1")
    assert ids(find(server)) == days(3, 22)
    before, after = server.asked_at[-2:]
    assert after - before >= 0.95


def test_no_server_makes_us_wait_longer_than_we_will(server: Misbehaving) -> None:
    server.on_search = failing_first(1, 429, Retry_After="86400")
    settings = RequestSettings(retries=1, backoff_s=0.01, longest_wait_s=1)
    assert ids(find(server, settings)) == days(3, 22)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again(server: Misbehaving, status: int) -> None:
    server.on_search = failing_first(2, status)
    assert ids(find(server)) == days(3, 22)
    assert server.searches() == 3


def test_lasting_failures_end_with_status_and_repair(server: Misbehaving) -> None:
    server.on_search = failing_first(99, 500)
    with pytest.raises(CatalogError, match=r"http://127\.0\.0\.1:\d+.*status 500.*not now.*later"):
        find(server)
    assert server.searches() == 2 * (1 + HASTY.retries)  # by POST and by GET


def test_a_refusal_is_not_tried_again_but_by_the_other_method(server: Misbehaving) -> None:
    server.on_search = failing_first(99, 403)
    with pytest.raises(CatalogError, match="status 403"):
        find(server)
    assert server.searches() == 2


def test_a_dropped_connection_is_tried_again(server: Misbehaving) -> None:
    def answer(handler: Handler, number: int) -> None:
        if number == 1:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            handler.send_page(month())

    server.on_search = answer
    assert ids(find(server)) == days(3, 22)


def test_a_silent_server_is_given_up(server: Misbehaving) -> None:
    released = threading.Event()
    server.on_search = lambda handler, number: (released.wait(20), None)[1]
    try:
        with pytest.raises(CatalogError, match=r"timed out"):
            find(server, RequestSettings(retries=1, backoff_s=0.01, read_s=0.2))
        assert server.searches() == 2
    finally:
        released.set()


def test_paging_for_ever_is_ended(server: Misbehaving) -> None:
    server.on_search = lambda handler, _: handler.send_page(month()[:5], next_page=True)
    with pytest.raises(CatalogError, match="repeats itself: page 2"):
        find(server)
    assert server.searches() == 2


def test_items_that_pages_repeat_are_taken_once(server: Misbehaving) -> None:
    items = month()
    pages = [items[2:8], items[5:12], items[11:14]]
    server.on_search = lambda handler, n: handler.send_page(pages[n - 1], next_page=n < 3)
    assert ids(find(server)) == days(3, 14)
    assert server.searches() == 3


def test_items_that_were_not_asked_for_are_dropped(server: Misbehaving) -> None:
    elsewhere, foreign = copy.deepcopy(month()[9]), copy.deepcopy(month()[10])
    elsewhere["id"], foreign["id"] = "elsewhere", "foreign"
    elsewhere["geometry"] = {"type": "Point", "coordinates": [0, 0]}
    foreign["collection"] = "landsat"
    server.on_search = lambda handler, _: handler.send_page([*month(), elsewhere, foreign])
    assert ids(find(server)) == days(3, 22)  # of 25 days


def test_malformed_items_are_reported_and_the_rest_is_kept(server: Misbehaving) -> None:
    broken = copy.deepcopy(month()[4])
    broken["id"] = "broken"
    del broken["assets"]
    server.on_search = lambda handler, _: handler.send_page([broken, "nonsense", *month()])
    found = find(server)
    assert ids(found) == days(3, 22)
    names = [left_out.item_id.partition(" (")[0] for left_out in found.rejected]
    assert names == ["broken", "not an object"]
    assert "no blue band" in found.rejected[0].reason


@pytest.mark.parametrize("content", ["<html>maintenance</html>", "[]", '{"features": 7}'])
def test_nonsense_is_an_error_of_the_catalog(server: Misbehaving, content: str) -> None:
    server.on_search = lambda handler, _: handler.send(200, content)
    with pytest.raises(CatalogError, match=r"cannot be read|nonsense"):
        find(server)


def test_get_is_used_where_only_get_is_offered(server: Misbehaving) -> None:
    server.methods = ["GET"]
    server.on_search = lambda handler, _: handler.send_page(month())
    assert ids(find(server)) == days(3, 22)
    assert [r.split("?")[0] for r in server.requests if "search" in r] == ["GET /search"]


def test_relative_hrefs_belong_to_the_items_own_address(server: Misbehaving) -> None:
    item = month()[4]
    item["links"] = [{"rel": "self", "href": "https://far.example/a/b/item.json"}]
    item["assets"]["red"]["href"] = "../red.tif"
    server.on_search = lambda handler, _: handler.send_page([item])
    assert find(server).scenes[0].bands["red"].href == "https://far.example/a/red.tif"


def test_a_server_that_is_down_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CatalogError, match=rf"{url}.*refused.*try again later"):
        search_catalog(SourceSpec(url, COLLECTION), AREA, PERIOD, settings=HASTY)
