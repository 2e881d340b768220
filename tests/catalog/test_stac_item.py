from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from jobs.catalog.spellings import DATASTRIP
from jobs.catalog.stac_item import scene_from_item, sensor_for
from jobs.domain import Quality
from jobs.domain.sensors import SENSORS
from jobs.errors import InputError
from tests.support.places import STAC_ITEMS

L2A = SENSORS["sentinel-2-l2a"]
VISUAL = SENSORS["sentinel-2-visual"]


def recorded(name: str, number: int = 0) -> dict[str, Any]:
    text = (STAC_ITEMS / f"{name}.json").read_text(encoding="utf-8")
    item: dict[str, Any] = json.loads(text)["features"][number]
    return item


def earth_search_v0() -> dict[str, Any]:
    return recorded("earth-search_v0__sentinel-s2-l2a-cogs")


def earth_search_v1() -> dict[str, Any]:
    return recorded("earth-search_v1__sentinel-2-l2a")


def collection_1() -> dict[str, Any]:
    return recorded("earth-search_v1__sentinel-2-c1-l2a")


def planetary_computer() -> dict[str, Any]:
    return recorded("planetary-computer__sentinel-2-l2a")


def generic() -> dict[str, Any]:
    """A collection of one's own, as s2-ports: projection v2 at the item, numbers / 65535."""
    bands = {"b": "blue", "g": "green", "r": "red", "n": "nir"}
    values = {"data_type": "uint16", "scale": 1 / 65535, "offset": 0.0}
    return {
        "id": "port_20230821",
        "collection": "my-own",
        "geometry": None,
        "bbox": [30.9, -29.9, 31.1, -29.8],
        "properties": {
            "datetime": "2023-08-21T00:00:00Z",
            "platform": "Sentinel-2",
            "proj:code": "EPSG:3857",
            "proj:shape": [1038, 1334],
            "proj:transform": [9.998, 0.0, 3447023.28, 0.0, -9.996, -3482757.7],
        },
        "assets": {
            key: {
                "href": f"/d/{key}.tif",
                "eo:bands": [{"common_name": name}],
                "raster:bands": [dict(values)],
            }
            for key, name in bands.items()
        },
    }


def stac_1_1() -> dict[str, Any]:
    """STAC 1.1: common ``bands``, values in ``raster:scale``, nodata beside the bands."""
    item = generic()
    for asset in item["assets"].values():
        name = asset.pop("eo:bands")[0]["common_name"]
        del asset["raster:bands"]
        asset["bands"] = [{"eo:common_name": name, "raster:scale": 2e-4, "raster:offset": -0.2}]
        asset["nodata"] = 0
        asset["data_type"] = "uint16"
    return item


def tiles() -> dict[str, Any]:
    """8-bit true colour alone, as the fixed tiles of s2-vancouver."""
    item = generic()
    names = ("red", "green", "blue")
    item["assets"] = {
        "visual": {
            "href": "/d/visual.tif",
            "eo:bands": [{"common_name": name} for name in names],
            "raster:bands": [{"data_type": "uint8", "nodata": 0}] * 3,
        }
    }
    return item


def scene(item: dict[str, Any], name: str | None = None) -> Any:
    return scene_from_item(item, "the catalog", sensor_for(item, name))


# --- scale and offset: the numbers of each flavour, at digital number 1,400 ---------------------


@pytest.mark.parametrize(
    ("item", "reflectance"),
    [
        (earth_search_v0(), 0.14),  # offset applied already, says sentinel:boa_offset_applied
        (earth_search_v1(), 0.14),  # declares -0.1 and says it is applied
        (collection_1(), 0.04),  # declares -0.1
        (planetary_computer(), 0.14),  # baseline 02.12, nothing declared
        (generic(), 1400 / 65535),
        (stac_1_1(), 0.08),
    ],
    ids=["es-v0", "es-v1", "es-c1", "pc", "generic", "stac-1.1"],
)
def test_reflectance_of_every_flavour(item: dict[str, Any], reflectance: float) -> None:
    bands = scene(item).bands
    assert list(bands) == ["blue", "green", "red", "nir"]
    for source in bands.values():
        assert 1400 * source.scale + source.offset == pytest.approx(reflectance)


