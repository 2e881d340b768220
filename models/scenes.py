"""Labelled scenes for training and evaluation, read from static STAC catalogs and CSV labels.

Items of one moment at one place are mosaicked to one scene on a 10 m UTM grid: a length in pixels
then is a length on the ground, whatever grid the catalog used.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject, transform, transform_bounds

from models.normalise import BANDS, Image
from models.settings import PIXEL_M


class SceneError(ValueError):
    """A catalog or a labels file is not what training and evaluation need."""


@dataclass(frozen=True)
class Source:
    """Where labelled scenes come from.

    labels: a folder of CSV files or one file, with the columns lon, lat, length_m, width_m,
    heading_mod180_deg, class, confidence and either item or date_utc.
    """

    catalog: Path
    collection: str
    labels: Path


@dataclass(frozen=True)
class Box:
    """One labelled vessel or area, a rotated box; row and column 0.0 = the first pixel's centre."""

    row: float
    col: float
    length_m: float
    beam_m: float
    heading_deg: float
    """0 <= heading < 180, clockwise from the grid's north"""
    kind: str
    confidence: int
    at_edge: bool = False

    @property
    def is_ship(self) -> bool:
        """A vessel that counts as truth."""
        return self.kind == "ship" and self.confidence >= 2 and not self.at_edge

    @property
    def is_doubtful(self) -> bool:
        """Neither a hit nor a miss: what is found or not found here proves nothing."""
        return not self.is_ship and self.kind != "wrong"


@dataclass(frozen=True)
class Scene:
    """One image with its labels."""

    name: str
    group: str
    """what must not be split between training and evaluation: the port"""
    bands: tuple[str, ...]
    image: Image
    """(band, y, x), NaN = no data"""
    boxes: tuple[Box, ...]

    @property
    def ships(self) -> tuple[Box, ...]:
        return tuple(box for box in self.boxes if box.is_ship)


@dataclass(frozen=True)
class _Band:
    name: str
    href: str
    index: int
    scale: float
    offset: float
    nodata: float | None
    is_8bit: bool


@dataclass(frozen=True)
class _Item:
    id: str
    group: str
    datetime: str
    bbox: tuple[float, float, float, float]
    bands: tuple[_Band, ...]


@dataclass(frozen=True)
class _Grid:
    crs: CRS
    transform: Affine
    height: int
    width: int


def read_scenes(source: Source) -> Iterator[Scene]:
    """Every scene of a source that has labels, one at a time, ordered by name."""
    labels = _read_labels(source.labels)
    for items in _overpasses(_read_items(source)):
        rows = _labels_of(labels, items)
        if len(rows):
            yield _read_scene(items, rows)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SceneError(f"{path}: no such file")
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _read_items(source: Source) -> list[_Item]:
    collection = _collection_path(source)
    paths = (collection.parent / href for href in _links(_read_json(collection), "item"))
    return [_parse_item(path) for path in paths]


def _links(document: dict[str, Any], rel: str) -> list[str]:
    return [link["href"] for link in document["links"] if link["rel"] == rel]


def _collection_path(source: Source) -> Path:
    found = []
    for href in _links(_read_json(source.catalog), "child"):
        path = source.catalog.parent / href
        found.append(_read_json(path)["id"])
        if found[-1] == source.collection:
            return path
    raise SceneError(
        f"{source.catalog}: no collection {source.collection!r}; there are {', '.join(found)}"
    )


def _parse_item(path: Path) -> _Item:
    item = _read_json(path)
    properties = item["properties"]
    return _Item(
        id=item["id"],
        group=properties.get("port") or properties.get("grid:code") or item["id"],
        datetime=properties["datetime"],
        bbox=tuple(item["bbox"]),
        bands=_choose(band for asset in item["assets"].values() for band in _bands(asset, path)),
    )


def _choose(bands: Iterable[_Band]) -> tuple[_Band, ...]:
    """One of each name: an item may hold true colour beside the reflectance it was made from."""
    chosen: dict[str, _Band] = {}
    for band in sorted(bands, key=lambda band: band.is_8bit):
        chosen.setdefault(band.name, band)
    return tuple(chosen.values())


def _bands(asset: dict[str, Any], item: Path) -> Iterator[_Band]:
    described = asset.get("eo:bands") or asset.get("bands") or []
    numbers = asset.get("raster:bands", described) if described else []
    for index, (band, raster) in enumerate(zip(described, numbers, strict=True), start=1):
        name = band.get("common_name") or band.get("eo:common_name") or band.get("name")
        if name in BANDS:
            is_8bit = raster.get("data_type") == "uint8"
            yield _Band(
                name=name,
                href=str(item.parent / asset["href"]),
                index=index,
                scale=raster.get("scale") or (1 / 255 if is_8bit else 1.0),
                offset=raster.get("offset") or 0.0,
                nodata=raster.get("nodata"),
                is_8bit=is_8bit,
            )


