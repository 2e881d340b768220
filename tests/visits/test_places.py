"""The tables of places: polygons as drawn, where they come from, area and centroid."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from jobs.domain import load_port
from jobs.visits.places import berth_table, port_table
from jobs.visits.polygon_source import PolygonSource, polygon_source
from jobs.visits.schema import BERTH_COLUMNS, PORT_COLUMNS
from tests.support.factories import make_berth, make_port


def test_a_row_is_a_berth_with_its_polygon() -> None:
    port = load_port("RUVYP")
    rows = berth_table([port])
    assert list(rows.columns) == list(BERTH_COLUMNS)
    assert list(rows["berth"]) == [berth.id for berth in port.berths]
    for berth, shape in zip(port.berths, rows.geometry, strict=True):
        assert shape.equals_exact(berth.polygon, 1e-7)
    capacity = [pd.NA if berth.capacity is None else berth.capacity for berth in port.berths]
    pd.testing.assert_series_equal(
        rows["capacity"], pd.Series(capacity, dtype="Int64"), check_names=False
    )


def test_area_and_centroid_are_those_of_the_ground() -> None:
    port = make_port(berths=[make_berth(place_m=(1500, 1100, 60, 260))])
    (row,) = berth_table([port]).to_dict("records")
    assert row["area_m2"] == pytest.approx(60 * 260, rel=2e-3)  # the scale of UTM
    assert row["centroid_lon"] == pytest.approx(port.berths[0].polygon.centroid.x, abs=1e-7)
    assert row["centroid_lat"] == pytest.approx(port.berths[0].polygon.centroid.y, abs=1e-7)


def test_a_row_is_a_port_with_its_area() -> None:
    ports = [load_port("RUVYP"), make_port(id="mine", approximate=False)]
    rows = port_table([replace(ports[0], locode=None), ports[1]])
    assert list(rows.columns) == list(PORT_COLUMNS)
    assert list(rows["locode"]) == ["", "RUVYP"]
    assert list(rows["berths"]) == [len(port.berths) for port in ports]
    assert list(rows["epsg"]) == [port.grid.epsg for port in ports]


def test_where_polygons_come_from() -> None:
    bundled = load_port("RUVYP")
    moved = replace(bundled, berths=bundled.berths[1:])
    assert polygon_source(bundled) is PolygonSource.BUNDLED
    assert polygon_source(replace(bundled, id="mine")) is PolygonSource.FILE_APPROXIMATE
    assert polygon_source(moved) is PolygonSource.FILE_APPROXIMATE
    assert polygon_source(replace(moved, approximate=False)) is PolygonSource.FILE
