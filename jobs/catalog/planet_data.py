"""Planet's Data API as a catalog: what Planet has of a place, and what can be ordered of it.

Its items are no STAC items, and their files are none to be read: an order makes them. Of a scene's
pixel grid only the resolution is known, so that one of its own is laid around its footprint.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import shapely
from pystac_client.exceptions import APIError
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from jobs.catalog.broken_json import loads
from jobs.catalog.footprint import footprint, in_turns
from jobs.catalog.planet_metadata import stac_properties
from jobs.catalog.planet_scenes import DATA_API, DENIED, HERE
from jobs.catalog.query import Progress, Rejected, item_name, time_range
from jobs.catalog.stac_item import MALFORMED, Item
from jobs.catalog.transport import CatalogReader
from jobs.domain import Period, SourceSpec, project, utm_zone
from jobs.errors import CatalogError, InputError
from jobs.login import send_headers

KEY = "PL_API_KEY"
"""The environment variable with the key, as of Planet's own client."""


def data_items(
    source: SourceSpec, area: Polygon, period: Period, reader: CatalogReader, report: Progress
) -> Iterator[Item | Rejected]:
    """Items of the collection (Planet's item type) near area and period, as STAC items.

    Cloud is not asked for: Planet filters by ``cloud_cover``, and ``cloud_percent``, of UDM2, is
    what counts here where it is given. Raises InputError without a key, CatalogError where Planet
    refuses or fails.
    """
    base = _base(source.catalog)
    _log_in(base, source, reader)
    for place in _between_180(area):
        for page in _pages(source, base, _query(source, place, period), reader, report):
            for told in page:
                yield _entry(source, base, told)


def _between_180(area: Polygon) -> Iterator[BaseGeometry]:
    """An area's parts as Planet has footprints: between -180 and 180 degrees."""
    for place in in_turns(area):
        part = place.intersection(box(-180, -90, 180, 90))
        if part.area:
            yield part


def _base(catalog: str) -> str:
    url = urlsplit(catalog)
    if url.scheme != "https" and url.hostname not in HERE:
        raise InputError(
            f"{catalog} would get the key in the clear; expected {DATA_API}: correct `catalog:`"
        )
    if url.path.rstrip("/") != "/data/v1":
        raise InputError(f"{catalog} is a part of Planet's Data API; expected {DATA_API}")
    return f"{url.scheme}://{url.netloc}/data/v1"


def _log_in(base: str, source: SourceSpec, reader: CatalogReader) -> None:
    """Let the reader send the key, as Planet's documents have it: HTTP basic, without password."""
    if source.headers or source.oauth is not None:
        raise InputError(
            f"{base} is searched with the key in {KEY} alone, and its source has `headers` or "
            "`oauth`: remove them"
        )
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise InputError(
            f"{base} is searched with a key of Planet, and the environment variable {KEY} is not "
            "set: set it to the API key that your account's page shows"
        )
    basic = base64.b64encode(f"{key}:".encode()).decode()
    send_headers(reader.io.session, base, {"Authorization": f"Basic {basic}"}, reader.retry)


def _query(source: SourceSpec, area: BaseGeometry, period: Period) -> dict[str, Any]:
    start, end = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in time_range(period))
    place = {
        "type": "GeometryFilter",
        "field_name": "geometry",
        "config": shapely.geometry.mapping(area),
    }
    when = {
        "type": "DateRangeFilter",
        "field_name": "acquired",
        "config": {"gte": start, "lt": end},
    }
    return {
        "item_types": [source.collection],
        "filter": {"type": "AndFilter", "config": [place, when]},
    }


def _pages(
    source: SourceSpec,
    base: str,
    query: dict[str, Any],
    reader: CatalogReader,
    report: Progress,
) -> Iterator[list[Any]]:
    """The features of each page; an empty page with a next one is none to end at."""
    size = reader.settings.page_items
    address: str | None = f"{base}/quick-search?_sort=acquired%20asc&_page_size={size}"
    seen: set[str] = set()
    count = 0
    while address is not None:
        seen.add(address)
        page = _asked(source, address, query if len(seen) == 1 else None, reader)
        features = page.get("features")
        if not isinstance(features, list):
            raise CatalogError(
                f"{base} answered a search without a list of `features`; expected a page of "
                "Planet's Data API: is the address right?"
            )
        count += len(features)
        report(f"{source.collection}: {count} items of Planet's Data API so far")
        yield features
        address = _next(base, page)
        if address in seen:
            raise CatalogError(f"{base} names a page as its own next one; try again later")


