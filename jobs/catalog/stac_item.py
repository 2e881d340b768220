"""STAC items as scenes: sensor, bands, scale and offset, projection and facts of an item.

Works on raw item dictionaries: pystac rewrites projection fields when it reads them, and every kind
of catalog has scale, offset and projection in another place. The places are those of the STAC
extensions (projection v1 and v2, raster v1, STAC 1.1 ``bands``) and of the items that Earth Search
(v0, v1, Collection 1) and Planetary Computer answered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias

import shapely
from shapely.errors import ShapelyError

from jobs.catalog.baseline import baseline_key, stated_baseline
from jobs.catalog.footprint import footprint
from jobs.catalog.ground_range import box_around, check_ground_range, shape_on_points
from jobs.catalog.spellings import (
    ASSET_KIND,
    CHECKSUM,
    DATASTRIP,
    ETAG,
    GENERATED,
    GROUND_CONTROL,
    OFFSET_APPLIED,
    PRODUCED,
    PRODUCT,
    TILE,
    TILE_PARTS,
    TOUCHED,
    stated,
)
from jobs.domain import (
    SENSORS,
    WGS84,
    GroundRange,
    Mask,
    OneFile,
    Orbit,
    Scene,
    Sensor,
    Source,
    address_fault,
    is_zarr_array,
    sensor_named,
)
from jobs.errors import InputError

Item: TypeAlias = Mapping[str, Any]
"""A STAC item (or one of its parts) as JSON gives it."""

UNRESOLVED = "berthwatch:unresolved"
"""Key of an asset whose href could not be made absolute: why not."""

Transform: TypeAlias = tuple[float, float, float, float, float, float]
"""Affine coefficients (a, b, c, d, e, f) from (column, row) to (x, y)."""

Raster: TypeAlias = tuple[int, Transform, tuple[int, int]]
"""EPSG code, transform and (rows, columns) of a pixel grid."""

MALFORMED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    ShapelyError,
)
"""What reading an item raises whose values are of another kind than expected."""

_BANDS = ("bands", "eo:bands", "raster:bands")
"""Where an asset describes its bands, in their order in the file."""
_OFFSET_SINCE = (4, 0)
"""First processing baseline whose digital numbers include + 1000 (25 January 2022)."""
MOST_CLOUD = 100.5
"""Per cent: shares of cloud classes add up to a little more than 100."""
LARGEST_SCALE, LARGEST_OFFSET = 0.01, 1.0
"""Reflectance of one step of a file's numbers and of number 0; usual are 0.0001 and -0.1."""
MOST_PIXELS = 10_000_000
"""Along one side of a raster; a global grid of 4 m has as many."""
_SENTINEL_2 = "(?:sentinel[-_]?2|s2)"
"""The constellation's name as platforms and constellations are written, in lower case."""


def sensor_for(item: Item, name: str | None = None) -> Sensor:
    """The sensor of that name, or the one that the item's collection or assets identify.

    Reflectance takes precedence where an item has both it and true colour. Raises InputError,
    listing the sensors, where none is identified.
    """
    if name is not None:
        return sensor_named(name)
    collection = item.get("collection")
    for sensor in SENSORS.values():
        if collection in sensor.collections:
            return sensor
    for sensor in SENSORS.values():
        if _looks_like(sensor, item):
            return sensor
    raise InputError(
        f"cannot identify the sensor of item {item.get('id')!r} (collection {collection!r}, assets "
        f"{', '.join(sorted(_assets(item))) or 'none'}); expected one of {', '.join(SENSORS)}: "
        "name it with `sensor:` in the job's source"
    )


def scene_from_item(item: Item, catalog: str, sensor: Sensor) -> Scene:
    """One item as a Scene of that sensor, with the source of each band and its offset.

    Asset hrefs are taken as they are and must be absolute. Raises InputError when a band, the
    projection or the offset cannot be determined, or a value is of the wrong kind.
    """
    try:
        return _scene(item, catalog, sensor)
    except InputError:
        raise
    except MALFORMED as error:
        raise malformed(item, error) from error