def _overpasses(items: Sequence[_Item]) -> list[list[_Item]]:
    """The items of one moment at one place, ordered by id."""
    overpasses: dict[tuple[str, str], list[_Item]] = {}
    for item in sorted(items, key=lambda item: item.id):
        overpasses.setdefault((item.datetime, item.group), []).append(item)
    return list(overpasses.values())


def _read_scene(items: Sequence[_Item], rows: pd.DataFrame) -> Scene:
    grid = _utm_grid(items)
    bands = tuple(name for name in BANDS if any(name == b.name for i in items for b in i.bands))
    image = np.full((len(bands), grid.height, grid.width), np.nan, dtype=np.float32)
    for band in (band for item in items for band in item.bands):
        plane = image[bands.index(band.name)]
        np.copyto(plane, _read_band(band, grid), where=np.isnan(plane))
    first = min(items, key=lambda item: item.id)
    # a ship where two items overlap is labelled in both
    rows = rows.drop_duplicates(["lon", "lat"])
    boxes = (_box(row, grid) for row in rows.to_dict("records"))
    inside = tuple(box for box in boxes if _inside(box, grid))
    return Scene(first.id, first.group, bands, image, inside)


def _inside(box: Box, grid: _Grid) -> bool:
    return -0.5 <= box.row < grid.height - 0.5 and -0.5 <= box.col < grid.width - 0.5


def _utm_grid(items: Sequence[_Item]) -> _Grid:
    """The 10 m grid of the local UTM zone that covers the items, on multiples of 10 m."""
    west, south = (min(item.bbox[k] for item in items) for k in (0, 1))
    east, north = (max(item.bbox[k] for item in items) for k in (2, 3))
    zone = int((west + east) / 2 // 6) + 31
    crs = CRS.from_epsg((32600 if south + north > 0 else 32700) + zone)
    bounds = transform_bounds("EPSG:4326", crs, west, south, east, north)
    # a bounding box in degrees is slightly rounded: half a metre must not add a row
    left, bottom = (math.floor((edge + 0.5) / PIXEL_M) * PIXEL_M for edge in bounds[:2])
    right, top = (math.ceil((edge - 0.5) / PIXEL_M) * PIXEL_M for edge in bounds[2:])
    height, width = round((top - bottom) / PIXEL_M), round((right - left) / PIXEL_M)
    return _Grid(crs, Affine(PIXEL_M, 0.0, left, 0.0, -PIXEL_M, top), height, width)


def _read_band(band: _Band, grid: _Grid) -> NDArray[np.float32]:
    """One band on the grid, (y, x); NaN where the file has no data."""
    plane = np.full((grid.height, grid.width), np.nan, dtype=np.float32)
    with rasterio.open(band.href) as dataset:
        values = dataset.read(band.index).astype(np.float32)
        if band.nodata is not None:
            values[_all_bands_equal(dataset, band.nodata)] = np.nan
        on_grid = dataset.crs == grid.crs and dataset.res == (PIXEL_M, PIXEL_M)
        reproject(
            values * band.scale + band.offset,
            plane,
            src_transform=dataset.transform,
            src_crs=dataset.crs,
            dst_transform=grid.transform,
            dst_crs=grid.crs,
            src_nodata=np.nan,
            dst_nodata=np.nan,
            resampling=Resampling.nearest if on_grid else Resampling.cubic,
        )
    return plane


def _all_bands_equal(dataset: Any, nodata: float) -> NDArray[np.bool_]:
    """Where a file has no data: a dark pixel may hold the nodata value in one band, not in all."""
    return np.asarray((dataset.read() == nodata).all(axis=0))


def _read_labels(path: Path) -> pd.DataFrame:
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise SceneError(f"{path}: no CSV files with labels")
    return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)


def _labels_of(labels: pd.DataFrame, items: Sequence[_Item]) -> pd.DataFrame:
    if "item" in labels:
        return labels[labels["item"].isin([item.id for item in items])]
    return labels[labels["date_utc"] == items[0].datetime]


def _box(row: dict[str, Any], grid: _Grid) -> Box:
    """A label row on the grid; its heading is turned from true north to the grid's."""
    lon, lat = float(row["lon"]), float(row["lat"])
    x, y = transform("EPSG:4326", grid.crs, [lon, lon], [lat, lat + 0.001])
    convergence = math.degrees(math.atan2(x[1] - x[0], y[1] - y[0]))
    return Box(
        row=(grid.transform.f - y[0]) / PIXEL_M - 0.5,
        col=(x[0] - grid.transform.c) / PIXEL_M - 0.5,
        length_m=float(row["length_m"]),
        beam_m=float(row["width_m"]),
        heading_deg=(float(row["heading_mod180_deg"]) + convergence) % 180,
        kind=str(row["class"]),
        confidence=int(row["confidence"]),
        at_edge=str(row.get("at_data_edge", False)) == "True",
    )
