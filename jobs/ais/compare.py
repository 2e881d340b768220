"""Compares AIS visits with the visits estimated from imagery, by window of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
import pandas as pd

from jobs.ais.schema import AIS_COMPARISON_COLUMNS
from jobs.visits import StayDraws, credible, days_since, frame

SURE = 3
"""Confidence from which a visit counts as sure: a stop or gap, and an entry or exit."""


def compare_visits(
    stays: pd.DataFrame, draws: Sequence[StayDraws], edges: Sequence[datetime], mass: float = 0.9
) -> pd.DataFrame:
    """AIS_COMPARISON_COLUMNS: stays that began in each window [edges[i], edges[i+1]), per berth.

    ``stays`` are those of ``ais_visits``. A stay without ``begin_seen`` is not counted: its
    ship came before the record. Edges are UTC and ascending.
    """
    rows = [row for berth in draws for row in _berth_rows(stays, berth, edges, mass)]
    return frame(AIS_COMPARISON_COLUMNS, rows)


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