def malformed(item: Item, error: Exception) -> InputError:
    """The error of an item of which a value is of another kind than expected."""
    said = " ".join(str(error).split())[:200]
    return InputError(
        f"item {item.get('id')!r} is malformed ({type(error).__name__}: {said}); "
        "expected a STAC item"
    )


def acquired(item: Item) -> datetime:
    """Time of acquisition, UTC: the item's datetime, or start_datetime where that is null."""
    properties = _mapping(item.get("properties"))
    text = properties.get("datetime") or properties.get("start_datetime")
    if text is None:
        raise InputError(f"item {item.get('id')!r} has neither datetime nor start_datetime")
    return _instant(str(text))


def cloud_cover(item: Item) -> float | None:
    """Cloud cover in per cent, a number or a number as text; None where it is unknown.

    NaN, null, what is no number, and what is no share (-1, 255) are unknown.
    """
    value = _mapping(item.get("properties")).get("eo:cloud_cover")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = _number(value)
    except (ValueError, OverflowError):
        return None
    return None if number is None or not 0 <= number <= MOST_CLOUD else number


def needed_assets(item: Item, sensor: Sensor) -> list[str]:
    """Names of the item's assets that are read of it, as far as it has them: bands, then mask."""
    if sensor.one_file:
        found = [_one_file_of(item, sensor)[1][0]]
    else:
        bands = (_find_band(item, sensor, band) for band in sensor.bands)
        found = [band.asset_name for band in bands if band is not None]
    mask = None if sensor.mask is None else _asset_of(item, sensor.mask.assets)
    return list(dict.fromkeys(found if mask is None else [*found, mask[0]]))


def raster_of(item: Item) -> Raster | None:
    """The item's own raster, or its first asset's that gives all; None where none does."""
    for name, asset in [("", {}), *_assets(item).items()]:
        try:
            return _projection(item, _Band(name, asset, 1, None, {}))
        except (InputError, *MALFORMED):
            continue
    return None


def _looks_like(sensor: Sensor, item: Item) -> bool:
    """Whether platform and assets of an item of an unknown collection identify this sensor."""
    if sensor.only_platforms or not sensor.is_platform(_origin(item)):
        return False
    if sensor.one_file:
        return any(_asset_of(item, file.assets) is not None for file in sensor.one_file)
    return all(_find_band(item, sensor, band) is not None for band in sensor.bands)


def _scene(item: Item, catalog: str, sensor: Sensor) -> Scene:
    _check_platform(item, sensor)
    _check_position(item)
    geometry = item.get("geometry")
    return Scene(
        item_id=str(item["id"]),
        collection=str(item.get("collection") or ""),
        catalog=catalog,
        sensor=sensor.name,
        platform=_platform(item),
        acquired=acquired(item),
        bands=dict(_band_sources(item, sensor)),
        mask=_mask_source(item, sensor),
        cloud_cover=cloud_cover(item),
        geometry=None if geometry is None else footprint(shapely.geometry.shape(geometry)),
        facts=_facts(item),
    )


def _check_platform(item: Item, sensor: Sensor) -> None:
    """Refuse an item of a satellite that the sensor's bands are not those of."""
    named = _mapping(item.get("properties")).get("platform")
    if sensor.only_platforms and not sensor.is_platform(str(named)):
        raise InputError(
            f"item {item.get('id')!r} is of the platform {named!r}, which {sensor.name} does not "
            f"read: {sensor.title}"
        )


def _check_position(item: Item) -> None:
    """Refuse an item whose producer could not place it: its ships would lie at other berths."""
    properties = _mapping(item.get("properties"))
    for spelling in GROUND_CONTROL:
        if properties.get(spelling.key) is False:
            raise InputError(
                f"item {item.get('id')!r} has {spelling.key} false: where it lies is uncertain by "
                "its producer's own account"
            )


def _platform(item: Item) -> str:
    """The satellite as ``sentinel-2b``; of its constellation's name alone where nothing tells."""
    properties = _mapping(item.get("properties"))
    platform = _origin(item).lower().replace(" ", "-")
    if not platform:
        raise InputError(f"item {item.get('id')!r} names no platform; overpasses need one")
    unit = re.fullmatch(rf"(?:copernicus[-_])?{_SENTINEL_2}[-_]?([a-d])", platform)
    if re.fullmatch(_SENTINEL_2, platform):
        products = (*stated(properties, PRODUCT), str(item.get("id", "")))
        unit = next(filter(None, (re.match(r"S2([A-D])_", name) for name in products)), None)
    return platform if unit is None else f"sentinel-2{unit[1].lower()}"


