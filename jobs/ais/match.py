"""Matches the vessels of overpasses with ships that send AIS, and finds the dark vessels.

For every overpass each AIS ship's place at that moment is interpolated; place, length and heading
give the odds of a pair against "a vessel without AIS" and "a ship not detected"; the pairs of an
overpass are then assigned jointly, one to one. A vessel without a partner is called dark only where
messages of other ships around it were received at that time: without reception, silence means
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.ais.association import best_pairs, pair_probabilities
from jobs.ais.geodesy import DEGREE_M, wrapped
from jobs.ais.hulls import TRACK_STEP, with_hulls
from jobs.ais.odds import (
    AisMatchSettings,
    Detections,
    Pairs,
    ShipsAt,
    compare,
    contradicts,
    pair_odds,
)
from jobs.ais.schema import AIS_MATCH_COLUMNS
from jobs.ais.statics import static_facts
from jobs.ais.tracks import (
    COURSE_FROM_KN,
    MINUTE_S,
    Fixes,
    Tracks,
    fixes_at,
    tracks_of,
)
from jobs.visits import OPTIONAL_WHOLE, TEXT, WHOLE, typed

KEYS = ("vessel_id", "port", "berth", "overpass_id", "time")
"""Columns taken over from the vessels table."""
CANDIDATE = (
    "track",
    "ais_length_m",
    "distance_m",
    "position_sd_m",
    "length_difference_m",
    "heading_difference_deg",
    "minutes_to_nearest_message",
    "gap_minutes",
)
"""Columns of the best pair."""
MEASURED = (
    *CANDIDATE,
    "probability",
    "any_probability",
    "contradicted",
    "ships_near",
    "ships_heard",
)
"""Columns computed by overpass; ``contradicted`` is not published."""


class Tier(StrEnum):
    """Result of the match for one vessel."""

    MATCHED = "matched"
    POSSIBLE = "possible"
    DARK = "dark"
    UNKNOWN = "unknown_coverage"
    """No partner, and no reception shown there: the vessel may or may not be dark."""


def match_ais(
    vessels: gpd.GeoDataFrame, positions: pd.DataFrame, settings: AisMatchSettings | None = None
) -> pd.DataFrame:
    """AIS_MATCH_COLUMNS for every row of a vessels table, in its order.

    ``positions`` has AIS_COLUMNS as ``read_ais`` gives them; read them with a margin around the
    port (``Window.around``), or coverage looks worse than it was.
    """
    rules = settings or AisMatchSettings()
    rows = with_hulls(positions)
    statics = static_facts(rows)
    record = _record_of(rows, statics)
    columns = {name: np.full(len(vessels), np.nan) for name in MEASURED}
    for rows, detections in _overpasses(vessels):
        for name, values in _match_overpass(detections, record, rules).items():
            columns[name][rows] = values
    table = pd.DataFrame(vessels[list(KEYS)]).reset_index(drop=True).assign(**columns)
    return _finished(table, vessels, statics, rules)


def _finished(
    table: pd.DataFrame, vessels: gpd.GeoDataFrame, statics: pd.DataFrame, rules: AisMatchSettings
) -> pd.DataFrame:
    """The table with tiers and names; rows neither matched nor possible get no ship."""
    table["tier"] = _tiers(table, rules)
    surely_m = vessels["length_m"].to_numpy() - vessels["length_sd_m"].to_numpy()
    table["carriage_expected"] = surely_m >= rules.carriage_from_m
    named = table["tier"].isin([Tier.MATCHED, Tier.POSSIBLE])
    table[list(CANDIDATE)] = table[list(CANDIDATE)].where(named)
    track = table["track"].astype(OPTIONAL_WHOLE)
    table["mmsi"], table["hull"] = track // TRACK_STEP, track % TRACK_STEP
    facts = statics.reindex(track.fillna(-1).astype(WHOLE))
    for name in ("name", "imo", "ship_type"):
        table[name] = pd.array(facts[name].astype(TEXT))
    return typed(table, AIS_MATCH_COLUMNS)


@dataclass(frozen=True)
class AisRecord:
    """All position messages, as tracks and by ship."""

    tracks: Tracks
    track: NDArray[np.int64]
    """(message,), of its hull."""
    heading_deg: NDArray[np.float64]
    """(message,), heading as sent, else the course of a moving ship."""
    ships: NDArray[np.int64]
    """(ship,), track, ascending."""
    length_m: NDArray[np.float64]
    """(ship,)."""
    ahead_m: NDArray[np.float64]
    """(ship,), from the antenna forward to the middle of the hull."""


def _overpasses(vessels: gpd.GeoDataFrame) -> Iterator[tuple[NDArray[np.intp], Detections]]:
    """The rows of the vessels of every overpass, and the vessels themselves."""
    lon, lat = vessels.geometry.x.to_numpy(), vessels.geometry.y.to_numpy()
    length_m, length_sd_m = vessels["length_m"].to_numpy(), vessels["length_sd_m"].to_numpy()
    heading_deg, truncated = vessels["heading_deg"].to_numpy(), vessels["truncated"].to_numpy()
    for rows in vessels.groupby("overpass_id", sort=False).indices.values():
        yield (
            rows,
            Detections(
                time=vessels["time"].iloc[rows[0]],
                sensor=str(vessels["sensor"].iloc[rows[0]]),
                lon=lon[rows],
                lat=lat[rows],
                length_m=length_m[rows],
                length_sd_m=np.maximum(length_sd_m[rows], 1.0),
                heading_deg=heading_deg[rows],
                truncated=truncated[rows],
            ),
        )


def _record_of(positions: pd.DataFrame, statics: pd.DataFrame) -> AisRecord:
    ordered = statics.sort_index()
    to_bow_m, to_stern_m = ordered["to_bow_m"].to_numpy(), ordered["to_stern_m"].to_numpy()
    return AisRecord(
        tracks=tracks_of(positions),
        track=positions["track"].to_numpy(np.int64),
        heading_deg=_headings(positions),
        ships=ordered.index.to_numpy(np.int64),
        length_m=ordered["length_m"].to_numpy(np.float64),
        ahead_m=(to_bow_m.astype(np.float64) - to_stern_m.astype(np.float64)) / 2,
    )


def _headings(positions: pd.DataFrame) -> NDArray[np.float64]:
    moves = positions["sog_kn"].to_numpy(np.float64) > COURSE_FROM_KN
    course = np.where(moves, positions["cog_deg"].to_numpy(np.float64), np.nan)
    heading = positions["heading_deg"].to_numpy(np.float64)
    return np.where(np.isfinite(heading), heading, course)


def _match_overpass(
    detections: Detections, record: AisRecord, rules: AisMatchSettings
) -> dict[str, NDArray[np.float64]]:
    """MEASURED of every vessel, (vessel,)."""
    ships = _ships_at(detections, record, rules)
    pairs = compare(detections, ships, rules)
    near, received = _coverage(pairs, ships, rules)
    found: dict[str, NDArray[np.float64]] = {"ships_near": near, "ships_heard": received}
    if not len(ships.track):
        nothing = np.zeros(len(detections.lon))
        return {**found, "probability": nothing, "any_probability": nothing}
    weight = pair_odds(detections, ships, pairs, rules)
    probability = pair_probabilities(weight)
    best = best_pairs(weight)
    ship = np.where(best >= 0, best, probability.argmax(axis=1))
    vessel = np.arange(len(ship))
    return {
        **found,
        "probability": probability[vessel, ship],
        "any_probability": np.minimum(probability.sum(axis=1), 1.0),
        "contradicted": contradicts(detections, pairs, rules)[vessel, ship].astype(np.float64),
        **_candidate(ships, pairs, vessel, ship),
    }


def _candidate(
    ships: ShipsAt, pairs: Pairs, vessel: NDArray[np.intp], ship: NDArray[np.intp]
) -> dict[str, NDArray[np.float64]]:
    """CANDIDATE of each vessel's best ship."""
    return {
        # below 2^53: MMSIs have nine digits, hulls five
        "track": ships.track[ship].astype(np.float64),
        "ais_length_m": ships.length_m[ship],
        "distance_m": pairs.distance_m[vessel, ship],
        "position_sd_m": pairs.sd_m[vessel, ship],
        "length_difference_m": pairs.length_m[vessel, ship],
        "heading_difference_deg": pairs.heading_deg[vessel, ship],
        "minutes_to_nearest_message": ships.fixes.nearest_s[ship] / MINUTE_S,
        "gap_minutes": ships.fixes.gap_s[ship] / MINUTE_S,
    }


