"""Search over files: static catalogs, item lists, stac-geoparquet; servers: test_search_server."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rustac
from shapely.geometry import MultiPolygon, Polygon, box, mapping
from stac_geoparquet.arrow import parse_stac_items_to_parquet

from jobs.catalog.query import SearchResult
from jobs.catalog.search import search_catalog
from jobs.domain import Period
from jobs.domain.job import SourceSpec
from jobs.errors import CatalogError
from tests.support.places import REAL_IMAGERY, STAC_ITEMS

COLLECTION = "sentinel-2-c1-l2a"
REAL = REAL_IMAGERY / "catalog.json"

AREA = box(-40.1, -4.7, -39.9, -4.6)  # in the middle of tile 24MUV
PERIOD = Period(date(2025, 7, 3), date(2025, 7, 12))


def recorded() -> dict[str, Any]:
    text = (STAC_ITEMS / "earth-search_v1__sentinel-2-c1-l2a.json").read_text(encoding="utf-8")
    item: dict[str, Any] = json.loads(text)["features"][0]
    return item


def item_on(day: int, *, id: str | None = None, **properties: Any) -> dict[str, Any]:
    """The recorded item as if taken on a day of July 2025."""
    item = recorded()
    item["id"] = id or f"item-{day:02d}"
    item["properties"] |= {"datetime": f"2025-07-{day:02d}T13:03:27.058Z"} | properties
    return item


def month() -> list[dict[str, Any]]:
    return [item_on(day) for day in range(1, 26)]


def ids(result: SearchResult) -> list[str]:
    return [scene.item_id for scene in result.scenes]


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def item_list(folder: Path, items: list[Any]) -> SourceSpec:
    path = write(folder / "items.json", {"type": "FeatureCollection", "features": items})
    return SourceSpec(str(path), COLLECTION)


def catalog(folder: Path, items: list[dict[str, Any]], collection: str = COLLECTION) -> Path:
    """A nested static catalog: root, a sub-catalog, the collection, a year, items in folders."""
    year = folder / "sub" / collection / "2025"
    for item in items:
        write(year / item["id"] / "item.json", item)
    links = [{"rel": "item", "href": f"./{item['id']}/item.json"} for item in items]
    parent = {"rel": "parent", "href": "../collection.json"}
    write(year / "catalog.json", {"type": "Catalog", "id": "2025", "links": [parent, *links]})
    child = {"rel": "child", "href": "./2025/catalog.json"}
    write(
        year.parent / "collection.json", {"type": "Collection", "id": collection, "links": [child]}
    )
    child = {"rel": "child", "href": f"{collection}/collection.json"}
    loop = {"rel": "child", "href": "../catalog.json"}  # a catalog may link back to its root
    write(folder / "sub" / "catalog.json", {"type": "Catalog", "id": "sub", "links": [loop, child]})
    child = {"rel": "child", "href": "./sub/catalog.json"}
    return write(folder / "catalog.json", {"type": "Catalog", "id": "root", "links": [child]})


def as_list(folder: Path, items: list[dict[str, Any]]) -> str:
    return item_list(folder, items).catalog


def as_catalog(folder: Path, items: list[dict[str, Any]]) -> str:
    return str(catalog(folder, items))


def as_parquet_by_rustac(folder: Path, items: list[dict[str, Any]]) -> str:
    path = folder / "items.parquet"
    rustac.write_sync(str(path), items)
    return str(path)


def as_parquet_by_stac_geoparquet(folder: Path, items: list[dict[str, Any]]) -> str:
    path = folder / "items.geoparquet"
    parse_stac_items_to_parquet(items, output_path=str(path))
    return str(path)


WRITERS = [as_list, as_catalog, as_parquet_by_rustac, as_parquet_by_stac_geoparquet]


# --- the same answers from every kind of file ---------------------------------------------------


@pytest.mark.parametrize("write_as", WRITERS)
def test_every_kind_of_file_gives_the_same_scenes(
    tmp_path: Path, write_as: Callable[[Path, list[dict[str, Any]]], str]
) -> None:
    place = write_as(tmp_path, month()[::-1])
    result = search_catalog(SourceSpec(place, COLLECTION), AREA, PERIOD)

    assert ids(result) == [f"item-{day:02d}" for day in range(3, 13)]
    assert result.rejected == ()
    red = result.scenes[0].bands["red"]
    assert red.href.startswith("https://e84-earth-search-sentinel-data")
    assert (red.scale, red.offset, red.size_bytes) == (1e-4, -0.1, 22_232_203)
    assert red.transform == (10.0, 0.0, 300000.0, 0.0, -10.0, 9500020.0)
    assert result.scenes[0].acquired == datetime(2025, 7, 3, 13, 3, 27, 58000, UTC)
    assert result.scenes[0].facts["sensing_start"] == "2025-07-31T13:02:45+00:00"


@pytest.mark.parametrize("write_as", WRITERS)
def test_an_unknown_collection_is_named_with_the_nearest(
    tmp_path: Path, write_as: Callable[[Path, list[dict[str, Any]]], str]
) -> None:
    place = write_as(tmp_path, [item_on(5)])
    with pytest.raises(CatalogError, match=r"no collection 'sentinel-2-l2a'.*sentinel-2-c1-l2a"):
        search_catalog(SourceSpec(place, "sentinel-2-l2a"), AREA, PERIOD)


@pytest.mark.parametrize("write_as", WRITERS)
def test_elsewhere_and_at_other_times_there_is_nothing(
    tmp_path: Path, write_as: Callable[[Path, list[dict[str, Any]]], str]
) -> None:
    source = SourceSpec(write_as(tmp_path, month()), COLLECTION)
    assert search_catalog(source, box(10, 10, 11, 11), PERIOD) == SearchResult((), ())
    assert search_catalog(source, AREA, Period(date(2024, 1, 1), date(2024, 12, 31))).scenes == ()


# --- what is wanted -----------------------------------------------------------------------------


def test_both_days_of_the_period_count_to_their_last_instant(tmp_path: Path) -> None:
    times = {
        "before": "2025-07-02T23:59:59.999999Z",
        "first": "2025-07-03T00:00:00Z",
        "last": "2025-07-12T23:59:59.999999Z",
        "after": "2025-07-13T00:00:00Z",
        "zone": "2025-07-13T02:00:00+09:00",
    }
    items = [item_on(1, id=id, datetime=time) for id, time in times.items()]
    assert ids(search_catalog(item_list(tmp_path, items), AREA, PERIOD)) == [
        "first",
        "zone",
        "last",
    ]


def test_clouds_are_filtered_here_and_unknown_cloud_is_kept(tmp_path: Path) -> None:
    items = [item_on(3, **{"eo:cloud_cover": 40.0}), item_on(4, **{"eo:cloud_cover": 40.1})]
    items += [item_on(5)]
    del items[2]["properties"]["eo:cloud_cover"]
    source = item_list(tmp_path, items)
    limited = SourceSpec(source.catalog, source.collection, max_cloud_cover=40)
    assert ids(search_catalog(limited, AREA, PERIOD)) == ["item-03", "item-05"]


def test_the_footprint_decides_not_the_bbox(tmp_path: Path) -> None:
    item = item_on(5)
    west, south, _, north = item["bbox"]
    item["geometry"] = mapping(Polygon([(west, south), (west, north), (west + 0.01, north)]))
    assert search_catalog(item_list(tmp_path, [item]), AREA, PERIOD).scenes == ()


def test_without_geometry_the_bbox_decides(tmp_path: Path) -> None:
    here, heights, there = item_on(3), item_on(4), item_on(5)
    for item in (here, heights, there):
        item["geometry"] = None
    west, south, east, north = here["bbox"]
    heights["bbox"] = [west, south, 0, east, north, 100]
    there["bbox"] = [0, 0, 1, 1]
    found = search_catalog(item_list(tmp_path, [here, heights, there]), AREA, PERIOD)
    assert ids(found) == ["item-03", "item-04"]
    assert found.scenes[0].geometry is None


def test_a_bbox_may_cross_the_antimeridian(tmp_path: Path) -> None:
    item = item_on(5)
    item |= {"geometry": None, "bbox": [179, -5, -179, -4]}
    source = item_list(tmp_path, [item])
    assert len(search_catalog(source, box(179.5, -4.8, 179.7, -4.6), PERIOD).scenes) == 1
    assert len(search_catalog(source, box(-179.7, -4.8, -179.5, -4.6), PERIOD).scenes) == 1
    assert search_catalog(source, AREA, PERIOD).scenes == ()


def test_a_footprint_of_several_parts_meets_the_area_with_any(tmp_path: Path) -> None:
    item = item_on(5)
    item["geometry"] = mapping(MultiPolygon([box(0, 0, 9, 9), AREA]))
    found = search_catalog(item_list(tmp_path, [item]), AREA, PERIOD)
    assert found.scenes[0].geometry == box(0, 0, 9, 9)


def test_other_collections_in_the_same_list_are_left_out(tmp_path: Path) -> None:
    other = item_on(6) | {"collection": "landsat"}
    assert ids(search_catalog(item_list(tmp_path, [item_on(5), other]), AREA, PERIOD)) == [
        "item-05"
    ]


def test_scenes_come_in_order_of_time_then_id_and_once(tmp_path: Path) -> None:
    items = [item_on(9, id="b"), item_on(9, id="a"), item_on(4, id="c"), item_on(9, id="b")]
    assert ids(search_catalog(item_list(tmp_path, items), AREA, PERIOD)) == ["c", "a", "b"]


def test_the_sensor_may_be_named(tmp_path: Path) -> None:
    source = item_list(tmp_path, [item_on(5)])
    named = SourceSpec(source.catalog, source.collection, sensor="sentinel-2-visual")
    assert search_catalog(named, AREA, PERIOD).scenes[0].bands["blue"].index == 3


def test_malformed_items_are_skipped_with_their_reason(tmp_path: Path) -> None:
    no_red, no_time, no_place, bent = (item_on(day) for day in (4, 5, 6, 7))
    del no_red["assets"]["red"]
    del no_time["properties"]["datetime"]
    no_place |= {"geometry": None, "bbox": None}
    for place in (no_place["properties"], *no_place["assets"].values()):
        place.pop("proj:code", None), place.pop("proj:epsg", None)
    bent["geometry"] = {"type": "Polygon", "coordinates": "no"}
    no_properties = item_on(8) | {"properties": None}
    items = [no_red, no_time, no_place, bent, no_properties, {"id": "x"}, item_on(9)]
    found = search_catalog(item_list(tmp_path, items), AREA, PERIOD)

    assert ids(found) == ["item-09"]
    reasons = {left_out.item_id: left_out.reason for left_out in found.rejected}
    assert sorted(reasons) == ["item-04", "item-05", "item-06", "item-07", "item-08", "x"]
    assert "no red band" in reasons["item-04"]
    assert "datetime" in reasons["item-05"]
    assert "neither geometry nor bbox" in reasons["item-06"]
    assert {left_out.collection for left_out in found.rejected} == {COLLECTION}


def test_a_raster_at_the_port_is_not_lost_for_its_footprint(tmp_path: Path) -> None:
    """Without a footprint the raster decides; where the two lie apart the item is listed."""
    none, swapped, beside, far, centre = (item_on(day) for day in (4, 5, 6, 7, 8))
    centre["geometry"] = {"type": "Point", "coordinates": [-40.3, -4.65]}
    none |= {"geometry": None, "bbox": None}
    shape = recorded()["geometry"]
    ring = [[lat, lon] for lon, lat in shape["coordinates"][0]]
    swapped["geometry"] = shape | {"coordinates": [ring]}
    # a swath that ends before the port, in a raster that is empty there
    beside["geometry"] = mapping(box(-40.5, -4.7, -40.2, -4.6))
    far["geometry"] = None
    far["bbox"] = [10, 10, 11, 11]
    for asset in far["assets"].values():
        asset.pop("proj:transform", None)
    found = search_catalog(item_list(tmp_path, [none, swapped, beside, far, centre]), AREA, PERIOD)
    assert ids(found) == ["item-04", "item-08"]
    (left_out,) = found.rejected
    assert left_out.item_id == "item-05"
    assert "footprint elsewhere than its raster" in left_out.reason


def test_what_cannot_be_read_of_an_item_elsewhere_is_no_loss(tmp_path: Path) -> None:
    """Each of these fails in one thing that can be told, and has another that cannot."""
    elsewhere, earlier = item_on(4), item_on(5)
    elsewhere["geometry"] = mapping(box(0, 0, 1, 1))
    elsewhere["properties"]["datetime"] = "yesterday"
    del elsewhere["properties"]["proj:epsg"]
    earlier["properties"]["datetime"] = "2020-01-01T00:00:00Z"
    earlier["geometry"] = {"type": "Polygon", "coordinates": "no"}
    unreadable = item_on(6, datetime="yesterday")
    found = search_catalog(item_list(tmp_path, [elsewhere, earlier, unreadable]), AREA, PERIOD)
    assert [left_out.item_id for left_out in found.rejected] == ["item-06"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("geometry", "type"), 7),
        (("geometry",), "here"),
        (("geometry", "coordinates", 0, 1), [10**400, 0]),
        (("assets", "red", "proj:shape"), {"rows": 1}),
        (("assets", "red", "proj:shape"), [10, float("inf")]),
        (("assets", "red", "proj:transform"), [10**400, 0, 0, 0, -10, 0]),
        (("assets", "red", "raster:bands"), [{"scale": 10**400}]),
    ],
)
def test_a_value_of_another_kind_costs_that_item_alone(
    tmp_path: Path, path: tuple[Any, ...], value: Any
) -> None:
    broken = item_on(5)
    place: Any = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    found = search_catalog(item_list(tmp_path, [broken, item_on(6)]), AREA, PERIOD)
    assert ids(found) == ["item-06"]
    assert [left_out.item_id for left_out in found.rejected] == ["item-05"]


def test_an_item_without_a_collection_is_of_the_one_asked_for(tmp_path: Path) -> None:
    item = item_on(5)
    del item["collection"]
    (scene,) = search_catalog(item_list(tmp_path, [item]), AREA, PERIOD).scenes
    assert scene.collection == COLLECTION


# --- static catalogs ----------------------------------------------------------------------------


def test_relative_hrefs_belong_to_the_items_own_folder(tmp_path: Path) -> None:
    item = item_on(5)
    for name in ("red", "green", "blue", "nir"):
        item["assets"][name]["href"] = f"./{name}.tif"
    item["assets"]["scl"]["href"] = "../shared/scl.tif"
    scene = search_catalog(
        SourceSpec(as_catalog(tmp_path, [item]), COLLECTION), AREA, PERIOD
    ).scenes[0]

    year = tmp_path / "sub" / COLLECTION / "2025"
    assert scene.bands["red"].href == str(year / "item-05" / "red.tif")
    assert scene.mask is not None
    assert scene.mask.href == str(year / "shared" / "scl.tif")


def test_hrefs_that_are_absolute_stay(tmp_path: Path) -> None:
    item = item_on(5)
    hrefs = {"red": "s3://b/red.tif", "green": "/data/g.tif", "blue": "file:///data/b%20c.tif"}
    for name, href in hrefs.items():
        item["assets"][name]["href"] = href
    bands = (
        search_catalog(SourceSpec(as_catalog(tmp_path, [item]), COLLECTION), AREA, PERIOD)
        .scenes[0]
        .bands
    )
    assert bands["red"].href == "s3://b/red.tif"
    assert bands["green"].href == "/data/g.tif"
    assert bands["blue"].href == "/data/b c.tif"


@pytest.mark.parametrize(
    ("href", "reason"),
    [
        ("htp://files.example/red.tif", "its scheme 'htp' is unknown"),
        ("http:///red.tif", "names no host"),
        ("https://files.example:port/red.tif", "expected a host and, if any, a port"),
        ("file://server/share/red.tif", "lies on the machine 'server'"),
    ],
)
def test_an_address_that_can_never_be_valid_leaves_out_its_item(
    tmp_path: Path, href: str, reason: str
) -> None:
    bad, good = item_on(5), item_on(6)
    bad["assets"]["red"]["href"] = href
    good["assets"]["thumbnail"] = {"href": href}  # needed by nobody
    found = search_catalog(SourceSpec(as_catalog(tmp_path, [bad, good]), COLLECTION), AREA, PERIOD)
    assert len(found.scenes) == 1
    (left_out,) = found.rejected
    assert reason in left_out.reason


def test_hrefs_on_disk_may_be_encoded_or_not(tmp_path: Path) -> None:
    item = item_on(5)
    item["assets"]["red"]["href"] = "./with%20space/red%20100%25.tif"
    item["assets"]["green"]["href"] = "./with space/green%20literal.tif"
    place = as_catalog(tmp_path, [item])
    folder = next(tmp_path.rglob("item.json")).parent / "with space"
    folder.mkdir()
    names = {"red": "red 100%.tif", "green": "green%20literal.tif"}
    for name in names.values():
        (folder / name).touch()
    bands = search_catalog(SourceSpec(place, COLLECTION), AREA, PERIOD).scenes[0].bands
    assert {band: bands[band].href for band in names} == {
        band: str(folder / name) for band, name in names.items()
    }


def test_a_linked_item_that_is_missing_or_broken_is_reported(tmp_path: Path) -> None:
    place = as_catalog(tmp_path, month())
    year = tmp_path / "sub" / COLLECTION / "2025"
    (year / "item-04" / "item.json").unlink()
    (year / "item-05" / "item.json").write_text("{", encoding="utf-8")
    found = search_catalog(SourceSpec(place, COLLECTION), AREA, PERIOD)
    assert len(found.scenes) == 8
    assert [Path(left_out.item_id).parent.name for left_out in found.rejected] == [
        "item-04",
        "item-05",
    ]


def test_a_sub_catalog_is_read_with_all_below_it(tmp_path: Path) -> None:
    nodes: list[str] = []
    place = as_catalog(tmp_path, month())
    search_catalog(SourceSpec(place, COLLECTION), AREA, PERIOD, progress=nodes.append)
    assert any("25 items" in text for text in nodes)


@pytest.mark.parametrize("content", ["[1, 2]", "not json", None])
def test_what_is_no_catalog_is_refused_with_its_place(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "catalog.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(CatalogError, match=r"catalog\.json cannot be read"):
        search_catalog(SourceSpec(str(path), COLLECTION), AREA, PERIOD)


# --- stac-geoparquet ----------------------------------------------------------------------------


def test_a_broken_parquet_file_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    path.write_bytes(b"PAR1 or so")
    with pytest.raises(CatalogError, match=r"items\.parquet as stac-geoparquet"):
        search_catalog(SourceSpec(str(path), COLLECTION), AREA, PERIOD)


def test_items_of_several_flavours_in_one_parquet_file(tmp_path: Path) -> None:
    """One table has one set of columns: what an item lacks comes back as null."""
    other = item_on(6)
    other["collection"] = "other"
    red = other["assets"]["red"]
    red["bands"] = [{"name": "B04"}]
    items = [item_on(5), other]
    place = as_parquet_by_rustac(tmp_path, copy.deepcopy(items))
    from_parquet = search_catalog(SourceSpec(place, COLLECTION), AREA, PERIOD).scenes[0]
    from_list = search_catalog(item_list(tmp_path, items), AREA, PERIOD).scenes[0]
    assert from_parquet.bands == from_list.bands
    assert from_parquet.facts == from_list.facts


@pytest.mark.parametrize("turn", [-360, 0, 360])
@pytest.mark.parametrize("lon", [179.5, -179.5, 0.0])
@pytest.mark.parametrize("writer", [as_parquet_by_rustac, as_parquet_by_stac_geoparquet])
def test_rows_are_found_in_every_turn_of_the_globe(
    tmp_path: Path, writer: Callable[..., str], lon: float, turn: int
) -> None:
    west = lon - 0.7 + turn
    here = item_on(5) | {"geometry": mapping(box(west, -5, west + 1, -4))}
    far = item_on(6) | {"geometry": mapping(box(west + 20, -5, west + 21, -4))}
    for item in (here, far):
        item["bbox"] = list(Polygon(item["geometry"]["coordinates"][0]).bounds)
    source = SourceSpec(writer(tmp_path, [here, far]), COLLECTION)
    area = box(lon - 0.05, -4.7, lon + 0.05, -4.6)
    assert ids(search_catalog(source, area, PERIOD)) == ["item-05"]


def test_a_row_that_cannot_be_read_costs_no_other_item(tmp_path: Path) -> None:
    """Rows with a geometry of no known kind, without one, and without a collection."""
    place = as_parquet_by_rustac(tmp_path, [item_on(day) for day in (4, 5, 6, 7)])
    table = pq.read_table(place)
    shapes = table["geometry"].to_pylist()
    shapes[1], shapes[2] = b"no geometry", None
    table = with_column(table, "geometry", shapes)
    own = [COLLECTION, COLLECTION, COLLECTION, None]
    pq.write_table(with_column(table, "collection", own), place)
    found = search_catalog(SourceSpec(place, COLLECTION), AREA, PERIOD)
    assert ids(found) == ["item-04", "item-06", "item-07"]
    (left_out,) = found.rejected
    assert left_out.item_id == "item-05"
    assert "its row cannot be read" in left_out.reason


@pytest.mark.parametrize("kind", ["none", "lists", "nulls"])
def test_rows_without_a_box_are_found_by_their_geometry(tmp_path: Path, kind: str) -> None:
    """A file need not have boxes; older writers made lists of them."""
    place = as_parquet_by_rustac(tmp_path, month())
    table = pq.read_table(place)
    boxes = [
        [box["xmin"], box["ymin"], box["xmax"], box["ymax"]] for box in table["bbox"].to_pylist()
    ]
    if kind == "nulls":
        table = with_column(table, "bbox", [None] * len(table))
    else:
        table = table.drop_columns("bbox")
    if kind == "lists":
        table = table.append_column("bbox", pa.array(boxes))
    pq.write_table(table, place)
    found = search_catalog(SourceSpec(place, COLLECTION), AREA, PERIOD)
    assert ids(found) == [f"item-{day:02d}" for day in range(3, 13)]
    assert found.rejected == ()


def test_times_without_a_zone_are_utc(tmp_path: Path) -> None:
    place = as_parquet_by_rustac(tmp_path, month())
    table = pq.read_table(place)
    at = table.column_names.index("datetime")
    naive = table["datetime"].cast(pa.timestamp("us"))
    pq.write_table(table.set_column(at, "datetime", naive), place)
    found = search_catalog(SourceSpec(place, COLLECTION), AREA, PERIOD)
    assert ids(found) == [f"item-{day:02d}" for day in range(3, 13)]


def with_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, name, pa.array(values, table.schema.field(name).type))


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pq.write_table(pa.table({"id": ["a"]}), path)
    with pytest.raises(CatalogError, match=r"stac-geoparquet: .*no column geometry"):
        search_catalog(SourceSpec(str(path), COLLECTION), AREA, PERIOD)


# --- recorded imagery ---------------------------------------------------------------------------

real_data = pytest.mark.skipif(not REAL.exists(), reason="the recorded imagery is not here")


@pytest.mark.real_data
@real_data
def test_vancouver_tiles_are_all_found() -> None:
    area = box(-123.32, 49.20, -123.05, 49.36)
    found = search_catalog(
        SourceSpec(str(REAL), "s2-vancouver"), area, Period(date(2019, 1, 1), date(2020, 12, 31))
    )
    assert found.rejected == ()
    assert len(found.scenes) == 150
    assert {scene.sensor for scene in found.scenes} == {"sentinel-2-visual"}
    assert all(Path(scene.bands["red"].href).exists() for scene in found.scenes)


@pytest.mark.real_data
@real_data
def test_ports_are_found_with_their_own_scale() -> None:
    found = search_catalog(
        SourceSpec(str(REAL), "s2-ports"),
        box(30, -30, 32, -29),
        Period(date(2023, 1, 1), date(2023, 12, 31)),
    )
    assert ids(found) == ["S2_L2A_durban_20230821"]
    red = found.scenes[0].bands["red"]
    assert (red.epsg, red.offset) == (3857, 0.0)
    assert red.scale == pytest.approx(1 / 65535)
