"""What each sensor contributes to the number of visits, as text: a line a place."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from math import isnan
from typing import Any, TypeAlias

import pyarrow.parquet as pq

from jobs.publish.number_text import estimate_text
from jobs.publish.provenance import PROVENANCE, period_from
from jobs.storage import Storage

Row: TypeAlias = Mapping[str, Any]
"""A row of SENSOR_COLUMNS, by column."""


def published_contributions(storage: Storage, folder: str) -> list[str]:
    """A line for each place of published results that several sensors saw; none in results of
    versions that did not compare them.
    """
    name = f"{folder}/sensors.parquet"
    if not storage.exists(name):
        return []
    facts = json.loads(storage.read(f"{folder}/{PROVENANCE}"))
    period = period_from(facts["period"])
    # by the reader that does without pandas, whose import would take longer than all of this
    rows = pq.ParquetFile(io.BytesIO(storage.read(name))).read().drop_columns("geometry")
    return [
        f"{port} {berth or 'all berths but anchorages'}, {period.start} to {period.end}: {words}"
        for port, berth, words in contributions(rows.to_pylist())
    ]


def contributions(rows: Iterable[Row]) -> Iterator[tuple[str, str, str]]:
    """Port, berth and the words on it, of every place of a table of sensors, in its order."""
    for (port, berth), here in groupby(rows, lambda row: (row["port"], row["berth"])):
        words = contribution_words(list(here))
        if words:
            yield port, berth, words


def contribution_words(rows: Sequence[Row]) -> str:
    """90 % of the visits without each sensor and with all of them, of the rows of one place; empty
    where nothing was estimated without any.
    """
    known = [row for row in rows if is_known(row["visits_without"])]
    if not known:
        return ""
    parts = [f"without {row['sensor']}: {_interval(row, '_without')}" for row in known]
    parts[0] += " visits"
    whole = "it" if len(rows) == 1 else "both" if len(rows) == 2 else "all"
    return "; ".join([*parts, f"with {whole}: {_interval(rows[0], '')}"])


def is_known(value: float | None) -> bool:
    """False for what is missing: None in Parquet, NaN in a frame."""
    return value is not None and not isnan(value)


def _interval(row: Row, suffix: str) -> str:
    names = (f"visits{suffix}", f"visits{suffix}_low", f"visits{suffix}_high")
    text = estimate_text(*(row[name] for name in names))
    return f"{text.low} to {text.high}"
