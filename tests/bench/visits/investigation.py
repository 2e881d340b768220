"""A twin of the investigation: 43 cargoes from Vostochny to Chongjin and Nampo, and who saw them.

Figures of fleet, dates and dwell are the report's ("Refined Tastes", 2024); orbits, weather and
detectors are typical ones. Nothing here uses the models that are measured on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit, logit

from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.panel import Panel, Reports
from tests.bench.visits.berth_years import (
    DWELL_SHAPES,
    Days,
    Eye,
    History,
    Looks,
    clear_share,
    clouded_at,
    observe,
    orbit_times,
)

ORIGIN = datetime(2024, 3, 7, tzinfo=UTC)
DAYS = 243.0
VISITS, SHIPS = 43, 15
LOADING = "RUVYP"
DISCHARGE_SHARE: Mapping[str, float] = {"KPCHO": 0.6, "KPNAM": 0.4}
DISTANCE_KM: Mapping[str, float] = {"KPCHO": 300.0, "KPNAM": 1850.0}
"""By sea; Nampo lies on the other side of the peninsula."""
SPEED_KMH, SPEED_SD_KMH = 17.5, 1.5
"""9.5 knots: old coasters."""
LOADING_DWELL_DAYS = (1.5, 1.9)
DISCHARGE_DWELL_DAYS = 2.0
OTHERS_PER_DAY = 1 / 20
"""Ships from elsewhere at each discharging berth."""

DWT_FACTOR, DWT_POWER, DWT_SD = 0.00612024, 2.9628, 0.239
"""DWT = factor L^power, sd of its logarithm: the registry's product tankers of 60-130 m."""
BARRELS_PER_TONNE = (7.46, 8.35)
GASOIL_SHARE = 0.7
LOAD, LOAD_SD = 0.92, 0.03


# --- ships --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calls:
    """All stays at one berth and who made them."""

    history: History
    ship: NDArray[np.int64]
    """Index in the fleet, -1 for a ship from elsewhere."""
    voyage: NDArray[np.int64]
    """Index of the loading the ship comes from or makes, -1 for a ship from elsewhere."""


@dataclass(frozen=True)
class Twin:
    """One way it could have been."""

    calls: Mapping[str, Calls]
    """By port."""
    bound_for: tuple[str, ...]
    """(loading,) port of discharge."""
    barrels: NDArray[np.float64]
    """(loading,)"""

    def crossed(self, cap_barrels: float) -> float:
        """Day on which the loading began that brought the total above the cap; inf for never."""
        over = np.cumsum(self.barrels) > cap_barrels
        arrival = self.calls[LOADING].history.arrival
        return float(arrival[over.argmax()]) if over.any() else np.inf


def simulate_twin(rng: Generator) -> Twin:
    """43 loadings at random times at one berth, each carried to one of two ports."""
    deadweight = 1000 + 8000 * rng.beta(1.0, 2.5, SHIPS)
    length_m = (deadweight / DWT_FACTOR) ** (1 / DWT_POWER)
    length_m *= np.exp(DWT_SD / DWT_POWER * rng.standard_normal(SHIPS))
    arrival, departure = loading_times(rng)
    bound_for = rng.choice(list(DISCHARGE_SHARE), VISITS, p=list(DISCHARGE_SHARE.values()))
    ship, landfall = crew(rng, arrival, departure, bound_for)
    product = np.where(rng.random(VISITS) < GASOIL_SHARE, *BARRELS_PER_TONNE)
    load = np.clip(LOAD + LOAD_SD * rng.standard_normal(VISITS), 0.8, 0.97)
    loading = Calls(History(arrival, departure, length_m[ship]), ship, np.arange(VISITS))
    discharging = {
        port: discharge(rng, port == bound_for, landfall, ship, length_m)
        for port in DISCHARGE_SHARE
    }
    return Twin(
        {LOADING: loading} | discharging,
        tuple(str(port) for port in bound_for),
        deadweight[ship] * load * product,
    )


