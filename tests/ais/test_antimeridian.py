"""Longitudes wrap: what holds anywhere holds across 180 degrees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from jobs.ais import Window, ais_gaps, ais_visits, hulls_of
from jobs.ais.crosscheck import edge_km, silences
from jobs.ais.geodesy import offsets_m, wrapped
from jobs.ais.tracks import DriftSettings, fixes_at, tracks_of
from jobs.domain import Berth, BerthKind, Port
from jobs.domain.geometry import local_grid
from tests.support.ais_messages import NOON, positions, ship

SHIP = 273000001
LAT = 66.3


def port_at(lon: float) -> Port:
    area = box(lon - 0.02, LAT - 0.02, lon + 0.02, LAT + 0.02)
    outline = box(lon - 0.004, LAT - 0.002, lon + 0.004, LAT + 0.002)
    berths = (Berth("oil", "Oil", BerthKind.OIL_TERMINAL, 1, outline),)
    return Port("RUXXX", "Harbour", "RU", area, berths, local_grid(area))


def call(lon: float, away: float = 0.45) -> pd.DataFrame:
    """Two hours in from the east, sixteen at the berth, two out, forty hours at anchor there."""
    way = np.linspace(away, 0, 12, endpoint=False)
    east = np.concatenate([way, np.zeros(96), way[::-1], np.full(240, away)])
    sog = np.concatenate([np.full(12, 6.0), np.zeros(96), np.full(12, 6.0), np.zeros(240)])
    minutes = 10.0 * np.arange(len(east))
    return ship(SHIP, minutes, wrapped(lon + east), LAT, sog_kn=sog)  # type: ignore[arg-type]


@pytest.mark.parametrize("lon", [179.95, -179.97, 179.7, -179.6, 30.0])
def test_a_call_is_the_same_wherever_it_is(lon: float) -> None:
    port, table = port_at(lon), call(lon)
    window = Window.around(port.area)
    assert window.holds(table).all()
    assert hulls_of(table).flags.empty
    found = ais_visits(table, port)
    assert found.visits["confidence"].tolist() == [4]
    assert found.stays["hours"].tolist() == pytest.approx([16], abs=0.3)
    assert len(silences(table, port, window)) == 0


def test_a_window_ends_where_it_says() -> None:
    window = Window.around(port_at(179.95).area, 30)
    lon = np.array([179.2, 179.3, 180.0, -180.0, -179.5, -179.4, -179.3, 0.0])
    rows = pd.DataFrame({"lon": lon, "lat": LAT, "time": NOON})
    assert window.holds(rows).tolist() == [False, True, True, True, True, True, False, False]
    assert Window().holds(rows).all()
    near = edge_km(pd.Series([-179.36, 179.95]), pd.Series([LAT, LAT]), window)
    assert near[0] < 2
    assert near[1] == pytest.approx(30 + 0.02 * 111 * 0.4, abs=2)


def test_a_stop_across_the_line_is_one_place() -> None:
    port = port_at(179.979)
    lon = np.where(np.arange(60) % 2, 179.9995, -179.9995) - 0.017
    table = ship(SHIP, 10.0 * np.arange(60), wrapped(lon), LAT)  # type: ignore[arg-type]
    assert ais_visits(table, port).stays["berth"].tolist() == ["oil"]
    table["lon"] = wrapped(table["lon"] + 0.017)
    assert hulls_of(table).flags.empty
    assert len(ais_visits(table, port).visits) == 1


def test_a_ship_between_two_messages_is_between_them() -> None:
    table = ship(SHIP, (-10, 10), (179.99, -179.97), LAT, sog_kn=3.0)
    fixes = fixes_at(tracks_of(table), pd.Timestamp(NOON), DriftSettings())
    assert fixes.lon[0] == pytest.approx(-179.99)
    ahead = fixes_at(
        tracks_of(ship(SHIP, (-10,), 179.999, LAT, sog_kn=9.0, cog_deg=90.0)),
        pd.Timestamp(NOON),
        DriftSettings(),
    )
    assert -180 <= ahead.lon[0] < -179.9


def test_others_heard_across_the_line_are_heard() -> None:
    silent = ship(SHIP, (30, 600), 179.98, LAT)
    other = ship(SHIP + 1, (61, 70, 300), -179.98, LAT)
    gaps = ais_gaps(positions(silent, other))
    assert gaps.set_index("mmsi").loc[SHIP, "ships_heard"] == 1


def test_a_silence_across_the_line_has_its_way() -> None:
    gaps = ais_gaps(ship(SHIP, (0, 600), (179.98, -179.98), LAT))
    assert gaps["distance_km"].tolist() == pytest.approx([0.04 * 111.2 * 0.402], rel=0.01)


@settings(max_examples=200, deadline=None)
@given(turn=st.floats(-360, 360), lon=st.floats(-180, 180), east=st.floats(-5, 5))
def test_a_turn_of_the_globe_changes_no_distance(turn: float, lon: float, east: float) -> None:
    here = offsets_m(lon, 10.0, lon + east, 11.0)
    there = offsets_m(wrapped(lon + turn), 10.0, wrapped(lon + turn + east), 11.0)
    np.testing.assert_allclose(here, there, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(turn=st.floats(-180, 180))
def test_a_turn_of_the_globe_changes_no_hull_and_no_silence(turn: float) -> None:
    table = call(30.0)
    table.loc[[40, 41, 200], "lon"] += 1.5
    other = call(32.0)
    other["time"] += pd.Timedelta("5min")
    table = positions(table, other)
    table = table[(table.index < 300) | (table.index > 400)].reset_index(drop=True)
    turned = table.assign(lon=wrapped(table["lon"] + turn))
    one, other = hulls_of(table), hulls_of(turned)
    assert one.counts() == other.counts()
    assert one.positions["hull"].tolist() == other.positions["hull"].tolist()
    columns = ["hull", "start", "end", "hours", "ships_heard"]
    pd.testing.assert_frame_equal(ais_gaps(table)[columns], ais_gaps(turned)[columns])


def test_visits_are_the_same_at_every_zone() -> None:
    usual = ais_visits(call(3.0), port_at(3.0))
    for lon in (-177.0, 177.0, 93.0):
        found = ais_visits(call(lon), port_at(lon))
        pd.testing.assert_frame_equal(found.stays, usual.stays)
