"""A server that behaves as Planet's documents say of the Data API's quick search."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shapely.geometry import shape

from tests.support.planet_order import properties_of
from tests.support.servers.server import Answer, Server

KEY = "PLAK-not-for-others"

SUPER_DOVE = ("ortho_analytic_4b_sr", "ortho_analytic_8b_sr", "ortho_udm2", "ortho_visual")


def item(
    id: str,
    acquired: str,
    geometry: Mapping[str, Any],
    *,
    assets: tuple[str, ...] = SUPER_DOVE,
    allowed: bool = True,
    cloud: float = 0.2,
) -> dict[str, Any]:
    """An item of PSScene as the Data API answers it."""
    return {
        "_links": {"_self": f"https://api.planet.com/data/v1/item-types/PSScene/items/{id}"},
        "_permissions": [f"assets.{kind}:download" for kind in assets] if allowed else [],
        "assets": list(assets),
        "geometry": dict(geometry),
        "id": id,
        "properties": {**properties_of(id, acquired, cloud=cloud), "gsd": 3.9},
        "type": "Feature",
    }


class DataApi(Server):
    """Searches its items; pages hold ``page_items`` and, every second one, nothing."""

    def __init__(self, items: list[dict[str, Any]], page_items: int = 2) -> None:
        super().__init__()
        self.items, self.page_items = items, page_items
        self.queries: list[dict[str, Any]] = []
        self.failures: list[Answer] = []
        self.next_at = ""
        """Address of every next page, in place of the right one."""
        self._found: list[dict[str, Any]] = []

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        basic = base64.b64encode(f"{KEY}:".encode()).decode()
        if headers.get("authorization") != f"Basic {basic}":
            return _json({"message": "Please provide valid credentials.", "errors": []}, 401)
        if self.failures:
            return self.failures.pop(0)
        url = urlsplit(target)
        if (method, url.path) == ("POST", "/data/v1/quick-search"):
            return self._searched(json.loads(body))
        if (method, url.path) == ("GET", "/data/v1/searches/one/results"):
            return self._page(int(parse_qs(url.query)["_page"][0]))
        return _json({"message": "not found"}, 404)

    def _searched(self, query: dict[str, Any]) -> Answer:
        self.queries.append(query)
        if query["item_types"] != ["PSScene"]:
            return _json({"general": [{"message": "invalid item type"}], "field": {}}, 400)
        place, when = query["filter"]["config"]
        area = shape(place["config"])
        self._found = [
            each
            for each in self.items
            if shape(each["geometry"]).intersects(area)
            and when["config"]["gte"] <= each["properties"]["acquired"] < when["config"]["lt"]
        ]
        return self._page(0)

    def _page(self, number: int) -> Answer:
        """Pages of odd number are empty, and lead on."""
        start = number // 2 * self.page_items
        features = [] if number % 2 else self._found[start : start + self.page_items]
        more = start + self.page_items < len(self._found)
        following = f"{self.url}/data/v1/searches/one/results?_page={number + 1}"
        if number % 2:
            following, more = following, start < len(self._found)
        links = {"_first": self.url, "_self": self.url}
        if more:
            links["_next"] = self.next_at or following
        return _json({"_links": links, "features": features, "type": "FeatureCollection"})


def _json(content: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})
