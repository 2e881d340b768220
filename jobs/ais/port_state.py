"""State of a ship at each of its messages: at sea, in port or stopped, and the events between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jobs.ais.geodesy import DEGREE_M, KNOT_MS, east_of, offsets_m
from jobs.domain import WGS84, Port, project, transformer


class ShipState(IntEnum):
    """State of a ship at one message; NO_MESSAGE is the state before its first message."""

    AT_SEA = 0
    IN_PORT = 1
    STOPPED = 2
    NO_MESSAGE = 3


class Event(IntFlag):
    """Events that a message shows to have happened since the one before."""

    NONE = 0
    ENTRY = 1
    STOP_BEGIN = 2
    STOP_END = 4
    EXIT = 8


TRANSITIONS: Mapping[tuple[ShipState, ShipState], Event] = {
    (ShipState.NO_MESSAGE, ShipState.AT_SEA): Event.NONE,
    (ShipState.NO_MESSAGE, ShipState.IN_PORT): Event.NONE,
    (ShipState.NO_MESSAGE, ShipState.STOPPED): Event.STOP_BEGIN,
    (ShipState.AT_SEA, ShipState.AT_SEA): Event.NONE,
    (ShipState.AT_SEA, ShipState.IN_PORT): Event.ENTRY,
    (ShipState.AT_SEA, ShipState.STOPPED): Event.ENTRY | Event.STOP_BEGIN,
    (ShipState.IN_PORT, ShipState.AT_SEA): Event.EXIT,
    (ShipState.IN_PORT, ShipState.IN_PORT): Event.NONE,
    (ShipState.IN_PORT, ShipState.STOPPED): Event.STOP_BEGIN,
    (ShipState.STOPPED, ShipState.AT_SEA): Event.STOP_END | Event.EXIT,
    (ShipState.STOPPED, ShipState.IN_PORT): Event.STOP_END,
    (ShipState.STOPPED, ShipState.STOPPED): Event.NONE,
}


@dataclass(frozen=True)
class AisVisitSettings:
    """Thresholds, GFW's by default; pairs are hysteresis, so that a ship on the edge does not
    flicker.
    """

    entry_km: float = 3.0
    exit_km: float = 4.0
    stop_kn: float = 0.2
    start_kn: float = 0.5
    gap_h: float = 4.0
    berth_reach_m: float = 150.0
    """From a berth's outline to the mean place of a stopped antenna: half a ship."""
    moved_m: float = 500.0
    """Two stopped messages further apart are two stops: more than a ship swings at anchor."""


def callers(positions: pd.DataFrame, port: Port, rules: AisVisitSettings) -> pd.DataFrame:
    """All messages of the hulls that came within the box, but for lone ones: they are no track."""
    near = positions.loc[_in_box(positions, port, rules), "track"].unique()
    return positions[positions["track"].isin(near) & ~positions["lone"]].reset_index(drop=True)


def ship_begins_of(track: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True at every hull's first message."""
    return np.concatenate([[True], track[1:] != track[:-1]])[: len(track)]


def ship_states(
    rows: pd.DataFrame, port: Port, ship_begins: NDArray[np.bool_], rules: AisVisitSettings
) -> NDArray[np.int64]:
    """The ShipState of every message, (row,)."""
    distance_km = _berth_distance_m(rows, port, rules) / 1000
    in_port = _hysteresis(distance_km <= rules.entry_km, distance_km >= rules.exit_km, ship_begins)
    speed_kn = _speeds(rows, ship_begins)
    stopped = _hysteresis(
        in_port & (speed_kn <= rules.stop_kn), ~in_port | (speed_kn >= rules.start_kn), ship_begins
    )
    return np.where(
        stopped, ShipState.STOPPED, np.where(in_port, ShipState.IN_PORT, ShipState.AT_SEA)
    )


def transition_events(
    state: NDArray[np.int64], ship_begins: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The Event flags of every message, (row,), from its state and the one before it."""
    effect = np.zeros((len(ShipState), len(ShipState)), dtype=np.int64)
    for (last, now), event in TRANSITIONS.items():
        effect[last, now] = event
    before = np.where(ship_begins, ShipState.NO_MESSAGE, np.roll(state, 1))
    return effect[before, state]


def points_of(
    lon: NDArray[np.float64], lat: NDArray[np.float64], port: Port
) -> NDArray[np.object_]:
    """(row,), points in the port's UTM zone at those longitudes and latitudes."""
    to_utm = transformer(WGS84, port.grid.epsg)
    points: NDArray[np.object_] = shapely.points(*to_utm.transform(lon, lat))
    return points


def _in_box(rows: pd.DataFrame, port: Port, rules: AisVisitSettings) -> NDArray[np.bool_]:
    """(row,), False for messages further from every berth than ``exit_km``."""
    bounds = np.array([berth.polygon.bounds for berth in port.berths]).reshape(-1, 4)
    if not len(bounds):
        return np.zeros(len(rows), dtype=np.bool_)
    west, south = bounds[:, :2].min(axis=0)
    east, north = bounds[:, 2:].max(axis=0)
    lat_deg = 1.05 * rules.exit_km * 1000 / DEGREE_M
    lon_deg = lat_deg / np.cos(np.radians(max(abs(south), abs(north)) + lat_deg))
    # a berth next to 180 degrees has ships around it on both sides
    inside = east_of(rows["lon"], west - lon_deg) <= east - west + 2 * lon_deg
    return np.asarray(inside & rows["lat"].between(south - lat_deg, north + lat_deg))


def _hysteresis(
    on: NDArray[np.bool_], off: NDArray[np.bool_], begins: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Hysteresis, (row,): keeps its state where neither condition holds; off at a ship's begin."""
    decided = np.maximum.accumulate(np.where(on | off | begins, np.arange(len(on)), 0))
    return on[decided]


def _speeds(rows: pd.DataFrame, ship_begins: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Speed over ground in knots; where none was sent, that since the message before."""
    speed_kn = np.array(rows["sog_kn"], dtype=np.float64)
    missing = np.flatnonzero(np.isnan(speed_kn) & ~ship_begins)
    now, last = rows.iloc[missing], rows.iloc[missing - 1]
    east_m, north_m = offsets_m(last["lon"], last["lat"], now["lon"], now["lat"])
    seconds = (now["time"].to_numpy() - last["time"].to_numpy()) / np.timedelta64(1, "s")
    speed_kn[missing] = np.hypot(east_m, north_m) / np.maximum(seconds, 1.0) / KNOT_MS
    return speed_kn


def _berth_distance_m(
    rows: pd.DataFrame, port: Port, rules: AisVisitSettings
) -> NDArray[np.float64]:
    """Metres from every message to the nearest berth, infinite outside the box."""
    distance_m = np.full(len(rows), np.inf)
    inside = _in_box(rows, port, rules)
    # ships at rest repeat themselves: each place is measured once, to 11 m
    east = np.rint(rows["lon"].to_numpy()[inside] * 1e4).astype(np.int64)
    north = np.rint(rows["lat"].to_numpy()[inside] * 1e4).astype(np.int64)
    place, places = pd.factorize(east * 4_000_000 + north)
    row = (places + 2_000_000) % 4_000_000 - 2_000_000
    points = points_of((places - row) / 4_000_000 / 1e4, row / 1e4, port)
    berths = shapely.union_all([project(berth.polygon, port.grid.epsg) for berth in port.berths])
    shapely.prepare(berths)
    distance_m[inside] = shapely.distance(points, berths)[place]
    return distance_m