def loading_times(rng: Generator) -> tuple[Days, Days]:
    """Arrivals and departures of all loadings: one at a time, otherwise anywhere in the period."""
    mean_days = rng.uniform(*LOADING_DWELL_DAYS)
    dwell = mean_days * np.array([DWELL_SHAPES["lognormal"](rng) for _ in range(VISITS)])
    gaps = rng.dirichlet(np.ones(VISITS + 1)) * (DAYS - dwell.sum())
    arrival = np.cumsum(gaps[:-1]) + np.concatenate([[0.0], np.cumsum(dwell[:-1])])
    return arrival, arrival + dwell


def crew(
    rng: Generator, arrival: Days, departure: Days, bound_for: NDArray[np.str_]
) -> tuple[NDArray[np.int64], Days]:
    """A ship of the fleet that is back for each loading, and when she reaches her port."""
    back = np.full(SHIPS, -np.inf)
    ship = np.empty(VISITS, dtype=np.int64)
    landfall = np.empty(VISITS)
    for call in range(VISITS):
        ready = np.flatnonzero(back <= arrival[call])
        # with every ship at sea the one that is back soonest is taken to have hurried
        ship[call] = rng.choice(ready) if len(ready) else back.argmin()
        out, home = (passage_days(rng, str(bound_for[call])) for _ in range(2))
        landfall[call] = departure[call] + out
        back[ship[call]] = landfall[call] + 2 * DISCHARGE_DWELL_DAYS + home
    return ship, landfall


def passage_days(rng: Generator, port: str) -> float:
    """From the loading port, waiting for daylight and papers included."""
    speed_kmh = np.clip(SPEED_KMH + SPEED_SD_KMH * rng.standard_normal(), 13.0, 22.0)
    return float(DISTANCE_KM[port] / speed_kmh / 24 + rng.exponential(0.15))


def discharge(
    rng: Generator,
    bound: NDArray[np.bool_],
    landfall: Days,
    ship: NDArray[np.int64],
    length_m: NDArray[np.float64],
) -> Calls:
    """Calls at one discharging berth, first come first served, ships from elsewhere among them."""
    others = rng.poisson(OTHERS_PER_DAY * DAYS)
    voyage = np.concatenate([np.flatnonzero(bound), np.full(others, -1)])
    came = np.concatenate([landfall[bound], rng.uniform(0, DAYS, others)])
    order = np.argsort(came)
    voyage, came = voyage[order], came[order]
    who = np.where(voyage >= 0, ship[voyage], -1)
    long_m = np.where(who >= 0, length_m[who], rng.uniform(60, 130, len(who)))
    arrival, departure = queue(rng, came)
    return Calls(History(arrival, departure, long_m), who, voyage)


def queue(rng: Generator, came: Days) -> tuple[Days, Days]:
    """When ships that came in this order lay at the one berth."""
    arrival, departure, free = np.empty(len(came)), np.empty(len(came)), -np.inf
    for call, moment in enumerate(came):
        arrival[call] = max(moment, free)
        free = arrival[call] + DISCHARGE_DWELL_DAYS * DWELL_SHAPES["lognormal"](rng)
        departure[call] = free
    return arrival, departure


# --- sensors ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Track:
    """Passes of one satellite pair over one port: days of a repeating cycle, and the hour UTC."""

    cycle_days: int
    offsets: tuple[int, ...]
    hour: float


@dataclass(frozen=True)
class Sensor:
    """One kind of imagery as it was in 2024."""

    believed: Detector
    optical: bool
    length_sd_m: float
    tracks: Mapping[str, tuple[Track, ...]]
    """By port."""