def test_earth_search_without_the_flag_applies_what_it_declares() -> None:
    item = earth_search_v1()
    item["properties"]["earthsearch:boa_offset_applied"] = False
    assert scene(item).bands["red"].offset == -0.1


@pytest.mark.parametrize(
    ("date", "baseline", "offset"),
    [
        ("2022-01-24T23:59:59Z", "03.01", 0.0),
        ("2022-01-25T00:00:01Z", "04.00", -0.1),
        ("2022-01-25T00:00:01Z", "03.01", 0.0),
        ("2018-06-01T10:00:00Z", "05.00", -0.1),  # an old date, processed again
        ("2024-06-01T10:00:00Z", "05.10", -0.1),
        ("2019-01-01T10:00:00Z", "02.12", 0.0),
        ("2030-01-01T10:00:00Z", "10.00", -0.1),  # by number, not by text
    ],
)
def test_planetary_computer_is_judged_by_baseline_never_by_date(
    date: str, baseline: str, offset: float
) -> None:
    item = planetary_computer()
    item["properties"] |= {"datetime": date, "s2:processing_baseline": baseline}
    assert scene(item).bands["blue"].offset == offset


def test_the_baseline_may_stand_in_the_product_name_alone() -> None:
    item = planetary_computer()
    del item["properties"]["s2:processing_baseline"]
    assert scene(item).bands["red"].offset == 0.0
    item["properties"]["s2:product_uri"] = "S2A_MSIL2A_20240101T000001_N0510_R116_T60VUK_x.SAFE"
    assert scene(item).bands["red"].offset == -0.1


def test_an_offset_that_cannot_be_told_is_refused_not_guessed() -> None:
    item = planetary_computer()
    del item["properties"]["s2:processing_baseline"]
    del item["properties"]["s2:product_uri"]
    with pytest.raises(InputError, match="1000 is to be subtracted"):
        scene(item)


def test_v0_without_the_flag_is_judged_by_baseline() -> None:
    item = earth_search_v0()
    item["properties"]["sentinel:boa_offset_applied"] = False
    assert scene(item).bands["red"].offset == -0.1


def test_collection_1_numbers_survive_the_encoding_exactly() -> None:
    source = scene(collection_1()).bands["red"]
    numbers = np.arange(1, 12_000, dtype=np.uint16)
    physical = numbers.astype(np.float64) * source.scale + source.offset
    assert (L2A.encoding.encode(physical) == numbers).all()


def test_true_colour_numbers_survive_the_encoding_exactly() -> None:
    source = scene(tiles()).bands["red"]
    numbers = np.arange(1, 256, dtype=np.uint8)
    physical = numbers * source.scale + source.offset
    assert (VISUAL.encoding.encode(physical) == numbers).all()
    assert VISUAL.encoding.encode(np.array([np.nan])) == 0


# --- which sensor -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (earth_search_v0(), L2A.name),
        (earth_search_v1(), L2A.name),
        (collection_1(), L2A.name),
        (planetary_computer(), L2A.name),
        (generic(), L2A.name),
        (stac_1_1(), L2A.name),
        (tiles(), VISUAL.name),
    ],
)
def test_sensor_is_told_by_collection_or_assets(item: dict[str, Any], name: str) -> None:
    assert sensor_for(item).name == name


def test_a_named_sensor_wins() -> None:
    assert sensor_for(earth_search_v1(), "sentinel-2-visual") is VISUAL


def test_an_unknown_sensor_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'sentinel-2-visual'"):
        sensor_for(tiles(), "sentinel-2-visible")


def test_another_satellite_is_not_taken_for_sentinel_2() -> None:
    another = generic()
    another["properties"]["platform"] = "my-sat"
    with pytest.raises(InputError, match=r"sentinel-2-l2a, .*sentinel-2-visual"):
        sensor_for(another)
    disguised = generic()
    disguised["properties"]["platform"] = "landsat-8"
    with pytest.raises(InputError, match="cannot identify the sensor"):
        sensor_for(disguised)


