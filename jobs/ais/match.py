"""Which ship with AIS is which vessel of an overpass, and which vessels were silent.

For every overpass each AIS ship's place at that moment is interpolated; place, length and heading
give the odds of a pair against "a vessel nobody heard" and "a ship nobody saw"; all pairs of the
overpass are then weighed together, one to one. A vessel without a partner is called dark only where
other ships were heard around it at that time: silence where nobody is heard says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import i0e, ndtr

from jobs.ais.association import best_pairs, pair_probabilities
from jobs.ais.geodesy import DEGREE_M, offsets_m
from jobs.ais.schema import AIS_MATCH_COLUMNS
from jobs.ais.tracks import (
    COURSE_FROM_KN,
    MINUTE_S,
    DriftSettings,
    Fixes,
    Tracks,
    fixes_at,
    tracks_of,
)
from jobs.visits.columns import TEXT, WHOLE, typed


class Tier(StrEnum):
    """What AIS says about one vessel."""

    MATCHED = "matched"
    POSSIBLE = "possible"
    DARK = "dark"
    UNKNOWN = "unknown_coverage"
    """No partner, but nobody was shown to listen there: nothing follows."""


@dataclass(frozen=True)
class MatchSettings:
    """What pairs are judged by; each default with its reason."""

    drift: DriftSettings = field(default_factory=DriftSettings)
    geolocation_sd_m: float = 15.0
    """Of a box's centre: Sentinel-2's own 11 m at 95 %, a pixel, the part of a hull not found."""
    antenna_sd_m: float = 10.0
    """Satellite fix, clock of the receiver, and antenna beside the keel."""
    antenna_share: float = 0.25
    """Sd of the antenna's way from the hull's middle as a share of the length, where the ship does
    not say where it stands: it is on the bridge, usually aft."""
    time_sd_s: Mapping[str, float] = field(
        default_factory=lambda: {"sentinel-2": 5.0, "sentinel-1": 70.0, "landsat": 5.0}
    )
    """By start of the sensor's name, seconds by which a moving ship lies elsewhere than at the
    overpass's time: a Sentinel-2 tile takes 15 s and its bands 2.6 s; a radar shifts a ship by
    its radial speed times range over satellite speed, some 110 s x sin(incidence)."""
    other_time_sd_s: float = 10.0
    tail: float = 2.0
    """Degrees of freedom of a moving ship's t distribution: hidden messages of real tracks lie 5 to
    10 times as far off at 95 % as at 50 %; of a normal distribution that is twice."""
    reach_sd: float = 12.0
    """Pairs further apart are not weighed, in sds, and never more than ``reach_km``."""
    reach_km: float = 5.0
    ais_length_share: float = 0.03
    """Sd of an AIS length that was typed in honestly: rounding, length over all or not."""
    contradiction_sd: float = 4.0
    """Lengths further apart, in sds, are never called matched however near the ship is: a tug
    beside a silent tanker is near too, and a tug's length is not that of its barges."""
    wrong_length: float = 0.05
    """Share of AIS lengths that are simply wrong, assumed: they are typed in and nobody checks."""
    heading_sd_deg: float = 10.0
    wrong_heading: float = 0.2
    """Share of headings measured in imagery that are off: 79 % lie within 10 degrees."""
    silent_per_km2: float = 1.0
    """Vessels without AIS and false alarms in a square kilometre of harbour: boats mostly. Ten
    times more or less changes a moored ship's probability by under 0.02."""
    silent_share: float = 0.25
    """Of the vessels within ``crowd_km``: quays crowd silent vessels too. Paolo et al. (2024) found
    21 to 30 % of the world's transport and energy vessels untracked."""
    crowd_km: float = 0.5
    recall: float = 0.85
    """Chance that a ship of 100 m is among the vessels; with ``recall_slope`` on the logit per
    e-fold of length, it falls to 0.25 at 15 m: most AIS boats are below what 10 m pixels show."""
    recall_slope: float = 1.5
    boat_length_m: float = 15.0
    """What a ship is taken for that does not say its length: those are class B craft."""
    matched_from: float = 0.9
    """Nine of ten such links are right if the model is; a visit's identity hangs on it."""
    dark_below: float = 0.05
    """Dark is an accusation: at most one in twenty may have a partner in AIS after all."""
    coverage_km: float = 10.0
    """What is heard this near shares the receiver's horizon, even of an antenna at 10 m."""
    heard_min: float = 10.0
    """A class A ship at rest sends every 3 minutes; where one listens, three are not lost."""
    heard_ships: int = 3
    """One ship could stand beside the receiver; three around the vessel show reception there."""
    heard_share: float = 0.6
    """Of the ships known to be near: with less, silence is ordinary here."""
    carriage_from_m: float = 60.0
    """SOLAS V/19 asks for AIS from 300 gross tonnage, which is 40 to 55 m of length, and from 500
    away from international voyages."""

    def time_sd_of(self, sensor: str) -> float:
        """Seconds for a sensor by name."""
        known = (sd for name, sd in self.time_sd_s.items() if sensor.startswith(name))
        return next(known, self.other_time_sd_s)


