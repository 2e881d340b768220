"""Pages of an item search, followed to the last one in the ways that servers allow.

``pystac_client`` makes the requests; its own paging ends at the first empty page although that has
a next one, asks by POST where a search link names no method, and gives up at a page size that a
server refuses, so the pages are followed here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from copy import copy
from itertools import count
from typing import Any
from urllib.parse import urljoin

import shapely
from pystac import Link
from pystac_client import ItemSearch
from pystac_client.exceptions import APIError
from shapely.geometry import Polygon

from jobs.catalog.query import Progress, item_name, time_range
from jobs.catalog.stac_item import Item
from jobs.catalog.transport import CatalogReader, TolerantIO, links, next_link
from jobs.domain import Period, SourceSpec
from jobs.errors import CatalogError

SMALLEST_PAGE = 10
"""Items per page below which a refusal is not blamed on the page's size."""

MOST_EMPTY = 50
"""Pages without an item in succession that are followed."""

_METHOD_REFUSED = (403, 404, 405, 406, 411, 415, 501)
"""Answers to POST after which GET is tried."""

_FORM_REFUSED = (400, 413, 422, 500)
"""Answers to POST after which, where smaller pages do not help, GET is tried: it may be the body
that the server does not read."""

_SIZE_REFUSED = (400, 413, 414, 422, 500, 502, 504)
"""Answers after which smaller pages are tried: servers differ in how they refuse a size."""


class SearchPages:
    """One query to the search address of a STAC API."""

    def __init__(
        self, source: SourceSpec, area: Polygon, period: Period, root: Item, reader: CatalogReader
    ) -> None:
        self.source, self.area, self.period = source, area, period
        self.url = _search_url(source, root)
        self.methods = _methods(root)
        self.reader = reader
        self._method, self._limit = 0, reader.settings.page_items
        self._once = False
        self.missing = 0
        """Items that the server said it found and did not give, after the last page."""

    def at(self, area: Polygon) -> SearchPages:
        """The same query for another area, asked once, in the way that this one was answered."""
        other = copy(self)
        other.area, other._once, other.missing = area, True, 0
        return other

    def pages(self, report: Progress) -> Iterator[Item]:
        """Every page; after a refusal again from the first, so that items may come twice.

        Raises CatalogError where every method and page size is refused, and where pages repeat.
        """
        refused: APIError | None = None
        for method, limit in self._ways():
            try:
                yield from self._attempt(method, limit)
            except APIError as error:
                refused = refused or error
                if not self._may_help(error, method, limit):
                    raise (refused if _is_size(error) else error) from None
                report(f"{self.source.collection}: {_refusal(error, method, limit)}")
            else:
                return
        if refused is not None:
            raise refused

    def _ways(self) -> Iterator[tuple[str, int]]:
        while self._method < len(self.methods) and self._limit >= 1:
            yield self.methods[self._method], self._limit

    def _may_help(self, error: APIError, method: str, limit: int) -> bool:
        """Take the next way after this refusal; False where there is none."""
        if self._once:
            return False
        status = getattr(error, "status_code", None)
        if status in _METHOD_REFUSED and self._method + 1 < len(self.methods):
            self._method += 1
            return True
        if _is_size(error) and limit > SMALLEST_PAGE:
            self._limit = max(SMALLEST_PAGE, limit // 2)
            return True
        if status in _FORM_REFUSED and self._method + 1 < len(self.methods):
            self._method += 1
            self._limit = self.reader.settings.page_items
            return True
        return False

    def _attempt(self, method: str, limit: int) -> Iterator[Item]:
        parameters = self._parameters(method, limit)
        io = self.reader.io
        page = io.read_json(self.url, method=method, parameters=parameters)
        address = io.address_of_last(self.url)
        held = 0
        for each in followed(self.source.catalog, address, page, io, parameters):
            held += len(each["features"])
            yield each
        self.missing = max(0, (matched(page) or 0) - held)

    def _parameters(self, method: str, limit: int) -> dict[str, Any]:
        start, end = time_range(self.period)
        # Some servers read `intersects` only from a body; a box finds no less, and every item is
        # checked again against the area.
        place: dict[str, Any] = (
            {"intersects": shapely.geometry.mapping(self.area)}
            if method == "POST"
            else {"bbox": self.area.bounds}
        )
        search = ItemSearch(
            self.url,
            method=method,
            stac_io=self.reader.io,
            collections=[self.source.collection],
            datetime=f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}",
            limit=limit,
            **place,
        )
        parameters: dict[str, Any] = search.get_parameters()
        return parameters