def _origin(item: Item) -> str:
    """The satellite as the item spells it, else its constellation; empty where it names neither.

    One that is called by four hexadecimal digits has its constellation's name before them.
    """
    properties = _mapping(item.get("properties"))
    named = [str(properties[k]) for k in ("platform", "constellation") if properties.get(k)]
    if len(named) == 2 and re.fullmatch(r"[0-9a-f]{4}", named[0].lower()):
        return f"{named[1]}-{named[0]}"
    return named[0] if named else ""


@dataclass(frozen=True)
class _Band:
    """One band of one asset, with the facts that asset and band descriptions give of it."""

    asset_name: str
    asset: Item
    index: int
    common_name: str | None
    facts: Item
    """nodata, data_type, scale, offset, merged from band and asset."""


def _band_sources(item: Item, sensor: Sensor) -> Iterator[tuple[str, Source]]:
    if sensor.one_file:
        yield from _sources_in_one_file(item, sensor)
        return
    if sensor.ground_range is not None:
        check_ground_range(item, sensor, sensor.ground_range)
    for band in sensor.bands:
        found = _find_band(item, sensor, band)
        if found is None:
            raise InputError(
                f"item {item.get('id')!r} has no {band} band for {sensor.name}; found assets "
                f"{', '.join(sorted(_assets(item))) or 'none'}"
            )
        _check_is_described(item, found)
        if sensor.ground_range is None:
            yield band, _source(item, found, _numbers(item, found, sensor))
        else:
            yield band, _source_on_points(item, found, sensor, sensor.ground_range)


def _find_band(item: Item, sensor: Sensor, band: str) -> _Band | None:
    """The band by the asset's name, else by its common name in an asset that is no picture."""
    assets = _assets(item)
    for name in sensor.assets.get(band, ()):
        if name in assets:
            return _band_named(item, _asset_bands(name, assets[name]), band, sensor)
    for name, asset in assets.items():
        for found in _asset_bands(name, asset):
            if found.common_name == band and not _is_picture(found):
                return found
    return None


def _band_named(item: Item, bands: list[_Band], band: str, sensor: Sensor) -> _Band:
    """The band of that name among an asset's; InputError where several are of other names."""
    if len(bands) == 1:
        return bands[0]
    for found in bands:
        if found.common_name == band or found.facts.get("name") in sensor.assets[band]:
            return found
    raise InputError(
        f"asset {bands[0].asset_name!r} of item {item.get('id')!r} describes {len(bands)} bands, "
        f"none of them as {band}; expected one, or `common_name: {band}` beside the right one"
    )


def _asset_bands(name: str, asset: Item) -> list[_Band]:
    """The bands of an asset; one without facts where the item describes none."""
    kinds = [_dicts(asset.get(key)) for key in _BANDS]
    count = max(1, *map(len, kinds))
    return [_asset_band(name, asset, i, [k[i] for k in kinds if i < len(k)]) for i in range(count)]


def _asset_band(name: str, asset: Item, i: int, described: list[Item]) -> _Band:
    merged: dict[str, Any] = {}
    for facts in (asset, *described):
        merged |= {key.removeprefix("raster:"): v for key, v in facts.items() if v is not None}
    common = merged.get("eo:common_name") or merged.get("common_name")
    return _Band(name, asset, i + 1, common, merged)


def _is_picture(band: _Band) -> bool:
    roles = set(band.asset.get("roles") or ())
    eight_bit = band.facts.get("data_type") == "uint8"
    return eight_bit or bool(roles & {"visual", "overview", "thumbnail"})


def _sources_in_one_file(item: Item, sensor: Sensor) -> Iterator[tuple[str, Source]]:
    file, asset = _one_file_of(item, sensor)
    bands = _asset_bands(*asset)
    index = _places_by_common_name(bands)
    if not set(sensor.bands) <= index.keys():
        index = {name: number for number, name in enumerate(file.bands, start=1)}
        _check_band_count(item, *asset, len(index))
    for name in sensor.bands:
        own = bands[index[name] - 1] if index[name] <= len(bands) else bands[0]
        band = _Band(*asset, index[name], name, own.facts)
        yield name, _source(item, band, _numbers(item, band, sensor))


