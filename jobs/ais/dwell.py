"""How long ships with AIS stay at each berth in the mean: a length of stay to be believed.

Between two passes nothing is seen, so that the width of an estimate is mostly that of the mean stay
(``docs/visits.md``). Ships that send AIS at the same berth show it; whether those that do not send
stay as long, they cannot show.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.ais.schema import AIS_DWELL_COLUMNS
from jobs.ais.visits import AisVisits
from jobs.domain import DWELL_DAYS, Berth, Port
from jobs.visits import frame

SHORTEST_M = 40.0
"""Tugs, pilots and boats call without loading, and stay for minutes."""
LEAST_STAYS, LEAST_SHIPS = 8, 4
"""Whole stays and ships from which a mean is told: the interval rests on how the ships differ."""
MOST_CUT = 0.25
"""Share of stays without an end from which none is told: the record is too short for them."""
RESAMPLES = 2000
SEED = 0
FLOAT_DIGITS = 17
"""Digits that tell any two doubles apart."""


def dwell_table(visits: AisVisits, port: Port) -> pd.DataFrame:
    """AIS_DWELL_COLUMNS, a row a berth of the port.

    Of stays whose begin was heard, by ships of SHORTEST_M and more: days at the berth divided by
    departures, the maximum-likelihood mean of exponential stays with the unfinished ones in it. The
    interval is of 95 %, from resampled ships: the stays of one ship are alike.
    """
    length_m = visits.visits.set_index("ais_visit_id")["length_m"]
    stays = visits.stays.assign(length_m=visits.stays["ais_visit_id"].map(length_m))
    rows = [_row(stays[stays["berth"] == berth.id], port, berth) for berth in port.berths]
    return frame(AIS_DWELL_COLUMNS, rows)


def _row(stays: pd.DataFrame, port: Port, berth: Berth) -> dict[str, object]:
    long_enough = stays["length_m"] >= SHORTEST_M
    used = stays[long_enough & stays["begin_seen"]]
    whole = used["end_seen"].to_numpy(bool)
    ship = used.groupby(["mmsi", "hull"]).ngroup().to_numpy(np.intp)
    mean, low, high = _mean(used["hours"].to_numpy(np.float64) / 24, whole, ship)
    return {
        "port": port.id,
        "berth": berth.id,
        "stays_whole": int(whole.sum()),
        "stays_cut": int((~whole).sum()),
        "begin_unheard": int((long_enough & ~stays["begin_seen"]).sum()),
        "small_or_unknown": int((~long_enough).sum()),
        "ships": len(np.unique(ship)),
        "mean_days": mean,
        "low_days": low,
        "high_days": high,
    }


def _mean(
    days: NDArray[np.float64], whole: NDArray[np.bool_], ship: NDArray[np.intp]
) -> tuple[float, float, float]:
    """The mean stay and its interval, days; NaN where the stays do not show it."""
    ships = len(np.unique(ship))
    if whole.sum() < LEAST_STAYS or ships < LEAST_SHIPS or (~whole).mean() > MOST_CUT:
        return np.nan, np.nan, np.nan
    lain = np.bincount(ship, days, minlength=ships)
    left = np.bincount(ship, whole, minlength=ships)
    rng = np.random.default_rng(SEED)
    picked = rng.integers(ships, size=(RESAMPLES, ships))
    departures = left[picked].sum(axis=1)
    means = lain[picked].sum(axis=1)[departures > 0] / departures[departures > 0]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(lain.sum() / left.sum()), float(low), float(high)


def dwell_lines(table: pd.DataFrame) -> Iterator[str]:
    """What a job file may say of the berths whose mean stay is shown, as lines of YAML.

    A job file takes bounds within DWELL_DAYS with the mean between them, no others.
    """
    low, mean, high = (table[name] for name in ("low_days", "mean_days", "high_days"))
    possible = (low >= DWELL_DAYS[0]) & (high <= DWELL_DAYS[1])
    shown = table[possible & (low < mean) & (mean < high)]
    if len(shown):
        yield "estimates:"
        yield "  dwell_at:"
    for row in shown.to_dict("records"):
        low_days, mean_days, high_days = _apart(row["low_days"], row["mean_days"], row["high_days"])
        source = f"AIS: {row['stays_whole']} whole stays of {row['ships']} ships"
        yield (
            f"    {row['port']}/{row['berth']}: {{median_days: {mean_days}, "
            f'low_days: {low_days}, high_days: {high_days}, source: "{source}"}}'
        )


def _apart(*days: float) -> list[str]:
    """Increasing numbers with three digits, or as many more as keep them apart; YAML reads no
    exponent without a point, so that there is none.
    """
    for digits in range(3, FLOAT_DIGITS):
        told = [
            np.format_float_positional(each, digits, fractional=False, trim="-") for each in days
        ]
        if len(set(told)) == len(days):
            return told
    return [np.format_float_positional(each) for each in days]