def test_reflectance_never_comes_from_a_picture() -> None:
    item = generic()
    picture = tiles()["assets"]["visual"]
    item["assets"] = {"preview-8bit": picture} | item["assets"]
    assert scene(item).bands["red"].href == "/d/r.tif"


def test_narrow_infrared_is_not_taken_for_nir() -> None:
    item = earth_search_v1()
    del item["assets"]["nir"]
    with pytest.raises(InputError, match="no nir band"):
        scene(item)


# --- pixels: where and in which file ------------------------------------------------------------


def test_visual_bands_are_three_of_one_file() -> None:
    bands = scene(earth_search_v1(), "sentinel-2-visual").bands
    assert {name: source.index for name, source in bands.items()} == {
        "blue": 3,
        "green": 2,
        "red": 1,
    }
    assert len({source.href for source in bands.values()}) == 1
    assert {(source.scale, source.offset, source.nodata) for source in bands.values()} == {
        (1 / 255, 0.0, 0.0)
    }


def test_visual_bands_follow_what_the_item_says() -> None:
    item = tiles()
    item["assets"]["visual"]["eo:bands"].reverse()
    assert scene(item).bands["blue"].index == 1


def test_bands_of_one_file_are_told_by_common_name() -> None:
    item = generic()
    raster = {"data_type": "uint16", "scale": 1e-4, "offset": 0.0}
    names = ("nir", "red", "green", "blue")
    item["assets"] = {
        "image": {
            "href": "/d/image.tif",
            "eo:bands": [{"common_name": name} for name in names],
            "raster:bands": [raster | {"scale": 1e-4 * (i + 1)} for i in range(4)],
        }
    }
    red = scene(item).bands["red"]
    assert (red.index, red.scale) == (2, 2e-4)


def test_collection_1_is_pinned_with_size_and_checksum() -> None:
    source = scene(collection_1()).bands["red"]
    assert source.size_bytes == 22_232_203
    assert source.checksum is not None
    assert source.checksum.startswith("1220")
    assert source.nodata == 0.0


def test_nodata_that_a_catalog_does_not_declare_is_not_invented() -> None:
    assert scene(generic()).bands["red"].nodata is None
    assert scene(planetary_computer()).bands["red"].nodata == 0.0  # says nothing of its values


@pytest.mark.parametrize(
    ("stated", "nodata", "assumed"),
    [({}, 0.0, True), ({"nodata": None}, 0.0, True), ({"nodata": 65535}, 65535.0, False)],
)
def test_zero_is_no_measurement_where_numbers_begin_at_an_offset(
    stated: dict[str, Any], nodata: float, assumed: bool
) -> None:
    item = generic()
    values = {"data_type": "uint16", "scale": 1e-4, "offset": -0.1}
    for asset in item["assets"].values():
        asset["raster:bands"] = [values | stated]
    red = scene(item).bands["red"]
    assert (red.nodata, red.nodata_assumed) == (nodata, assumed)


def test_nine_numbers_and_item_level_projection() -> None:
    source = scene(earth_search_v0()).bands["red"]
    assert source.transform == (10.0, 0.0, 600000.0, 0.0, -10.0, 3300040.0)
    assert (source.epsg, source.shape) == (32720, (10980, 10980))


def test_what_the_asset_says_of_its_projection_beats_the_item() -> None:
    item = generic()
    own = {"proj:epsg": 32735, "proj:shape": [5, 6], "proj:transform": [20, 0, 0, 0, -20, 90]}
    item["assets"]["r"] |= own
    bands = scene(item).bands
    assert (bands["red"].epsg, bands["red"].shape) == (32735, (5, 6))
    assert bands["red"].transform == (20.0, 0.0, 0.0, 0.0, -20.0, 90.0)
    assert bands["blue"].epsg == 3857


def test_a_coarser_asset_does_not_take_the_items_transform() -> None:
    item = generic()
    item["properties"]["proj:bbox"] = [0.0, 0.0, 13340.0, 10380.0]
    item["assets"]["scl"] = {"href": "/d/scl.tif", "proj:shape": [519, 667]}
    assert scene(item).mask.transform == (20.0, 0.0, 0.0, 0.0, -20.0, 10380.0)


