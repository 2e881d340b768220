"""Static data of ships: what each sent most often, not what it sent last."""

from __future__ import annotations

import pandas as pd

STATIC = ("name", "imo", "ship_type", "length_m", "beam_m", "to_bow_m", "to_stern_m")


def static_facts(positions: pd.DataFrame) -> pd.DataFrame:
    """The usual value of every STATIC column by hull; index track. NaN where none was sent.

    Of values sent as often, the one sent last, then the greatest: the order of rows means nothing.
    ``positions`` has a column ``track`` and is in order of time by track.
    """
    facts = pd.DataFrame(index=pd.Index(positions["track"].unique(), name="track"))
    for name in STATIC:
        facts[name] = _usual(positions, name)
    return facts


def _usual(positions: pd.DataFrame, name: str) -> pd.Series:
    said = positions.loc[positions[name].notna(), ["track", "time", name]]
    counts = said.groupby(["track", name], observed=True, sort=False)["time"]
    ranked = counts.agg(["size", "max"]).reset_index()
    ranked = ranked.sort_values(["track", "size", "max", name], kind="stable")
    return ranked.drop_duplicates("track", keep="last").set_index("track")[name]
