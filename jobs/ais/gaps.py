"""AIS gaps: when ships stopped sending, and which gaps lie around a seen visit.

A gap is a fact about messages, not about intent: ``ships_heard`` counts other ships received
where and when it began; without any, nothing shows that the transponder was off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.ais.geodesy import east_of, offsets_m
from jobs.ais.hulls import at_once, with_hulls
from jobs.ais.match import Tier
from jobs.ais.schema import AIS_GAP_COLUMNS, VISIT_GAP_COLUMNS
from jobs.ais.statics import static_facts
from jobs.visits import KNOT_KMH, TIME, WHOLE, frame, typed

MIN_GAP_H = 4.0
"""Global Fishing Watch's gap in a port visit; a ship at rest sends every 3 minutes."""
CELL_DEG = 0.1
"""Other ships are counted in the cell of a gap's start and its eight neighbours: 10 to 20 km."""


class Relation(StrEnum):
    """Position of a gap relative to the time a ship was certainly at the berth."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"
    CANDIDATE = "candidate"
    """Of a visit without a matched ship: a ship without messages all that time that could have
    been there, by place, speed and length. Not a claim that it was."""


@dataclass(frozen=True)
class GapSettings:
    """Which gaps are listed at a visit."""

    around_h: float = 72.0
    """How long before or after a matched visit a gap still belongs to it: a coaster's leg."""
    near_km: float = 50.0
    """Greatest distance of a candidate's gap from the berth: off the port, beyond its anchorage."""
    fastest_kn: float = 16.0
    """Product tankers of 1,000 to 9,000 dwt make 10 to 14."""
    length_sd: float = 3.0
    length_gate_m: float = 10.0
    """On top of that many sds: the gate by which seen visits link looks."""


def ais_gaps(
    positions: pd.DataFrame, min_gap_h: float = MIN_GAP_H, until: datetime | None = None
) -> pd.DataFrame:
    """AIS_GAP_COLUMNS: every silence of at least ``min_gap_h`` hours, ordered by mmsi and start.

    With ``until``, the end of the record in UTC, ships without a later message get an open gap.
    """
    heard = with_hulls(positions)
    rows = heard[~heard["lone"]].reset_index(drop=True)
    time, track = rows["time"], rows["track"].to_numpy(np.int64)
    ended = pd.Timestamp(until) if until is not None else pd.NaT
    last = np.append(track[1:] != track[:-1], True)[: len(track)]
    later = time.shift(-1).mask(last, ended)
    hours = ((later - time) / pd.Timedelta(1, "h")).to_numpy(np.float64)
    starts = np.flatnonzero(hours >= min_gap_h)
    starts = starts[~_heard_elsewhere(heard, rows, starts, later)]
    gaps = _gap_rows(rows, starts, last[starts], hours[starts])
    gaps["ships_heard"] = _other_ships(heard, gaps)
    gap_track = track[starts]
    facts = static_facts(rows[rows["track"].isin(gap_track)]).reindex(gap_track)
    for name in ("name", "imo", "ship_type", "length_m"):
        gaps[name] = pd.array(facts[name].astype(AIS_GAP_COLUMNS[name]))
    return typed(gaps, AIS_GAP_COLUMNS)


def _heard_elsewhere(
    positions: pd.DataFrame, rows: pd.DataFrame, starts: NDArray[np.int64], later: pd.Series
) -> NDArray[np.bool_]:
    """(gap,), where the MMSI was heard meanwhile, and not as a second ship that sends all along.

    ``positions`` are all that was heard, ``rows`` those that ``starts`` and ``later`` refer to. Its
    positions then leap to and fro, but it is not silent.
    """
    heard = np.zeros(len(starts), dtype=np.bool_)
    several = positions.loc[positions["hull"] > 1, "mmsi"].unique()
    mmsi = positions["mmsi"].to_numpy(np.int64)
    silent = rows["mmsi"].to_numpy(np.int64)[starts]
    for number in np.flatnonzero(np.isin(silent, several)):
        row = starts[number]
        first, end = np.searchsorted(mmsi, [silent[number], silent[number] + 1])
        ship = positions.iloc[first:end].sort_values("time", kind="stable")
        if not at_once(ship["hull"].to_numpy(np.int64)):
            inside = (ship["time"] > rows["time"].iloc[row]) & (ship["time"] < later.iloc[row])
            heard[number] = bool(inside.any())
    return heard


