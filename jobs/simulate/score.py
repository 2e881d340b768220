"""Score of published results against the truth of a simulation."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from jobs.domain import geod

MATCH_M = 60.0
"""Largest distance, metres, of a detected vessel from the true one that it is matched to."""

VISIBLE_FROM = 0.5
"""Least share of a hull that is imaged and free of cloud for a true vessel to count."""

SMALL_BELOW_M = 40.0
"""True vessels shorter than this, metres, are ignored: pixels are 10 m."""


@dataclass(frozen=True)
class DetectionScore:
    """Detected against true vessels; ignored ones are in no count."""

    true_positives: int
    false_positives: int
    false_negatives: int
    length_error_m: float
    """Mean absolute error of the length of true positives; NaN without any."""

    @property
    def precision(self) -> float:
        """True positives per detection; NaN without detections."""
        return _share(self.true_positives, self.false_positives)

    @property
    def recall(self) -> float:
        """True positives per true vessel; NaN without true vessels."""
        return _share(self.true_positives, self.false_negatives)


def score_results(
    published: Path, truth: Path
) -> tuple[DetectionScore, list[dict[str, str | int]]]:
    """Score of detections, and a row per berth of visits: true, imaged, seen, estimated.

    ``published`` is the folder of published results, ``truth`` that of the simulation's truth.
    """
    there = pd.read_csv(truth / "vessels.csv")
    found = pd.read_csv(published / "vessels.csv")
    found = found[found["counted"]].reset_index(drop=True)
    # A simulated port has one pass an hour; the seconds differ between a pass and its tiles.
    there["time"] = there["port"] + " " + _hour(there["overpass_utc"])
    found["time"] = found["port"] + " " + _hour(found["time"])
    if "seen_lon" in there:  # simulated before there was radar, ships are where they are seen
        there = there.assign(lon=there["seen_lon"], lat=there["seen_lat"])
    ignore = (there["visible"] < VISIBLE_FROM) | (there["length_m"] < SMALL_BELOW_M)
    return match_vessels(found, there, ignore), _visits(published, truth, there)


def _hour(times: pd.Series) -> pd.Series:
    """Day and hour of times as text, whatever stands between the two."""
    return times.str[:10] + " " + times.str[11:13]


def match_vessels(found: pd.DataFrame, true: pd.DataFrame, ignore: pd.Series) -> DetectionScore:
    """Match positions one to one within MATCH_M, separately for each moment.

    Both tables have ``time``, ``lon``, ``lat`` (degrees) and ``length_m``; ``ignore`` marks rows
    of ``true`` that count neither when found nor when missed. They are matched last.
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
    return DetectionScore(right, wrong, missed, float(np.mean(errors)) if errors else math.nan)


def _share(hits: int, others: int) -> float:
    return hits / (hits + others) if hits + others else math.nan


def _pairs(found: pd.DataFrame, true: pd.DataFrame) -> list[tuple[int, int]]:
    """Row numbers in both tables of pairs within MATCH_M, with the least sum of distances."""
    if found.empty or true.empty:
        return []
    distance = _distance_m(found, true)
    cost = np.where(distance <= MATCH_M, distance, 1e6)
    rows, columns = linear_sum_assignment(cost)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if cost[i, j] < 1e6]


def _distance_m(found: pd.DataFrame, true: pd.DataFrame) -> NDArray[np.float64]:
    shape = (len(found), len(true))
    _, _, metres = geod().inv(
        np.broadcast_to(found["lon"].to_numpy()[:, None], shape),
        np.broadcast_to(found["lat"].to_numpy()[:, None], shape),
        np.broadcast_to(true["lon"].to_numpy(), shape),
        np.broadcast_to(true["lat"].to_numpy(), shape),
    )
    return np.asarray(metres)


def _visits(published: Path, truth: Path, there: pd.DataFrame) -> list[dict[str, str | int]]:
    """Rows per berth of the visits that began in the period: true, imaged, seen, estimated."""
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
