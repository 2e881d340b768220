"""Sentinel-1 RTC items as Planetary Computer answered them, and items that are no such thing."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.catalog.stac_item import scene_from_item, sensor_for
from jobs.domain import Orbit
from jobs.domain.sensors import SENSORS
from jobs.errors import InputError
from tests.support.places import STAC_ITEMS

RTC = SENSORS["sentinel-1-rtc"]


@pytest.fixture
def item() -> dict[str, Any]:
    path = STAC_ITEMS / "planetary-computer__sentinel-1-rtc.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["features"][0]
    return copy.deepcopy(found)


def test_the_recorded_item_is_a_radar_s(item):
    assert sensor_for(item) is RTC
    assert RTC.is_radar
    assert not SENSORS["sentinel-2-l2a"].is_radar
    scene = scene_from_item(item, "pc", RTC)
    assert scene.platform == "sentinel-1a"
    assert scene.acquired == datetime(2025, 3, 11, 4, 42, 40, 696652, tzinfo=UTC)
    assert list(scene.bands) == ["vv", "vh"]
    assert scene.mask is None
    vv = scene.bands["vv"]
    assert vv.href.endswith("iw-vv.rtc.tiff")
    assert (vv.epsg, vv.shape, vv.transform[2], vv.transform[5]) == (
        32634,
        (17058, 28320),
        180600.0,
        3408040.0,
    )
    assert (vv.scale, vv.offset, vv.nodata, vv.nodata_assumed) == (1.0, 0.0, -32768.0, False)


def test_the_orbit_is_kept(item):
    scene = scene_from_item(item, "pc", RTC)
    assert Orbit.parse(scene.facts["orbit"]) == Orbit("descending", 80, "right")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sat:orbit_state", "geostationary"),
        ("sat:relative_orbit", None),
        ("sat:relative_orbit", True),
        ("sar:observation_direction", "down"),
    ],
)
def test_an_orbit_that_is_not_told_whole_is_unknown(item, key, value):
    item["properties"][key] = value
    assert "orbit" not in scene_from_item(item, "pc", RTC).facts


def test_an_item_that_says_nothing_of_no_data_has_the_product_s(item):
    for asset in item["assets"].values():
        del asset["raster:bands"]
    vh = scene_from_item(item, "pc", RTC).bands["vh"]
    assert (vh.nodata, vh.nodata_assumed) == (-32768.0, True)


@pytest.mark.parametrize(
    "facts", [{"scale": 0.01}, {"offset": 1.0}, {"unit": "dB"}, {"data_type": "uint16"}]
)
def test_numbers_that_are_no_linear_power_are_refused(item, facts):
    item["assets"]["vv"]["raster:bands"][0] |= facts
    with pytest.raises(InputError, match=r"expected linear power|expected float32"):
        scene_from_item(item, "pc", RTC)


def test_an_item_of_one_polarisation_is_refused(item):
    del item["assets"]["vh"]
    with pytest.raises(InputError, match="has no vh band for sentinel-1-rtc"):
        scene_from_item(item, "pc", RTC)


def test_an_orbit_s_text_is_read_back_and_no_other():
    orbit = Orbit("ascending", 175, "left")
    assert Orbit.parse(str(orbit)) == orbit
    assert Orbit.parse("") is None
    with pytest.raises(InputError, match="the orbit is 'sideways'; expected such as"):
        Orbit.parse("sideways")
