"""From looks to visits: how many ships came to each berth, seen or not, and how sure that is.

A berth for one ship gets the berth model, a place for several the road model; the berths of a port
lend each other what they have in common. What comes out are histories, and everything else is read
off them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from math import log
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.domain import (
    Berth,
    BerthKind,
    Dwell,
    EstimateSettings,
    LookState,
    Period,
    content_id,
)
from jobs.domain.geometry import GEOD
from jobs.visits.cargo import (
    CargoEntry,
    StayVolumes,
    VolumeSettings,
    barrels_in,
    counted_stays,
    volumes_of,
)
from jobs.visits.columns import frame, table
from jobs.visits.occupancy.berth import BerthFit, BerthPosterior, sample_berth
from jobs.visits.occupancy.detector import Detector, MeasuredError, detectors_for, place_of
from jobs.visits.occupancy.draws import StayDraws, credible, days_since
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.partial_pooling import pooled
from jobs.visits.occupancy.prior import BerthPrior
from jobs.visits.occupancy.queue_model import RoadFit, RoadPosterior, RoadPrior, sample_road
from jobs.visits.schema import (
    ESTIMATE_COLUMNS,
    ESTIMATED_VISIT_COLUMNS,
    FULL_VISIT_COLUMNS,
    PortEstimate,
    PortTables,
)

Fit: TypeAlias = BerthFit | RoadFit
Told: TypeAlias = BerthPosterior | RoadPosterior
Row: TypeAlias = dict[str, object]

USABLE = (LookState.CLEAR.value, LookState.PARTLY.value)
LEAST_CLEAR = 0.3
"""A ship seen through a hole in the cloud: the look was clear at least there."""
SENSITIVITY_POINTS = 120.0
"""Effective points for half and double dwell: those rows show a direction, not a result."""
SENSITIVITY_DRAWS = 200
TWO_SIDED_95 = 2 * 1.96
SEVERAL = "several ships"
"""Name of the road model in the table."""
ONE = "one ship"
VAGUE_SD = 0.6
"""Of ln dwell at berths whose trade nobody has told us about: 95 % of half a day to five days."""


def estimate_port(
    tables: PortTables,
    period: Period,
    settings: EstimateSettings,
    errors: Sequence[MeasuredError],
    entries: Sequence[CargoEntry] = (),
) -> PortEstimate:
    """Histories of every berth of a port, and what they say of visits, dwell, recall and barrels.

    errors: of the network, as its evaluation measured them; entries: what analysts know of cargoes.
    """
    panels = [panel_of(tables, berth, period, errors) for berth in tables.port.berths]
    fits = [
        fit(panel, berth, settings) for panel, berth in zip(panels, tables.port.berths, strict=True)
    ]
    chosen = pooled([one.member for one in fits], settings.draws, seed_of(settings, tables.port.id))
    told = [
        one.tell(points, seed_of(settings, one.panel.port, one.panel.berth))
        for one, points in zip(fits, chosen, strict=True)
    ]
    stays = tuple(one.draws for one in told)
    volumes = volumes_at(tables, stays, settings, entries)
    rows = [
        berth_row(one, berth, tables, settings) | barrels_row(volumes, berth)
        for one, berth in zip(told, tables.port.berths, strict=True)
    ]
    return PortEstimate(
        port=tables.port,
        berths=table(ESTIMATE_COLUMNS, rows),
        visits=visit_table(stays),
        stays=stays,
        volumes=volumes,
    )


def seed_of(settings: EstimateSettings, *names: str) -> int:
    """A seed of its own for each place, the same on every machine."""
    return int(content_id([settings.seed, *names], 8), 16)


# --- looks --------------------------------------------------------------------------------------


def panel_of(
    tables: PortTables, berth: Berth, period: Period, errors: Sequence[MeasuredError]
) -> Panel:
    """The usable looks at one berth; of several vessels there the likeliest one is measured."""
    origin = datetime.combine(period.start, time.min, UTC)
    days = float((period.end - period.start).days + 1)
    looks = tables.looks[(tables.looks["berth"] == berth.id) & tables.looks["state"].isin(USABLE)]
    looks = looks.sort_values(["time", "overpass_id"], kind="stable")
    at = np.array([days_since(origin, moment) for moment in looks["time"]], np.float64)
    looks, at = looks[(at >= 0) & (at <= days)], at[(at >= 0) & (at <= days)]
    sensors = sorted(set(looks["sensor"]))
    best = _likeliest(tables, berth.id).reindex(looks["overpass_id"])
    visit_ids = tuple(tables.visits.loc[tables.visits["berth"] == berth.id, "visit_id"])
    vessels = looks["vessels"].to_numpy(np.int32)
    clear = looks["clear_fraction"].to_numpy(np.float64)
    whole = best["truncated"].eq(False).to_numpy(bool)
    return Panel(
        port=tables.port.id,
        berth=berth.id,
        origin=origin,
        days=days,
        time=at,
        detector=looks["sensor"].map(sensors.index).to_numpy(np.int32),
        clear=np.where(vessels > 0, np.maximum(clear, LEAST_CLEAR), clear),
        vessels=vessels,
        length_m=np.where(whole, best["length_m"].to_numpy(np.float64), np.nan),
        length_sd_m=np.where(whole, best["length_sd_m"].to_numpy(np.float64), np.nan),
        visit=best["visit_id"]
        .map(dict(zip(visit_ids, range(len(visit_ids)), strict=True)))
        .fillna(-1)
        .to_numpy(np.int32),
        detectors=tuple(detector_at(berth, sensor, errors) for sensor in sensors),
        visit_ids=visit_ids,
    )


def _likeliest(tables: PortTables, berth_id: str) -> pd.DataFrame:
    """The vessel with the highest score of each overpass at the berth, by overpass id."""
    here = pd.DataFrame(tables.ships.loc[tables.ships["berth"] == berth_id])
    here = here.sort_values(["score", "vessel_id"], kind="stable")
    return here.drop_duplicates("overpass_id", keep="last").set_index("overpass_id")


def detector_at(berth: Berth, sensor: str, errors: Sequence[MeasuredError]) -> Detector:
    """How that sensor's detector errs there; false alarms are those of the whole place."""
    found = detectors_for(errors, sensor, place_of(berth.kind))
    size = area_km2(berth) if berth.kind is BerthKind.ANCHORAGE else float(berth.capacity or 1)
    return replace(found, false_alarms=found.false_alarms * size)


