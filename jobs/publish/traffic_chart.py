"""The rate of a berth's traffic by month, with the probability that it changed, and both in words.

Geometry in SVG units, y downwards, as in ``charts``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from jobs.domain import Berth
from jobs.publish.charts import LETTER_W, Bar, levels
from jobs.publish.number_text import probability_text, rounded

MONTH_W, RATE_H, CHANCE_H = 18, 64, 26
LIKELY = 0.5
"""A change that is less probable is in no single month's words."""
NAMED = 0.05
"""Other months with at least this much are named beside the likeliest."""
TICKS = 4


@dataclass(frozen=True)
class TrafficChart:
    """Rate by month with 90 %, and the probability of a change hanging beneath."""

    berth: str
    words: str
    width: int
    grid: tuple[tuple[float, str], ...]
    """(y, label) of the lines behind the rate."""
    paths: tuple[tuple[str, str], ...]
    """(class, path data), from the back to the front."""
    months: tuple[Bar, ...]
    ticks: tuple[Bar, ...]
    """Those that are given a label."""


def traffic_of(berth: Berth, whole: pd.Series, months: pd.DataFrame) -> TrafficChart | None:
    """Of a row of estimates and the berth's rows of traffic; None for a single month."""
    if len(months) < 2:
        return None
    rate = months["calls_per_30_days"].to_numpy()
    low, high = (months[f"calls_per_30_days_{end}"].to_numpy() for end in ("low", "high"))
    top = max(float(high.max()), 1.0)
    chances = months["changed"].fillna(0.0).to_numpy()
    bars = tuple(
        Bar(number * MONTH_W, _name(row["month"]), _title(row))
        for number, (_, row) in enumerate(months.iterrows())
    )
    apart = max(-(-len(bars) // TICKS), int(8 * LETTER_W / MONTH_W) + 1)
    width = MONTH_W * len(bars)
    return TrafficChart(
        berth=berth.name,
        words=change_words(whole, months),
        width=width,
        grid=tuple((_y(value, top), f"{value:g}") for value in levels(top)),
        paths=(
            ("band90", f"M{_steps(high, top)}L{_steps(low[::-1], top, width)}z"),
            ("median", f"M{_steps(rate, top)}"),
            ("change", "".join(_hanging(n, chance) for n, chance in enumerate(chances) if n)),
        ),
        months=bars,
        ticks=tuple(bar for bar in bars[::apart] if bar.x + 8 * LETTER_W <= max(width, 140)),
    )


def change_words(whole: pd.Series, months: pd.DataFrame) -> str:
    """What the looks say of changes, with what was believed before them."""
    words = (
        f"That the rate changed in the period: {probability_text(whole['rate_changed'])} "
        f"(before any look {probability_text(whole['rate_changed_prior'])})."
    )
    for name, verb, prior in (
        ("began", "Traffic began with", "began_prior"),
        ("ended", "Traffic ended before", "began_prior"),
        ("changed", "It changed with", "changed_prior"),
    ):
        best = months[name].idxmax()
        row = months.loc[best]
        if not row[name] >= LIKELY:
            continue
        words += f" {verb} {_name(row['month'])}: {probability_text(row[name])}"
        words += f" (before any look {probability_text(row[prior])}"
        others = months.drop(best)
        for _, other in others[others[name] >= NAMED].iterrows():
            words += f"; {_name(other['month'])} {probability_text(other[name])}"
        words += ")"
        if name == "changed":
            before = months.loc[best - 1, "calls_per_30_days"]
            words += f", from {_rate(before)} to {_rate(row['calls_per_30_days'])} ships in 30 days"
        words += "."
    return words


def _title(row: pd.Series) -> str:
    ends = (row[f"calls_per_30_days{end}"] for end in ("", "_low", "_high"))
    rate, low, high = (_rate(value) for value in ends)
    words = f"{rate} ships in 30 days (90 %: {low} to {high})"
    if pd.isna(row["changed"]):
        return words
    words += f"; changed with this month {probability_text(row['changed'])}"
    return (
        f"{words}, began {probability_text(row['began'])}, ended {probability_text(row['ended'])}"
    )


def _name(month: pd.Timestamp) -> str:
    return f"{month:%b %Y}"


def _rate(value: float) -> str:
    return rounded(value, 0.1 if value < 10 else 1.0)


def _y(value: float, top: float) -> float:
    return round(RATE_H * (1 - value / top), 1)


def _steps(values: np.ndarray, top: float, start: int = 0) -> str:
    """A line in steps a month wide, from left to right, or from ``start`` to the left."""
    side = -MONTH_W if start else MONTH_W
    points = []
    for number, value in enumerate(values):
        x, y = start + number * side, _y(float(value), top)
        points += [f"{x} {y}", f"{x + side} {y}"]
    return "L".join(points)


def _hanging(number: int, chance: float) -> str:
    """A bar beneath the border before a month, as long as the change is probable."""
    height = round(CHANCE_H * chance, 1)
    return f"M{number * MONTH_W - 3} {RATE_H + 2}h6v{height}h-6z" if height else ""