def test_transform_from_bbox_and_shape() -> None:
    item = generic()
    del item["properties"]["proj:transform"]
    item["properties"] |= {"proj:bbox": [100.0, 0.0, 13440.0, 10380.0]}
    assert scene(item).bands["red"].transform == (10.0, 0.0, 100.0, 0.0, -10.0, 10380.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"proj:transform": None}, "proj:transform"),
        ({"proj:shape": None}, "proj:shape"),
        ({"proj:code": None}, "proj:code"),
        ({"proj:code": "IAU_2015:30100"}, "IAU_2015"),
        ({"proj:code": "EPSG:999999"}, "not in the EPSG registry"),
        ({"proj:transform": [10, 1, 0, 1, -10, 0]}, "rotated"),
        ({"proj:transform": [10, 0, 0]}, "3 numbers"),
        ({"platform": None}, "platform"),
        ({"datetime": None}, "datetime"),
        ({"datetime": "yesterday"}, "yesterday"),
        ({"proj:shape": [0, 10]}, r"proj:shape of \[0, 10\]"),
        ({"proj:shape": [10, 10**400]}, "expected rows and columns"),
        ({"proj:shape": [10, float("inf")]}, "malformed"),
        ({"proj:transform": [10, 0, float("nan"), 0, -10, 0]}, "rotated"),
        ({"proj:transform": None, "proj:bbox": [5, 0, 1, 1]}, "left, bottom, right, top"),
        ({"proj:transform": None, "proj:bbox": [0, 0, float("nan"), 1]}, "left, bottom"),
    ],
)
def test_items_that_cannot_be_placed_are_refused(change: dict[str, Any], words: str) -> None:
    item = generic()
    item["properties"] |= change
    with pytest.raises(InputError, match=words):
        scene(item, "sentinel-2-l2a")


@pytest.mark.parametrize(
    ("written", "offset"),
    [(True, 0.0), ("true", 0.0), ("True", 0.0), (1, 0.0), (False, -0.1), ("false", -0.1)],
)
def test_the_offset_is_applied_once_however_the_flag_is_written(
    written: object, offset: float
) -> None:
    item = generic()
    for asset in item["assets"].values():
        asset["raster:bands"] = [{"scale": 1e-4, "offset": -0.1}]
    item["properties"]["earthsearch:boa_offset_applied"] = written
    assert scene(item).bands["red"].offset == offset


def test_a_flag_that_says_neither_is_refused() -> None:
    item = generic()
    item["properties"]["earthsearch:boa_offset_applied"] = "partly"
    with pytest.raises(InputError, match="expected true or false"):
        scene(item)


@pytest.mark.parametrize(("scale", "offset"), [(10000, 0), (1, 0), (1e-4, -1000), (1, -1000)])
def test_numbers_that_make_no_reflectance_are_refused(scale: float, offset: float) -> None:
    item = generic()
    item["assets"]["r"]["raster:bands"] = [{"scale": scale, "offset": offset}]
    with pytest.raises(InputError, match="make no reflectance"):
        scene(item)


@pytest.mark.parametrize("value", [float("nan"), 0, -1e-4, "wide"])
def test_a_scale_that_is_none_is_refused(value: object) -> None:
    item = generic()
    item["assets"]["r"]["raster:bands"] = [{"scale": value}]
    with pytest.raises(InputError, match=r"scale|malformed"):
        scene(item)


def test_nan_is_not_a_number_worth_pinning() -> None:
    item = generic()
    item["properties"]["eo:cloud_cover"] = float("nan")
    item["assets"]["r"]["raster:bands"][0]["nodata"] = "nan"
    found = scene(item)
    assert found.cloud_cover is None
    assert found.bands["red"].nodata is None


def test_an_asset_without_href_is_refused() -> None:
    item = generic()
    del item["assets"]["r"]["href"]
    with pytest.raises(InputError, match="no href"):
        scene(item)


def test_nulls_of_stac_geoparquet_count_as_absent() -> None:
    item = collection_1()
    plain = scene(item)
    item["assets"]["nothing"] = None
    item["properties"]["proj:code"] = None
    item["assets"]["red"]["proj:bbox"] = None
    assert scene(item) == plain