def _one_file_of(item: Item, sensor: Sensor) -> tuple[OneFile, tuple[str, Item]]:
    """The first of the sensor's files that the item has, with its asset."""
    for file in sensor.one_file:
        found = _asset_of(item, file.assets)
        if found is not None:
            return file, found
    names = " or ".join(f"`{file.assets[0]}`" for file in sensor.one_file)
    raise InputError(
        f"item {item.get('id')!r} has no asset {names} for {sensor.name}; found assets "
        f"{', '.join(sorted(_assets(item))) or 'none'}"
    )


def _places_by_common_name(bands: list[_Band]) -> dict[str, int]:
    """Bands of a file by a common name that one of them has alone."""
    names = [band.common_name for band in bands]
    return {
        band.common_name: band.index
        for band in bands
        if band.common_name is not None and names.count(band.common_name) == 1
    }


def _asset_of(item: Item, names: tuple[str, ...]) -> tuple[str, Item] | None:
    """Name and asset of the first of these that the item has, by its key or as its kind."""
    assets = _assets(item)
    kinds = {kind: name for name in reversed(assets) for kind in stated(assets[name], ASSET_KIND)}
    for name in names:
        found = name if name in assets else kinds.get(name)
        if found is not None:
            return found, assets[found]
    return None


def _mask_source(item: Item, sensor: Sensor) -> Source | None:
    found = None if sensor.mask is None else _asset_of(item, sensor.mask.assets)
    if found is None or sensor.mask is None:
        return None
    if sensor.mask.bands:
        _check_band_count(item, *found, max(band.number for band in sensor.mask.bands))
    band = _asset_bands(*found)[0]
    return _source(item, band, _numbers_of_mask(band, sensor.mask))


def _check_band_count(item: Item, name: str, asset: Item, needed: int) -> None:
    """Refuse an asset that is described with fewer bands than are read."""
    count = max(len(_dicts(asset.get(key))) for key in _BANDS)
    if 0 < count < needed:
        raise InputError(
            f"asset {name!r} of item {item.get('id')!r} is described with {count} of {needed} "
            "bands: the job's source names another sensor than the catalog's files are of"
        )


def _check_is_described(item: Item, band: _Band) -> None:
    """Refuse a band behind those that ``raster:bands`` describes: its scale would be guessed."""
    count = len(_dicts(band.asset.get("raster:bands")))
    if 0 < count < band.index:
        raise InputError(
            f"asset {band.asset_name!r} of item {item.get('id')!r} has {count} raster:bands, "
            f"none for its band {band.index}; expected one for each"
        )


def _check_data_type(item: Item, band: _Band, dtypes: tuple[str, ...]) -> None:
    """Refuse a declared sample type that the tile stage cannot read, overpass by overpass."""
    declared = band.facts.get("data_type")
    if declared is not None and declared not in dtypes:
        raise InputError(
            f"asset {band.asset_name!r} of item {item.get('id')!r} holds {declared} samples, "
            f"expected {' or '.join(dtypes)}: the job's source names another sensor than the "
            "catalog's files are of"
        )


@dataclass(frozen=True)
class _Numbers:
    """What the numbers of a band's file mean."""

    dtypes: tuple[str, ...]
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    nodata_assumed: bool = False


def _numbers(item: Item, band: _Band, sensor: Sensor) -> _Numbers:
    if sensor.encoding.dtype == "uint8":  # a picture, whatever is declared of its numbers
        scale, offset = sensor.scale, 0.0
    elif sensor.is_radar:
        scale, offset = _linear_power(item, band)
    else:
        scale, offset = _scale_and_offset(item, band, sensor)
    return _Numbers(sensor.dtypes, scale, offset, *_nodata(band, offset, sensor))