def _next(base: str, page: Item) -> str | None:
    """Address of the next page; CatalogError for one on another host, which gets no key."""
    links = page.get("_links")
    told = links.get("_next") if isinstance(links, Mapping) else None
    if not told:
        return None
    address = urljoin(f"{base}/", str(told))
    here, there = urlsplit(base), urlsplit(address)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise CatalogError(
            f"{base} has its next page at {there.scheme}://{there.netloc}, to which no key is "
            "sent; try again later, or tell Planet"
        )
    return address


def _asked(
    source: SourceSpec, address: str, query: dict[str, Any] | None, reader: CatalogReader
) -> Item:
    try:
        method = "GET" if query is None else "POST"
        content = loads(reader.io.request(address, method, None, query))
    except (APIError, ValueError, RecursionError) as error:
        raise _failure(source, error) from error
    if not isinstance(content, Mapping):
        raise _failure(source, TypeError(f"a {type(content).__name__}, not a JSON object"))
    return content


def _failure(source: SourceSpec, error: Exception) -> CatalogError:
    said = " ".join(str(error).split())[:300] or type(error).__name__
    status = getattr(error, "status_code", None)
    if status == 401:
        repair = f"Planet does not know the key in {KEY}: set it to the one on your account's page"
    elif status == 403:
        repair = f"the account of the key in {KEY} may not search this: ask Planet"
    elif status == 400:
        repair = f"is {source.collection!r} an item type of Planet, such as PSScene?"
    elif status == 429:
        repair = "too many requests for this key, also after waiting: try again later"
    else:
        repair = "check the network, or try again later"
    what = said if status is None else f"status {status}: {said}"
    return CatalogError(f"the search of {source.catalog} failed: {what}; {repair}")


def _entry(source: SourceSpec, base: str, told: Any) -> Item | Rejected:
    """The item as one of STAC, or why it is none."""
    try:
        return _item(source, base, told)
    except MALFORMED as error:
        reason = f"it is malformed ({type(error).__name__}: {error}); expected an item of Planet"
        return Rejected(item_name(told), source.catalog, source.collection, reason)


def _item(source: SourceSpec, base: str, told: Item) -> dict[str, Any]:
    properties, name = told["properties"], str(told["id"])
    stem = f"{base}/item-types/{source.collection}/items/{name}/assets"
    allowed = set(told.get("_permissions") or ())
    assets = {
        kind: {"href": f"{stem}/{kind}{'' if f'assets.{kind}:download' in allowed else DENIED}"}
        for kind in map(str, told["assets"])
    }
    return {
        "type": "Feature",
        "id": name,
        "collection": source.collection,
        "geometry": told["geometry"],
        "properties": {
            **stac_properties(properties),
            **_grid(told["geometry"], float(properties["pixel_resolution"])),
        },
        "assets": assets,
        "links": [],
    }


def _grid(geometry: Item, resolution_m: float) -> dict[str, Any]:
    """A grid of that resolution around a footprint, in the UTM zone of its centre."""
    outline = footprint(shapely.geometry.shape(geometry))
    if outline is None:
        raise ValueError("its footprint has no area")
    centre = outline.centroid
    epsg = utm_zone((centre.x + 180) % 360 - 180, centre.y)
    west, south, east, north = project(outline, epsg).bounds
    left = math.floor(west / resolution_m) * resolution_m
    top = math.ceil(north / resolution_m) * resolution_m
    rows, columns = (
        max(1, math.ceil(extent / resolution_m)) for extent in (top - south, east - left)
    )
    return {
        "proj:code": f"EPSG:{epsg}",
        "proj:shape": [rows, columns],
        "proj:transform": [resolution_m, 0.0, left, 0.0, -resolution_m, top],
    }
