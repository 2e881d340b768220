"""The published table of voyages: likely links with hours, distance, lengths and the route."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
from shapely.geometry import LineString

from jobs.errors import InputError
from jobs.visits.columns import table
from jobs.visits.degrees import DEGREE_DECIMALS
from jobs.visits.schema import VOYAGE_COLUMNS
from jobs.visits.voyages.linking import Linkage
from jobs.visits.voyages.sea_routes import SeaRoute


def voyage_table(
    linkage: Linkage, routes: Mapping[tuple[str, str], SeaRoute], at_least: float = 0.05
) -> gpd.GeoDataFrame:
    """The links with at least that probability, as VOYAGE_COLUMNS; by departing visit, then by
    falling probability.
    """
    if not 0 <= at_least <= 1:
        raise InputError(f"voyages: at_least is {at_least}; expected a probability from 0 to 1")
    shown = np.flatnonzero((linkage.probability >= at_least) & (linkage.probability > 0))
    order = np.lexsort((-linkage.probability[shown], linkage.before[shown]))
    return table(VOYAGE_COLUMNS, [_row(linkage, int(pair), routes) for pair in shown[order]])


def _row(
    linkage: Linkage, pair: int, routes: Mapping[tuple[str, str], SeaRoute]
) -> dict[str, object]:
    visits, i, j = linkage.visits, int(linkage.before[pair]), int(linkage.after[pair])
    route = routes[visits.port[i], visits.port[j]]
    hours_min, hours_median, hours_max = (float(hours) for hours in linkage.hours[pair])
    return {
        "from_visit": visits.visit_ids[i],
        "to_visit": visits.visit_ids[j],
        "from_port": visits.port[i],
        "to_port": visits.port[j],
        "probability": float(linkage.probability[pair]),
        "hours_min": hours_min,
        "hours_median": hours_median,
        "hours_max": hours_max,
        "distance_km": route.distance_km,
        "from_length_m": float(visits.length_m[i]),
        "from_length_sd_m": float(visits.length_sd_m[i]),
        "to_length_m": float(visits.length_m[j]),
        "to_length_sd_m": float(visits.length_sd_m[j]),
        "geometry": LineString(np.round(route.path, DEGREE_DECIMALS)),
    }
