"""Compare published results with the truth of a simulation: what was there, what could be seen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from jobs.domain.geometry import GEOD

MATCH_M = 60.0
"""A vessel nearer than this to a true one is taken for it."""

VISIBLE_FROM = 0.5
"""Share of a hull that must be imaged and free of cloud for it to count as there to be seen."""

SMALL_BELOW_M = 40.0
"""Shorter ships are neither asked for nor held against the detector: 10 m pixels."""


@dataclass(frozen=True)
class Matches:
    """How vessels found compare with vessels there; ignored ones are in none of the counts."""

    right: int
    wrong: int
    missed: int
    length_error_m: float
    """Mean absolute error of the length of those found; NaN when there is none."""

    @property
    def precision(self) -> float:
        """Share of the found that are there; NaN when nothing was found."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else float("nan")

    @property
    def recall(self) -> float:
        """Share of those there that were found; NaN when nothing was there."""
        return self.right / (self.right + self.missed) if self.right + self.missed else float("nan")


def match_vessels(found: pd.DataFrame, true: pd.DataFrame, ignore: pd.Series) -> Matches:
    """Match positions one to one within MATCH_M, separately for each moment.

    Both tables have ``time``, ``lon``, ``lat`` and ``length_m``; ``ignore`` marks rows of ``true``
    that may be found or not. Rows wanted are matched before rows ignored.
    """
    right = wrong = missed = 0
    errors: list[float] = []
    for moment in sorted(set(found["time"]) | set(true["time"])):
        here, there = found[found["time"] == moment], true[true["time"] == moment]
        wanted, doubtful = there[~ignore[there.index]], there[ignore[there.index]]
        pairs = _pairs(here, wanted)
        errors += [abs(here["length_m"].iloc[i] - wanted["length_m"].iloc[j]) for i, j in pairs]
        rest = here.drop(here.index[[i for i, _ in pairs]])
        right += len(pairs)
        missed += len(wanted) - len(pairs)
        wrong += len(rest) - len(_pairs(rest, doubtful))
    return Matches(right, wrong, missed, float(np.mean(errors)) if errors else float("nan"))


def _pairs(found: pd.DataFrame, true: pd.DataFrame) -> list[tuple[int, int]]:
    """Positions in both tables of the pairs within reach, the sum of distances least."""
    if found.empty or true.empty:
        return []
    distance = _distance_m(found, true)
    cost = np.where(distance <= MATCH_M, distance, 1e6)
    rows, columns = linear_sum_assignment(cost)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if cost[i, j] < 1e6]


def _distance_m(found: pd.DataFrame, true: pd.DataFrame) -> NDArray[np.float64]:
    shape = (len(found), len(true))
    _, _, metres = GEOD.inv(
        np.broadcast_to(found["lon"].to_numpy()[:, None], shape),
        np.broadcast_to(found["lat"].to_numpy()[:, None], shape),
        np.broadcast_to(true["lon"].to_numpy(), shape),
        np.broadcast_to(true["lat"].to_numpy(), shape),
    )
    return np.asarray(metres)


# --- a whole simulation -------------------------------------------------------------------------


def compare(published: Path, truth: Path) -> tuple[Matches, list[dict[str, str | int]]]:
    """Vessels found against vessels there, and visits per berth: true, imaged, seen, estimated."""
    there = pd.read_csv(truth / "vessels.csv")
    found = pd.read_csv(published / "vessels.csv")
    found = found[~found["fixed"]].reset_index(drop=True)
    # A simulated port has one pass a day; the seconds differ between a pass and its tiles.
    there["time"] = there["port"] + " " + there["overpass_utc"].str[:10]
    found["time"] = found["port"] + " " + found["time"].str[:10]
    ignore = (there["visible"] < VISIBLE_FROM) | (there["length_m"] < SMALL_BELOW_M)
    return match_vessels(found, there, ignore), _visits(published, truth, there)


def _visits(published: Path, truth: Path, there: pd.DataFrame) -> list[dict[str, str | int]]:
    """Of the visits that began in the period, how many there were, and what was made of them."""
    period = json.loads((published / "provenance.json").read_text())["period"]
    began = _between(pd.read_csv(truth / "visits.csv"), period["start"], period["end"])
    shown = there[there["visible"] >= VISIBLE_FROM]
    imaged = set(zip(shown["port"], shown["berth"], shown["ship_id"], strict=True))
    estimates = pd.read_csv(published / "estimates.csv").set_index(["port", "berth"])
    rows: list[dict[str, str | int]] = []
    for (port, berth), found in estimates.sort_index().iterrows():
        stays = began[(began["port"] == port) & (began["berth"] == berth)]
        keys = {(port, berth, ship) for ship in stays["ship_id"]}
        low, high = round(found["visits_low"]), round(found["visits_high"])
        rows.append(
            {
                "port": port,
                "berth": berth,
                "true_visits": len(stays),
                "under_a_clear_pass": len(keys & imaged),
                "seen": int(found["visits_seen"]),
                "estimated": round(found["visits"]),
                "90_%_between": f"{low} and {high}",
                "holds": "yes" if low <= len(stays) <= high else "no",
            }
        )
    return rows


def _between(stays: pd.DataFrame, start: str, end: str) -> pd.DataFrame:
    """Stays that began on the days from start to end, both inclusive."""
    day = stays["arrival"].str[:10]
    return stays[(day >= start) & (day <= end)]
