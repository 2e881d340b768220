"""Rows of AIS tables in the types of AIS_COLUMNS, without the values for "not available"."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from jobs.ais.codes import imo_number, ship_type, status
from jobs.ais.counts import Tally
from jobs.ais.layouts import TEXTS
from jobs.ais.lines import IMO
from jobs.ais.numbers import numbers
from jobs.ais.schema import AIS_COLUMNS
from jobs.visits import CATEGORY, SINGLE

LENGTHS = ("length_m", "beam_m", "draught_m", "to_bow_m", "to_stern_m")
MEASURES = tuple(name for name, kind in AIS_COLUMNS.items() if kind == SINGLE)
SHIP_MMSI = (201_000_000, 775_999_999)
"""Maritime identification digits 201 to 775 stand first in a ship's number (ITU-R M.585)."""
SCALES = {
    "sog_kn": (0, 102.25, 102.3),
    "cog_deg": (0, 359.9999, 360),
    "heading_deg": (0, 359.9999, 511),
}
"""Least and most that can be sent, and the value for "not available"."""
WORDS = {"ship_type": ship_type, "status": status, "imo": imo_number}
UNKNOWN_WORDS = frozenset({"", "nan", "unknown", "undefined", "unknown value"})


def typed(chunk: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Rows of ships as AIS_COLUMNS; texts that are no number, or no lawful one, are counted."""
    columns: dict[str, object] = {name: _column(chunk, name, tally) for name in AIS_COLUMNS}
    columns["mmsi_valid"] = chunk["mmsi"].between(*SHIP_MMSI)
    positions = pd.DataFrame(columns, index=chunk.index).astype(
        {name: kind for name, kind in AIS_COLUMNS.items() if kind != CATEGORY}
    )
    return _without_sentinels(positions, tally)


def _column(chunk: pd.DataFrame, name: str, tally: Tally) -> object:
    if name == "imo" and name in chunk:
        _count_strange_imo(chunk[name], tally)
    if name in TEXTS:
        return words(chunk[name], name) if name in chunk else _no_words(len(chunk))
    if name not in MEASURES:
        return chunk.get(name, False)
    if name not in chunk:
        return np.nan
    found = numbers(chunk[name])
    lost = int((chunk[name].notna() & found.isna()).sum())
    if lost:
        tally.not_numbers[name] += lost
    return found


def _count_strange_imo(column: pd.Series, tally: Tally) -> None:
    """Count words where IMO numbers stand: a comma in a name may have moved the fields."""
    given = pd.Categorical(column)
    texts = [str(text).strip() for text in given.categories]
    strange = [
        re.fullmatch(IMO, text) is None and text.casefold() not in UNKNOWN_WORDS for text in texts
    ]
    found = int(np.array([*strange, False])[given.codes].sum())
    if found:
        tally.not_numbers["imo"] += found


def _without_sentinels(positions: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """102.3 knots, course 360, heading 511 and length 0 mean "not available".

    Other values that no ship can send are counted in ``tally``, and missing too.
    """
    for name, (least, most, unknown) in SCALES.items():
        given = positions[name]
        known = given.between(least, most)
        silent = given.isna() | known | np.isclose(given, unknown)
        if not silent.all():
            tally.off_scale[name] += int((~silent).sum())
        positions[name] = given.where(known)
    nowhere = (positions["to_bow_m"].fillna(0) + positions["to_stern_m"].fillna(0)) == 0
    for name in LENGTHS:
        # the antenna may stand at the very bow: only both zero means unknown
        known = ~nowhere if name.startswith("to_") else positions[name] > 0
        if (positions[name] < 0).any():
            tally.off_scale[name] += int((positions[name] < 0).sum())
        positions[name] = positions[name].where(known)
    return positions


def words(column: pd.Series, name: str) -> pd.Categorical:
    """The column's texts in one spelling; a category each, for there are far fewer than rows."""
    given = pd.Categorical(column).remove_unused_categories()
    meanings = [_word(str(text).strip(), name) for text in given.categories]
    distinct = sorted(set(meanings) - {""})
    places = {text: number for number, text in enumerate(distinct)} | {"": -1}
    codes = np.array([places[text] for text in meanings] + [-1], dtype=np.int64)
    return pd.Categorical.from_codes(codes[given.codes], pd.Index(distinct, dtype=str))


def _word(text: str, name: str) -> str:
    if text.casefold() in UNKNOWN_WORDS:
        return ""
    if name == "transceiver":
        return _transceiver(text)
    return WORDS[name](text) if name in WORDS else text


def _transceiver(text: str) -> str:
    """A or B; the Danish tables say "Class A"."""
    letter = text.upper().removeprefix("CLASS ")
    return letter if letter in ("A", "B") else ""


def _no_words(rows: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.full(rows, -1), pd.Index([], dtype=str))
