"""AIS messages from a few words: a ship's places at minutes, as the columns that readers give."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from jobs.ais.schema import AIS_COLUMNS

NOON = datetime(2024, 3, 7, 12, tzinfo=UTC)


def ship(
    mmsi: int,
    minutes: Sequence[float],
    lon: float | Sequence[float],
    lat: float | Sequence[float],
    *,
    sog_kn: float | Sequence[float] = 0.0,
    cog_deg: float = np.nan,
    heading_deg: float = np.nan,
    length_m: float = np.nan,
    to_bow_m: float = np.nan,
    to_stern_m: float = np.nan,
    name: str | None = None,
) -> pd.DataFrame:
    """The messages of one ship, minutes after NOON."""
    times = pd.to_datetime([NOON + pd.Timedelta(float(m), "min") for m in minutes])
    facts: dict[str, object] = {
        "mmsi": mmsi,
        "mmsi_valid": True,
        "time": times.as_unit("us"),
        "lon": lon,
        "lat": lat,
        "sog_kn": sog_kn,
        "cog_deg": cog_deg,
        "heading_deg": heading_deg,
        "name": name,
        "length_m": length_m,
        "to_bow_m": to_bow_m,
        "to_stern_m": to_stern_m,
    }
    frame = pd.DataFrame(facts, index=range(len(minutes)))
    return frame.reindex(columns=list(AIS_COLUMNS)).astype(AIS_COLUMNS)


def positions(*ships: pd.DataFrame) -> pd.DataFrame:
    """Several ships in one table, ordered as ``read_ais`` orders."""
    both = pd.concat([part.astype({"name": object}) for part in ships]).astype(AIS_COLUMNS)
    return both.sort_values(["mmsi", "time"], ignore_index=True)
