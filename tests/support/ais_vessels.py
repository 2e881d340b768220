"""Vessels of one overpass as the vessels table has them, for tests of the match with AIS."""

from __future__ import annotations

import geopandas as gpd
from shapely.geometry import Point, box

from jobs.visits.columns import table
from jobs.visits.schema import REVIEW_COLUMNS, VESSEL_COLUMNS
from tests.support.ais_messages import NOON

LON, LAT = 133.0, 42.7
LENGTH_SD_M = 12.0


def vessel(length_m: float, *, truncated: bool = False) -> gpd.GeoDataFrame:
    """One vessel at (LON, LAT) at NOON, heading 30 degrees."""
    row = {
        "vessel_id": "v0",
        "port": "RUVYP",
        "berth": "",
        "overpass_id": "o1",
        "time": NOON,
        "sensor": "sentinel-2-l2a",
        "platform": "sentinel-2a",
        "length_m": length_m,
        "length_sd_m": LENGTH_SD_M,
        "beam_m": 14.0,
        "beam_sd_m": None,
        "heading_deg": 30.0,
        "score": 0.9,
        "truncated": truncated,
        "background": None,
        "fixed": False,
        "place_seen": None,
        "place_looks": None,
        "counted": True,
        **REVIEW_COLUMNS,
        "visit_id": "",
        "geometry": Point(LON, LAT),
        "footprint": box(LON, LAT, LON + 1e-3, LAT + 1e-3),
    }
    return table(VESSEL_COLUMNS, [row])
