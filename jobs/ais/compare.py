"""AIS visits beside the visits that imagery estimates, window by window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
import pandas as pd

from jobs.visits.occupancy.draws import StayDraws, credible, days_since

TIME = "datetime64[us, UTC]"
TEXT, NUMBER, COUNT, FLAG = "string", "float64", "int32", "bool"
SURE = 3
"""Confidence from which a visit counts in the narrow sense: lain, and come or gone."""

AIS_COMPARISON_COLUMNS: Mapping[str, str] = {
    "port": TEXT,
    "berth": TEXT,
    "start": TIME,
    "end": TIME,
    "ais_visits": COUNT,
    "ais_visits_sure": COUNT,
    "visits": NUMBER,
    "visits_low": NUMBER,
    "visits_high": NUMBER,
    "excess_probability": NUMBER,
}
"""A row is one berth in one window. ais_visits: stays that began in it, ais_visits_sure: those of
visits with confidence 3 or 4; visits: mean of the draws, with their central interval;
excess_probability: that there were more visits than AIS heard, which is where dark ships show."""


def compare_visits(
    stays: pd.DataFrame, draws: Sequence[StayDraws], edges: Sequence[datetime], mass: float = 0.9
) -> pd.DataFrame:
    """AIS_COMPARISON_COLUMNS: stays that began in each window [edges[i], edges[i+1]), per berth.

    ``stays`` are those of ``ais_visits``. A stay whose begin AIS did not see is not counted: its
    ship came before the record. Edges are UTC and ascending.
    """
    rows = [row for berth in draws for row in _berth_rows(stays, berth, edges, mass)]
    table = pd.DataFrame(rows, columns=list(AIS_COMPARISON_COLUMNS))
    for name in ("start", "end"):
        table[name] = pd.to_datetime(table[name], utc=True)
    return table.astype(AIS_COMPARISON_COLUMNS)


def _berth_rows(
    stays: pd.DataFrame, draws: StayDraws, edges: Sequence[datetime], mass: float
) -> Iterator[dict[str, object]]:
    here = (stays["port"] == draws.port) & (stays["berth"] == draws.berth) & stays["begin_seen"]
    began, sure = stays.loc[here, "begin"], stays.loc[here, "confidence"] >= SURE
    estimated = draws.arrivals([days_since(draws.origin, edge) for edge in edges])
    for index, (start, end) in enumerate(pairwise(edges)):
        inside = (began >= start) & (began < end)
        low, high = credible(estimated[:, index], mass)
        yield {
            "port": draws.port,
            "berth": draws.berth,
            "start": start,
            "end": end,
            "ais_visits": int(inside.sum()),
            "ais_visits_sure": int((inside & sure).sum()),
            "visits": float(estimated[:, index].mean()),
            "visits_low": low,
            "visits_high": high,
            "excess_probability": float(np.mean(estimated[:, index] > inside.sum())),
        }
