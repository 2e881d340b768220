"""What there is to review, the least certain first, with the reason why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from jobs.publish import PublishedResult
from jobs.visits import crowded_berths

NEAR = 0.15
"""Distance of a score from even odds within which it is near them."""
UNLIKELY_VISIT = 0.8
"""Probability of a visit below which its sightings are doubted."""


@dataclass(frozen=True)
class Doubt:
    """Why a vessel is worth a look, and how much, 0..1."""

    weight: float
    reasons: tuple[str, ...]


def doubts(result: PublishedResult) -> Mapping[str, Doubt]:
    """By vessel id, of every vessel of a result but those drawn by hand."""
    crowded = {(each.port, each.berth) for each in crowded_berths(result.ports, result.looks)}
    over = _overfull(result)
    unlikely = _unlikely_visits(result)
    found = result.vessels[result.vessels["review"] != "drawn"]
    return {
        row.vessel_id: _doubt(
            row,
            (row.port, row.berth) in crowded and (row.overpass_id, row.berth) in over,
            row.visit_id in unlikely,
        )
        for row in found.itertuples()
    }


def seen_there(row: Any) -> str:
    """In how many looks the same is seen where a vessel is struck out, as words that follow."""
    if pd.isna(row.place_looks):
        return ""
    return f": the same seen there in {row.place_seen:.0f} of {row.place_looks:.0f} clear looks"


def _doubt(row: Any, crowded: bool, unlikely: bool) -> Doubt:
    weight = 1 - abs(2 * row.score - 1)
    reasons = []
    if abs(row.score - 0.5) <= NEAR:
        reasons.append("score near even")
    if row.fixed:
        # struck out without a word of the network: the score says nothing about it
        weight = max(weight, 0.9)
        reasons.append(f"taken for fixed structure{seen_there(row)}")
    if crowded:
        weight = max(weight, 0.8)
        reasons.append("more ships than the berth holds")
    if unlikely:
        weight = max(weight, 0.7)
        reasons.append("visit of low probability")
    if row.truncated:
        weight = max(weight, 0.6)
        reasons.append("cut by cloud or the image's edge")
    # what lies at no berth counts in no series: after all else
    return Doubt(weight if row.berth else weight / 4, tuple(reasons))


def _overfull(result: PublishedResult) -> set[tuple[str, str]]:
    """Overpass and berth of the looks with more ships than the berth holds."""
    holds = {
        (port.id, berth.id): berth.capacity
        for port in result.ports
        for berth in port.berths
        if berth.capacity is not None
    }
    return {
        (row.overpass_id, row.berth)
        for row in result.looks.itertuples()
        if row.vessels > holds.get((row.port, row.berth), 10**6)
    }


def _unlikely_visits(result: PublishedResult) -> set[str]:
    visits = pd.DataFrame(result.visits)
    probability = visits["probability"].fillna(visits["confidence"])
    return set(visits.loc[probability < UNLIKELY_VISIT, "visit_id"])
