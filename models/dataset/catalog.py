"""Static STAC catalogs on disk: the items of a collection and the bands in their files."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.network import BANDS


class DatasetError(ValueError):
    """A catalog or a labels file cannot be used for training and evaluation."""


@dataclass(frozen=True)
class BandFile:
    """One band in a file; reflectance = scale * value + offset."""

    name: str
    href: str
    index: int
    """From 1, as rasterio counts."""
    scale: float
    offset: float
    nodata: float | None
    is_8bit: bool


@dataclass(frozen=True)
class Item:
    """One STAC item: the properties that training needs."""

    id: str
    group: str
    """The port, else the tile, else the item: never split between training and evaluation."""
    datetime: str
    bbox: tuple[float, float, float, float]
    """West, south, east, north in degrees."""
    bands: tuple[BandFile, ...]
    files: Mapping[str, str]
    """The path of each asset, by the asset's name."""


def read_items(catalog: Path, collection: str) -> list[Item]:
    """The items of a collection of a static catalog; DatasetError where a file is no STAC."""
    path = _collection_path(catalog, collection)
    return [_parse_item(item) for item in _links(path, "item")]


def overpasses(items: Sequence[Item]) -> list[list[Item]]:
    """The items grouped by time and group, in the order of their ids."""
    found: dict[tuple[str, str], list[Item]] = {}
    for item in sorted(items, key=lambda item: item.id):
        found.setdefault((item.datetime, item.group), []).append(item)
    return list(found.values())


def instant(text: object) -> datetime | None:
    """The time of an ISO 8601 text, in UTC where it has no zone; None where it is not one."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def read_json(path: Path, expected: str) -> Any:
    """The JSON of a file in any of Unicode's encodings; DatasetError where there is none."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: is not JSON ({error}); expected {expected}") from error


def few(names: Iterable[str]) -> str:
    """The first five names in order and the number of the others, for an error message."""
    found = sorted(set(names))
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return ", ".join(found[:5]) + more


def _read_json(path: Path) -> dict[str, Any]:
    document = read_json(path, "STAC")
    if not isinstance(document, dict):
        raise DatasetError(f"{path}: is a {type(document).__name__}; expected a STAC object")
    return document


@contextmanager
def _as_stac(path: Path) -> Iterator[None]:
    """Raise what a document that is no STAC leads to as DatasetError."""
    try:
        yield
    except DatasetError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DatasetError(
            f"{path}: is not the STAC that was expected ({type(error).__name__}: {error}); check "
            "it with a STAC validator"
        ) from error


def _links(path: Path, rel: str) -> list[Path]:
    """The files that a document links to."""
    with _as_stac(path):
        links = _read_json(path)["links"]
        return [path.parent / link["href"] for link in links if link["rel"] == rel]


def _collection_path(catalog: Path, collection: str) -> Path:
    found = []
    for path in _links(catalog, "child"):
        with _as_stac(path):
            found.append(str(_read_json(path)["id"]))
        if found[-1] == collection:
            return path
    raise DatasetError(f"{catalog}: no collection {collection!r}; there are {', '.join(found)}")


def _parse_item(path: Path) -> Item:
    with _as_stac(path):
        return _item(_read_json(path), path)


def _item(item: dict[str, Any], path: Path) -> Item:
    properties, assets = item["properties"], item["assets"]
    return Item(
        id=item["id"],
        group=properties.get("port") or properties.get("grid:code") or item["id"],
        datetime=properties["datetime"],
        bbox=_bbox(item["bbox"]),
        bands=_choose(band for asset in assets.values() for band in _bands(asset, path)),
        files={name: str(path.parent / asset["href"]) for name, asset in assets.items()},
    )


def _bbox(given: Any) -> tuple[float, float, float, float]:
    """West, south, east, north of a bounding box with or without heights; ValueError else."""
    numbers = [float(number) for number in given]
    if len(numbers) not in (4, 6):
        raise ValueError(f"bbox {given}: expected 4 or 6 numbers")
    half = len(numbers) // 2
    (west, south), (east, north) = numbers[:2], numbers[half : half + 2]
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError(f"bbox {given}: expected west, south, east, north in degrees")
    return west, south, east, north


def _choose(bands: Iterable[BandFile]) -> tuple[BandFile, ...]:
    """One band of each name: reflectance is preferred to 8-bit true colour made from it."""
    chosen: dict[str, BandFile] = {}
    for band in sorted(bands, key=lambda band: band.is_8bit):
        chosen.setdefault(band.name, band)
    return tuple(chosen.values())


def _bands(asset: dict[str, Any], item: Path) -> Iterator[BandFile]:
    described = asset.get("eo:bands") or asset.get("bands") or []
    numbers = asset.get("raster:bands", described) if described else []
    for index, (band, raster) in enumerate(zip(described, numbers, strict=True), start=1):
        name = band.get("common_name") or band.get("eo:common_name") or band.get("name")
        if name in BANDS:
            is_8bit = raster.get("data_type") == "uint8"
            yield BandFile(
                name=name,
                href=str(item.parent / asset["href"]),
                index=index,
                scale=raster.get("scale") or (1 / 255 if is_8bit else 1.0),
                offset=raster.get("offset") or 0.0,
                nodata=raster.get("nodata"),
                is_8bit=is_8bit,
            )
