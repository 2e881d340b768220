"""Search: what a catalog holds of an area and a period, as scenes.

Three kinds of catalog behind one function: a STAC API (pystac-client), a static catalog (plain JSON
files, on disk, on the web or on S3) and items in stac-geoparquet. Whatever a server was asked,
everything is checked again here: servers ignore parameters, repeat items and answer nonsense.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, unquote, urljoin, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from pystac_client import ItemSearch
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests import RequestException
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry
from stac_geoparquet.arrow import stac_table_to_items
from urllib3.util import Retry

from jobs.domain import Access, Period, Scene
from jobs.domain.job import SourceSpec
from jobs.domain.sensors import Item, acquired, scene_from_item, sensor_for
from jobs.errors import CatalogError, InputError

if TYPE_CHECKING:
    from botocore.config import Config

Progress: TypeAlias = Callable[[str], None]
"""Is told in words what has been found so far."""


@dataclass(frozen=True)
class Rejected:
    """An item that a catalog gave and that cannot be used."""

    item_id: str
    catalog: str
    collection: str
    reason: str


@dataclass(frozen=True)
class SearchResult:
    """What one search gave."""

    scenes: tuple[Scene, ...]
    """Sorted by (acquired, item_id)."""
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True)
class Manners:
    """How patient we are with a server."""

    page_items: int = 200
    """Items asked for at a time."""
    retries: int = 5
    """After 429, 5xx and broken connections."""
    backoff_s: float = 0.5
    """Wait before the second retry, doubled each time; a server's Retry-After goes before."""
    longest_wait_s: int = 120
    connect_s: float = 10.0
    read_s: float = 60.0


def search(
    source: SourceSpec,
    area: Polygon,
    period: Period,
    *,
    progress: Progress | None = None,
    manners: Manners | None = None,
) -> SearchResult:
    """Scenes of a source that touch the area (WGS 84) in the period, each item once.

    Raises CatalogError when the catalog is down, answers nonsense or lacks the collection; an item
    that cannot be used is skipped and reported with its reason.
    """
    tell = progress or _say_nothing
    wanted = _Wanted(source, area, period)
    found: dict[str, Scene | Rejected] = {}
    with closing(_Reader(manners or Manners(), source.access)) as reader:
        for item in _items(source, area, period, reader, tell):
            entry = item if isinstance(item, Rejected) else _scene(item, source, wanted)
            if entry is not None:
                found.setdefault(entry.item_id, entry)
    scenes = [entry for entry in found.values() if isinstance(entry, Scene)]
    rejected = [entry for entry in found.values() if isinstance(entry, Rejected)]
    tell(f"{source.collection}: {len(scenes)} scenes, {len(rejected)} items rejected")
    return SearchResult(
        tuple(sorted(scenes, key=lambda scene: (scene.acquired, scene.item_id))),
        tuple(sorted(rejected, key=lambda left_out: left_out.item_id)),
    )


def _scene(item: Any, source: SourceSpec, wanted: _Wanted) -> Scene | Rejected | None:
    """The item as a scene, or why it is none; None for an item that was not asked for."""
    try:
        if not wanted.has(item):
            return None
        scene = scene_from_item(item, source.catalog, sensor_for(item, source.sensor))
        return replace(scene, access=source.access or _usual_access(source.catalog))
    except InputError as error:
        return Rejected(_item_id(item), source.catalog, source.collection, str(error))


def _usual_access(catalog: str) -> Access | None:
    """How files of a well-known catalog are reached; its name on the web says which it is."""
    host = urlsplit(catalog).hostname
    return Access.PLANETARY_COMPUTER if host == "planetarycomputer.microsoft.com" else None


def _say_nothing(_: str) -> None:
    pass


def _item_id(item: Any) -> str:
    return str(item.get("id") or "without id") if isinstance(item, Mapping) else "not an object"


def _items(
    source: SourceSpec, area: Polygon, period: Period, reader: _Reader, tell: Progress
) -> Iterator[Item | Rejected]:
    """Items of the source, with absolute asset hrefs; at least all that are wanted."""
    path = urlsplit(source.catalog).path
    if path.lower().endswith((".parquet", ".geoparquet")):
        return _parquet_items(source, area, period, reader)
    root = reader.json(source.catalog)
    if _is_api(root):
        return _api_items(source, area, period, root, reader, tell)
    return _static_items(source, root, reader, tell)


# --- what is wanted -----------------------------------------------------------------------------