def area_km2(berth: Berth) -> float:
    """Ground area of the berth's polygon, square kilometres."""
    area_m2, _ = GEOD.geometry_area_perimeter(berth.polygon)
    return abs(float(area_m2)) / 1e6


# --- models -------------------------------------------------------------------------------------


def fit(panel: Panel, berth: Berth, settings: EstimateSettings) -> Fit:
    """The parameters of a berth given its looks."""
    seed = seed_of(settings, panel.port, panel.berth, "parameters")
    if berth.capacity == 1:
        return sample_berth(panel, berth_prior(berth.kind, settings.dwell), seed)
    return sample_road(panel, road_prior(settings.waiting), berth.capacity, seed)


def refit(found: Fit, factor: float, seed: int) -> Fit:
    """The same looks, had one believed in stays longer by a factor."""
    like, least = found.sampled, SENSITIVITY_POINTS
    if isinstance(found, BerthFit):
        return sample_berth(found.panel, found.prior.with_dwell(factor), seed, least, like)
    prior = found.prior.with_dwell(factor)
    return sample_road(found.panel, prior, found.capacity, seed, least, like)


def berth_prior(kind: BerthKind, dwell: Dwell | None) -> BerthPrior:
    """What is believed of a berth for one ship; the user's dwell where there is one."""
    if dwell is not None:
        return BerthPrior(
            dwell_median_days=dwell.median_days, dwell_sd=_log_sd(dwell), source=dwell.source
        )
    if kind is BerthKind.OIL_TERMINAL:
        return BerthPrior()
    return BerthPrior(
        dwell_sd=VAGUE_SD,
        length_median_m=120.0,
        length_median_sd=0.4,
        source="a wide guess: give a dwell of your own, from AIS or the port's calls",
    )


def road_prior(waiting: Dwell | None) -> RoadPrior:
    """What is believed of a place for several ships."""
    if waiting is None:
        return RoadPrior()
    return RoadPrior(
        dwell_median_days=waiting.median_days, dwell_sd=_log_sd(waiting), source=waiting.source
    )


def _log_sd(dwell: Dwell) -> float:
    return log(dwell.high_days / dwell.low_days) / TWO_SIDED_95


# --- what the histories say ---------------------------------------------------------------------


def berth_row(told: Told, berth: Berth, tables: PortTables, settings: EstimateSettings) -> Row:
    """A row of ESTIMATE_COLUMNS, but for the barrels."""
    panel = told.fit.panel
    whole = [0.0, panel.days]
    visits = told.draws.arrivals(whole)[:, 0]
    ships = told.draws.occupied_days(whole)[:, 0] / panel.days
    busiest = int(np.argmax(np.bincount(panel.detector, minlength=1)))
    row: Row = {
        "port": tables.port.id,
        "berth": berth.id,
        "model": ONE if isinstance(told, BerthPosterior) else SEVERAL,
        "usable_looks": len(panel),
        "visits_seen": int((tables.visits["berth"] == berth.id).sum()),
        "dwell_prior_days": told.fit.prior.dwell_median_days,
        "dwell_prior_source": told.fit.prior.source,
        "dwell_learned": learned(told.fit),
        "dwell_share": explained(told.dwell, visits),
        "recall_source": told.fit.detectors[busiest].source,
        "effective_points": told.fit.sampled.effective,
        "geometry": berth.polygon.representative_point(),
    }
    row |= spread("visits", visits)
    row["visits_low_50"], row["visits_high_50"] = credible(visits, 0.5)
    row |= spread("occupancy", ships)
    row |= spread("dwell", told.dwell, "_days")
    row |= spread("recall", told.recall[:, busiest])
    for name, factor in (("half", 0.5), ("double", 2.0)):
        other = refit(told.fit, factor, settings.seed)
        number = min(settings.draws, SENSITIVITY_DRAWS)
        chosen = other.sampled.resample(number, np.random.default_rng(settings.seed))
        changed = other.tell(chosen, settings.seed).draws.arrivals(whole)[:, 0]
        row |= spread(f"visits_{name}_dwell", changed)
    return row