# --- mask and facts -----------------------------------------------------------------------------


def test_the_scene_classification_comes_along_where_there_is_one() -> None:
    for item in (earth_search_v0(), earth_search_v1(), collection_1(), planetary_computer()):
        mask = scene(item).mask
        assert mask.href.lower().rsplit("_20m", 1)[0].removesuffix(".tif").endswith("scl")
        assert (mask.scale, mask.offset, mask.transform[0]) == (1.0, 0.0, 20.0)
    assert scene(generic()).mask is None


def test_scene_classes_become_quality() -> None:
    mask = L2A.mask
    assert mask is not None
    assert mask.flags[3] == Quality.CLOUD_SHADOW
    assert mask.flags[8] == mask.flags[9] == Quality.CLOUD
    assert mask.flags[10] == Quality.THIN_CLOUD
    assert not mask.flags[[2, 4, 5, 6, 7]].any()
    assert (mask.flags[12:] == Quality.UNSCREENED).all()


def test_facts_for_duplicates_agree_between_catalogs() -> None:
    """Earth Search's two collections hold the same acquisition under other ids."""
    ours, theirs = scene(earth_search_v1()), scene(collection_1())
    assert ours.item_id != theirs.item_id
    assert ours.facts["sensing_start"] == theirs.facts["sensing_start"]
    assert ours.facts["tile"] == theirs.facts["tile"] == "24MUV"
    assert ours.facts["processing_baseline"] == "05.11"
    assert ours.platform == theirs.platform == "sentinel-2b"


def test_sensing_start_is_the_strips_not_the_products() -> None:
    found = scene(planetary_computer())
    assert found.facts["sensing_start"] == "2018-12-31T23:59:57+00:00"
    assert found.acquired == datetime(2019, 1, 1, 0, 0, 1, 24000, tzinfo=UTC)
    assert found.platform == "sentinel-2a"


def test_times_are_utc_whatever_the_item_writes() -> None:
    item = generic()
    item["properties"]["datetime"] = "2023-08-21T09:00:00+09:00"
    assert scene(item).acquired == datetime(2023, 8, 21, tzinfo=UTC)
    item["properties"] |= {"datetime": None, "start_datetime": "2023-08-21T00:00:00.5Z"}
    found = scene(item)
    assert found.acquired == datetime(2023, 8, 21, 0, 0, 0, 500000, tzinfo=UTC)
    assert "sensing_start" not in found.facts  # no data strip is named


def test_the_item_is_not_changed() -> None:
    item = earth_search_v1()
    before = copy.deepcopy(item)
    scene(item)
    assert item == before


@pytest.mark.parametrize(
    ("written", "per_cent"),
    [
        (12, 12),
        ("12.5", 12.5),
        (100.2, 100.2),
        ("much", None),
        (float("nan"), None),
        (None, None),
        ([1], None),
        (-1, None),
        (255, None),
        ("1e999", None),
        (10**400, None),
    ],
)
def test_a_cloud_cover_that_is_no_share_is_unknown(written: Any, per_cent: float | None) -> None:
    item = generic()
    item["properties"]["eo:cloud_cover"] = written
    assert scene(item).cloud_cover == per_cent


@pytest.mark.parametrize(
    "facts",
    [
        {"proj:code": None, "proj:epsg": 3857.0},
        {"proj:code": "EPSG:None", "proj:epsg": 3857},
        {"proj:code": "EPSG:3857.0"},
        {"proj:code": "", "proj:epsg": "3857"},
    ],
)
def test_a_projection_is_read_however_it_is_spelt(facts: dict[str, Any]) -> None:
    item = generic()
    item["properties"] |= facts
    assert scene(item).bands["red"].epsg == 3857


def test_two_projections_of_one_item_are_refused() -> None:
    item = generic()
    item["properties"] |= {"proj:epsg": 32653}
    with pytest.raises(InputError, match="beside proj:epsg"):
        scene(item)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("s2:processing_baseline", "05.11"),
        ("sentinel:processing_baseline", "5.11"),
        ("s2:processing_baseline", "n0511"),
        ("processing:version", "05.11"),
        ("s2:product_uri", "S2C_MSIL2A_20240501T021000_N0511_R037_T53TKH_20240501T130811.SAFE"),
    ],
)
def test_a_baseline_is_read_in_every_spelling(key: str, text: str) -> None:
    item = generic()
    item["properties"][key] = text
    assert scene(item).facts["processing_baseline"] == "05.11"