def match_ais(
    vessels: gpd.GeoDataFrame, positions: pd.DataFrame, settings: MatchSettings | None = None
) -> pd.DataFrame:
    """AIS_MATCH_COLUMNS for every row of a vessels table, in its order.

    ``positions`` has AIS_COLUMNS as ``read_ais`` gives them; read them with a margin around the
    port (``Window.around``), or coverage looks worse than it was.
    """
    rules = settings or MatchSettings()
    statics = static_facts(positions)
    witness = _witness(positions, statics)
    columns = {name: np.full(len(vessels), np.nan) for name in MEASURED}
    for rows, seen in _overpasses(vessels):
        for name, values in _match_overpass(seen, witness, rules).items():
            columns[name][rows] = values
    table = pd.DataFrame(vessels[list(KEYS)]).reset_index(drop=True).assign(**columns)
    return _finished(table, vessels, statics, rules)


KEYS = ("vessel_id", "port", "berth", "overpass_id", "time")
CANDIDATE = (
    "mmsi",
    "ais_length_m",
    "distance_m",
    "position_sd_m",
    "length_difference_m",
    "heading_difference_deg",
    "minutes_to_nearest_message",
    "gap_minutes",
)
MEASURED = (
    *CANDIDATE,
    "probability",
    "any_probability",
    "contradicted",
    "ships_near",
    "ships_heard",
)


def _finished(
    table: pd.DataFrame, vessels: gpd.GeoDataFrame, statics: pd.DataFrame, rules: MatchSettings
) -> pd.DataFrame:
    """The table with tiers and names; what is neither matched nor possible names nobody."""
    table["tier"] = _tiers(table, rules)
    surely_m = vessels["length_m"].to_numpy() - vessels["length_sd_m"].to_numpy()
    table["carriage_expected"] = surely_m >= rules.carriage_from_m
    named = table["tier"].isin([Tier.MATCHED, Tier.POSSIBLE])
    table[list(CANDIDATE)] = table[list(CANDIDATE)].where(named)
    facts = statics.reindex(table["mmsi"].fillna(-1).astype(WHOLE))
    for name in ("name", "imo", "ship_type"):
        table[name] = pd.array(facts[name].astype(TEXT))
    return typed(table, AIS_MATCH_COLUMNS)


def static_facts(positions: pd.DataFrame) -> pd.DataFrame:
    """What each ship said of itself, the last value that it sent; index mmsi."""
    names = ["name", "imo", "ship_type", "length_m", "to_bow_m", "to_stern_m"]
    facts = pd.DataFrame(index=pd.Index(positions["mmsi"].unique(), name="mmsi"))
    for name in names:
        said = positions.loc[positions[name].notna(), ["mmsi", name]]
        facts[name] = said.drop_duplicates("mmsi", keep="last").set_index("mmsi")[name]
    return facts


# --- one overpass -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """The vessels of one overpass; arrays are (vessel,)."""

    time: pd.Timestamp
    sensor: str
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    length_m: NDArray[np.float64]
    length_sd_m: NDArray[np.float64]
    heading_deg: NDArray[np.float64]
    truncated: NDArray[np.bool_]


@dataclass(frozen=True)
class Witness:
    """Everything AIS said, made ready."""

    tracks: Tracks
    mmsi: NDArray[np.int64]
    """(message,)."""
    heading_deg: NDArray[np.float64]
    """(message,), the heading sent, else the course of a ship that moves."""
    ships: NDArray[np.int64]
    """(ship,), ascending."""
    length_m: NDArray[np.float64]
    """(ship,)."""
    ahead_m: NDArray[np.float64]
    """(ship,), from the antenna forward to the middle of the hull."""


