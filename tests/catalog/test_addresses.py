"""Addresses of catalogs and links: relative ones, redirections, and what is no catalog."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jobs.catalog.search import search_catalog
from jobs.domain import SourceSpec
from jobs.errors import CatalogError
from tests.catalog.test_search_pages import QUICK, Api, found, serving
from tests.catalog.test_search_server import AREA, COLLECTION, PERIOD, days, month


class Redirecting(SimpleHTTPRequestHandler):
    """Serves a folder, and answers with a redirection where ``target`` names another address."""

    status = 302
    target: Callable[[str], str | None] = staticmethod(lambda path: None)

    def send_head(self) -> Any:
        return None if self.redirected() else super().send_head()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if not self.redirected():
            self.send_error(405)

    def redirected(self) -> bool:
        target = self.target(self.path)
        if target is not None:
            self.send_response(self.status)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()
        return target is not None

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def folder_server(
    folder: Path, target: Callable[[str], str | None], status: int = 302
) -> Iterator[str]:
    name = {"status": status, "target": staticmethod(target)}
    handler = partial(type("Handler", (Redirecting,), name), directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as api:
        yield api


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def relative(item: dict[str, Any]) -> dict[str, Any]:
    """The item with assets beside it."""
    assets = {name: asset | {"href": f"./{name}.tif"} for name, asset in item["assets"].items()}
    return item | {"assets": assets}


def static_catalog(folder: Path) -> None:
    for item in month():
        write(folder / "items" / item["id"] / "item.json", relative(item))
    hrefs = [f"./items/{item['id']}/item.json" for item in month()]
    links = [{"rel": "item", "href": href} for href in hrefs]
    write(folder / "collection.json", {"type": "Collection", "id": COLLECTION, "links": links})
    child = {"rel": "child", "href": "./collection.json"}
    write(folder / "catalog.json", {"type": "Catalog", "id": "root", "links": [child]})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("links", [[{"method": "POST"}], [{"method": "GET"}]])
def test_an_api_that_has_moved_is_searched_at_its_new_address(
    api: Api, tmp_path: Path, status: int, links: list[dict[str, str]]
) -> None:
    """The method and the query are kept: a redirected search must not become one for anything."""
    api.search_links = links
    with folder_server(tmp_path, lambda path: api.url + path, status) as old:
        assert found(old) == days(3, 22)
    assert api.asked[0] == f"{links[0]['method']} 80"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_search_that_is_redirected_keeps_its_query(api: Api, tmp_path: Path, status: int) -> None:
    with folder_server(tmp_path, lambda path: api.url + path, status) as old:
        api.search_links = [{"method": "POST", "href": f"{old}/search"}]
        assert found(api.url) == days(3, 22)
    assert api.asked == ["POST 80"]


@pytest.mark.parametrize("moved", ["catalog.json", "collection.json", "item.json"])
def test_links_are_relative_to_the_address_that_a_redirection_leads_to(
    tmp_path: Path, moved: str
) -> None:
    static_catalog(tmp_path / "v5")

    def target(path: str) -> str | None:
        old = path.startswith("/latest/") and path.endswith(moved)
        return path.replace("/latest/", "/v5/") if old else None

    if moved != "catalog.json":
        static_catalog(tmp_path / "latest")
    with folder_server(tmp_path, target) as url:
        catalog = f"{url}/latest/catalog.json"
        result = search_catalog(SourceSpec(catalog, COLLECTION), AREA, PERIOD, settings=QUICK)
        assert [scene.item_id for scene in result.scenes] == days(3, 22)
        assert result.scenes[0].bands["red"].href == f"{url}/v5/items/item-03/red.tif"
        assert {scene.catalog for scene in result.scenes} == {catalog}


def test_relative_next_items_and_self_links_are_followed(tmp_path: Path) -> None:
    items = [
        relative(item) | {"links": [{"rel": "self", "href": f"./{item['id']}/item.json"}]}
        for item in month()
    ]
    for number, start in enumerate(range(0, 25, 10)):
        following = [{"rel": "next", "href": f"../{number + 1}/page.json"}]
        links = following if start + 10 < 25 else []
        page = {"type": "FeatureCollection", "features": items[start : start + 10], "links": links}
        write(tmp_path / "pages" / str(number) / "page.json", page)
    link = {"rel": "items", "href": "pages/0/page.json"}
    write(tmp_path / "collection.json", {"type": "Collection", "id": COLLECTION, "links": [link]})
    assert found(str(tmp_path / "collection.json")) == days(3, 22)
    with folder_server(tmp_path, lambda path: None) as url:
        assert found(f"{url}/collection.json") == days(3, 22)
        assert found(f"{url}/pages/0/page.json") == days(3, 22)


def test_a_relative_self_link_is_relative_to_the_search(api: Api) -> None:
    href = f"/collections/{COLLECTION}/items/x"
    api.items = [relative(item) | {"links": [{"rel": "self", "href": href}]} for item in api.items]
    result = search_catalog(SourceSpec(api.url, COLLECTION), AREA, PERIOD, settings=QUICK)
    red = result.scenes[0].bands["red"].href
    assert red == f"{api.url}/collections/{COLLECTION}/items/red.tif"


def test_an_item_given_as_the_catalog_is_refused_with_the_address_to_use(
    api: Api, tmp_path: Path
) -> None:
    links = [{"rel": "parent", "href": "../../collection.json"}]
    path = write(tmp_path / "items" / "x" / "item.json", month()[4] | {"links": links})
    with pytest.raises(CatalogError, match=f"one item.*set `catalog: {tmp_path}/collection.json`"):
        found(str(path))
    bare = write(tmp_path / "bare.json", month()[4] | {"links": []})
    with pytest.raises(CatalogError, match=r"one item.*address of the catalog or collection"):
        found(str(bare))


def test_a_saved_collection_of_an_api_is_refused_with_the_address_to_use(
    api: Api, tmp_path: Path
) -> None:
    """Its `items` link would lead through every item that the API has."""
    link = {"rel": "items", "href": f"{api.url}/collections/{COLLECTION}/items"}
    saved = {"type": "Collection", "id": COLLECTION, "links": [link]}
    path = write(tmp_path / "collection.json", saved)
    with pytest.raises(CatalogError, match=f"set `catalog: {api.url}/?` and `coll"):
        found(str(path))


def test_links_without_a_readable_address_are_listed(tmp_path: Path) -> None:
    """Each may have been that of an item: none is passed over without a word."""
    static_catalog(tmp_path)
    path = tmp_path / "collection.json"
    collection = json.loads(path.read_text(encoding="utf-8"))
    collection["links"][4]["href"] = {"href": "./items/item-05/item.json"}
    collection["links"].append({"rel": "child"})
    write(path, collection)
    result = search_catalog(SourceSpec(str(path), COLLECTION), AREA, PERIOD, settings=QUICK)
    assert [scene.item_id for scene in result.scenes] == [
        each for each in days(3, 22) if each != "item-05"
    ]
    (left_out,) = result.rejected
    assert "2 of its links to items have no address" in left_out.reason


@pytest.mark.parametrize("href", [7, {"token": "2"}, ["page-1.json"]])
def test_a_next_page_without_a_readable_address_is_an_error(
    api: Api, tmp_path: Path, href: Any
) -> None:
    links = [{"rel": "next", "href": href}]
    page = {"type": "FeatureCollection", "features": month()[:10], "links": links}
    with pytest.raises(CatalogError, match="next page whose address cannot be read"):
        found(str(write(tmp_path / "page.json", page)))


def test_a_next_address_of_null_means_the_last_page(tmp_path: Path) -> None:
    links = [{"rel": "next", "href": None}]
    page = {"type": "FeatureCollection", "features": month(), "links": links}
    assert found(str(write(tmp_path / "page.json", page))) == days(3, 22)