SENSORS = (
    Sensor(
        Detector("sentinel-2-l2a", 0.80, 0.4, 1.5, 0.03, 0.5),
        True,
        15.0,
        {
            "RUVYP": (Track(5, (0, 3), 2.2),),
            "KPCHO": (Track(5, (0,), 2.2),),
            "KPNAM": (Track(5, (0, 2), 2.4),),
        },
    ),
    Sensor(
        Detector("landsat-c2-l2", 0.60, 0.4, 2.0, 0.03, 0.5),
        True,
        20.0,
        {
            "RUVYP": (Track(16, (0, 7, 8, 15), 1.9),),
            "KPCHO": (Track(16, (0, 8), 1.9),),
            "KPNAM": (Track(16, (0, 8), 2.1),),
        },
    ),
    Sensor(
        Detector("sentinel-1-rtc", 0.85, 0.4, 1.0, 0.05, 0.5),
        False,
        22.0,
        {
            "RUVYP": (Track(12, (0,), 21.4), Track(12, (0,), 9.1)),
            "KPCHO": (Track(12, (0,), 21.5), Track(12, (0,), 9.2)),
            "KPNAM": (Track(12, (0,), 9.5),),
        },
    ),
    Sensor(
        Detector("planetscope", 0.92, 0.4, 1.0, 0.02, 0.5),
        True,
        5.0,
        {port: (Track(1, (0,), 1.2),) for port in ("RUVYP", "KPCHO", "KPNAM")},
    ),
)
"""Two Sentinel-2 and two Landsat, one Sentinel-1 (the other failed in 2021), a daily 3 m fleet."""

SETS: Mapping[str, tuple[int, ...]] = {
    "Sentinel-2": (0,),
    "all free sensors": (0, 1, 2),
    "free and daily 3 m": (0, 1, 2, 3),
}

CLOUD = (0.5, 0.6)
"""With passes that were never taken, a daily sensor is usable on about 43 % of days."""
WEATHER_DAYS = 2.0


@dataclass(frozen=True)
class Watched:
    """What all sensors saw of one berth."""

    panel: Panel
    stay: NDArray[np.int64]
    """The stay that each sighting truly was, -1: none."""
    true_errors: tuple[Detector, ...] = ()
    """Of the panel's detectors, as they are at this berth."""

    def by(self, sensors: Sequence[int]) -> Watched:
        """The same with some of the sensors only."""
        kept = np.isin(self.panel.detector, sensors)
        columns = ("time", "detector", "clear", "vessels", "length_m", "length_sd_m", "visit")
        fewer = {name: getattr(self.panel, name)[kept] for name in columns}
        reports = self.panel.reports
        if reports is not None:
            reports = Reports(reports.score[kept], reports.verdict[kept])
        panel = replace(self.panel, **fewer, reports=reports)
        return replace(self, panel=panel, stay=self.stay[kept])


def watch(rng: Generator, twin: Twin, port: str) -> Watched:
    """Every usable look of every sensor at one port's berth; optical ones share the weather."""
    passes = [passes_of(rng, sensor, port) for sensor in SENSORS]
    time = np.concatenate(passes)
    sensor = np.repeat(np.arange(len(SENSORS)), [len(each) for each in passes])
    order = np.argsort(time)
    time, sensor = time[order], sensor[order].astype(np.int32)
    optical = np.array([each.optical for each in SENSORS])[sensor]
    clouded = clouded_at(rng, time, rng.uniform(*CLOUD), WEATHER_DAYS) & optical
    time, sensor, optical = time[~clouded], sensor[~clouded], optical[~clouded]
    clear = np.where(optical, clear_share(rng, len(time)), 1.0)
    believed = tuple(each.believed for each in SENSORS)
    eyes = tuple(true_eye(rng, each) for each in SENSORS)
    history = twin.calls[port].history
    looks = Looks(time, sensor, clear)
    panel, stay = observe(rng, history, looks, eyes, believed, DAYS, port, ORIGIN)
    true = (
        replace(each, recall=eye.recall, false_alarms=eye.false_alarms)
        for each, eye in zip(believed, eyes, strict=True)
    )
    return Watched(panel, stay, tuple(true))


def passes_of(rng: Generator, sensor: Sensor, port: str) -> Days:
    """(pass,) all times in the period, unsorted."""
    tracks = sensor.tracks[port]
    return np.concatenate(
        [orbit_times(rng, t.cycle_days, np.array(t.offsets), t.hour, DAYS) for t in tracks]
    )


def true_eye(rng: Generator, sensor: Sensor) -> Eye:
    """How the sensor's detector truly errs at one berth: drawn about the believed errors."""
    believed = sensor.believed
    recall = expit(logit(believed.recall) + believed.recall_sd * rng.standard_normal())
    false_alarms = believed.false_alarms * np.exp(believed.false_alarms_sd * rng.standard_normal())
    return Eye(float(recall), believed.recall_slope, float(false_alarms), sensor.length_sd_m)