class _Wanted:
    """Whether an item is one that was asked for: made once, asked for thousands of items."""

    def __init__(self, source: SourceSpec, area: Polygon, period: Period) -> None:
        self.start, self.end = _instants(period)
        self.area = area
        self.max_cloud_cover = source.max_cloud_cover
        shapely.prepare(self.area)

    def has(self, item: Item) -> bool:
        """Raises InputError where the item does not say when or where it was taken."""
        if not isinstance(item, Mapping):
            raise InputError(f"a {type(item).__name__} where an item was expected")
        return self._in_period(item) and self._in_area(item) and self._clear_enough(item)

    def _in_period(self, item: Item) -> bool:
        return self.start <= acquired(item) < self.end

    def _in_area(self, item: Item) -> bool:
        try:
            return bool(self.area.intersects(_footprint(item)))
        except (ValueError, TypeError, KeyError, AttributeError, ShapelyError) as error:
            raise InputError(
                f"item {item.get('id')!r} has no readable geometry: {error}"
            ) from error

    def _clear_enough(self, item: Item) -> bool:
        cloud = item["properties"].get("eo:cloud_cover")
        if self.max_cloud_cover is None or not isinstance(cloud, int | float):
            return True
        return cloud <= self.max_cloud_cover


def _instants(period: Period) -> tuple[datetime, datetime]:
    """First instant of the period, and the first after it."""
    start = datetime.combine(period.start, time(), UTC)
    return start, datetime.combine(period.end, time(), UTC) + timedelta(days=1)


def _footprint(item: Item) -> BaseGeometry:
    """The item's geometry, or its bbox where it has none."""
    if item.get("geometry") is not None:
        return shapely.make_valid(shapely.geometry.shape(item["geometry"]))
    bbox = item.get("bbox")
    if not isinstance(bbox, list | tuple) or len(bbox) not in (4, 6):
        raise ValueError("neither geometry nor bbox")
    half = len(bbox) // 2  # six numbers where heights are given
    west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
    if west <= east:
        return box(west, south, east, north)
    return MultiPolygon([box(west, south, 180, north), box(-180, south, east, north)])


# --- STAC API -----------------------------------------------------------------------------------


def _is_api(root: Item) -> bool:
    return "conformsTo" in root or any(_links(root, "search"))


def _api_items(
    source: SourceSpec,
    area: Polygon,
    period: Period,
    root: Item,
    reader: _Reader,
    tell: Progress,
) -> Iterator[Item]:
    _check_collection(source, root, reader)
    start, end = _instants(period)
    found = ItemSearch(
        _search_url(source, root),
        method=_search_method(root),
        stac_io=reader.io,
        collections=[source.collection],
        intersects=shapely.geometry.mapping(area),
        datetime=f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}",
        limit=reader.manners.page_items,
    )
    pages = reader.guarded(source.catalog, found.pages_as_dicts())
    for item in _new_items(pages, source, tell):
        yield _with_absolute_hrefs(item, _self_href(item) or source.catalog)


def _search_url(source: SourceSpec, root: Item) -> str:
    base = source.catalog.rstrip("/") + "/"
    return urljoin(base, next((str(link["href"]) for link in _links(root, "search")), "search"))


def _search_method(root: Item) -> str:
    """POST, as areas can be long, unless the server advertises GET alone."""
    methods = {str(link.get("method", "POST")).upper() for link in _links(root, "search")}
    return "GET" if methods == {"GET"} else "POST"


def _new_items(pages: Iterator[Item], source: SourceSpec, tell: Progress) -> Iterator[Any]:
    """Items not seen before; paging that brings nothing new for ever is ended with an error."""
    seen: set[str] = set()
    for number, page in enumerate(pages, start=1):
        new = {_item_id(item): item for item in page["features"] if _item_id(item) not in seen}
        if not new and any(_links(page, "next")):
            raise CatalogError(
                f"{source.catalog} repeats itself: page {number} of {source.collection} holds "
                "nothing new, yet there is a next one; narrow the period, or tell its operator"
            )
        seen |= new.keys()
        tell(f"{source.collection}: {len(seen)} items on {number} pages")
        yield from (item for item in new.values() if _is_of(source, item))


def _is_of(source: SourceSpec, item: Any) -> bool:
    """False for an item that says it belongs to another collection; some servers mix them."""
    if not isinstance(item, Mapping):
        return True
    return item.get("collection") in (None, source.collection)


def _check_collection(source: SourceSpec, root: Item, reader: _Reader) -> None:
    base = source.catalog.rstrip("/")
    try:
        reader.io.read_json(f"{base}/collections/{quote(source.collection)}")
    except APIError as error:
        if getattr(error, "status_code", None) != 404:
            raise _failed(source.catalog, error) from error
    except ValueError as error:
        raise _failed(source.catalog, error) from error
    else:
        return
    listed = reader.json(f"{base}/collections").get("collections")
    known = [str(entry.get("id")) for entry in listed or () if isinstance(entry, Mapping)]
    raise _unknown_collection(source, known)


