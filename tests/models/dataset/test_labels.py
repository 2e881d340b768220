"""Labels of users: GeoJSON hulls and instance masks are read as the ships they were drawn from."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from numpy.typing import NDArray
from pyproj import Geod
from rasterio.crs import CRS
from rasterio.features import rasterize
from rasterio.transform import Affine, from_bounds, from_origin
from rasterio.warp import transform, transform_bounds, transform_geom
from shapely.geometry import Polygon, mapping

from jobs.cli.label_sources import parse_sources
from jobs.errors import InputError
from models.config import ChipSettings, UNetConfig
from models.dataset.boxes import Box, PixelGrid
from models.dataset.catalog import DatasetError, Item
from models.dataset.labels import InstanceMask, open_labels
from models.dataset.labels.csv_boxes import CsvLabels
from models.dataset.scenes import LabelSource, read_scenes
from models.inference.predictor import Predictor
from models.training.train import TrainConfig, train_network
from models.weights import save_weights
from tests.models.training.test_train import LEFT, SHIPS, SIZE, TOP, write_item, write_labels

PLACES = {
    "north, west edge of its zone": (32631, 0.3, 59.9),
    "north, east edge of its zone": (32652, 131.8, 42.7),
    "south, west edge of its zone": (32733, 12.3, -33.9),
    "south, close to the equator": (32736, 35.6, -2.0),
}
SHIP = {"length_m": 180.0, "width_m": 32.0, "heading_mod180_deg": 37.0}
NOON = "2024-05-01T10:00:00Z"


# --- a ship known by its box, drawn in every way ------------------------------------------------


def hull(lon: float, lat: float, *, fat_m: float = 0.0) -> Polygon:
    """The outline of SHIP by geodesics, independent of the code under test."""
    geod = Geod(ellps="WGS84")
    heading = SHIP["heading_mod180_deg"]
    corners = []
    for end, side in ((1, -1), (1, 1), (-1, 1), (-1, -1)):
        along, across = SHIP["length_m"] / 2 + fat_m, SHIP["width_m"] / 2 + fat_m
        bow = geod.fwd(lon, lat, heading, end * along)
        corners.append(geod.fwd(*bow[:2], heading + 90, side * across)[:2])
    return Polygon(corners)


def around(epsg: int, lon: float, lat: float, id: str = "one") -> tuple[PixelGrid, Item]:
    """A grid of 3 km around a place and its item."""
    (x,), (y,) = transform("EPSG:4326", f"EPSG:{epsg}", [lon], [lat])
    left, top = round(x, -1) - 1500, round(y, -1) + 1500
    grid = PixelGrid(CRS.from_epsg(epsg), Affine(10, 0, left, 0, -10, top), 300, 300)
    bbox = transform_bounds(grid.crs, "EPSG:4326", left, top - 3000, left + 3000, top)
    return grid, Item(id, "port", NOON, bbox, (), {})


def as_table(grid: PixelGrid, item: Item, lon: float, lat: float) -> Box:
    row = {"item": item.id, "lon": lon, "lat": lat, "class": "ship", "confidence": 3, **SHIP}
    (box,) = CsvLabels(pd.DataFrame([row])).boxes([item], grid) or ()
    return box


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def written(path: Path, *features: Any, **more: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **more}))
    return path


def close(box: Box, other: Box, *, length_m: float, beam_m: float, heading_deg: float) -> None:
    assert math.hypot(box.row - other.row, box.col - other.col) * 10 < 4
    assert box.length_m == pytest.approx(other.length_m, abs=length_m)
    assert box.beam_m == pytest.approx(other.beam_m, abs=beam_m)
    turned = (box.heading_deg - other.heading_deg + 90) % 180 - 90
    assert abs(turned) < heading_deg


@pytest.mark.parametrize("place", PLACES)
def test_a_hull_drawn_from_a_box_is_that_box(place: str, tmp_path: Path) -> None:
    epsg, lon, lat = PLACES[place]
    grid, item = around(epsg, lon, lat)
    geometry = mapping(hull(lon, lat))
    labels = open_labels(written(tmp_path / "x.geojson", feature(geometry, item="one")))
    labels.check([item])
    (box,) = labels.boxes([item], grid) or ()
    known = as_table(grid, item, lon, lat)
    if "edge" in place:
        assert abs(known.heading_deg - SHIP["heading_mod180_deg"]) > 0.7  # there is convergence
    close(box, known, length_m=0.3, beam_m=0.1, heading_deg=0.05)
    assert (box.kind, box.confidence, box.at_edge) == ("ship", 3, False)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("crs", ["utm", "EPSG:3857", "EPSG:4326"])
def test_a_mask_drawn_from_a_box_is_that_box(place: str, crs: str, tmp_path: Path) -> None:
    epsg, lon, lat = PLACES[place]
    grid, item = around(epsg, lon, lat)
    crs = crs if crs != "utm" else f"EPSG:{epsg}"
    for fat_m, mask in ((0.0, InstanceMask("ships")), (10.0, InstanceMask("ships", shave_px=1.0))):
        path = mask_of(tmp_path / "m.tif", item, {7: hull(lon, lat, fat_m=fat_m)}, crs)
        masked = replace(item, files={"ships": str(path)})
        labels = open_labels(mask)
        labels.check([masked])
        (box,) = labels.boxes([masked], grid) or ()
        close(box, as_table(grid, item, lon, lat), length_m=13, beam_m=5, heading_deg=2)
        assert box.is_ship


def mask_of(path: Path, item: Item, ships: dict[int, Polygon], crs: str) -> Path:
    """An instance mask of about 10 m over an item, in any system."""
    bounds = transform_bounds("EPSG:4326", crs, *item.bbox)
    stretch = 1.0
    if crs == "EPSG:3857":
        stretch = 1 / math.cos(math.radians((item.bbox[1] + item.bbox[3]) / 2))
    size = 300 if crs != "EPSG:3857" else round((bounds[2] - bounds[0]) / stretch / 10)
    grid = from_bounds(*bounds, size, size)
    shapes = [(transform_geom("EPSG:4326", crs, mapping(s)), n) for n, s in ships.items()]
    values = rasterize(shapes, (size, size), transform=grid, dtype="uint16")
    return raster(path, values, crs, grid)


def raster(path: Path, values: NDArray[Any], crs: str | None, grid: Affine) -> Path:
    height, width = values.shape
    shape = {"height": height, "width": width, "count": 1, "dtype": values.dtype}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=grid, **shape) as file:
        file.write(values, 1)
    return path


# --- a catalog of two scenes with two ships each ------------------------------------------------


def corners(row: float, col: float, length: float, beam: float, heading: float) -> Any:
    """One of SHIPS as a GeoJSON polygon."""
    turn = math.radians(heading)
    xs, ys = [], []
    for end, side in ((1, -1), (1, 1), (-1, 1), (-1, -1)):
        east = end * length / 2 * math.sin(turn) + side * beam / 2 * math.cos(turn)
        north = end * length / 2 * math.cos(turn) - side * beam / 2 * math.sin(turn)
        xs.append(LEFT + 10 * (col + 0.5 + east))
        ys.append(TOP - 10 * (row + 0.5 - north))
    return mapping(Polygon(zip(*transform("EPSG:32631", "EPSG:4326", xs, ys), strict=True)))


HULLS = [corners(*ship) for ship in SHIPS]
NAMES = ("scene-east", "scene-west-port")


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    folder = tmp_path / "drawn"
    links = [write_item(folder, name, name.removeprefix("scene-")) for name in NAMES]
    (folder / "collection.json").write_text(json.dumps({"id": "drawn", "links": links}))
    root = {"links": [{"rel": "child", "href": "./drawn/collection.json"}]}
    (tmp_path / "catalog.json").write_text(json.dumps(root))
    return tmp_path / "catalog.json"


def add_mask(
    catalog: Path, name: str, values: NDArray[Any], crs: str | None = "EPSG:32631"
) -> None:
    path = catalog.parent / "drawn" / name / f"{name}.json"
    raster(path.parent / "ships.tif", values, crs, from_origin(LEFT, TOP, 10, 10))
    item = json.loads(path.read_text())
    item["assets"]["ships"] = {"href": "./ships.tif"}
    path.write_text(json.dumps(item))


def drawn_mask() -> NDArray[np.uint16]:
    ships = [(shape, n) for n, shape in enumerate(HULLS, start=1)]
    shapes = [(transform_geom("EPSG:4326", "EPSG:32631", shape), n) for shape, n in ships]
    grid = from_origin(LEFT, TOP, 10, 10)
    return np.asarray(rasterize(shapes, (SIZE, SIZE), transform=grid, dtype="uint16"))


def read(catalog: Path, labels: Path | InstanceMask) -> dict[str, tuple[Box, ...]]:
    return {s.name: s.boxes for s in read_scenes(LabelSource(catalog, "drawn", labels))}


def test_polygons_masks_and_rows_give_the_same_ships(catalog: Path, tmp_path: Path) -> None:
    features = [feature(shape, item=name) for name in NAMES for shape in HULLS]
    (tmp_path / "hulls").mkdir()
    written(tmp_path / "hulls" / "one.geojson", *features[:2])
    written(tmp_path / "hulls" / "two.geojson", *features[2:])
    write_labels(tmp_path / "rows.csv", list(NAMES))
    for name in NAMES:
        add_mask(catalog, name, drawn_mask())
    by_row = read(catalog, tmp_path / "rows.csv")
    assert set(by_row) == set(NAMES)
    for labels, off_m in ((tmp_path / "hulls", 0.2), (InstanceMask("ships"), 11)):
        found = read(catalog, labels)
        assert set(found) == set(NAMES)
        for name in NAMES:
            for box, known in zip(found[name], by_row[name], strict=True):
                close(box, known, length_m=off_m, beam_m=off_m, heading_deg=2)


def test_a_datetime_matches_the_item_that_shows_the_position(catalog: Path, tmp_path: Path) -> None:
    path = catalog.parent / "drawn" / NAMES[1] / f"{NAMES[1]}.json"
    item = json.loads(path.read_text())
    item["bbox"] = [edge + 1 for edge in item["bbox"]]  # another place at the same moment
    path.write_text(json.dumps(item))
    file = tmp_path / "x.geojson"
    for time in (NOON, "2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00"):
        written(file, feature(HULLS[0], datetime=time))
        assert {name: len(boxes) for name, boxes in read(catalog, file).items()} == {NAMES[0]: 1}
    written(file, feature(HULLS[0], datetime="2024-05-01"))
    with pytest.raises(DatasetError, match=r"no item of 2024-05-01 00:00:00\+00:00 .*T10:00:00Z"):
        read(catalog, file)


def test_properties_of_a_feature_are_read(catalog: Path, tmp_path: Path) -> None:
    many = {"type": "MultiPolygon", "coordinates": [shape["coordinates"] for shape in HULLS]}
    properties = {"class": "dock", "confidence": 1, "at_data_edge": True, "moving": False}
    properties |= {"fid": 8, "note": "?"}
    file = written(tmp_path / "x.json", feature(many, item=NAMES[0], **properties))
    boxes = read(catalog, file)[NAMES[0]]
    read_back = [(b.kind, b.confidence, b.at_edge, b.moving) for b in boxes]
    assert read_back == [("dock", 1, True, False)] * 2


def test_whether_a_ship_moves_may_be_said_row_by_row(catalog: Path, tmp_path: Path) -> None:
    """And is no part of a label's text, of which the digest of a training scene is made."""
    file = tmp_path / "x.csv"
    write_labels(file, [NAMES[0]])
    without = read(catalog, file)[NAMES[0]]
    rows = pd.read_csv(file)
    rows.assign(moving=[True, *[None] * (len(rows) - 1)]).to_csv(file, index=False)
    boxes = read(catalog, file)[NAMES[0]]
    assert [box.moving for box in boxes] == [True, *[None] * (len(rows) - 1)]
    assert [box.moving for box in without] == [None] * len(rows)
    assert repr(boxes) == repr(without)
    rows.assign(moving="perhaps").to_csv(file, index=False)
    with pytest.raises(DatasetError, match="has moving 'perhaps'; expected true, false or nothing"):
        read(catalog, file)


