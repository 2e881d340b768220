"""The segment stage: pixels become metres, land is kept out, berths are kept in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jobs.domain import Quality, Settings, Vessel
from jobs.errors import InputError
from jobs.segment.network import away_from_cloud, in_metres, load_predictor
from jobs.segment.shore import afloat
from models.inference.vessels import Detection
from tests.support.scenes import GRID, small_port


def vessel_at(column: int, row: int, score: float = 0.9) -> Vessel:
    x, y = GRID.left + 10 * column + 5, GRID.top - 10 * row - 5
    return Vessel(x, y, 90.0, 8.0, 15.0, 20.0, score, False, ((x, y),) * 4)


def test_a_detection_in_pixels_becomes_a_vessel_in_metres() -> None:
    corners = ((0.0, 0.0), (0.0, 2.0), (4.0, 2.0), (4.0, 0.0))
    found = Detection(
        row=2.0,
        col=1.0,
        length_m=50.0,
        length_sd_m=5.0,
        beam_m=20.0,
        heading_deg=0.0,
        score=0.8,
        truncated=False,
        corners=corners,
    )
    vessel = in_metres(found, GRID)
    assert (vessel.x, vessel.y) == (GRID.left + 15, GRID.top - 25)
    assert vessel.corners[2] == (GRID.left + 25, GRID.top - 45)


def test_land_keeps_out_but_not_its_shore_nor_a_berth() -> None:
    land = np.zeros(GRID.shape, bool)
    land[:, :60] = True
    port = small_port()
    bare = replace(port, berths=())
    floating, ashore, shore = vessel_at(100, 50), vessel_at(10, 50), vessel_at(55, 50)
    assert afloat([floating, ashore, shore], bare, land) == (floating, shore)

    from pyproj import Transformer
    from shapely.geometry import Polygon

    to_lon_lat = Transformer.from_crs(GRID.epsg, 4326, always_xy=True).transform
    around = [(-50, -50), (50, -50), (50, 50), (-50, 50)]
    corners = [to_lon_lat(ashore.x + dx, ashore.y + dy) for dx, dy in around]
    dug = replace(port, berths=(replace(port.berths[0], polygon=Polygon(corners)),))
    assert afloat([floating, ashore, shore], dug, land) == (floating, ashore, shore)


def test_by_the_shore_a_vessel_must_be_likely_unless_a_berth_says_ships_lie_there() -> None:
    land = np.zeros(GRID.shape, bool)
    land[:, :60] = True
    port = small_port()
    sure, unsure = vessel_at(65, 50, 0.6), vessel_at(65, 20, 0.4)
    open_water = vessel_at(100, 50, 0.4)
    assert afloat([sure, unsure, open_water], port, land) == (sure, open_water)
    bare = replace(port, berths=())
    assert afloat([sure, unsure, open_water], bare, land) == (sure, unsure, open_water)


def test_without_land_nothing_is_left_out() -> None:
    every = [vessel_at(1, 1), vessel_at(119, 99)]
    assert afloat(every, small_port(), np.zeros(GRID.shape, bool)) == tuple(every)


def test_other_weights_than_the_pinned_ones_are_refused() -> None:
    settings = Settings(code_version="x", model=None, model_digest="0" * 64)
    with pytest.raises(InputError, match="give every worker the same weights"):
        load_predictor(settings)


def test_the_rim_of_cloud_is_not_believed_but_the_edge_of_the_data_is() -> None:
    quality = np.zeros((40, 60), np.uint8)
    quality[:, 20] = int(Quality.CLOUD)
    quality[:, 50] = int(Quality.NODATA)
    row = away_from_cloud(quality, 10.0)[5]
    assert row[:16].all()
    assert not row[16:25].any()
    assert row[25:50].all()
    assert not row[50]
    assert row[51:].all()
