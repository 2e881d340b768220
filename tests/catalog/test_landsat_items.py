"""Landsat's items as Earth Search and Planetary Computer answered them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import box

from jobs.catalog.search import search_catalog
from jobs.catalog.stac_item import scene_from_item, sensor_for
from jobs.domain import SENSORS, Access, Mask, Period, Quality, SourceSpec
from jobs.errors import InputError
from tests.support.places import STAC_ITEMS

LANDSAT = SENSORS["landsat-c2-l2"]
EARTH_SEARCH, PLANETARY_COMPUTER = "earth-search_v1", "planetary-computer"


def recorded(catalog: str, number: int = 0) -> dict[str, Any]:
    text = (STAC_ITEMS / f"{catalog}__landsat-c2-l2.json").read_text(encoding="utf-8")
    item: dict[str, Any] = json.loads(text)["features"][number]
    return item


@pytest.mark.parametrize(
    ("catalog", "platform", "corner"),
    [
        (EARTH_SEARCH, "landsat-8", (449085.0, 4581915.0)),
        (PLANETARY_COMPUTER, "landsat-9", (466185.0, -3395085.0)),
    ],
)
def test_a_recorded_item_gives_four_bands_and_a_mask(
    catalog: str, platform: str, corner: tuple[float, float]
) -> None:
    item = recorded(catalog)
    assert sensor_for(item) is LANDSAT
    scene = scene_from_item(item, catalog, LANDSAT)
    assert (scene.platform, scene.sensor) == (platform, "landsat-c2-l2")
    assert {n: s.href.rsplit("_", 2)[1:] for n, s in scene.bands.items()} == {
        "blue": ["SR", "B2.TIF"],
        "green": ["SR", "B3.TIF"],
        "red": ["SR", "B4.TIF"],
        "nir": ["SR", "B5.TIF"],
    }
    for source in scene.bands.values():
        assert (source.scale, source.offset, source.nodata) == (2.75e-5, -0.2, 0.0)
        assert (source.transform[0], source.transform[2], source.transform[5]) == (30.0, *corner)
    assert scene.mask is not None
    assert scene.mask.href.endswith("QA_PIXEL.TIF")
    assert (scene.mask.scale, scene.mask.offset) == (1.0, 0.0)
    assert scene.geometry is not None


def test_the_time_of_production_tells_a_product_processed_again() -> None:
    scene = scene_from_item(recorded(EARTH_SEARCH), "c", LANDSAT)
    assert scene.facts["produced"] == "2023-10-17T16:22:27+00:00"


def test_neighbours_along_the_orbit_are_scenes_of_their_own() -> None:
    one, other = (scene_from_item(recorded(PLANETARY_COMPUTER, n), "c", LANDSAT) for n in (0, 1))
    assert one.bands["blue"].transform != other.bands["blue"].transform
    assert one.platform == other.platform


def test_a_silent_item_has_the_products_numbers() -> None:
    item = recorded(EARTH_SEARCH)
    for asset in item["assets"].values():
        asset.pop("raster:bands", None)
    scene = scene_from_item(item, "c", LANDSAT)
    for source in scene.bands.values():
        assert (source.scale, source.offset, source.nodata) == (2.75e-5, -0.2, 0.0)
        assert source.nodata_assumed


@pytest.mark.parametrize("platform", ["landsat-7", "landsat-5", "sentinel-2a", None])
def test_other_landsats_of_the_collection_are_left_out_with_the_reason(
    platform: str | None,
) -> None:
    item = recorded(EARTH_SEARCH)
    item["properties"]["platform"] = platform
    with pytest.raises(InputError, match=r"of the platform .* which landsat-c2-l2 does not read"):
        scene_from_item(item, "c", LANDSAT)


def test_in_a_collection_of_ones_own_landsat_is_named() -> None:
    """Level 1 has the same bands on the same satellite, with other numbers."""
    item = recorded(EARTH_SEARCH) | {"collection": "mine"}
    with pytest.raises(InputError, match="name it with `sensor:`"):
        sensor_for(item)
    assert sensor_for(item, "landsat-c2-l2") is LANDSAT


NUMBERS = {
    1: Quality.NODATA,  # fill
    21824: Quality(0),  # clear land
    21952: Quality(0),  # clear water
    22280: Quality.CLOUD,
    21826: Quality.THIN_CLOUD,  # dilated cloud over land
    23888: Quality.CLOUD_SHADOW,
    54596: Quality.THIN_CLOUD,  # cirrus
    30048: Quality.SNOW_ICE,
    22080: Quality.THIN_CLOUD,  # cloud of medium confidence
}
"""Usual numbers of QA_PIXEL and what they say, by the product guide."""


def test_usual_numbers_of_the_mask_say_what_the_product_guide_says() -> None:
    assert LANDSAT.mask is not None
    flags = LANDSAT.mask.flags
    assert {number: Quality(int(flags[number])) for number in NUMBERS} == NUMBERS


def test_the_mask_agrees_with_the_bits_that_the_recorded_item_describes() -> None:
    """Independent of our file: fields by name, as the catalog gives offset and length."""
    fields = recorded(PLANETARY_COMPUTER)["assets"]["qa_pixel"]["classification:bitfields"]
    numbers = np.arange(65536)
    value = {f["name"]: numbers >> f["offset"] & (2 ** f["length"] - 1) for f in fields}
    expected = np.zeros(65536, np.uint8)
    for flag, told in (
        (Quality.NODATA, value["fill"] == 1),
        (Quality.CLOUD, value["cloud"] == 1),
        (Quality.CLOUD_SHADOW, value["cloud_shadow"] == 1),
        (Quality.SNOW_ICE, value["snow"] == 1),
        (
            Quality.THIN_CLOUD,
            (value["dilated_cloud"] == 1)
            | (value["cirrus"] == 1)
            | (value["cloud_confidence"] == 2),
        ),
    ):
        expected[told] |= np.uint8(flag)
    assert isinstance(LANDSAT.mask, Mask)
    np.testing.assert_array_equal(LANDSAT.mask.flags, expected)


@pytest.mark.parametrize(
    ("access", "found"), [(None, 0), (Access.REQUESTER_PAYS, 1), (Access.ANONYMOUS, 1)]
)
def test_files_that_the_reader_pays_for_are_read_where_the_job_says_so(
    tmp_path: Path, access: Access | None, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = recorded(EARTH_SEARCH)
    path = tmp_path / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [item]}))
    source = SourceSpec(str(path), "landsat-c2-l2", access=access)
    area, period = box(-104.3, 40.2, -104.2, 40.3), Period(date(2023, 10, 1), date(2023, 10, 31))
    result = search_catalog(source, area, period)
    assert (len(result.scenes), len(result.rejected)) == (found, 1 - found)
    assert all("add `access: requester-pays`" in left_out.reason for left_out in result.rejected)
    monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
    assert len(search_catalog(source, area, period).scenes) == 1
