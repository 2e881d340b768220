from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from jobs.domain import Port
from jobs.domain.geometry import WGS84
from jobs.visits.cargo import StayVolumes
from jobs.visits.occupancy.draws import StayDraws

DEGREE_DECIMALS = 7
"""About a centimetre: published coordinates are rounded to what is meant by them."""


TEXT, NUMBER, COUNT, FLAG = "string", "float64", "int32", "bool"


TIME = "datetime64[us, UTC]"


SHAPE = "geometry"


VESSEL_COLUMNS: Mapping[str, str] = {
    "vessel_id": TEXT,
    "port": TEXT,
    "berth": TEXT,
    "overpass_id": TEXT,
    "time": TIME,
    "sensor": TEXT,
    "platform": TEXT,
    "length_m": NUMBER,
    "length_sd_m": NUMBER,
    "beam_m": NUMBER,
    "heading_deg": NUMBER,
    "score": NUMBER,
    "truncated": FLAG,
    "background": NUMBER,
    "fixed": FLAG,
    "visit_id": TEXT,
    "geometry": SHAPE,
    "footprint": SHAPE,
}
"""A row is one vessel in one overpass; berth and visit_id are empty away from every berth.
``background`` is how much the port itself looks like a ship there, 0..1, missing where that is
unknown; ``fixed`` ones are taken for a part of the port and count nowhere else."""


LOOK_COLUMNS: Mapping[str, str] = {
    "port": TEXT,
    "berth": TEXT,
    "overpass_id": TEXT,
    "time": TIME,
    "sensor": TEXT,
    "platform": TEXT,
    "clear_fraction": NUMBER,
    "state": TEXT,
    "vessels": COUNT,
    "imaged_fraction": NUMBER,
    "thin_cloud_fraction": NUMBER,
    "screened": FLAG,
    "geometry": SHAPE,
}
"""A row is one overpass over one berth; geometry is a point inside the berth."""


VISIT_COLUMNS: Mapping[str, str] = {
    "visit_id": TEXT,
    "port": TEXT,
    "berth": TEXT,
    "arrival_after": TIME,
    "arrival_before": TIME,
    "departure_after": TIME,
    "departure_before": TIME,
    "looks": COUNT,
    "vessels": COUNT,
    "length_m": NUMBER,
    "length_sd_m": NUMBER,
    "confidence": NUMBER,
    "truncated": FLAG,
    "overpass_ids": TEXT,
    "geometry": SHAPE,
}
"""A row is one seen stay; overpass_ids are parted by blanks, geometry is the mean position."""


def table(columns: Mapping[str, str], rows: Iterable[Mapping[str, object]]) -> gpd.GeoDataFrame:
    """A table with just these columns and types, whether or not there is any row."""
    records = list(rows)
    data = {name: _column([row[name] for row in records], kind) for name, kind in columns.items()}
    return gpd.GeoDataFrame(data, geometry="geometry", crs=WGS84)


def _column(values: list[object], kind: str) -> pd.Series:
    if kind == SHAPE:
        return gpd.GeoSeries(values, crs=WGS84)
    return pd.Series(values, dtype=kind)