def volumes_at(
    tables: PortTables,
    stays: Sequence[StayDraws],
    settings: EstimateSettings,
    entries: Sequence[CargoEntry],
) -> tuple[StayVolumes, ...]:
    """Deadweight and barrels of the stays at the port's oil terminals."""
    believed = VolumeSettings(cap_barrels=settings.cap_barrels, seed=settings.seed)
    here = set(tables.visits["visit_id"])
    mine = [entry for entry in entries if entry.visit_id in here]
    counted = counted_stays(stays, [tables.port], believed)
    return volumes_of(counted, believed, mine) if counted else ()


def barrels_row(volumes: Sequence[StayVolumes], berth: Berth) -> Row:
    """Barrels at the berth over the whole period; NaN where it is no oil terminal."""
    for one in volumes:
        if one.stays.berth == berth.id:
            return spread("barrels", barrels_in([one], period_edges(one.stays))[:, 0])
    return {"barrels": np.nan, "barrels_low": np.nan, "barrels_high": np.nan}


def period_edges(stays: StayDraws) -> list[datetime]:
    """The first and the last moment of the histories."""
    return [stays.origin, stays.origin + timedelta(days=stays.end)]


def spread(name: str, values: NDArray[np.number], unit: str = "") -> Row:
    """Mean and 90 % interval of draws, as three columns."""
    low, high = credible(values, 0.9)
    return {
        f"{name}{unit}": float(values.mean()),
        f"{name}_low{unit}": low,
        f"{name}_high{unit}": high,
    }


def learned(fit: Fit) -> float:
    """How far the looks narrowed the dwell: 1 - posterior variance / prior variance of its ln."""
    z = fit.sampled.normal[:, 1]
    apart = z - fit.sampled.weight @ z
    return float(np.clip(1 - fit.sampled.weight @ apart**2, 0, 1))


def explained(dwell: NDArray[np.float64], visits: NDArray[np.int32]) -> float:
    """Share of the variance of ln visits that goes with ln dwell, 0..1."""
    if np.ptp(visits) == 0 or np.ptp(dwell) == 0:
        return 0.0
    return float(np.corrcoef(np.log(dwell), np.log(visits + 0.5))[0, 1] ** 2)


def visit_table(stays: Iterable[StayDraws]) -> pd.DataFrame:
    """ESTIMATED_VISIT_COLUMNS for every seen visit of berths whose ships are told apart."""
    rows = [
        _visit_row(draws, number, visit_id)
        for draws in stays
        for number, visit_id in enumerate(draws.visit_ids)
        if (draws.visit >= 0).any()
    ]
    return frame(ESTIMATED_VISIT_COLUMNS, rows)


def with_estimates(tables: PortTables, estimate: PortEstimate) -> PortTables:
    """The tables, with FULL_VISIT_COLUMNS in that of the visits."""
    visits = tables.visits.merge(estimate.visits, on="visit_id", how="left", validate="1:1")
    typed = visits[list(FULL_VISIT_COLUMNS)].astype(dict(ESTIMATED_VISIT_COLUMNS))
    return replace(tables, visits=typed)


def _visit_row(draws: StayDraws, number: int, visit_id: str) -> Row:
    mine = draws.visit == number
    row: Row = {
        "visit_id": visit_id,
        "probability": len(np.unique(draws.draw[mine])) / draws.draws,
    }
    for name, values in (("arrival", draws.arrival[mine]), ("departure", draws.departure[mine])):
        quantiles = np.quantile(values, [0.05, 0.5, 0.95]) if mine.any() else [None] * 3
        for which, value in zip(("low", "median", "high"), quantiles, strict=True):
            row[f"{name}_{which}"] = None if value is None else moment(draws.origin, value)
    return row


def moment(origin: datetime, days: float) -> datetime:
    """The moment so many days after the origin, to the minute: no history knows better."""
    return origin + timedelta(minutes=round(days * 24 * 60))