def test_ships_of_a_mask_are_separated(catalog: Path) -> None:
    values = np.zeros((SIZE, SIZE), np.uint8)
    values[40:43, 20:40], values[43:46, 20:40] = 1, 2  # side by side
    values[80:83, 20:40] = 2  # the same number elsewhere
    values[0:10, 100:103] = 3  # cut by the edge
    values[100, 60] = 4  # one pixel
    values[range(60, 65), range(90, 95)] = 5  # corner to corner
    add_mask(catalog, NAMES[0], values)
    boxes = sorted(read(catalog, InstanceMask("ships"))[NAMES[0]], key=lambda box: box.row)
    assert [(round(b.row, 2), round(b.col, 2)) for b in boxes] == [
        (4.5, 101.0),
        (41.0, 29.5),
        (44.0, 29.5),
        (62.0, 92.0),
        (81.0, 29.5),
        (100.0, 60.0),
    ]
    assert [b.at_edge for b in boxes] == [True] + 5 * [False]
    assert boxes[1].length_m == pytest.approx(200)
    assert boxes[1].beam_m == pytest.approx(30)
    assert boxes[1].heading_deg == pytest.approx(90)
    assert boxes[5].length_m == boxes[5].beam_m == pytest.approx(10)


def test_an_empty_mask_labels_water_without_ships(catalog: Path) -> None:
    add_mask(catalog, NAMES[0], drawn_mask())
    add_mask(catalog, NAMES[1], np.zeros((SIZE, SIZE), np.uint16))
    found = read(catalog, InstanceMask("ships"))
    assert {name: len(boxes) for name, boxes in found.items()} == {NAMES[0]: 2, NAMES[1]: 0}