@dataclass(frozen=True)
class Heard:
    """The AIS ships of one moment; arrays are (ship,), NaN where a ship did not say."""

    mmsi: NDArray[np.int64]
    fixes: Fixes
    lon: NDArray[np.float64]
    """Of the hull's middle, where antenna and heading are known."""
    lat: NDArray[np.float64]
    sd_m: NDArray[np.float64]
    """Per axis, of everything but the antenna's place along the hull."""
    along_sd_m: NDArray[np.float64]
    """On top of it along the hull: where on it the antenna stands."""
    drift_share: NDArray[np.float64]
    """Of that variance, what comes from the ship's own movement."""
    length_m: NDArray[np.float64]
    heading_deg: NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """How vessels and ships differ; arrays are (vessel, ship)."""

    distance_m: NDArray[np.float64]
    z2: NDArray[np.float64]
    """Squared distance in sds, along and across the hull."""
    sd_m: NDArray[np.float64]
    """Per axis: the geometric mean of along and across."""
    drift_share: NDArray[np.float64]
    length_m: NDArray[np.float64]
    """AIS minus image; NaN where AIS does not say."""
    length_sd_m: NDArray[np.float64]
    heading_deg: NDArray[np.float64]
    """0 to 90; NaN where AIS does not say."""


def _overpasses(vessels: gpd.GeoDataFrame) -> Iterator[tuple[NDArray[np.intp], Seen]]:
    """Every overpass, with the rows of its vessels."""
    lon, lat = vessels.geometry.x.to_numpy(), vessels.geometry.y.to_numpy()
    length_m, length_sd_m = vessels["length_m"].to_numpy(), vessels["length_sd_m"].to_numpy()
    heading_deg, truncated = vessels["heading_deg"].to_numpy(), vessels["truncated"].to_numpy()
    for rows in vessels.groupby("overpass_id", sort=False).indices.values():
        yield (
            rows,
            Seen(
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


def _witness(positions: pd.DataFrame, statics: pd.DataFrame) -> Witness:
    ordered = statics.sort_index()
    to_bow_m, to_stern_m = ordered["to_bow_m"].to_numpy(), ordered["to_stern_m"].to_numpy()
    return Witness(
        tracks=tracks_of(positions),
        mmsi=positions["mmsi"].to_numpy(np.int64),
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
    seen: Seen, witness: Witness, rules: MatchSettings
) -> dict[str, NDArray[np.float64]]:
    """MEASURED of every vessel, (vessel,)."""
    heard = _heard_at(seen, witness, rules)
    pairs = _compare(seen, heard, rules)
    near, told = _coverage(pairs, heard, rules)
    found: dict[str, NDArray[np.float64]] = {"ships_near": near, "ships_heard": told}
    if not len(heard.mmsi):
        nothing = np.zeros(len(seen.lon))
        return {**found, "probability": nothing, "any_probability": nothing}
    weight = _weights(seen, heard, pairs, rules)
    probability = pair_probabilities(weight)
    best = best_pairs(weight)
    ship = np.where(best >= 0, best, probability.argmax(axis=1))
    vessel = np.arange(len(ship))
    return {
        **found,
        "probability": probability[vessel, ship],
        "any_probability": np.minimum(probability.sum(axis=1), 1.0),
        "contradicted": _contradicts(seen, pairs, rules)[vessel, ship].astype(np.float64),
        **_candidate(heard, pairs, vessel, ship),
    }


def _candidate(
    heard: Heard, pairs: Pairs, vessel: NDArray[np.intp], ship: NDArray[np.intp]
) -> dict[str, NDArray[np.float64]]:
    """CANDIDATE of each vessel's best ship."""
    return {
        "mmsi": heard.mmsi[ship].astype(np.float64),
        "ais_length_m": heard.length_m[ship],
        "distance_m": pairs.distance_m[vessel, ship],
        "position_sd_m": pairs.sd_m[vessel, ship],
        "length_difference_m": pairs.length_m[vessel, ship],
        "heading_difference_deg": pairs.heading_deg[vessel, ship],
        "minutes_to_nearest_message": heard.fixes.nearest_s[ship] / MINUTE_S,
        "gap_minutes": heard.fixes.gap_s[ship] / MINUTE_S,
    }


def _heard_at(seen: Seen, witness: Witness, rules: MatchSettings) -> Heard:
    """The AIS ships within coverage of any vessel at that moment."""
    fixes = _close(fixes_at(witness.tracks, seen.time, rules.drift), seen, rules)
    mmsi = witness.mmsi[fixes.row]
    ship = np.searchsorted(witness.ships, mmsi)
    length_m, heading_deg = witness.length_m[ship], witness.heading_deg[fixes.row]
    lon, lat, standing = _hull_middle(fixes, witness.ahead_m[ship], heading_deg)
    hull_m = np.nan_to_num(length_m, nan=rules.boat_length_m)
    along_sd_m = np.where(standing, 0.0, rules.antenna_share * hull_m)
    doubt_m2 = fixes.sd_m**2 + (fixes.speed_ms * rules.time_sd_of(seen.sensor)) ** 2
    sd_m = np.sqrt(doubt_m2 + rules.antenna_sd_m**2 + rules.geolocation_sd_m**2)
    share = doubt_m2 / sd_m**2
    return Heard(mmsi, fixes, lon, lat, sd_m, along_sd_m, share, length_m, heading_deg)


def _close(fixes: Fixes, seen: Seen, rules: MatchSettings) -> Fixes:
    # a degree is longer than 100 km
    lat_deg = rules.coverage_km / 100
    lon_deg = lat_deg / np.cos(np.radians(np.abs(seen.lat).max()))
    close = (fixes.lon > seen.lon.min() - lon_deg) & (fixes.lon < seen.lon.max() + lon_deg)
    close &= (fixes.lat > seen.lat.min() - lat_deg) & (fixes.lat < seen.lat.max() + lat_deg)
    return fixes.only(close)


def _hull_middle(
    fixes: Fixes, ahead_m: NDArray[np.float64], heading_deg: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Longitude and latitude of the hull's middle, and where antenna and heading tell it."""
    known = np.isfinite(ahead_m) & np.isfinite(heading_deg)
    ahead_m, bearing = np.where(known, ahead_m, 0.0), np.radians(np.nan_to_num(heading_deg))
    metre_lon = 1 / (DEGREE_M * np.cos(np.radians(fixes.lat)))
    lon = fixes.lon + ahead_m * np.sin(bearing) * metre_lon
    return lon, fixes.lat + ahead_m * np.cos(bearing) / DEGREE_M, known


def _compare(seen: Seen, heard: Heard, rules: MatchSettings) -> Pairs:
    east_m, north_m = offsets_m(
        seen.lon[:, None], seen.lat[:, None], heard.lon[None], heard.lat[None]
    )
    along = np.where(np.isfinite(heard.heading_deg), heard.heading_deg, seen.heading_deg[:, None])
    east, north = np.sin(np.radians(along)), np.cos(np.radians(along))
    along_sd_m = np.hypot(heard.sd_m, heard.along_sd_m)
    turn = np.abs(seen.heading_deg[:, None] - heard.heading_deg[None]) % 180
    return Pairs(
        distance_m=np.hypot(east_m, north_m),
        z2=((east_m * east + north_m * north) / along_sd_m) ** 2
        + ((east_m * north - north_m * east) / heard.sd_m) ** 2,
        sd_m=np.broadcast_to(np.sqrt(along_sd_m * heard.sd_m), east_m.shape),
        drift_share=np.broadcast_to(heard.drift_share, east_m.shape),
        length_m=heard.length_m[None] - seen.length_m[:, None],
        length_sd_m=np.hypot(
            seen.length_sd_m[:, None], rules.ais_length_share * heard.length_m[None]
        ),
        heading_deg=np.minimum(turn, 180 - turn),
    )


# --- odds ---------------------------------------------------------------------------------------


def _weights(seen: Seen, heard: Heard, pairs: Pairs, rules: MatchSettings) -> NDArray[np.float64]:
    """Odds of each pair against "heard but not seen, seen but not heard", (vessel, ship)."""
    length_m = np.nan_to_num(heard.length_m, nan=rules.boat_length_m)
    # odds of being seen: recall / (1 - recall)
    longer = np.log(np.maximum(length_m, 1.0) / 100.0)
    odds = np.exp(np.log(rules.recall / (1 - rules.recall)) + rules.recall_slope * longer)
    place = _place_density(pairs, rules) / (_silent_per_km2(seen, rules)[:, None] * 1e-6)
    return np.asarray(
        odds[None] * place * _length_odds(seen, pairs, rules) * _heading_odds(pairs, rules)
    )


def _silent_per_km2(seen: Seen, rules: MatchSettings) -> NDArray[np.float64]:
    """How densely vessels without AIS lie around each vessel: denser where vessels crowd."""
    east_m, north_m = offsets_m(seen.lon[:, None], seen.lat[:, None], seen.lon, seen.lat)
    others = (np.hypot(east_m, north_m) <= rules.crowd_km * 1000).sum(axis=1) - 1
    crowd = rules.silent_share * others / (np.pi * rules.crowd_km**2)
    return np.asarray(np.maximum(crowd, rules.silent_per_km2))


def _place_density(pairs: Pairs, rules: MatchSettings) -> NDArray[np.float64]:
    """Density of a vessel's place given the ship's, per square metre: bivariate t.

    Only movement has the heavy tail: with its share of the variance, the degrees of freedom go from
    ``tail`` to those of a normal distribution.
    """
    freedom = rules.tail / np.maximum(pairs.drift_share, 1e-3) ** 2
    density = (1 + pairs.z2 / freedom) ** (-freedom / 2 - 1) / (2 * np.pi * pairs.sd_m**2)
    near = (pairs.z2 <= rules.reach_sd**2) & (pairs.distance_m <= rules.reach_km * 1000)
    return np.where(near, density, 0.0)


OTHER_LOG_LENGTH, OTHER_LOG_SD = np.log(60.0), 0.9
"""Lengths of vessels of which nothing is known: half under 60 m, one in ten over 190 m."""


def _length_odds(seen: Seen, pairs: Pairs, rules: MatchSettings) -> NDArray[np.float64]:
    """How much likelier the measured length is of this ship than of any vessel."""
    measured = np.maximum(seen.length_m, 5.0)[:, None]
    width = np.hypot(OTHER_LOG_SD, seen.length_sd_m[:, None] / measured)
    z_other = (np.log(measured) - OTHER_LOG_LENGTH) / width
    other = _bell(z_other) / (width * measured)
    ratio = _bell(pairs.length_m / pairs.length_sd_m) / pairs.length_sd_m / other
    # a cut vessel is at least as long as what is seen of it
    cut = ndtr(pairs.length_m / pairs.length_sd_m) / ndtr(-z_other)
    ratio = np.where(seen.truncated[:, None], cut, ratio)
    mixed = rules.wrong_length + (1 - rules.wrong_length) * ratio
    return np.where(np.isfinite(pairs.length_m), mixed, 1.0)


def _bell(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))


def _heading_odds(pairs: Pairs, rules: MatchSettings) -> NDArray[np.float64]:
    """How much likelier the measured axis is of this ship than of any: von Mises on 2 x angle."""
    kappa = 1 / np.radians(2 * rules.heading_sd_deg) ** 2
    ratio = np.exp(kappa * (np.cos(np.radians(2 * pairs.heading_deg)) - 1)) / i0e(kappa)
    mixed = rules.wrong_heading + (1 - rules.wrong_heading) * ratio
    return np.where(np.isfinite(pairs.heading_deg), mixed, 1.0)


# --- tiers --------------------------------------------------------------------------------------


def _coverage(
    pairs: Pairs, heard: Heard, rules: MatchSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AIS ships known to be around each vessel, and those of them heard within minutes."""
    # a ship heard on one side only may have left: it proves nothing about reception
    known = np.isfinite(heard.fixes.gap_s) | (heard.fixes.nearest_s <= rules.heard_min * MINUTE_S)
    near = (pairs.distance_m <= rules.coverage_km * 1000) & known[None]
    told = near & (heard.fixes.nearest_s <= rules.heard_min * MINUTE_S)[None]
    return near.sum(axis=1, dtype=np.float64), told.sum(axis=1, dtype=np.float64)


def _tiers(table: pd.DataFrame, rules: MatchSettings) -> pd.Series:
    told, near = table["ships_heard"], table["ships_near"]
    sure = (table["probability"] >= rules.matched_from) & ~(table["contradicted"] > 0)
    cases = [
        sure,
        table["any_probability"] >= rules.dark_below,
        (told >= rules.heard_ships) & (told >= rules.heard_share * near),
    ]
    tiers = [Tier.MATCHED.value, Tier.POSSIBLE.value, Tier.DARK.value]
    return pd.Series(np.select(cases, tiers, Tier.UNKNOWN.value), dtype=TEXT)


def _contradicts(seen: Seen, pairs: Pairs, rules: MatchSettings) -> NDArray[np.bool_]:
    """Where the two lengths cannot be one ship's, (vessel, ship)."""
    z = pairs.length_m / pairs.length_sd_m
    # a cut vessel is at least as long as what is seen of it
    return np.where(seen.truncated[:, None], -z, np.abs(z)) > rules.contradiction_sd