def _unknown_collection(source: SourceSpec, known: list[str]) -> CatalogError:
    near = get_close_matches(source.collection, known, n=3) or sorted(known)[:10]
    names = ", ".join(near) or "none"
    return CatalogError(
        f"{source.catalog} has no collection {source.collection!r}; the nearest are: {names}; "
        "correct `collection:` in the job"
    )


# --- static catalog -----------------------------------------------------------------------------


def _static_items(
    source: SourceSpec, root: Item, reader: _Reader, tell: Progress
) -> Iterator[Item | Rejected]:
    """Items of the collection (or sub-catalog) of that id, wherever in the catalog it hangs."""
    if root.get("type") == "FeatureCollection":
        yield from _listed_items(source, root)
        return
    known: list[str] = []
    for href, node in _nodes(source.catalog, root, reader):
        known.append(str(node.get("id")))
        if node.get("id") == source.collection:
            yield from _node_items(source, href, node, reader, tell)
            return
    raise _unknown_collection(source, known)


def _listed_items(source: SourceSpec, root: Item) -> Iterator[Item]:
    """Items of one file that lists them all, as a search saves them."""
    items = [item for item in root.get("features") or () if isinstance(item, Mapping)]
    own = [item for item in items if _is_of(source, item)]
    if items and not own:
        raise _unknown_collection(source, sorted({str(i.get("collection")) for i in items}))
    yield from (_with_absolute_hrefs(item, source.catalog) for item in own)


def _nodes(href: str, node: Item, reader: _Reader) -> Iterator[tuple[str, Item]]:
    """A catalog and all below it, each once, however the links run."""
    waiting, seen = [(href, node)], {href}
    while waiting:
        href, node = waiting.pop()
        yield href, node
        below = (_absolute(href, link["href"]) for link in _links(node, "child"))
        new = [child for child in dict.fromkeys(below) if child not in seen]
        seen.update(new)
        waiting += [(child, reader.json(child)) for child in reversed(new)]


def _node_items(
    source: SourceSpec, href: str, node: Item, reader: _Reader, tell: Progress
) -> Iterator[Item | Rejected]:
    for place, catalog in _nodes(href, node, reader):
        hrefs = [_absolute(place, link["href"]) for link in _links(catalog, "item")]
        tell(f"{source.collection}: {len(hrefs)} items linked in {place}")
        for item_href in hrefs:
            try:
                yield _with_absolute_hrefs(reader.json(item_href), item_href)
            except CatalogError as error:
                yield Rejected(item_href, source.catalog, source.collection, str(error))


# --- stac-geoparquet ----------------------------------------------------------------------------


def _parquet_items(
    source: SourceSpec, area: Polygon, period: Period, reader: _Reader
) -> Iterator[Item]:
    known: set[str] = set()
    try:
        with pq.ParquetFile(reader.file(source.catalog)) as file:
            for batch in file.iter_batches(PARQUET_ROWS):
                table = pa.Table.from_batches([batch])
                known |= _collections(table)
                for item in stac_table_to_items(_rows_wanted(table, source, area, period)):
                    yield _with_absolute_hrefs(item, _self_href(item) or source.catalog)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise CatalogError(
            f"cannot read {source.catalog} as stac-geoparquet: {error}; expected a file "
            "such as `rustac translate items.json items.parquet` writes"
        ) from error
    if known and source.collection not in known:
        raise _unknown_collection(source, sorted(known))


def _collections(table: pa.Table) -> set[str]:
    if "collection" not in table.column_names:
        return set()
    return {str(name) for name in pc.unique(table["collection"]).to_pylist() if name is not None}


PARQUET_ROWS = 5000
"""Items held in memory at a time; each is some 10 kB."""


def _rows_wanted(table: pa.Table, source: SourceSpec, area: Polygon, period: Period) -> pa.Table:
    """Rows that may be wanted, judged by the columns: making an item costs a hundred times more."""
    start, end = _instants(period)
    west, south, east, north = area.bounds
    keep = pc.scalar(True)
    if "collection" in table.column_names:
        keep &= pc.field("collection") == source.collection
    if "datetime" in table.column_names:
        moment = pc.field("datetime")
        keep &= moment.is_null() | ((moment >= start) & (moment < end))
    if "bbox" in table.column_names:
        x0, y0, x1, y1 = (pc.field("bbox", name) for name in ("xmin", "ymin", "xmax", "ymax"))
        meets = (x0 <= east) & (x1 >= west) & (y0 <= north) & (y1 >= south)
        keep &= pc.field("bbox").is_null() | (x0 > x1) | meets
    return table.filter(keep)


# --- reading ------------------------------------------------------------------------------------


