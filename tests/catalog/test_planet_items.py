"""PlanetScope and SkySat: Planet's own example of an item, and items as orders deliver them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from jobs.catalog.stac_item import scene_from_item, sensor_for
from jobs.domain import SENSORS
from jobs.errors import InputError
from tests.support.places import PLANET_DATA

PLANETSCOPE, SKYSAT = SENSORS["planetscope-sr"], SENSORS["skysat-sr"]
ID = "20210129_075502_95_2223"
BANDS_8 = ("coastal_blue", "blue", "green_i", "green", "yellow", "red", "rededge", "nir")


def example() -> dict[str, Any]:
    """Planet's example of an item of an order: of radiance, which is not read."""
    text = (PLANET_DATA / "psscene-item.json").read_text(encoding="utf-8")
    item: dict[str, Any] = json.loads(text)
    return absolute(item)


def absolute(item: dict[str, Any]) -> dict[str, Any]:
    for asset in item["assets"].values():
        asset["href"] = asset["href"].replace("./", "/order/PSScene/")
    return item


def reflectance(bands: int) -> dict[str, Any]:
    """The example as of surface reflectance, its kinds of assets as in manifests."""
    item = example()
    old = item["assets"].pop(f"{ID}_3B_AnalyticMS_clip_tif")
    end = "_8b" if bands == 8 else ""
    old |= {
        "href": f"/order/PSScene/{ID}_3B_AnalyticMS_SR{end}_clip.tif",
        "pl:asset_type": f"ortho_analytic_{bands}b_sr",
        "raster:bands": [{**old["raster:bands"][0], "scale": 0.0001}] * bands,
    }
    if bands == 8:
        common = {"green_i": "green", "coastal_blue": "coastal"}
        old["eo:bands"] = [{"name": n, "common_name": common.get(n, n)} for n in BANDS_8]
    item["assets"][f"{ID}_3B_AnalyticMS_SR{end}_clip_tif"] = old
    item["assets"][f"{ID}_3B_udm2_clip_tif"]["pl:asset_type"] = "ortho_udm2"
    return item


@pytest.mark.parametrize(("bands", "places"), [(4, [1, 2, 3, 4]), (8, [2, 4, 6, 8])])
def test_bands_are_told_by_what_their_file_is(bands: int, places: list[int]) -> None:
    item = reflectance(bands)
    assert sensor_for(item) is PLANETSCOPE
    scene = scene_from_item(item, "c", PLANETSCOPE)
    assert scene.platform == "planetscope-2223"
    assert [scene.bands[name].index for name in ("blue", "green", "red", "nir")] == places
    for source in scene.bands.values():
        assert (source.scale, source.offset, source.nodata) == (1e-4, 0.0, 0.0)
        assert (source.epsg, source.shape) == (32734, (95, 49))
        assert source.transform == (3.0, 0.0, 686532.0, 0.0, -3.0, 7829301.0)
    assert scene.mask is not None
    assert scene.mask.href.endswith("udm2_clip.tif")
    assert (scene.mask.scale, scene.mask.nodata) == (1.0, None)


def test_of_two_bands_of_one_common_name_neither_is_taken_for_it() -> None:
    """Green I has green's common name, too: the sensor's own order of the bands holds."""
    item = reflectance(8)
    name = f"{ID}_3B_AnalyticMS_SR_8b_clip_tif"
    item["assets"][name]["eo:bands"].reverse()  # so that the last one would be another
    scene = scene_from_item(item, "c", PLANETSCOPE)
    assert scene.bands["green"].index == 4


def test_radiance_is_not_taken_for_reflectance() -> None:
    with pytest.raises(InputError, match="has no asset `ortho_analytic_4b_sr` or `ortho_analytic"):
        scene_from_item(example(), "c", PLANETSCOPE)


def test_each_band_has_its_own_scale() -> None:
    item = reflectance(4)
    numbers = item["assets"][f"{ID}_3B_AnalyticMS_SR_clip_tif"]["raster:bands"]
    numbers[3] = {**numbers[3], "scale": 0.00005}
    scene = scene_from_item(item, "c", PLANETSCOPE)
    assert [scene.bands[b].scale for b in PLANETSCOPE.bands] == [1e-4, 1e-4, 1e-4, 5e-5]


def test_assets_by_their_kind_as_planets_own_api_names_them() -> None:
    item = reflectance(8)
    item["assets"] = {a.pop("pl:asset_type", n): a for n, a in item["assets"].items()}
    scene = scene_from_item(item, "c", PLANETSCOPE)
    assert scene.bands["nir"].index == 8
    assert scene.mask is not None


def test_a_scene_without_udm2_has_no_mask() -> None:
    item = reflectance(4)
    del item["assets"][f"{ID}_3B_udm2_clip_tif"]
    assert scene_from_item(item, "c", PLANETSCOPE).mask is None


def test_a_udm2_described_with_too_few_bands_is_refused() -> None:
    item = reflectance(4)
    mask = item["assets"][f"{ID}_3B_udm2_clip_tif"]
    mask["raster:bands"], mask["eo:bands"] = mask["raster:bands"][:1], mask["eo:bands"][:1]
    with pytest.raises(InputError, match="is described with 1 of 8 bands"):
        scene_from_item(item, "c", PLANETSCOPE)


def test_a_scene_whose_position_is_uncertain_is_left_out() -> None:
    item = reflectance(4)
    item["properties"]["pl:ground_control"] = False
    with pytest.raises(InputError, match="has pl:ground_control false: where it lies is uncertain"):
        scene_from_item(item, "c", PLANETSCOPE)


def test_skysat_is_known_by_its_satellites() -> None:
    item = copy.deepcopy(reflectance(4))
    item["properties"] |= {"platform": "SSC2", "constellation": "skysat"}
    assets = item["assets"]
    assets[f"{ID}_3B_AnalyticMS_SR_clip_tif"]["pl:asset_type"] = "ortho_analytic_sr"
    assets[f"{ID}_3B_udm2_clip_tif"]["pl:asset_type"] = "ortho_analytic_udm2"
    assert sensor_for(item) is SKYSAT
    scene = scene_from_item(item, "c", SKYSAT)
    assert (scene.platform, scene.mask is not None) == ("ssc2", True)