def _numbers_of_mask(band: _Band, mask: Mask) -> _Numbers:
    """Of a mask whose 0 is a class no value is no data, whatever is declared."""
    if not mask.zero_is_nodata:
        return _Numbers(mask.dtypes)
    if "nodata" in band.facts:
        return _Numbers(mask.dtypes, nodata=_number(band.facts["nodata"]))
    nodata = 0.0 if _is_silent(band) else None
    return _Numbers(mask.dtypes, nodata=nodata, nodata_assumed=nodata is not None)


def _source(item: Item, band: _Band, numbers: _Numbers) -> Source:
    epsg, transform, shape = _projection(item, band)
    _check_data_type(item, band, numbers.dtypes)
    _check_nodata(item, band, numbers.nodata, numbers.dtypes)
    href, index, facts = _href(item, band), band.index, _facts_of_file(band.asset)
    if "zarr" in str(band.asset.get("type") or "").lower():
        # what an item says of a store is of no single file
        href, index, facts = _array_address(item, band, href), 1, {}
    return Source(
        href=href,
        index=index,
        epsg=epsg,
        transform=transform,
        shape=shape,
        scale=numbers.scale,
        offset=numbers.offset,
        nodata=numbers.nodata,
        nodata_assumed=numbers.nodata_assumed,
        **facts,
    )


def _source_on_points(item: Item, band: _Band, sensor: Sensor, product: GroundRange) -> Source:
    """A file on ground control points, whose numbers are a radar's amplitudes."""
    numbers = _Numbers(sensor.dtypes, 1.0, 0.0, *_nodata(band, 0.0, sensor))
    _check_data_type(item, band, numbers.dtypes)
    if numbers.nodata != sensor.nodata:
        raise InputError(
            f"asset {band.asset_name!r} of item {item.get('id')!r} declares the no-data value "
            f"{numbers.nodata}; expected {sensor.nodata:g}, as products in ground range have it"
        )
    shape = shape_on_points(item, band.asset)
    return Source(
        href=_href(item, band),
        index=band.index,
        epsg=WGS84,
        transform=box_around(item, shape),
        shape=shape,
        nodata=numbers.nodata,
        nodata_assumed=numbers.nodata_assumed,
        calibration=_table(item, product.calibration, band),
        noise=_table(item, product.noise, band),
        **_facts_of_file(band.asset),
    )


def _table(item: Item, pattern: str, band: _Band) -> str:
    """Address of the table of a band, in the asset that the pattern names."""
    name, assets = pattern.format(band=band.asset_name.lower()), _assets(item)
    if name not in assets:
        raise InputError(
            f"item {item.get('id')!r} has no asset {name!r}, without which its numbers are no "
            f"backscatter; found assets {', '.join(sorted(assets)) or 'none'}"
        )
    return _href(item, _Band(name, assets[name], 1, None, {}))


def _facts_of_file(asset: Item) -> dict[str, Any]:
    """Checksum, size and ETag of the whole file, None where the asset does not say it."""
    size = asset.get("file:size")
    return {
        "checksum": next(stated(asset, CHECKSUM), None),
        "size_bytes": None if size is None else int(size),
        "etag": _etag(asset),
    }


def _etag(asset: Item) -> str | None:
    """The asset's ETag without its quotes and the mark of a weak one."""
    given = next(stated(asset, ETAG), None)
    return None if given is None else given.removeprefix("W/").strip('"')


def _href(item: Item, band: _Band) -> str:
    href = band.asset.get("href")
    where = f"asset {band.asset_name!r} of item {item.get('id')!r}"
    if not href or not isinstance(href, str):
        raise InputError(f"{where} has no href")
    fault = band.asset.get(UNRESOLVED) or address_fault(href)
    if fault:
        raise InputError(f"{where} has the address {href!r}, where no file can be read: {fault}")
    return href


def _array_address(item: Item, band: _Band, href: str) -> str:
    """Of a band's array; in a group it is named as the band is, or the asset, in small letters."""
    name = str(band.facts.get("name") or band.asset_name).partition("_")[0].lower()
    if "dataset" in (band.asset.get("roles") or ()):
        href = f"{href.rstrip('/')}/{name}"
    if not is_zarr_array(href):
        raise InputError(
            f"asset {band.asset_name!r} of item {item.get('id')!r} is Zarr at the address "
            f"{band.asset.get('href')!r}; expected an array of a store whose name ends in .zarr, "
            "as in store.zarr/measurements/reflectance/r10m/b02"
        )
    return href


