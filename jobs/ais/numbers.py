"""Numbers of AIS tables, of columns that hold numbers already or texts."""

from __future__ import annotations

import numpy as np
import pandas as pd

MMSI = r"\d{1,9}(?:\.0*)?"
"""Digits, also as a spreadsheet writes them (273123456.0). 2.73E+08 has lost digits."""
DECIMAL_COMMA = r"[+-]?\d+,\d*"
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
"""Numbers are checked by form before pandas 2.3 reads them: it is not safe with every spelling."""


def numbers(column: pd.Series) -> pd.Series:
    """float64; a comma may stand for the decimal point; NaN for what is no number."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("float64")
    texts = column.astype("string").str.strip()
    commas = texts.str.fullmatch(DECIMAL_COMMA).fillna(False)
    texts = texts.where(~commas, texts.str.replace(",", ".", regex=False))
    texts = texts.where(texts.str.fullmatch(NUMBER).fillna(False))
    found = pd.to_numeric(texts, errors="coerce").astype("Float64")
    return pd.Series(found.to_numpy(dtype="float64", na_value=np.nan), index=column.index)


def mmsis(column: pd.Series) -> pd.Series:
    """float64 whole numbers of at most nine digits; NaN for anything else."""
    if pd.api.types.is_numeric_dtype(column):
        found = column.astype("float64")
        return found.where((found == np.floor(found)) & found.between(0, 999_999_999))
    given = pd.Categorical(column)
    texts = pd.Series([str(one) for one in given.categories], dtype=str)
    texts = texts.str.replace(r"\s+", "", regex=True).str.replace(",", ".", regex=False)
    read = pd.to_numeric(texts.where(texts.str.fullmatch(MMSI)), errors="coerce")
    values = np.append(read.to_numpy(dtype="float64"), np.nan)
    return pd.Series(values[given.codes], index=column.index)
