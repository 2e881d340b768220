"""Odds that a vessel in an image and a ship with AIS are one, by place, length and heading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import i0e, ndtr

from jobs.ais.geodesy import offsets_m
from jobs.ais.tracks import DriftSettings, Fixes

OTHER_LOG_LENGTH, OTHER_LOG_SD = np.log(60.0), 0.9
"""Log-normal lengths of vessels in general: half under 60 m, one in ten over 190 m."""


@dataclass(frozen=True)
class AisMatchSettings:
    """Parameters of the odds and thresholds of the tiers; each default with its reason."""

    drift: DriftSettings = field(default_factory=DriftSettings)
    geolocation_sd_m: float = 15.0
    """Of a box's centre: Sentinel-2's own 11 m at 95 %, a pixel, the part of a hull not found."""
    antenna_sd_m: float = 10.0
    """Satellite fix, clock of the receiver, and antenna beside the keel."""
    antenna_share: float = 0.25
    """Sd of the antenna's way from the hull's middle as a share of the length, where the ship
    does not send its place: it is on the bridge, usually aft."""
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
    """Pairs further apart, in sds, have no odds; nor have pairs beyond ``reach_km``."""
    reach_km: float = 5.0
    ais_length_share: float = 0.03
    """Sd of a correctly entered AIS length: rounding, length over all or not."""
    contradiction_sd: float = 4.0
    """Lengths further apart, in sds, are never called matched however near the ship is: a tug
    beside a silent tanker is near too, and a tug's length is not that of its barges."""
    wrong_length: float = 0.05
    """Share of AIS lengths that are wrong, assumed: they are typed in by hand, unchecked."""
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
    """Length assumed for ships that send none: those are class B craft."""
    matched_from: float = 0.9
    """Nine of ten such links are right if the model is; the identity of visits depends on it."""
    dark_below: float = 0.05
    """Dark is an accusation: at most one in twenty may have a partner in AIS after all."""
    coverage_km: float = 10.0
    """Ships this near share the receiver's horizon, even for an antenna at 10 m."""
    reception_min: float = 10.0
    """A class A ship at rest sends every 3 minutes; with reception, three are not lost."""
    reception_ships: int = 3
    """One ship could stand beside the receiver; three around the vessel show reception there."""
    reception_share: float = 0.6
    """Of the ships known to be near: with less, silence is usual there."""
    carriage_from_m: float = 60.0
    """SOLAS V/19 requires AIS from 300 gross tonnage, which is 40 to 55 m of length, and from 500
    away from international voyages."""

    def time_sd_of(self, sensor: str) -> float:
        """Seconds for a sensor by name."""
        known = (sd for name, sd in self.time_sd_s.items() if sensor.startswith(name))
        return next(known, self.other_time_sd_s)


@dataclass(frozen=True)
class Detections:
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
class ShipsAt:
    """The AIS ships at one moment; arrays are (ship,), NaN where a ship sent no value."""

    track: NDArray[np.int64]
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
    """Differences between vessels and ships; arrays are (vessel, ship)."""

    distance_m: NDArray[np.float64]
    z2: NDArray[np.float64]
    """Squared distance in sds, along and across the hull."""
    sd_m: NDArray[np.float64]
    """Per axis: the geometric mean of along and across."""
    drift_share: NDArray[np.float64]
    length_m: NDArray[np.float64]
    """AIS minus image; NaN without an AIS value."""
    length_sd_m: NDArray[np.float64]
    heading_deg: NDArray[np.float64]
    """0 to 90; NaN without an AIS value."""


def compare(detections: Detections, ships: ShipsAt, rules: AisMatchSettings) -> Pairs:
    east_m, north_m = offsets_m(
        detections.lon[:, None], detections.lat[:, None], ships.lon[None], ships.lat[None]
    )
    along = np.where(
        np.isfinite(ships.heading_deg), ships.heading_deg, detections.heading_deg[:, None]
    )
    east, north = np.sin(np.radians(along)), np.cos(np.radians(along))
    along_sd_m = np.hypot(ships.sd_m, ships.along_sd_m)
    turn = np.abs(detections.heading_deg[:, None] - ships.heading_deg[None]) % 180
    return Pairs(
        distance_m=np.hypot(east_m, north_m),
        z2=((east_m * east + north_m * north) / along_sd_m) ** 2
        + ((east_m * north - north_m * east) / ships.sd_m) ** 2,
        sd_m=np.broadcast_to(np.sqrt(along_sd_m * ships.sd_m), east_m.shape),
        drift_share=np.broadcast_to(ships.drift_share, east_m.shape),
        length_m=ships.length_m[None] - detections.length_m[:, None],
        length_sd_m=np.hypot(
            detections.length_sd_m[:, None], rules.ais_length_share * ships.length_m[None]
        ),
        heading_deg=np.minimum(turn, 180 - turn),
    )