def _nodata(band: _Band, offset: float, sensor: Sensor) -> tuple[float | None, bool]:
    """The no-data value, and whether it is assumed: the sensor's, of an item that is silent.

    Of Sentinel-2's reflectance it is assumed where the item says nothing of its numbers, or where
    they begin at an offset: no measured pixel reflects less than nothing by the whole of it.
    """
    if "nodata" in band.facts:
        return _number(band.facts["nodata"]), False
    if sensor.by_baseline and not (_is_silent(band) or offset < 0):
        return None, False
    return sensor.nodata, sensor.nodata is not None


def _is_silent(band: _Band) -> bool:
    """Whether the item says nothing of the band's numbers."""
    return not {"data_type", "scale"} & band.facts.keys()


_LARGEST = {"uint8": 255, "uint16": 65_535}


def _check_nodata(item: Item, band: _Band, nodata: float | None, dtypes: tuple[str, ...]) -> None:
    """Refuse a no-data value that no sample can have: which pixels do not exist is then unknown."""
    declared = band.facts.get("data_type")
    if not set(dtypes) <= _LARGEST.keys():
        return  # a float can have any
    largest = max(_LARGEST[each] for each in ((declared,) if declared in dtypes else dtypes))
    if nodata is not None and not (nodata.is_integer() and 0 <= nodata <= largest):
        raise InputError(
            f"asset {band.asset_name!r} of item {item.get('id')!r} declares the no-data value "
            f"{nodata:g}, which no {declared or ' or '.join(dtypes)} sample can have: report it to "
            "the catalog's keeper"
        )


def _scale_and_offset(item: Item, band: _Band, sensor: Sensor) -> tuple[float, float]:
    """Scale and offset of reflectance = number * scale + offset, the offset applied exactly once.

    The item's date is no criterion: old dates are reprocessed with new baselines. A flag that the
    offset is already in the numbers takes precedence over a declared offset (Earth Search v1
    declares both), a declared offset over the rule by baseline.
    """
    scale, offset = _declared_or_usual(item, band, sensor)
    if not (math.isfinite(scale) and math.isfinite(offset) and scale > 0):
        raise InputError(
            f"asset {band.asset_name!r} of item {item.get('id')!r} has scale {scale} and offset "
            f"{offset}; expected a positive and a finite number"
        )
    if scale > LARGEST_SCALE or abs(offset) > LARGEST_OFFSET:
        raise InputError(
            f"asset {band.asset_name!r} of item {item.get('id')!r} has scale {scale:g} and offset "
            f"{offset:g}, which make no reflectance; expected such as 0.0001 and -0.1 (not the "
            "quantification value 10000, nor -1000 in digital numbers): report it to the "
            "catalog's keeper"
        )
    return scale, offset


def _linear_power(item: Item, band: _Band) -> tuple[float, float]:
    """Scale and offset of a radar's numbers, which are its power already; InputError for others."""
    scale, offset = float(band.facts.get("scale", 1)), float(band.facts.get("offset", 0))
    unit = str(band.facts.get("unit", "1"))
    if (scale, offset) != (1.0, 0.0) or "db" in unit.lower():
        raise InputError(
            f"asset {band.asset_name!r} of item {item.get('id')!r} has scale {scale:g}, offset "
            f"{offset:g} and unit {unit!r}; expected linear power as it is, as of gamma nought in "
            "Planetary Computer's sentinel-1-rtc"
        )
    return scale, offset


def _declared_or_usual(item: Item, band: _Band, sensor: Sensor) -> tuple[float, float]:
    scale = float(band.facts.get("scale", sensor.scale))
    if sensor.by_baseline and _offset_is_applied(item):
        return scale, 0.0
    if "offset" in band.facts:
        return scale, float(band.facts["offset"])
    if "scale" in band.facts:
        return scale, 0.0  # the raster extension: an offset not given is 0
    if not sensor.by_baseline:
        return scale, sensor.offset
    return scale, -0.1 if _baseline(item) >= _OFFSET_SINCE else 0.0