def _ships_at(detections: Detections, record: AisRecord, rules: AisMatchSettings) -> ShipsAt:
    """The AIS ships within coverage of any vessel at that moment."""
    fixes = _close(fixes_at(record.tracks, detections.time, rules.drift), detections, rules)
    track = record.track[fixes.row]
    ship = np.searchsorted(record.ships, track)
    length_m, heading_deg = record.length_m[ship], record.heading_deg[fixes.row]
    lon, lat, standing = _hull_middle(fixes, record.ahead_m[ship], heading_deg)
    hull_m = np.nan_to_num(length_m, nan=rules.boat_length_m)
    along_sd_m = np.where(standing, 0.0, rules.antenna_share * hull_m)
    doubt_m2 = fixes.sd_m**2 + (fixes.speed_ms * rules.time_sd_of(detections.sensor)) ** 2
    sd_m = np.sqrt(doubt_m2 + rules.antenna_sd_m**2 + rules.geolocation_sd_m**2)
    share = doubt_m2 / sd_m**2
    return ShipsAt(track, fixes, lon, lat, sd_m, along_sd_m, share, length_m, heading_deg)


def _close(fixes: Fixes, detections: Detections, rules: AisMatchSettings) -> Fixes:
    # a degree is longer than 100 km
    lat_deg = rules.coverage_km / 100
    lon_deg = lat_deg / np.cos(np.radians(np.abs(detections.lat).max()))
    # counted from one of the vessels, for they may lie on both sides of 180 degrees
    across, ships_across = (wrapped(lon - detections.lon[0]) for lon in (detections.lon, fixes.lon))
    close = (ships_across > across.min() - lon_deg) & (ships_across < across.max() + lon_deg)
    close &= (fixes.lat > detections.lat.min() - lat_deg) & (
        fixes.lat < detections.lat.max() + lat_deg
    )
    return fixes.only(close)


