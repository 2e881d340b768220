"""Where ships lay: uninterrupted stops, and stops put together to stays at berths.

A stay ends when its ship is seen elsewhere, and not before: a speed that flickers, a place that
jumps or one stray position does not end it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jobs.ais.geodesy import offsets_m, wrapped
from jobs.ais.port_state import AisVisitSettings, ShipState, points_of
from jobs.domain import BerthKind, Port, project

SAME_PLACE_M = 50.0
"""Stops no further apart are one: less than berths lie apart, more than a receiver errs."""
CONFIRMED = 2
"""So many messages from elsewhere show that a ship left; one does if it was sent under way."""
UNDER_WAY_KN = 2.0


def berth_stays(
    rows: pd.DataFrame,
    port: Port,
    state: NDArray[np.int64],
    visit_first: NDArray[np.int64],
    rules: AisVisitSettings,
) -> pd.DataFrame:
    """One row a stay: visit, berth, first and last row; in order of the first.

    ``visit_first`` is the first row of every visit, ascending; the row's index is the visit.
    """
    stops = _same_places(_stops(rows, state, visit_first, rules), rows, rules)
    stops = stops.assign(berth=_berth_at(stops, port, rules))
    outlines = {berth.id: project(berth.polygon, port.grid.epsg) for berth in port.berths}
    stays = [
        stay
        for _, lay in stops.groupby("visit", sort=False)
        for stay in _visit_stays(lay.reset_index(drop=True), rows, port, outlines, rules)
    ]
    return pd.DataFrame(stays, columns=["visit", "berth", "first", "last"])


def _stops(
    rows: pd.DataFrame,
    state: NDArray[np.int64],
    visit_first: NDArray[np.int64],
    rules: AisVisitSettings,
) -> pd.DataFrame:
    """Uninterrupted stops: visit, first and last row, number of messages, mean place."""
    lying = np.flatnonzero(state == ShipState.STOPPED)
    lon, lat = rows["lon"].to_numpy()[lying], rows["lat"].to_numpy()[lying]
    track = rows["track"].to_numpy(np.int64)[lying]
    east_m, north_m = offsets_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    breaks = (np.diff(lying) > 1) | (np.diff(track) != 0)
    breaks |= np.hypot(east_m, north_m) > rules.moved_m
    first = np.flatnonzero(np.concatenate([[True], breaks])[: len(lying)])
    count = np.diff(np.append(first, len(lying)))
    # a mean longitude is one of differences: -180 and 180 are one place
    east_deg = wrapped(lon - np.repeat(lon[first], count))
    stops = pd.DataFrame(
        {
            "visit": np.searchsorted(visit_first, lying[first], side="right") - 1,
            "first": lying[first],
            "last": lying[first + count - 1],
            "messages": count,
            "lon": wrapped(lon[first] + np.add.reduceat(east_deg, first) / count),
            "lat": np.add.reduceat(lat, first) / count,
        }
    )
    return stops[stops["visit"] >= 0].reset_index(drop=True)


def _same_places(stops: pd.DataFrame, rows: pd.DataFrame, rules: AisVisitSettings) -> pd.DataFrame:
    """The stops with those put together between which a ship stayed where it was.

    Of two berths side by side, a ship between them is then at one and not at each in turn.
    """
    together: list[dict[str, float]] = []
    lon, lat = rows["lon"].to_numpy(), rows["lat"].to_numpy()
    for stop in stops.to_dict("records"):
        last = together[-1] if together else None
        if last is None or not _stayed(last, stop, lon, lat, rules):
            together.append(stop)
            continue
        share = stop["messages"] / (last["messages"] + stop["messages"])
        last["lon"] = float(wrapped(last["lon"] + share * wrapped(stop["lon"] - last["lon"])))
        last["lat"] += share * (stop["lat"] - last["lat"])
        last["last"], last["messages"] = stop["last"], last["messages"] + stop["messages"]
    return pd.DataFrame(together, columns=stops.columns).astype(stops.dtypes)


def _stayed(
    last: dict[str, float],
    stop: dict[str, float],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    rules: AisVisitSettings,
) -> bool:
    """Whether a stop is at the place of the one before, without a message from elsewhere."""
    if last["visit"] != stop["visit"]:
        return False
    if np.hypot(*offsets_m(last["lon"], last["lat"], stop["lon"], stop["lat"])) > SAME_PLACE_M:
        return False
    between = slice(int(last["last"]) + 1, int(stop["first"]))
    way_m = np.hypot(*offsets_m(last["lon"], last["lat"], lon[between], lat[between]))
    return not bool((way_m > rules.moved_m).any())


def _visit_stays(
    stops: pd.DataFrame,
    rows: pd.DataFrame,
    port: Port,
    outlines: Mapping[str, shapely.Polygon],
    rules: AisVisitSettings,
) -> list[tuple[int, str, int, int]]:
    """Visit, berth, first and last row of the stays of one visit."""
    lay = stops.to_dict("records")
    stays: list[dict[str, Any]] = []
    for number, stop in enumerate(lay):
        if not stop["berth"]:
            continue
        earlier = next((s for s in reversed(stays) if s["berth"] == stop["berth"]), None)
        if earlier is None or _left(
            earlier, lay[earlier["number"] + 1 : number], stop, rows, port, outlines, rules
        ):
            stays.append({**stop, "number": number})
            continue
        # what lies between is unconfirmed: had the ship lain there, it would have left
        del stays[stays.index(earlier) + 1 :]
        earlier.update(last=stop["last"], number=number)
    return [(s["visit"], s["berth"], s["first"], s["last"]) for s in stays]


def _left(
    stay: Mapping[str, Any],
    between: list[dict[str, Any]],
    stop: Mapping[str, Any],
    rows: pd.DataFrame,
    port: Port,
    outlines: Mapping[str, shapely.Polygon],
    rules: AisVisitSettings,
) -> bool:
    """Whether a ship was surely elsewhere between a stay and a later stop at the same berth."""
    if any(other["messages"] >= CONFIRMED for other in between if other["berth"] != stay["berth"]):
        return True
    away = rows.iloc[stay["last"] + 1 : stop["first"]]
    points = points_of(away["lon"].to_numpy(), away["lat"].to_numpy(), port)
    off = shapely.distance(points, outlines[stay["berth"]]) > rules.moved_m
    under_way = off & (away["sog_kn"].to_numpy() >= UNDER_WAY_KN)
    return bool(off.sum() >= CONFIRMED or under_way.any())


def _berth_at(stops: pd.DataFrame, port: Port, rules: AisVisitSettings) -> NDArray[np.object_]:
    """Id of the nearest berth in reach, "" where there is none; a quay goes before an anchorage."""
    if not len(stops):
        return np.empty(0, dtype=object)
    points = points_of(stops["lon"].to_numpy(), stops["lat"].to_numpy(), port)
    berths = sorted(port.berths, key=lambda berth: berth.kind is BerthKind.ANCHORAGE)
    outlines = [project(berth.polygon, port.grid.epsg) for berth in berths]
    distance_m = np.array([shapely.distance(points, outline) for outline in outlines])
    nearest = distance_m.argmin(axis=0)
    reached = distance_m.min(axis=0) <= rules.berth_reach_m
    ids = np.array([berth.id for berth in berths], dtype=object)
    return np.where(reached, ids[nearest], "")