def _gap_rows(
    rows: pd.DataFrame,
    starts: NDArray[np.int64],
    is_open: NDArray[np.bool_],
    hours: NDArray[np.float64],
) -> pd.DataFrame:
    before = rows.iloc[starts].reset_index(drop=True)
    after = rows.iloc[np.minimum(starts + 1, len(rows) - 1)].reset_index(drop=True)
    lon, lat = after["lon"].mask(is_open), after["lat"].mask(is_open)
    east_m, north_m = offsets_m(before["lon"], before["lat"], lon, lat)
    distance_km = np.hypot(east_m, north_m) / 1000
    return pd.DataFrame(
        {
            "mmsi": before["mmsi"],
            "hull": before["hull"],
            "start": before["time"],
            "end": after["time"].mask(is_open),
            "hours": hours,
            "start_lon": before["lon"],
            "start_lat": before["lat"],
            "end_lon": lon,
            "end_lat": lat,
            "distance_km": distance_km,
            "speed_kn": distance_km / KNOT_KMH / hours,
            "start_sog_kn": before["sog_kn"],
        }
    )


def _other_ships(rows: pd.DataFrame, gaps: pd.DataFrame) -> NDArray[np.int64]:
    """Number of other ships received around each gap's start in its first whole hour, (gap,)."""
    cells = _cells_around(gaps)
    keys = _cell_keys(rows["lon"], rows["lat"], rows["time"])
    wanted = pd.Index(cells["key"].unique()).get_indexer(pd.Index(keys)) >= 0
    received = pd.DataFrame({"key": keys[wanted], "other": rows["mmsi"].to_numpy()[wanted]})
    pairs = cells.merge(received.drop_duplicates(), on="key")
    pairs = pairs[pairs["other"] != pairs["mmsi"]].drop_duplicates(["gap", "other"])
    return np.bincount(pairs["gap"].to_numpy(np.int64), minlength=len(gaps))


def _cells_around(gaps: pd.DataFrame) -> pd.DataFrame:
    """Nine rows a gap: its number, its ship and the key of a cell and hour."""
    hour = gaps["start"].dt.ceil("h")
    steps = [(east, north) for east in (-1, 0, 1) for north in (-1, 0, 1)]
    return pd.concat(
        pd.DataFrame(
            {
                "gap": np.arange(len(gaps)),
                "mmsi": gaps["mmsi"],
                "key": _cell_keys(
                    gaps["start_lon"] + east * CELL_DEG, gaps["start_lat"] + north * CELL_DEG, hour
                ),
            }
        )
        for east, north in steps
    )