def followed(
    catalog: str,
    url: str,
    page: Item,
    io: TolerantIO,
    parameters: dict[str, Any] | None = None,
) -> Iterator[Item]:
    """A page and all that its ``next`` links lead to, past empty ones.

    ``url`` is the page's own address. Raises CatalogError for links that lead in a circle, and
    where more than MOST_EMPTY pages in succession hold nothing.
    """
    seen: set[object] = set()
    asked: set[str] = set()
    empty = 0
    for number in count(1):
        yield with_features(page, url)
        link = next_link(page, url)
        if link is None:
            return
        new = {_identity(item) for item in page["features"]} - seen
        seen |= new
        empty = 0 if page["features"] else empty + 1
        request = {**link, "href": urljoin(url, str(link["href"]))}
        name = json.dumps([request["href"], request.get("body")], sort_keys=True, default=str)
        if not new and (page["features"] or name in asked):
            raise CatalogError(
                f"{catalog} repeats itself: page {number} holds nothing new, yet there is a next "
                "one; narrow the period, or inform its operator"
            )
        if empty > MOST_EMPTY:
            raise CatalogError(
                f"{catalog} gave {empty} empty pages in succession, each with a next one; "
                "narrow the period, or inform its operator"
            )
        asked.add(name)
        page = io.read_json(_link(request), parameters=parameters or {})
        url = io.address_of_last(request["href"])


def _identity(item: Any) -> object:
    collection = item.get("collection") if isinstance(item, Mapping) else None
    return (str(collection), item_name(item))


def with_features(page: Any, place: str) -> Item:
    """The page, checked to be one; CatalogError where it has no list of features."""
    if isinstance(page, Mapping) and isinstance(page.get("features"), list):
        return page
    raise CatalogError(
        f"{place} cannot be read as a page of items: expected a GeoJSON FeatureCollection with a "
        f"list of features, found {json.dumps(page, default=str)[:80]}"
    )


def _link(request: Mapping[str, Any]) -> Link:
    method = str(request.get("method") or "GET").upper()
    return Link.from_dict({**request, "method": method})


def _is_size(error: APIError) -> bool:
    return getattr(error, "status_code", None) in _SIZE_REFUSED


def _refusal(error: APIError, method: str, limit: int) -> str:
    status = getattr(error, "status_code", None)
    return f"the server answered {status} to {method} with {limit} items a page; asking otherwise"


def _search_url(source: SourceSpec, root: Item) -> str:
    base = source.catalog.rstrip("/") + "/"
    return urljoin(base, next((str(link["href"]) for link in links(root, "search")), "search"))


def _methods(root: Item) -> tuple[str, ...]:
    """POST first where it is offered, as areas can be long; a link without method means GET.

    Where no search link is listed, both are tried.
    """
    offered = {str(link.get("method") or "GET").upper() for link in links(root, "search")}
    return tuple(m for m in ("POST", "GET") if m in offered) or ("POST", "GET")


def matched(page: Item) -> int | None:
    """How many items the search found, as the page says it; None where it does not.

    Servers write it as a number or as text, at the page or in one of two objects of their own.
    """
    places = [page, page.get("context"), page.get("search:metadata")]
    said = [
        place[key]
        for place in places
        if isinstance(place, Mapping)
        for key in ("numberMatched", "numMatched", "matched")
        if place.get(key) is not None
    ]
    return next((n for n in map(_whole_number, said) if n is not None), None)


def _whole_number(value: Any) -> int | None:
    match = re.fullmatch(r"\s*(\d{1,15})(?:\.0*)?\s*", str(value))
    return None if match is None else int(match[1])