class _Reader:
    """Reads JSON from disk, servers and S3, patiently, and reports what fails."""

    def __init__(self, manners: Manners, access: Access | None) -> None:
        self.manners = manners
        self.access = access
        retry = Retry(
            total=manners.retries,
            backoff_factor=manners.backoff_s,
            backoff_max=manners.longest_wait_s,
            retry_after_max=manners.longest_wait_s,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None,  # a search by POST changes nothing on the server
            raise_on_status=False,  # the last answer says more than "too many retries"
        )
        self.io = StacApiIO(timeout=(manners.connect_s, manners.read_s), max_retries=retry)

    def close(self) -> None:
        self.io.session.close()

    def json(self, href: str) -> Item:
        """The JSON object at a URL or path; CatalogError where there is none."""
        try:
            if _is_web(href):
                content = self.io.read_json(href)
            elif _is_s3(href):
                content = json.loads(self._object(href))
            else:
                content = json.loads(Path(href).read_bytes())
        except (OSError, APIError, ValueError) as error:
            raise _failed(href, error) from error
        if not isinstance(content, Mapping):
            raise _failed(href, TypeError(f"a {type(content).__name__}, not a JSON object"))
        return content

    def file(self, href: str) -> Path | BytesIO:
        """A file to open: on disk, or fetched from the web or S3."""
        if _is_s3(href):
            return BytesIO(self._object(href))
        if not _is_web(href):
            return Path(href)
        try:
            answer = self.io.session.get(href, timeout=self.io.timeout)
            answer.raise_for_status()
        except RequestException as error:
            raise _failed(href, error) from error
        return BytesIO(answer.content)

    def _object(self, href: str) -> bytes:
        """An object of a bucket, with the environment's credentials unless the access says none."""
        import boto3  # late: few catalogs lie on S3, and it takes a while
        from botocore.exceptions import BotoCoreError, ClientError

        url = urlsplit(href)
        payer = {"RequestPayer": "requester"} if self.access is Access.REQUESTER_PAYS else {}
        try:
            client = boto3.client("s3", config=self._s3_config())
            answer = client.get_object(Bucket=url.netloc, Key=url.path.lstrip("/"), **payer)
            content: bytes = answer["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise _failed(href, error) from error
        return content

    def _s3_config(self) -> Config:
        from botocore import UNSIGNED
        from botocore.config import Config

        return Config(
            signature_version=UNSIGNED if self.access is Access.ANONYMOUS else None,
            connect_timeout=self.manners.connect_s,
            read_timeout=self.manners.read_s,
            retries={"total_max_attempts": 1 + self.manners.retries, "mode": "standard"},
        )

    def guarded(self, url: str, pages: Iterator[Item]) -> Iterator[Item]:
        """The pages of a search; what breaks while they come becomes a CatalogError."""
        try:
            yield from pages
        except (APIError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _failed(url, error) from error


def _failed(href: str, error: Exception) -> CatalogError:
    said = " ".join(str(error).split())[:300] or type(error).__name__
    status = getattr(error, "status_code", None)
    what = said if status is None else f"status {status}: {said}"
    if _is_web(href):
        repair = "check the URL and the network, or try again later"
    elif _is_s3(href):
        repair = "check the address and the AWS credentials, or set `access: anonymous`"
    else:
        repair = "check the path; expected a STAC catalog as JSON, its URL, or a .parquet file"
    return CatalogError(f"{href} cannot be read as a STAC catalog: {what}; {repair}")


def _is_web(href: str) -> bool:
    return href.startswith(("http://", "https://"))


def _is_s3(href: str) -> bool:
    return href.startswith("s3://")


def _links(node: Item, rel: str) -> Iterator[Item]:
    links = node.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, Mapping) and link.get("rel") == rel and link.get("href"):
            yield link


def _self_href(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    return next((str(link["href"]) for link in _links(item, "self")), None)


def _with_absolute_hrefs(item: Any, base: str) -> Any:
    """The item with its assets' hrefs made absolute against where it lies; others untouched."""
    assets = item.get("assets") if isinstance(item, Mapping) else None
    if not isinstance(assets, Mapping):
        return item
    return {**item, "assets": {name: _absolute_asset(a, base) for name, a in assets.items()}}


def _absolute_asset(asset: Any, base: str) -> Any:
    if not isinstance(asset, Mapping) or not isinstance(asset.get("href"), str):
        return asset
    return {**asset, "href": _absolute(base, asset["href"])}


def _absolute(base: str, href: str) -> str:
    """An href as seen from the file or URL that holds it."""
    if href.startswith("file://"):
        return unquote(urlsplit(href).path)
    if "://" in href or href.startswith("/vsi"):
        return href
    if _is_s3(base):  # urljoin knows the schemes of the web alone
        return "s3" + urljoin("http" + base.removeprefix("s3"), href).removeprefix("http")
    if "://" in base:
        return urljoin(base, href)
    return os.path.normpath(Path(base).parent / href)
