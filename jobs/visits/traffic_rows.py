"""Rows of the traffic table: the rate of each calendar month, and whether it changed."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from jobs.domain import Berth, EstimateSettings
from jobs.visits.berth_models import PlacePosterior
from jobs.visits.estimate_rows import Row
from jobs.visits.occupancy.rate_changes import RateChanges, rate_changes
from jobs.visits.occupancy.rate_levels import month_borders

MONTH_DAYS = 30.0


def traffic_rows(
    posterior: PlacePosterior, berth: Berth, settings: EstimateSettings
) -> tuple[Row, list[Row]]:
    """The two columns of ESTIMATE_COLUMNS about changes, and rows of TRAFFIC_COLUMNS."""
    panel = posterior.fit.panel
    calls = MONTH_DAYS * posterior.calls_per_day
    low, middle, high = np.quantile(calls, [0.05, 0.5, 0.95], axis=0)
    if calls.shape[1] == 1:
        whole = {"rate_changed": np.nan, "rate_changed_prior": np.nan}
        changes = [_change(None, None, 0)]
    else:
        found = rate_changes(posterior.calls_per_day)
        before = rate_changes(posterior.fit.prior_calls_per_day(settings.seed))
        whole = {"rate_changed": found.ever, "rate_changed_prior": before.ever}
        borders = range(len(found.changed))
        changes = [_change(None, None, 0), *(_change(found, before, n) for n in borders)]
    rows = [
        {
            "port": panel.port,
            "berth": berth.id,
            "month": month,
            "calls_per_30_days": middle[number],
            "calls_per_30_days_low": low[number],
            "calls_per_30_days_high": high[number],
            **changes[number],
            "geometry": berth.polygon.representative_point(),
        }
        for number, month in enumerate(first_days(panel.origin, panel.days))
    ]
    return dict(whole), rows


def first_days(origin: datetime, days: float) -> list[datetime]:
    """The first moment of every calendar month of a period."""
    borders = month_borders(origin, days)
    return [origin.replace(day=1), *(origin + timedelta(days=float(b)) for b in borders)]


def _change(found: RateChanges | None, before: RateChanges | None, border: int) -> Row:
    names = (
        *("changed", "changed_prior", "began", "ended", "began_prior"),
        *("factor_low", "factor", "factor_high"),
    )
    if found is None or before is None:
        return dict.fromkeys(names, np.nan)
    values = (
        found.changed[border],
        # the same at every border, as in the long run
        before.changed.mean(),
        found.began[border],
        found.ended[border],
        (before.began + before.ended).mean() / 2,
        *found.factor[border],
    )
    return dict(zip(names, values, strict=True))
