"""Queries of a published result: links, flows, number of ships. Each takes a PublishedResult."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.publish.read import PublishedResult
from jobs.visits import (
    KNOT_KMH,
    CaptureRecapture,
    Flows,
    SeaRoute,
    ShipDraws,
    flow_matrix,
    sea_routes,
    ships_from_lengths,
    ships_from_names,
)

FASTEST_KN = 16.0
"""Upper limit of the speed from port to port; product tankers make 10 to 14."""
LIKELY = 0.5
"""Seen visits from this probability count as a ship's; others are more likely false alarms."""


def visit_links(result: PublishedResult, at_least: float = 0.2) -> gpd.GeoDataFrame:
    """The published voyages of at least that probability, likeliest first."""
    likely = result.voyages[result.voyages["probability"] >= at_least]
    order = ["probability", "from_visit", "to_visit"]
    return likely.sort_values(order, ascending=[False, True, True], ignore_index=True)


def routes_between(result: PublishedResult) -> dict[tuple[str, str], SeaRoute]:
    """The route by sea for every ordered pair of the ports."""
    return sea_routes({port.id: port.area.centroid.coords[0] for port in result.ports})


def port_flows(result: PublishedResult) -> Flows:
    """How many ships go from port to port, from the histories alone; reproducible.

    InputError where the result has fewer than two ports.
    """
    return flow_matrix(result.calls(), routes_between(result), seed=result.seed)


def fleet_from_lengths(result: PublishedResult) -> ShipDraws:
    """How many ships made the seen visits at berths, from their lengths; reproducible.

    InputError where no visit was seen.
    """
    visits = visits_at_berths(result)
    whole = ~visits["truncated"].to_numpy(bool)  # of a cut ship only a part was measured
    length_m = np.where(whole, visits["length_m"].to_numpy(np.float64), np.nan)
    sd_m = visits["length_sd_m"].to_numpy(np.float64)
    return ships_from_lengths(length_m, sd_m, seed=result.seed, apart=not_one_ship(result, visits))


def fleet_from_names(result: PublishedResult, names: Mapping[str, str]) -> CaptureRecapture:
    """How many ships there are, from the names of some visits, by visit id."""
    return ships_from_names([names.get(visit_id) for visit_id in result.visits["visit_id"]])


def visits_at_berths(result: PublishedResult) -> gpd.GeoDataFrame:
    """The seen visits at berths that are more likely a ship's than a false alarm."""
    berths = pd.MultiIndex.from_tuples(
        [(stays.port, stays.berth) for stays in result.calls()], names=["port", "berth"]
    )
    visits = result.visits
    here = pd.MultiIndex.from_frame(visits[["port", "berth"]]).isin(berths)
    likely = visits["probability"].fillna(1.0) >= LIKELY  # empty at places for several ships
    return visits[here & likely].reset_index(drop=True)


def not_one_ship(result: PublishedResult, visits: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """(visit, visit): True where two visits overlap, or are too close in time for the
    distance.
    """
    came = visits["arrival_before"].astype("int64").to_numpy() / 1e6 / 3600
    left = visits["departure_after"].astype("int64").to_numpy() / 1e6 / 3600
    between_h = np.maximum(came[None, :] - left[:, None], came[:, None] - left[None, :])
    apart: NDArray[np.bool_] = between_h <= _least_hours(result, list(visits["port"]))
    np.fill_diagonal(apart, False)
    return apart


def _least_hours(result: PublishedResult, ports: Sequence[str]) -> NDArray[np.float64]:
    """(visit, visit): hours of the fastest ship from the one's port to the other's."""
    names = sorted(set(ports))
    hours = np.zeros((len(names), len(names)))
    if len(names) > 1:
        for (origin, target), route in routes_between(result).items():
            if origin in names and target in names:
                way_h = route.distance_km / (FASTEST_KN * KNOT_KMH)
                hours[names.index(origin), names.index(target)] = way_h
    at = np.array([names.index(port) for port in ports], np.intp)
    return hours[np.ix_(at, at)]