def test_a_ship_in_two_masks_of_one_overpass_is_one(catalog: Path) -> None:
    for name in NAMES:
        add_mask(catalog, name, drawn_mask())
    path = catalog.parent / "drawn" / NAMES[1] / f"{NAMES[1]}.json"
    path.write_text(path.read_text().replace('"west-port"', '"east"'))
    assert [len(boxes) for boxes in read(catalog, InstanceMask("ships")).values()] == [2]


# --- refusals -----------------------------------------------------------------------------------

MERCATOR = {
    "type": "Polygon",
    "coordinates": [[[3e5, 6e6], [3e5, 6.1e6], [3.1e5, 6e6], [3e5, 6e6]]],
}
LINE = {"type": "Polygon", "coordinates": [[[3.004, 36.14], [3.006, 36.14], [3.004, 36.14]] * 2]}
SWAPPED = {"type": "Polygon", "coordinates": [[at[::-1] for at in HULLS[0]["coordinates"][0]]]}
EMPTY: dict[str, Any] = {"type": "Polygon", "coordinates": []}

REFUSED: dict[str, tuple[Any, str]] = {
    "no item": (feature(HULLS[0], port="east"), "the properties port; expected a property item"),
    "no properties": (feature(HULLS[0]), "the properties -; expected a property item"),
    "item by number": (feature(HULLS[0], item=7), "has the item 7; expected"),
    "other item": (feature(HULLS[0], item="x"), "no item 'x' .*scene-east, scene-west-port"),
    "no moment": (feature(HULLS[0], datetime="noon"), "the datetime 'noon'; expected one like"),
    "other moment": (feature(HULLS[0], datetime="2024-05-02T10:00:00Z"), "no item of 2024-05-02"),
    "spelling": (feature(HULLS[0], item=NAMES[0], Class="dock"), "'Class'; did you mean 'class'"),
    "class": (
        feature(HULLS[0], item=NAMES[0], **{"class": "boat"}),
        "'boat'; expected .*\"small\"",
    ),
    "confidence": (feature(HULLS[0], item=NAMES[0], confidence=5), "confidence 5; expected .*1, 2"),
    "edge": (feature(HULLS[0], item=NAMES[0], at_data_edge="no"), "at_data_edge 'no'; expected"),
    "moving": (feature(HULLS[0], item=NAMES[0], moving="no"), "moving 'no'; expected one of"),
    "no geometry": (feature(None, item=NAMES[0]), "has no geometry; draw"),
    "empty": (feature(EMPTY, item=NAMES[0]), "has an empty geometry; draw"),
    "point": (feature({"type": "Point", "coordinates": [3, 36]}, item=NAMES[0]), "is a Point; exp"),
    "broken": (feature({"type": "Polygon", "coordinates": [[[3]]]}, item=NAMES[0]), "not a valid"),
    "line": (feature(LINE, item=NAMES[0]), "less than 1 m wide, a line or a point"),
    "metres": (feature(MERCATOR, item=NAMES[0]), "expected WGS 84 longitude and latitude"),
    "swapped": (feature(SWAPPED, item=NAMES[0]), "outside scene-east.*expected longitude first"),
    "no feature": ("text", "is no Feature; expected"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_feature_that_cannot_be_used_is_named(case: str, catalog: Path, tmp_path: Path) -> None:
    bad, message = REFUSED[case]
    file = written(tmp_path / "x.geojson", feature(HULLS[1], item=NAMES[0]), bad)
    with pytest.raises(DatasetError, match=rf"x\.geojson: feature 2: .*{message}"):
        read(catalog, file)


FILES: dict[str, tuple[str, str]] = {
    "no JSON": ("lon,lat\n", "is not JSON"),
    "other type": ('{"type": "Feature"}', "is a Feature; expected a GeoJSON FeatureCollection"),
    "list": ("[]", "is a list; expected a GeoJSON FeatureCollection"),
    "nothing": ('{"type": "FeatureCollection", "features": []}', "has no features"),
    "system": (
        '{"type": "FeatureCollection", "features": [{}], '
        '"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}}',
        "is in urn:ogc:def:crs:EPSG::32631; expected WGS 84",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_used_is_named(case: str, catalog: Path, tmp_path: Path) -> None:
    text, message = FILES[case]
    (tmp_path / "x.geojson").write_text(text)
    with pytest.raises(DatasetError, match=rf"x\.geojson: {message}"):
        read(catalog, tmp_path / "x.geojson")


def test_wgs84_may_be_stated(catalog: Path, tmp_path: Path) -> None:
    crs = {"properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}, "type": "name"}
    file = written(tmp_path / "x.geojson", feature(HULLS[0], item=NAMES[0]), crs=crs)
    assert len(read(catalog, file)) == 1


def replace_mask(catalog: Path, text: str | None) -> None:
    add_mask(catalog, NAMES[0], drawn_mask())
    path = catalog.parent / "drawn" / NAMES[0] / "ships.tif"
    path.unlink()
    if text is not None:
        path.write_text(text)


MASKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no asset": (lambda _: None, "no item has an asset 'ships'; they have blue, green, nir, red"),
    "fractions": (lambda c: add_mask(c, NAMES[0], np.ones((9, 9), np.float32)), "of float32; exp"),
    "no system": (
        lambda c: add_mask(c, NAMES[0], drawn_mask(), None),
        "names no coordinate system",
    ),
    "elsewhere": (
        lambda c: add_mask(c, NAMES[0], drawn_mask(), "EPSG:32733"),
        "nothing of the item",
    ),
    "no file": (lambda c: replace_mask(c, None), "cannot be read"),
    "no GeoTIFF": (lambda c: replace_mask(c, "?"), "cannot be read"),
    "all empty": (
        lambda c: add_mask(c, NAMES[0], np.zeros((9, 9), np.uint8)),
        "asset:ships: none of its labels lies in a scene of drawn",
    ),
}


@pytest.mark.parametrize("case", MASKS)
def test_a_mask_that_cannot_be_used_is_named(case: str, catalog: Path) -> None:
    spoil, message = MASKS[case]
    spoil(catalog)
    with pytest.raises(DatasetError, match=message):
        read(catalog, InstanceMask("ships"))


def test_half_an_overpass_without_a_mask_is_refused(catalog: Path) -> None:
    add_mask(catalog, NAMES[0], drawn_mask())
    path = catalog.parent / "drawn" / NAMES[1] / f"{NAMES[1]}.json"
    path.write_text(path.read_text().replace('"west-port"', '"east"'))
    with pytest.raises(DatasetError, match=f"item {NAMES[1]}: has no asset 'ships', but another"):
        read(catalog, InstanceMask("ships"))


def test_tables_that_cannot_be_used_are_named(catalog: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    write_labels(file, ["nowhere"])
    with pytest.raises(DatasetError, match=r"x\.csv: none of its labels .*such as scene-east"):
        read(catalog, file)
    pd.read_csv(file).drop(columns=["item", "lon"]).to_csv(file, index=False)
    with pytest.raises(DatasetError, match=r"no column lon, item \(or date_utc\); it has lat"):
        read(catalog, file)
    written(tmp_path / "x.geojson", feature(HULLS[0], item=NAMES[0]))
    (tmp_path / "hulls.shp").write_bytes(b"\x00\x00\x27\x0a\xff\xfe")
    with pytest.raises(DatasetError, match=r"hulls\.shp: cannot be read as CSV"):
        read(catalog, tmp_path / "hulls.shp")
    with pytest.raises(DatasetError, match=r"has both x\.csv and x\.geojson"):
        read(catalog, tmp_path)


def test_items_without_a_band_are_refused(catalog: Path, tmp_path: Path) -> None:
    path = catalog.parent / "drawn" / NAMES[0] / f"{NAMES[0]}.json"
    path.write_text(path.read_text().replace("eo:bands", "eo:banks"))
    file = written(tmp_path / "x.geojson", feature(HULLS[0], item=NAMES[0]))
    with pytest.raises(DatasetError, match=r"item scene-east: none of its assets .*eo:bands"):
        read(catalog, file)


# --- from labels to a network -------------------------------------------------------------------


def test_the_command_line_names_labels_in_every_way(catalog: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "x.geojson", feature(HULLS[0], item=NAMES[0]))
    paths, mask, shaved = parse_sources(
        [f"{catalog},drawn,{labels}" for labels in (file, "asset:ships", "asset:ships:shave=1.5")]
    )
    assert paths == LabelSource(catalog, "drawn", file)
    assert mask == LabelSource(catalog, "drawn", InstanceMask("ships"))
    assert shaved.labels == InstanceMask("ships", 1.5)
    for bad in (
        "asset:",
        "asset::shave=1",
        "asset:x:shave=",
        "asset:x:shave=-1",
        "asset:x:shave=m",
    ):
        with pytest.raises(InputError, match="expected asset:NAME, or asset:NAME:shave=1"):
            parse_sources([f"{catalog},drawn,{bad}"])
    with pytest.raises(InputError, match="there is no nowhere"):
        parse_sources([f"{catalog},drawn,nowhere"])
    with pytest.raises(InputError, match="has 2 parts"):
        parse_sources([f"{catalog},drawn"])


@pytest.mark.parametrize("way", ["hulls", "mask"])
def test_a_network_trained_on_own_labels_predicts(way: str, catalog: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "x.geojson", *(feature(h, item=n) for n in NAMES for h in HULLS))
    add_mask(catalog, NAMES[0], drawn_mask())
    labels = str(file) if way == "hulls" else "asset:ships"
    config = TrainConfig(
        parse_sources([f"{catalog},drawn,{labels}"]),
        steps=30,
        batch=4,
        learning_rate=1e-2,
        averaging=0.5,
        chips=ChipSettings(size_px=64),
        network=UNetConfig(widths=(8, 8, 8)),
    )
    trained = train_network(config, lambda _: None)
    assert trained.training["ships"] == (4 if way == "hulls" else 2)
    assert str(tmp_path) not in json.dumps(trained.training)
    save_weights(trained, tmp_path / "my.safetensors")
    predictor = Predictor.load(tmp_path / "my.safetensors")
    scene = next(read_scenes(config.sources[0]))
    prediction = predictor.predict(scene.image, scene.bands)
    row, col = (round(at) for at in SHIPS[0][:2])
    assert prediction.ship[row, col] > 2 * np.median(prediction.ship)
    predictor.detect(prediction)