@pytest.mark.parametrize(("number", "text"), [(5.11, "05.11"), (5.1, "05.10"), (5, "05.00")])
def test_a_baseline_written_as_a_number_has_lost_its_zeros(number: float, text: str) -> None:
    item = generic()
    item["properties"] |= {"s2:processing_baseline": number, "processing:version": 2.1}
    assert scene(item).facts["processing_baseline"] == text


def test_the_version_of_some_software_is_no_baseline() -> None:
    item = generic() | {"id": "S2C_MSIL2A_20240501T021000_N0511_R037_T53TKH_20240501T130811"}
    item["properties"]["processing:version"] = "1.0.3-rc1"
    assert scene(item).facts["processing_baseline"] == "05.11"


@pytest.mark.parametrize("key", [spelling.key for spelling in DATASTRIP])
def test_the_start_of_a_data_strip_is_read_in_every_spelling(key: str) -> None:
    item = generic()
    item["properties"][key] = "S2B_OPER_MSI_L2A_DS_2BPS_20240501T050000_S20240501T021022_N05.10"
    assert scene(item).facts["sensing_start"] == "2024-05-01T02:10:22+00:00"


@pytest.mark.parametrize(
    "stated",
    [
        {"s2:mgrs_tile": "05QKB"},
        {"grid:code": "MGRS-5QKB"},
        {"grid:code": "MGRS-T05QKB"},
        {"mgrs:utm_zone": 5, "mgrs:latitude_band": "Q", "mgrs:grid_square": "KB"},
        {"sentinel:utm_zone": 5, "sentinel:latitude_band": "Q", "sentinel:grid_square": "KB"},
    ],
)
def test_a_tile_has_one_name_in_every_spelling(stated: dict[str, Any]) -> None:
    item = generic()
    item["properties"] |= stated
    assert scene(item).facts["tile"] == "05QKB"


@pytest.mark.parametrize(
    ("stated", "platform"),
    [
        ({"platform": "sentinel-2b"}, "sentinel-2b"),
        ({"platform": "SENTINEL-2B"}, "sentinel-2b"),
        ({"platform": "Sentinel 2B"}, "sentinel-2b"),
        ({"platform": "S2B"}, "sentinel-2b"),
        (
            {"platform": None, "constellation": "sentinel-2", "s2:product_uri": "S2B_MSIL2A_x"},
            "-2b",
        ),
        ({"platform": "sentinel-2", "sentinel:product_id": "S2B_MSIL2A_x"}, "-2b"),
        ({"platform": "sentinel-2"}, "sentinel-2"),
        ({"platform": "my-drone", "s2:product_uri": "S2B_MSIL2A_x"}, "my-drone"),
    ],
)
def test_a_satellite_has_one_name_in_every_spelling(stated: dict[str, Any], platform: str) -> None:
    """Else one pass would be two overpasses, each with its own look."""
    item = generic()
    item["properties"] |= stated
    assert scene(item, "sentinel-2-l2a").platform.endswith(platform)


