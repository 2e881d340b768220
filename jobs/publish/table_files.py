"""The tables and series of a publication as they are written: frames, CSV text and Zarr."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jobs.domain import Port
from jobs.publish.publication import Publication
from jobs.visits import (
    DEGREE_DECIMALS,
    HISTORY_COLUMNS,
    PUBLISHED,
    TIME,
    StayDraws,
    berth_table,
    frame,
    port_table,
    table,
    typed,
)
from jobs.visits import SERIES as SERIES_MEANINGS

HISTORIES = "histories.parquet"
HISTORIES_KEPT = 200
"""Histories published per berth: enough to compute any number to a tenth of its standard deviation;
all of them would be ten times as large."""
SERIES = "port_visits.zarr"
PLACES: Mapping[str, Callable[[Iterable[Port]], gpd.GeoDataFrame]] = {
    "berths": berth_table,
    "ports": port_table,
}
"""The tables that follow from the ports alone."""
SHAPES = ("voyages", *PLACES)
"""The tables whose geometry is no point."""


def whole_table(publication: Publication, name: str) -> gpd.GeoDataFrame:
    """One table of all ports, by port id and then as the port's table orders it."""
    if name in PLACES:
        return PLACES[name](publication.ports)
    if name == "voyages":
        return publication.voyages
    if name == "estimates":
        parts = [publication.estimates[port.id].berths for port in publication.ports]
    elif name in ("traffic", "sensors"):
        parts = [getattr(publication.estimates[port.id], name) for port in publication.ports]
    else:
        parts = [getattr(publication.tables[port.id], name) for port in publication.ports]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else table(PUBLISHED[name].columns, [])


def histories(publication: Publication) -> pd.DataFrame:
    """HISTORY_COLUMNS: the first histories of every berth, by port, berth, history and arrival."""
    parts = [
        _history(stays)
        for port in publication.ports
        for stays in publication.estimates[port.id].stays
    ]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled or [frame(HISTORY_COLUMNS)], ignore_index=True)


def _history(stays: StayDraws) -> pd.DataFrame:
    kept = stays.draw < HISTORIES_KEPT
    names = np.array([*stays.visit_ids, ""], dtype=object)
    columns = {
        "history": stays.draw[kept],
        "port": stays.port,
        "berth": stays.berth,
        "arrival": _moments(stays, stays.arrival[kept]),
        "departure": _moments(stays, stays.departure[kept]),
        "length_m": np.round(stays.length_m[kept], 1),
        "visit_id": names[stays.visit[kept]],
    }
    return typed(pd.DataFrame(columns), HISTORY_COLUMNS)


def _moments(stays: StayDraws, days: NDArray[np.float64]) -> pd.DatetimeIndex:
    """UTC, to the second."""
    return pd.Timestamp(stays.origin) + pd.to_timedelta(np.round(days * 86_400), unit="s")


def as_csv(rows: gpd.GeoDataFrame, points: bool = True) -> str:
    """CSV with every float so that it reads back the same, times as 2024-03-07T02:10:00.000000Z.

    points: the geometry is a point, and written as lon and lat; else it is written as WKT.
    """
    columns: dict[str, pd.Series] = {}
    for name in rows.columns:
        if name == "geometry" and points:
            columns |= {"lon": rows.geometry.x, "lat": rows.geometry.y}
        else:
            columns[name] = _csv_column(rows[name])
    text: str = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")
    return text


def _csv_column(column: pd.Series) -> pd.Series:
    if column.dtype == TIME:
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(column, gpd.GeoSeries):
        return column.to_wkt(rounding_precision=DEGREE_DECIMALS)
    return column


def write_series(publication: Publication, store: Path) -> None:
    """Plain Zarr v3 with a group for day, week and month."""
    datasets = {name: _encoded(dataset) for name, dataset in sorted(publication.series.items())}
    with warnings.catch_warnings():
        # xarray's readers look for consolidated metadata and complain where there is none, while
        # zarr's writer warns that version 3 of the format does not name it yet
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        xr.DataTree.from_dict(datasets).to_zarr(store, zarr_format=3, consolidated=True)


def _encoded(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with its encoding pinned, where xarray would derive it from the values."""
    days = {"units": "days since 1970-01-01", "calendar": "standard", "dtype": "int32"}
    pinned = dataset.copy()
    for name in ("period", "period_end"):
        pinned[name].encoding = days
    for variable in pinned.data_vars.values():
        if not SERIES_MEANINGS[str(variable.name)].missing:
            variable.encoding = {"_FillValue": None}  # there is always a value
    return pinned
