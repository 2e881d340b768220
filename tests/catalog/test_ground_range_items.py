"""Items of plain ground range as Earth Search and Planetary Computer answered them."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from shapely.geometry import box

from jobs.catalog import search_catalog
from jobs.catalog.stac_item import scene_from_item, sensor_for
from jobs.domain import Access, Orbit, Period, SourceSpec
from jobs.domain.sensors import SENSORS
from jobs.errors import InputError
from tests.support.places import STAC_ITEMS

GRD = SENSORS["sentinel-1-grd"]


def recorded(name: str) -> list[dict[str, Any]]:
    path = STAC_ITEMS / f"{name}__sentinel-1-grd.json"
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["features"]
    return copy.deepcopy(found)


@pytest.fixture
def item() -> dict[str, Any]:
    """The one of both polarisations, of Planetary Computer."""
    return recorded("planetary-computer")[1]


@pytest.fixture
def spelt_as_earth_search() -> dict[str, Any]:
    """Earth Search's recorded item, whose polarisation is HH, as it would be of VV and VH."""
    found = recorded("earth-search_v1")[0]
    found["properties"]["sar:polarizations"] = ["VV", "VH"]
    text = json.dumps(found["assets"])
    vv, vh = (json.loads(text.replace("hh", band)) for band in ("vv", "vh"))
    return {**found, "assets": {**vv, **vh}}


def test_the_recorded_item_has_both_bands_and_their_tables(item):
    assert sensor_for(item) is GRD
    scene = scene_from_item(item, "pc", GRD)
    assert list(scene.bands) == ["vv", "vh"]
    assert scene.platform == "sentinel-1a"
    assert Orbit.parse(scene.facts["orbit"]) == Orbit("descending", 95, "right")
    for name, band in scene.bands.items():
        assert band.on_points
        assert band.href.endswith(f"measurement/iw-{name}.tiff")
        assert band.calibration.endswith(f"annotation/calibration/calibration-iw-{name}.xml")
        assert band.noise.endswith(f"annotation/calibration/noise-iw-{name}.xml")
        assert (band.nodata, band.scale, band.offset) == (0.0, 1.0, 0.0)


def test_samples_come_before_lines_and_the_box_holds_the_footprint(item):
    """25 seconds of flight are 16,669 lines of 10 m; 26,449 samples are the swath of 250 km."""
    band = scene_from_item(item, "pc", GRD).bands["vv"]
    assert band.shape == (16669, 26449)
    a, _, left, _, e, top = band.transform
    assert (left, top) == (8.079524, 34.592247)
    assert (left + a * 26449, top + e * 16669) == pytest.approx((11.216046, 32.671696))


def test_earth_search_s_approximate_transform_is_not_believed(spelt_as_earth_search):
    item = spelt_as_earth_search
    band = scene_from_item(item, "es", GRD).bands["vh"]
    assert band.shape == (13438, 25348)  # its proj:shape says 25348 rows
    assert band.transform != tuple(item["properties"]["proj:transform"])
    item["properties"]["proj:transform"] = [1.0, 0.0, 0.0, 0.0, -1.0, 0.0]
    assert scene_from_item(item, "es", GRD).bands["vh"] == band
    assert scene_from_item(item, "es", GRD).facts["produced"] == "2025-07-31T14:45:26+00:00"


def test_the_product_s_schema_which_leads_elsewhere_is_not_needed(spelt_as_earth_search):
    item = spelt_as_earth_search
    assert "rfi" in item["assets"]["schema-product-vv"]["href"]
    del item["assets"]["schema-product-vv"], item["assets"]["schema-product-vh"]
    assert scene_from_item(item, "es", GRD).bands


@pytest.mark.parametrize(
    ("name", "number", "said"),
    [
        ("earth-search_v1", 0, "has the polarisations HH; sentinel-1-grd needs VV and VH"),
        ("planetary-computer", 0, "is of the mode 'EW'; sentinel-1-grd reads IW alone"),
    ],
)
def test_recorded_items_of_other_kinds_are_left_out_with_their_reason(name, number, said):
    item = recorded(name)[number]
    with pytest.raises(InputError, match=said):
        scene_from_item(item, "c", sensor_for(item))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("sar:polarizations", ["VV"], "has the polarisations VV; sentinel-1-grd needs VV and VH"),
        ("sar:polarizations", None, "has the polarisations none"),
        ("sar:pixel_spacing_range", 40, "has sar:pixel_spacing_range 40; .* pixels of 10 m"),
        ("s1:shape", None, "has neither s1:shape nor proj:shape"),
        ("s1:shape", "much", "has neither s1:shape|malformed"),
    ],
)
def test_what_cannot_be_read_is_said(item, key, value, said):
    item["properties"][key] = value
    with pytest.raises(InputError, match=said):
        scene_from_item(item, "pc", GRD)


@pytest.mark.parametrize("asset", ["schema-calibration-vv", "schema-noise-vh"])
def test_without_a_table_an_item_is_no_backscatter(item, asset):
    del item["assets"][asset]
    with pytest.raises(InputError, match=f"has no asset '{asset}', without which its numbers"):
        scene_from_item(item, "pc", GRD)


def test_without_a_footprint_it_lies_nowhere(item):
    item["geometry"] = None
    with pytest.raises(InputError, match="has no footprint with an area"):
        scene_from_item(item, "pc", GRD)


@pytest.mark.parametrize("facts", [{"data_type": "float32"}, {"nodata": 7}])
def test_numbers_that_are_no_amplitudes_are_refused(item, facts):
    item["assets"]["vv"]["raster:bands"] = [facts]
    with pytest.raises(InputError, match=r"expected uint16|expected 0, as products"):
        scene_from_item(item, "pc", GRD)


def test_the_search_counts_what_is_left_out_and_says_who_pays(spelt_as_earth_search, tmp_path):
    """Earth Search says of the whole item that its reader pays."""
    items = [spelt_as_earth_search, *recorded("earth-search_v1"), *recorded("planetary-computer")]
    for each in items:
        each["geometry"] = spelt_as_earth_search["geometry"]
        each["properties"]["datetime"] = "2025-07-31T13:57:12Z"
    items[0]["id"] += "_DV"
    path = tmp_path / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    source = SourceSpec(str(path), "sentinel-1-grd")
    area, period = box(76.0, -46.0, 76.1, -45.9), Period(date(2025, 7, 31), date(2025, 7, 31))
    found = search_catalog(source, area, period)
    assert [scene.item_id for scene in found.scenes] == [recorded("planetary-computer")[1]["id"]]
    reasons = " ".join(each.reason for each in found.rejected)
    assert len(found.rejected) == 3
    assert "whose reader pays" in reasons
    assert "HH" in reasons
    assert "'EW'" in reasons
    paid = search_catalog(replace(source, access=Access.REQUESTER_PAYS), area, period)
    assert len(paid.scenes) == 2