def copernicus() -> dict[str, Any]:
    """An item in the form of the Copernicus Data Space's catalog, with values of our own."""

    def asset(name: str, gsd: int, **more: Any) -> dict[str, Any]:
        return {
            "href": f"s3://bucket/{name}.jp2",
            "type": "image/jp2",
            "roles": ["data", f"gsd:{gsd}m"],
            "proj:code": "EPSG:32653",
            "proj:shape": [109800 // gsd, 109800 // gsd],
            "proj:transform": [gsd, 0, 600000, 0, -gsd, 4800000],
            "nodata": 0,
            "data_type": "uint16",
            **more,
        }

    assets = {}
    for band, common in {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}.items():
        for gsd in (60, 20, 10):
            name = f"{band}_{gsd}m"
            numbers = {"raster:scale": 0.0001, "raster:offset": -0.1}
            described = [{"name": band, "eo:common_name": common}]
            assets[name] = asset(name, gsd, bands=described, **numbers)
    assets["SCL_20m"] = asset("SCL_20m", 20, data_type="uint8")
    return {
        "id": "S2C_MSIL2A_20260501T021701_N0512_R003_T53TKH_20260501T050000",
        "collection": "sentinel-2-l2a",
        "geometry": None,
        "bbox": [132, 42, 133, 43],
        "properties": {
            "datetime": "2026-05-01T02:17:01.025000Z",
            "platform": "sentinel-2c",
            "grid:code": "MGRS-53TKH",
            "eopf:datastrip_id": "S2C_OPER_MSI_L2A_DS_2CPS_20260501T050000_S20260501T021655_N05.12",
            "processing:version": "05.12",
            "processing:datetime": "2026-05-01T05:00:00.000000Z",
        },
        "assets": assets,
    }


def test_an_item_in_the_form_of_the_copernicus_catalog_is_read() -> None:
    found = scene(copernicus())
    assert {name: source.href for name, source in found.bands.items()} == {
        "blue": "s3://bucket/B02_10m.jp2",
        "green": "s3://bucket/B03_10m.jp2",
        "red": "s3://bucket/B04_10m.jp2",
        "nir": "s3://bucket/B08_10m.jp2",
    }
    blue = found.bands["blue"]
    assert (blue.scale, blue.offset, blue.nodata, blue.nodata_assumed) == (1e-4, -0.1, 0, False)
    assert found.mask is not None
    assert (
        found.facts.items()
        >= {
            "processing_baseline": "05.12",
            "generated": "2026-05-01T05:00:00+00:00",
            "sensing_start": "2026-05-01T02:16:55+00:00",
            "tile": "53TKH",
        }.items()
    )


STORE = "https://objects.example/S2C_MSIL2A_20260501T021701.zarr"


def eopf_samples() -> dict[str, Any]:
    """An item in the form of the EOPF sample service: bands are arrays, a mask lies in a group."""
    item = copernicus()
    for name, asset in item["assets"].items():
        kind, gsd = name.split("_")
        asset["type"] = "application/vnd+zarr"
        asset["href"] = f"{STORE}/measurements/reflectance/r{gsd}/{kind.lower()}"
        asset["roles"] = ["data", "reflectance"]
        asset |= {"file:size": 240_000_000, "file:checksum": "1220" + 64 * "a"}  # of no one file
    mask = {
        "href": f"{STORE}/conditions/mask/l2a_classification/r20m",
        "roles": ["data", "dataset"],
    }
    item["assets"]["SCL_20m"] |= mask
    return item


def test_an_item_whose_bands_are_zarr_arrays_is_read() -> None:
    found = scene(eopf_samples())
    assert found.bands["nir"].href == f"{STORE}/measurements/reflectance/r10m/b08"
    assert (found.bands["nir"].scale, found.bands["nir"].offset) == (1e-4, -0.1)
    assert (found.bands["nir"].checksum, found.bands["nir"].size_bytes) == (None, None)
    assert found.mask is not None
    assert found.mask.href == f"{STORE}/conditions/mask/l2a_classification/r20m/scl"


def test_bands_of_one_zarr_group_are_its_arrays() -> None:
    item = eopf_samples()
    bands = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}
    group = item["assets"]["B02_10m"] | {
        "href": f"{STORE}/measurements/reflectance/r10m/",
        "roles": ["data", "dataset"],
        "bands": [{"name": name, "eo:common_name": common} for name, common in bands.items()],
    }
    item["assets"] = {"SR_10m": group, "SCL_20m": item["assets"]["SCL_20m"]}
    found = scene(item)
    addresses = {
        name: (each.href.rpartition("/")[2], each.index) for name, each in found.bands.items()
    }
    assert addresses == {
        "blue": ("b02", 1),
        "green": ("b03", 1),
        "red": ("b04", 1),
        "nir": ("b08", 1),
    }