def _cell_keys(lon: pd.Series, lat: pd.Series, time: pd.Series) -> NDArray[np.int64]:
    """One integer for a cell and an hour, (row,)."""
    # the last column of the world lies next to its first
    column = np.floor(east_of(lon, -180.0) / CELL_DEG).astype(np.int64) % round(360 / CELL_DEG)
    row = np.floor((lat.to_numpy(np.float64) + 90) / CELL_DEG).astype(np.int64)
    hour = (time.astype(TIME).astype("int64") // 3_600_000_000).to_numpy(np.int64)
    return np.asarray((hour * 4096 + column) * 4096 + row)


# --- gaps at visits -----------------------------------------------------------------------------


def visit_gaps(
    visits: gpd.GeoDataFrame,
    vessels: gpd.GeoDataFrame,
    matches: pd.DataFrame,
    gaps: pd.DataFrame,
    settings: GapSettings | None = None,
) -> pd.DataFrame:
    """VISIT_GAP_COLUMNS: gaps before, during and after matched visits, and candidates for the rest.

    Takes the visits and vessels tables of a port, ``match_ais`` of those vessels, and ``ais_gaps``.
    """
    rules = settings or GapSettings()
    ships = visit_ships(vessels, matches)
    parts = [part for part in _parts(visits, ships, gaps, rules) if len(part)]
    if not parts:
        return frame(VISIT_GAP_COLUMNS)
    return typed(pd.concat(parts, ignore_index=True), VISIT_GAP_COLUMNS)


def visit_ships(vessels: gpd.GeoDataFrame, matches: pd.DataFrame) -> pd.DataFrame:
    """The matched ships of every visit: visit_id, mmsi, hull, and the greatest probability."""
    columns = ["vessel_id", "mmsi", "hull", "probability"]
    named = matches.loc[matches["tier"] == Tier.MATCHED, columns]
    linked = vessels.loc[vessels["visit_id"] != "", ["vessel_id", "visit_id"]].merge(named)
    best = linked.groupby(["visit_id", "mmsi", "hull"], as_index=False)["probability"].max()
    return best.astype({"mmsi": WHOLE, "hull": WHOLE})


def _parts(
    visits: gpd.GeoDataFrame, ships: pd.DataFrame, gaps: pd.DataFrame, rules: GapSettings
) -> Iterator[pd.DataFrame]:
    lon, lat = visits.geometry.x.to_numpy(), visits.geometry.y.to_numpy()
    for number, visit in enumerate(visits.to_dict("records")):
        here = _measured(gaps, visit, lon[number], lat[number])
        matched = ships[ships["visit_id"] == visit["visit_id"]]
        if len(matched):
            ship = matched[["mmsi", "hull", "probability"]]
            yield _around(here.merge(ship, on=["mmsi", "hull"]), visit, rules)
        else:
            yield _candidates(here, visit, rules)


def _measured(
    gaps: pd.DataFrame, visit: Mapping[str, object], lon: float, lat: float
) -> pd.DataFrame:
    """The gaps with their distances from one visit's place, and its names."""
    ends = {
        f"{end}_km": np.hypot(*offsets_m(gaps[f"{end}_lon"], gaps[f"{end}_lat"], lon, lat)) / 1000
        for end in ("start", "end")
    }
    names = {name: visit[name] for name in ("visit_id", "port", "berth")}
    return gaps.assign(**names, **ends, length_difference_m=gaps["length_m"] - visit["length_m"])


def _around(gaps: pd.DataFrame, visit: Mapping[str, object], rules: GapSettings) -> pd.DataFrame:
    """A matched ship's gaps that touch its stay or the hours around it."""
    arrived, left = visit["arrival_before"], visit["departure_after"]
    around = pd.Timedelta(rules.around_h, "h")
    before, after = gaps["end"] <= arrived, gaps["start"] >= left
    relation = np.select(
        [before, after], [Relation.BEFORE.value, Relation.AFTER.value], Relation.DURING.value
    )
    # an open gap has no end: it comes before nothing
    near = (gaps["start"] <= left + around) & ~(gaps["end"] < arrived - around)
    return gaps.assign(relation=relation)[near]


def _candidates(
    gaps: pd.DataFrame, visit: Mapping[str, object], rules: GapSettings
) -> pd.DataFrame:
    """Gaps of ships that could have come, been seen and left again, all during the gap."""
    kmh = rules.fastest_kn * KNOT_KMH
    to_arrive_h = (visit["arrival_before"] - gaps["start"]) / pd.Timedelta(1, "h")
    to_return_h = (gaps["end"] - visit["departure_after"]) / pd.Timedelta(1, "h")
    fits = (to_arrive_h >= 0) & (gaps["start_km"] <= kmh * to_arrive_h)
    fits &= gaps["end"].isna() | ((to_return_h >= 0) & (gaps["end_km"] <= kmh * to_return_h))
    fits &= gaps[["start_km", "end_km"]].min(axis=1) <= rules.near_km
    gate_m = rules.length_sd * float(str(visit["length_sd_m"])) + rules.length_gate_m
    too_short, too_long = (
        gaps["length_difference_m"] < -gate_m,
        gaps["length_difference_m"] > gate_m,
    )
    # a cut vessel is only known to be at least that long
    fits &= ~too_short & (~too_long | bool(visit["truncated"]))
    return gaps.assign(relation=Relation.CANDIDATE.value, probability=np.nan)[fits]
