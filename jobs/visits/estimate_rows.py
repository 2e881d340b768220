"""Rows of the estimates tables, computed from the posterior histories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.domain import Berth, EstimateSettings
from jobs.visits.berth_models import Fit, PlacePosterior, refit
from jobs.visits.cargo import StayVolumes, barrels_in
from jobs.visits.columns import frame
from jobs.visits.occupancy.berth import BerthPosterior
from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.draws import StayDraws, credible
from jobs.visits.schema import ESTIMATED_VISIT_COLUMNS, PortTables

Row: TypeAlias = dict[str, object]

SENSITIVITY_DRAWS = 200
SEVERAL = "several ships"
"""Name of the queue model in the table."""
ONE = "one ship"
"""Name of the berth model in the table."""


def berth_row(
    posterior: PlacePosterior, berth: Berth, tables: PortTables, settings: EstimateSettings
) -> Row:
    """A row of ESTIMATE_COLUMNS, but for the barrels."""
    panel = posterior.fit.panel
    whole = [0.0, panel.days]
    visits = posterior.draws.arrivals(whole)[:, 0]
    ships = posterior.draws.occupied_days(whole)[:, 0] / panel.days
    busiest = int(np.argmax(np.bincount(panel.detector, minlength=1)))
    row: Row = {
        "port": tables.port.id,
        "berth": berth.id,
        "model": ONE if isinstance(posterior, BerthPosterior) else SEVERAL,
        "usable_looks": len(panel),
        "visits_seen": int((tables.visits["berth"] == berth.id).sum()),
        "dwell_prior_days": posterior.fit.prior.dwell_median_days,
        "dwell_prior_source": posterior.fit.prior.source,
        "dwell_learned": learned(posterior.fit),
        "dwell_share": explained(posterior.dwell, visits),
        "compared_again": 0 if panel.again is None else int(panel.again.sure.sum()),
        "seen_again": 0 if panel.again is None else int(panel.again.again.sum()),
        "recall_source": sources_of(posterior.fit.detectors, busiest),
        "effective_points": posterior.fit.sampled.effective,
        "agreement": posterior.agreement(settings.seed) if len(panel) else np.nan,
        "geometry": berth.polygon.representative_point(),
    }
    row |= mean_and_interval("visits", visits)
    row["visits_low_50"], row["visits_high_50"] = credible(visits, 0.5)
    row |= mean_and_interval("occupancy", ships)
    row |= mean_and_interval("dwell", posterior.dwell, "_days")
    row |= mean_and_interval("recall", posterior.recall[:, busiest])
    for name, factor in (("half", 0.5), ("double", 2.0)):
        other = refit(posterior.fit, factor, settings.seed)
        number = min(settings.draws, SENSITIVITY_DRAWS)
        chosen = other.sampled.resample(number, np.random.default_rng(settings.seed))
        changed = other.posterior(chosen, settings.seed).draws.arrivals(whole)[:, 0]
        row |= mean_and_interval(f"visits_{name}_dwell", changed)
    return row


def sources_of(detectors: Sequence[Detector], first: int) -> str:
    """Where the recall of the first comes from, and with other sources those of all sensors."""
    ordered = [detectors[first], *(each for n, each in enumerate(detectors) if n != first)]
    if len({each.source for each in ordered}) == 1:
        return ordered[0].source
    return "; ".join(f"of {each.sensor}: {each.source}" for each in ordered)


def barrels_row(volumes: Sequence[StayVolumes], berth: Berth) -> Row:
    """Barrels at the berth over the whole period; NaN where it is no oil terminal."""
    for one in volumes:
        if one.stays.berth == berth.id:
            return mean_and_interval("barrels", barrels_in([one], period_edges(one.stays))[:, 0])
    return {"barrels": np.nan, "barrels_low": np.nan, "barrels_high": np.nan}


def period_edges(stays: StayDraws) -> list[datetime]:
    """The first and the last moment of the histories."""
    return [stays.origin, stays.origin + timedelta(days=stays.end)]


def mean_and_interval(name: str, values: NDArray[np.number], unit: str = "") -> Row:
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
    """Share of the variance of ln visits explained by ln dwell, 0..1."""
    if np.ptp(visits) == 0 or np.ptp(dwell) == 0:
        return 0.0
    return float(np.corrcoef(np.log(dwell), np.log(visits + 0.5))[0, 1] ** 2)


def visit_table(stays: Iterable[StayDraws]) -> pd.DataFrame:
    """ESTIMATED_VISIT_COLUMNS for every seen visit of berths for one ship."""
    rows = [
        _visit_row(draws, number, visit_id)
        for draws in stays
        for number, visit_id in enumerate(draws.visit_ids)
        if (draws.visit >= 0).any()
    ]
    return frame(ESTIMATED_VISIT_COLUMNS, rows)


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
    """The moment so many days after the origin, to the minute: histories are no more precise."""
    return origin + timedelta(minutes=round(days * 24 * 60))