ESTIMATE_COLUMNS: Mapping[str, str] = {
    "port": TEXT,
    "berth": TEXT,
    "model": TEXT,
    "usable_looks": COUNT,
    "visits_seen": COUNT,
    "visits": NUMBER,
    "visits_low": NUMBER,
    "visits_high": NUMBER,
    "visits_low_50": NUMBER,
    "visits_high_50": NUMBER,
    "occupancy": NUMBER,
    "occupancy_low": NUMBER,
    "occupancy_high": NUMBER,
    "dwell_days": NUMBER,
    "dwell_low_days": NUMBER,
    "dwell_high_days": NUMBER,
    "recall": NUMBER,
    "recall_low": NUMBER,
    "recall_high": NUMBER,
    "dwell_prior_days": NUMBER,
    "dwell_prior_source": TEXT,
    "dwell_learned": NUMBER,
    "dwell_share": NUMBER,
    "visits_half_dwell": NUMBER,
    "visits_half_dwell_low": NUMBER,
    "visits_half_dwell_high": NUMBER,
    "visits_double_dwell": NUMBER,
    "visits_double_dwell_low": NUMBER,
    "visits_double_dwell_high": NUMBER,
    "recall_source": TEXT,
    "effective_points": NUMBER,
    "barrels": NUMBER,
    "barrels_low": NUMBER,
    "barrels_high": NUMBER,
    "geometry": SHAPE,
}
"""A row is one berth over the whole period; low and high hold 90 %, _50 hold 50 %. ``visits`` are
the stays that began in the period, ``occupancy`` the mean number of ships there, ``recall`` that of
a clear look of the sensor that looked most. ``dwell_learned`` is how far the looks narrowed the
dwell (0 not at all, 1 known), ``dwell_share`` the share of the variance of visits that goes with
it; half and double are the visits if ships stay half or twice as long as believed. Barrels only at
oil terminals."""


ESTIMATED_VISIT_COLUMNS: Mapping[str, str] = {
    "visit_id": TEXT,
    "probability": NUMBER,
    "arrival_low": TIME,
    "arrival_median": TIME,
    "arrival_high": TIME,
    "departure_low": TIME,
    "departure_median": TIME,
    "departure_high": TIME,
}
"""What the histories say of a seen visit: the share in which a ship was there, and 90 % of its
times."""


FULL_VISIT_COLUMNS: Mapping[str, str] = {
    **{name: kind for name, kind in VISIT_COLUMNS.items() if kind != SHAPE},
    **ESTIMATED_VISIT_COLUMNS,
    "geometry": SHAPE,
}
"""The visits table as published."""


VOYAGE_COLUMNS: Mapping[str, str] = {
    "from_visit": TEXT,
    "to_visit": TEXT,
    "from_port": TEXT,
    "to_port": TEXT,
    "probability": NUMBER,
    "hours_min": NUMBER,
    "hours_median": NUMBER,
    "hours_max": NUMBER,
    "distance_km": NUMBER,
    "from_length_m": NUMBER,
    "from_length_sd_m": NUMBER,
    "to_length_m": NUMBER,
    "to_length_sd_m": NUMBER,
    "geometry": SHAPE,
}
"""A row is a pair of visits that may be one ship's; hours are under way if it is, with 90 %;
geometry is the shortest way by sea, not a track."""


HISTORY_COLUMNS: Mapping[str, str] = {
    "history": COUNT,
    "port": TEXT,
    "berth": TEXT,
    "arrival": TIME,
    "departure": TIME,
    "length_m": NUMBER,
    "visit_id": TEXT,
}
"""A row is one stay in one of the equally likely histories; visit_id is empty where nobody saw
it."""


@dataclass(frozen=True)
class PortEstimate:
    """What the looks at one port mean: histories of each berth, and what is read off them."""

    port: Port
    berths: gpd.GeoDataFrame
    """ESTIMATE_COLUMNS, in the order of the port's berths."""
    visits: pd.DataFrame
    """ESTIMATED_VISIT_COLUMNS, a row a seen visit of a berth for one ship."""
    stays: tuple[StayDraws, ...]
    """By berth, in the port's order; draw i of all of them is one history of the port."""
    volumes: tuple[StayVolumes, ...] = ()
    """Of those of oil terminals."""


@dataclass(frozen=True)
class PortTables:
    """What was seen at one port; the columns are those named above."""

    port: Port
    vessels: gpd.GeoDataFrame
    looks: gpd.GeoDataFrame
    visits: gpd.GeoDataFrame

    @property
    def ships(self) -> gpd.GeoDataFrame:
        """The vessels that are not taken for fixed structure."""
        return self.vessels[~self.vessels["fixed"]].reset_index(drop=True)