def _offset_is_applied(item: Item) -> bool:
    """Whether a flag says that the offset is in the numbers already; as text or 0 and 1 too.

    InputError for a flag that says neither: the offset would be applied twice, or not at all.
    """
    properties = _mapping(item.get("properties"))
    answers = set()
    for flag in OFFSET_APPLIED:
        value = properties.get(flag.key)
        answer = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
        if value in (None, ""):
            continue
        if str(value).strip().lower() not in answer:
            raise InputError(
                f"item {item.get('id')!r} has {flag.key} {value!r}; expected true or false: "
                "whether 1000 is to be subtracted is unknown"
            )
        answers.add(answer[str(value).strip().lower()])
    return True in answers


def _baseline(item: Item) -> tuple[int, int]:
    text = stated_baseline(item)
    key = (0, 0) if text is None else baseline_key(text)
    if text is None or key < (0, 0):
        found = "none" if text is None else f"a toolbox's baseline, {text}"
        raise InputError(
            f"item {item.get('id')!r} gives neither an offset nor an operational baseline "
            f"({found}): whether 1000 is to be subtracted is unknown; expected raster:bands or "
            "s2:processing_baseline"
        )
    return key


def _projection(item: Item, band: _Band) -> tuple[int, Transform, tuple[int, int]]:
    """EPSG, transform and (rows, columns) of a band: the asset's, else the item's."""
    own, shared = band.asset, _mapping(item.get("properties"))
    where = f"asset {band.asset_name!r} of item {item.get('id')!r}"
    epsg = _epsg(own, shared, where)
    shape = own.get("proj:shape") or shared.get("proj:shape")
    transform = own.get("proj:transform")
    if transform is None and _describes(shared, shape):
        transform = shared.get("proj:transform")
    bbox = own.get("proj:bbox") or shared.get("proj:bbox")
    if shape is None or len(shape) != 2:
        raise InputError(f"{where} has no proj:shape of two numbers; its grid is unknown")
    rows, columns = int(shape[0]), int(shape[1])
    if not (0 < rows <= MOST_PIXELS and 0 < columns <= MOST_PIXELS):
        raise InputError(f"{where} has a proj:shape of {shape}; expected rows and columns")
    if transform is None:
        return epsg, _transform_of_bbox(bbox, rows, columns, where), (rows, columns)
    return epsg, _north_up(transform, where), (rows, columns)


def _describes(shared: Item, shape: Any) -> bool:
    """Whether the item's transform is that of a raster of this shape, not of a finer band."""
    return shared.get("proj:shape") in (None, shape)


def _epsg(own: Item, shared: Item, where: str) -> int:
    """The EPSG code of the asset, else of the item; what is no code is passed over.

    Raises InputError where there is none, and where one place gives two.
    """
    bad: list[object] = []
    for place in (own, shared):
        given = [place[k] for k in ("proj:code", "proj:epsg") if place.get(k) is not None]
        codes = {code for code in map(_epsg_code, given) if code is not None}
        if len(codes) > 1:
            raise InputError(
                f"{where} has proj:code {given[0]!r} beside proj:epsg {given[1]!r}; expected one"
            )
        if codes:
            return codes.pop()
        bad += given
    if bad:
        raise InputError(
            f"{where} has projection {bad[0]!r}, which is not in the EPSG registry; expected "
            "EPSG:<number>"
        )
    raise InputError(f"{where} has neither proj:code nor proj:epsg; it cannot be placed")