def _hull_middle(
    fixes: Fixes, ahead_m: NDArray[np.float64], heading_deg: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Longitude and latitude of the hull's middle, and where antenna and heading give it."""
    known = np.isfinite(ahead_m) & np.isfinite(heading_deg)
    ahead_m, bearing = np.where(known, ahead_m, 0.0), np.radians(np.nan_to_num(heading_deg))
    metre_lon = 1 / (DEGREE_M * np.cos(np.radians(fixes.lat)))
    lon = fixes.lon + ahead_m * np.sin(bearing) * metre_lon
    return wrapped(lon), fixes.lat + ahead_m * np.cos(bearing) / DEGREE_M, known


# --- tiers --------------------------------------------------------------------------------------


def _coverage(
    pairs: Pairs, ships: ShipsAt, rules: AisMatchSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numbers of AIS ships known to be around each vessel, and of those received within minutes."""
    # a ship with messages on one side only may have left: it proves nothing about reception
    known = np.isfinite(ships.fixes.gap_s) | (
        ships.fixes.nearest_s <= rules.reception_min * MINUTE_S
    )
    near = (pairs.distance_m <= rules.coverage_km * 1000) & known[None]
    received = near & (ships.fixes.nearest_s <= rules.reception_min * MINUTE_S)[None]
    return near.sum(axis=1, dtype=np.float64), received.sum(axis=1, dtype=np.float64)


def _tiers(table: pd.DataFrame, rules: AisMatchSettings) -> pd.Series:
    received, near = table["ships_heard"], table["ships_near"]
    sure = (table["probability"] >= rules.matched_from) & ~(table["contradicted"] > 0)
    cases = [
        sure,
        table["any_probability"] >= rules.dark_below,
        (received >= rules.reception_ships) & (received >= rules.reception_share * near),
    ]
    tiers = [Tier.MATCHED.value, Tier.POSSIBLE.value, Tier.DARK.value]
    return pd.Series(np.select(cases, tiers, Tier.UNKNOWN.value), dtype=TEXT)