def pair_odds(
    detections: Detections, ships: ShipsAt, pairs: Pairs, rules: AisMatchSettings
) -> NDArray[np.float64]:
    """Odds of each pair against "vessel without AIS, and ship not detected", (vessel, ship)."""
    length_m = np.nan_to_num(ships.length_m, nan=rules.boat_length_m)
    # odds of being detections: recall / (1 - recall)
    longer = np.log(np.maximum(length_m, 1.0) / 100.0)
    odds = np.exp(np.log(rules.recall / (1 - rules.recall)) + rules.recall_slope * longer)
    place = _place_density(pairs, rules) / (_silent_per_km2(detections, rules)[:, None] * 1e-6)
    return np.asarray(
        odds[None] * place * _length_odds(detections, pairs, rules) * _heading_odds(pairs, rules)
    )


def _silent_per_km2(detections: Detections, rules: AisMatchSettings) -> NDArray[np.float64]:
    """Density of vessels without AIS around each vessel, (vessel,): higher in crowds."""
    east_m, north_m = offsets_m(
        detections.lon[:, None], detections.lat[:, None], detections.lon, detections.lat
    )
    others = (np.hypot(east_m, north_m) <= rules.crowd_km * 1000).sum(axis=1) - 1
    crowd = rules.silent_share * others / (np.pi * rules.crowd_km**2)
    return np.asarray(np.maximum(crowd, rules.silent_per_km2))


def _place_density(pairs: Pairs, rules: AisMatchSettings) -> NDArray[np.float64]:
    """Density of a vessel's place given the ship's, per square metre: bivariate t.

    Only movement has the heavy tail: with its share of the variance, the degrees of freedom go from
    ``tail`` to those of a normal distribution.
    """
    freedom = rules.tail / np.maximum(pairs.drift_share, 1e-3) ** 2
    density = (1 + pairs.z2 / freedom) ** (-freedom / 2 - 1) / (2 * np.pi * pairs.sd_m**2)
    near = (pairs.z2 <= rules.reach_sd**2) & (pairs.distance_m <= rules.reach_km * 1000)
    return np.where(near, density, 0.0)


def _length_odds(
    detections: Detections, pairs: Pairs, rules: AisMatchSettings
) -> NDArray[np.float64]:
    """Likelihood ratio of the measured length: this ship against any vessel."""
    measured = np.maximum(detections.length_m, 5.0)[:, None]
    width = np.hypot(OTHER_LOG_SD, detections.length_sd_m[:, None] / measured)
    z_other = (np.log(measured) - OTHER_LOG_LENGTH) / width
    other = _bell(z_other) / (width * measured)
    ratio = _bell(pairs.length_m / pairs.length_sd_m) / pairs.length_sd_m / other
    # a cut vessel is at least as long as what is seen of it
    cut = ndtr(pairs.length_m / pairs.length_sd_m) / ndtr(-z_other)
    ratio = np.where(detections.truncated[:, None], cut, ratio)
    mixed = rules.wrong_length + (1 - rules.wrong_length) * ratio
    return np.where(np.isfinite(pairs.length_m), mixed, 1.0)


def _bell(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))


def _heading_odds(pairs: Pairs, rules: AisMatchSettings) -> NDArray[np.float64]:
    """Likelihood ratio of the measured axis: this ship against any; von Mises on 2 x angle."""
    kappa = 1 / np.radians(2 * rules.heading_sd_deg) ** 2
    ratio = np.exp(kappa * (np.cos(np.radians(2 * pairs.heading_deg)) - 1)) / i0e(kappa)
    mixed = rules.wrong_heading + (1 - rules.wrong_heading) * ratio
    return np.where(np.isfinite(pairs.heading_deg), mixed, 1.0)


def contradicts(detections: Detections, pairs: Pairs, rules: AisMatchSettings) -> NDArray[np.bool_]:
    """Where the two lengths cannot be one ship's, (vessel, ship)."""
    z = pairs.length_m / pairs.length_sd_m
    # a cut vessel is at least as long as what is seen of it
    return np.where(detections.truncated[:, None], -z, np.abs(z)) > rules.contradiction_sd