def _epsg_code(value: object) -> int | None:
    """The registered code that a value spells: ``EPSG:32653``, 32653, 32653.0; else None."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    match = re.fullmatch(r"(?:EPSG:)?(\d+)(?:\.0+)?", str(value), re.IGNORECASE)
    return int(match[1]) if match is not None and _is_epsg(int(match[1])) else None


@cache
def _is_epsg(number: int) -> bool:
    from pyproj import CRS  # takes longer to load than most of what `status` does
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_epsg(number).to_epsg() is not None
    except CRSError:
        return False


def _transform_of_bbox(bbox: Any, rows: int, columns: int, where: str) -> Transform:
    if bbox is None or len(bbox) != 4:
        raise InputError(
            f"{where} has no proj:transform, and no proj:bbox to compute it from; "
            "expected the affine transform of the pixel grid"
        )
    left, bottom, right, top = map(float, bbox)
    if not (all(map(math.isfinite, bbox)) and left < right and bottom < top):
        raise InputError(f"{where} has a proj:bbox of {bbox}; expected left, bottom, right, top")
    return ((right - left) / columns, 0.0, left, 0.0, (bottom - top) / rows, top)


def _north_up(values: Any, where: str) -> Transform:
    """The first six numbers of a transform of 6 or 9, checked to be north-up."""
    if len(values) not in (6, 9):
        raise InputError(f"{where} has a proj:transform of {len(values)} numbers; expected 6 or 9")
    a, b, c, d, e, f = (float(v) for v in values[:6])
    if not (a > 0 > e and b == d == 0 and all(map(math.isfinite, (a, c, e, f)))):
        raise InputError(f"{where} has a rotated or flipped grid {values[:6]}; expected north-up")
    return (a, b, c, d, e, f)


def _facts(item: Item) -> dict[str, str]:
    """The scene's facts; those that the item does not give are left out.

    ``updated`` is left out too where the time of production is given, which tells more: so a
    catalog that rewrites its items changes no plan.
    """
    properties = _mapping(item.get("properties"))
    generated = next(stated(properties, GENERATED), None)
    strip = _strip_start(properties)
    produced = next(stated(properties, PRODUCED), None)
    touched = next(stated(properties, TOUCHED), None)
    facts = {
        "processing_baseline": stated_baseline(item),
        "produced": None if produced is None else _as_instant(produced),
        "updated": None if produced or touched is None else _as_instant(touched),
        "generated": None if generated is None else _instant(generated).isoformat(),
        "sensing_start": None if strip is None else strip.isoformat(timespec="seconds"),
        "tile": _tile(properties),
        "orbit": _orbit(properties),
    }
    return {key: value for key, value in facts.items() if value is not None}


def _strip_start(properties: Item) -> datetime | None:
    """Start of the data strip, to the second; None where no strip is named."""
    for name in stated(properties, DATASTRIP):
        match = re.search(r"_S(\d{8}T\d{6})(?=_|\.|$)", name.upper())
        if match is not None:
            return _instant(match[1])
    return None


def _orbit(properties: Item) -> str | None:
    """From where a radar looked, as ``Orbit`` spells it; None where the item does not tell all."""
    direction, relative = properties.get("sat:orbit_state"), properties.get("sat:relative_orbit")
    side = properties.get("sar:observation_direction")
    if direction not in ("ascending", "descending") or side not in ("right", "left"):
        return None
    if isinstance(relative, bool) or not isinstance(relative, int | float | str):
        return None
    number = _number(relative)
    return None if number is None else str(Orbit(direction, int(number), side))


def _tile(properties: Item) -> str | None:
    """Name of the MGRS tile as ``05QKB``: two digits of the zone, band and square."""
    for name in stated(properties, TILE):
        return _two_digits(re.sub(r"^(MGRS-)?T?", "", name))
    for keys in TILE_PARTS:
        parts = list(stated(properties, keys))
        if len(parts) == len(keys):
            return _two_digits("".join(parts))
    return None


def _two_digits(tile: str) -> str:
    return f"0{tile}" if re.match(r"\d\D", tile) else tile


def _as_instant(text: str) -> str:
    """A time in one spelling, to be compared; what is no time stays as it is."""
    try:
        return _instant(text).isoformat()
    except InputError:
        return text


def _instant(text: str) -> datetime:
    """An RFC 3339 time as UTC; a time without zone is taken as UTC, as STAC requires."""
    try:
        moment = datetime.fromisoformat(text.upper())  # RFC 3339 allows t and z
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a time; expected such as 2024-03-01T02:15:07Z"
        ) from error
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _mapping(value: Any) -> Item:
    return value if isinstance(value, Mapping) else {}


def _dicts(value: Any) -> list[Item]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def _assets(item: Item) -> dict[str, Item]:
    """The item's assets; stac-geoparquet has nulls for names that only other items have."""
    assets = _mapping(item.get("assets"))
    return {name: asset for name, asset in assets.items() if isinstance(asset, Mapping)}


def _number(value: Any) -> float | None:
    """A finite number; None for null and for NaN, which some writers use for null."""
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else None
