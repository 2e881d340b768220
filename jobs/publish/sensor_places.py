"""The sensors of a port's places as text: what each saw, its recall, and its contribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from scipy.stats import beta

from jobs.domain import Port
from jobs.publish.contributions import contribution_words
from jobs.publish.number_text import percent_of


@dataclass(frozen=True)
class SensorRow:
    """One sensor at one place."""

    sensor: str
    usable_looks: int
    seen: str
    """Visits with a sighting of it, and how many of them no other sensor saw."""
    believed: str
    """Recall before any look, per cent; empty of all berths together."""
    recall: str
    found: str
    """How many of the others' reports minutes from its clear looks it found; empty without any."""


@dataclass(frozen=True)
class SensorPlace:
    """A berth, or all of them together, with its sensors."""

    name: str
    words: str
    """90 % of the visits without each sensor and with all; empty where that was not estimated."""
    rows: tuple[SensorRow, ...]


def sensor_places(port: Port, sensors: pd.DataFrame) -> tuple[SensorPlace, ...]:
    """The places of a table of SENSOR_COLUMNS, all berths together first; nothing where one sensor
    alone looked at the port.
    """
    if sensors["sensor"].nunique() < 2:
        return ()
    named = [("", "All berths but anchorages"), *((each.id, each.name) for each in port.berths)]
    found = ((name, sensors[sensors["berth"] == berth]) for berth, name in named)
    return tuple(_place(name, rows) for name, rows in found if len(rows))


def _place(name: str, rows: pd.DataFrame) -> SensorPlace:
    each = [rows.iloc[number] for number in range(len(rows))]
    return SensorPlace(name, contribution_words(each), _rows(each))


def _rows(rows: Sequence[pd.Series]) -> tuple[SensorRow, ...]:
    return tuple(
        SensorRow(
            sensor=row["sensor"],
            usable_looks=int(row["usable_looks"]),
            seen=f"{row['visits_seen']} ({row['visits_seen_alone']})",
            believed="" if pd.isna(row["recall"]) else percent_of(row, "recall_prior"),
            recall="" if pd.isna(row["recall"]) else percent_of(row, "recall"),
            found=found_text(int(row["found_of_these"]), int(row["others_reports"])),
        )
        for row in rows
    )


def found_text(found: int, of: int) -> str:
    """Such as "12 of 20, 42 to 76 %", with the 90 % interval of the share (Jeffreys 1946); empty of
    none.
    """
    if not of:
        return ""
    low, high = beta.ppf([0.05, 0.95], found + 0.5, of - found + 0.5)
    return f"{found} of {of}, {100 * low:.0f} to {100 * high:.0f} %"