def test_a_zarr_asset_that_is_no_array_of_a_store_is_refused() -> None:
    item = eopf_samples()
    item["assets"]["B04_10m"]["href"] = "https://objects.example/product/b04"
    with pytest.raises(InputError, match="expected an array of a store whose name ends in"):
        scene(item)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_sample_type_that_cannot_be_tiled_is_refused_by_name(dtype: str) -> None:
    item = generic()
    for asset in item["assets"].values():
        asset["raster:bands"][0]["data_type"] = dtype
    with pytest.raises(InputError, match=f"holds {dtype} samples, expected uint16"):
        scene(item)


@pytest.mark.parametrize("key", ["raster:bands", "eo:bands", "bands"])
@pytest.mark.parametrize("count", [1, 2])
def test_true_colour_described_with_too_few_bands_is_told_at_plan_time(
    key: str, count: int
) -> None:
    item = tiles()
    asset = item["assets"]["visual"]
    del asset["eo:bands"], asset["raster:bands"]
    asset[key] = [{"data_type": "uint8", "nodata": 0}] * count
    with pytest.raises(InputError, match=f"is described with {count} of 3 bands"):
        scene(item, "sentinel-2-visual")


def test_true_colour_without_described_bands_has_the_products_three() -> None:
    item = tiles()
    item["assets"]["visual"] = {"href": "/d/visual.tif"}
    bands = scene(item, "sentinel-2-visual").bands
    assert {name: band.index for name, band in bands.items()} == {"red": 1, "green": 2, "blue": 3}


@pytest.mark.parametrize("named_by", ["common_name", "eo:common_name", "name"])
def test_the_right_band_of_an_asset_that_describes_several(named_by: str) -> None:
    """Every band's asset leads to the one file of four, in another order than the sensor's."""
    item = generic()
    order = {"nir": "B08", "red": "B04", "green": "B03", "blue": "B02"}
    names = order if named_by != "name" else order.values()
    described = [{named_by: name, "scale": 1e-4, "offset": -0.1} for name in names]
    item["assets"] = {name: {"href": "/d/all.tif", "bands": described} for name in order}
    bands = scene(item, "sentinel-2-l2a").bands
    assert {name: band.index for name, band in bands.items()} == {
        name: number for number, name in enumerate(order, start=1)
    }


def test_several_bands_of_which_none_is_named_are_refused() -> None:
    item = generic()
    asset = next(iter(item["assets"].values()))
    del asset["eo:bands"]
    asset["raster:bands"] *= 4
    item["assets"] = dict.fromkeys(("blue", "green", "red", "nir"), asset)
    with pytest.raises(InputError, match="describes 4 bands, none of them as blue"):
        scene(item, "sentinel-2-l2a")


def test_a_band_behind_those_that_are_described_is_refused() -> None:
    item = generic()
    item["assets"] = {
        "image": {
            "href": "/d/image.tif",
            "eo:bands": [{"common_name": name} for name in ("blue", "green", "red", "nir")],
            "raster:bands": [{"data_type": "uint16", "scale": 1e-4, "offset": -0.1}],
        }
    }
    with pytest.raises(InputError, match="has 1 raster:bands, none for its band 2"):
        scene(item)


@pytest.mark.parametrize("value", [-9999, 0.5, 70_000])
def test_a_no_data_value_that_no_sample_can_have_is_told_at_plan_time(value: float) -> None:
    item = generic()
    item["assets"]["b"]["raster:bands"][0]["nodata"] = value
    with pytest.raises(InputError, match="which no uint16 sample can have"):
        scene(item)


def test_small_letters_are_read_as_large_ones() -> None:
    item = generic()
    item["properties"] |= {
        "datetime": "2024-05-01t02:10:00z",
        "s2:datastrip_id": "s2a_oper_msi_l2a_ds_2aps_20240501t055555_s20240501t021000_n05.10",
    }
    found = scene(item)
    assert found.acquired == datetime(2024, 5, 1, 2, 10, tzinfo=UTC)
    assert found.facts["sensing_start"] == "2024-05-01T02:10:00+00:00"


def test_a_platform_may_bear_the_name_of_its_programme() -> None:
    item = generic()
    item["properties"]["platform"] = "Copernicus Sentinel-2A"
    assert scene(item, "sentinel-2-l2a").platform == "sentinel-2a"
