"""Numbers, intervals, shares and times as text, rounded to what their intervals support."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import floor, isnan, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # only for types: its import would take longer than a line of text
    import pandas as pd

NONE = "—"
"""Stands where there is no number."""


@dataclass(frozen=True)
class EstimateText:
    """A number and its 90 % interval as text, rounded to what the interval supports."""

    value: str
    low: str
    high: str

    def __str__(self) -> str:
        return f"{self.value} ({self.low} to {self.high})"


def estimate_text(value: float, low: float, high: float, least: float = 1.0) -> EstimateText:
    """Rounded to the power of ten at or below a twentieth of the interval, but to ``least``."""
    step = bearable_step(low, high, least)
    return EstimateText(rounded(value, step), rounded(low, step), rounded(high, step))


def bearable_step(low: float, high: float, least: float = 1.0) -> float:
    """Step to which numbers with that interval are rounded: further digits have no meaning."""
    return max(10.0 ** floor(log10((high - low) / 20)), least) if high > low else least


def rounded(value: float, step: float) -> str:
    """To a multiple of a power of ten, with commas and no more decimals than that has."""
    return f"{round(value / step) * step:,.{max(0, round(-log10(step)))}f}"


def interval_of(row: pd.Series, name: str, unit: str = "", least: float = 1.0) -> EstimateText:
    """Value and interval of three columns of an estimate's row, as text."""
    value, low, high = (row[f"{name}{end}{unit}"] for end in ("", "_low", "_high"))
    return estimate_text(value, low, high, least)


def percent_of(row: pd.Series, name: str, whole: float = 1.0) -> str:
    value, low, high = (100 * row[f"{name}{end}"] / whole for end in ("", "_low", "_high"))
    return str(estimate_text(value, low, high))


def share_text(value: float) -> str:
    """A share as per cent, never 0 or 100 where it is not just that; empty where there is none."""
    if isnan(value):
        return ""
    if 0 < value < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < value < 1 else f"{100 * value:.0f} %"


def share_of_histories(share: float) -> str:
    """A share of the histories; "none" and "all" of a finite number are not never and always."""
    return {0.0: "none", 1.0: "all"}.get(share, share_text(share))


def probability_text(probability: float) -> str:
    """Two decimals, never 0 or 1; a dash for NaN."""
    if isnan(probability):
        return NONE
    if probability > 0.995:
        return "> 0.99"
    return "< 0.01" if probability < 0.005 else f"{probability:.2f}"


def plus_minus(value: float, sd: float) -> str:
    return NONE if isnan(value) else f"{value:.0f} ± {sd:.0f}"


def utc(time: datetime) -> str:
    """Date and minute, as 2024-03-07 02:10."""
    return f"{time:%Y-%m-%d %H:%M}"
