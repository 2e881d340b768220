"""Where a ship may lie: on water, by the shore with more evidence, around berths in any case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import rasterio.features
from numpy.typing import NDArray
from rasterio.transform import Affine
from scipy import ndimage

from jobs.domain import Berth, BerthKind, Grid, Port, Vessel, project

SHORE_TOLERANCE_M = 150.0
"""Land nearer to the water than this counts as water: public shorelines are off by about a hundred
metres and lack quays and reclaimed ground."""

SHORE_SCORE = 0.5
"""Least score within SHORE_TOLERANCE_M of the shoreline away from every berth: rocks, piers and
houses by the water are the commonest false alarms, and the berths say where ships lie. In a port
without berths it does not apply."""

BERTH_MARGIN_M = 60.0
"""Within this distance of a berth the land mask does not apply."""


def afloat(vessels: Iterable[Vessel], port: Port, land: NDArray[np.bool_]) -> tuple[Vessel, ...]:
    """The vessels whose score is at least ``least_score`` at their centre, in their order."""
    if not land.any():
        return tuple(vessels)
    least = least_score(port, land)
    height, width = least.shape
    kept = []
    for vessel in vessels:
        row = int((port.grid.top - vessel.y) // port.grid.resolution_m)
        col = int((vessel.x - port.grid.left) // port.grid.resolution_m)
        if vessel.score >= least[min(max(row, 0), height - 1), min(max(col, 0), width - 1)]:
            kept.append(vessel)
    return tuple(kept)


def least_score(port: Port, land: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The least score of a vessel, (y, x): 0 on water and at berths, SHORE_SCORE near the shore,
    infinite on land beyond SHORE_TOLERANCE_M.
    """
    resolution_m = port.grid.resolution_m
    least = np.zeros(land.shape, np.float32)
    if port.berths:
        by_the_shore = ndimage.distance_transform_edt(~land) * resolution_m <= SHORE_TOLERANCE_M
        least[by_the_shore] = SHORE_SCORE
    least[ndimage.distance_transform_edt(land) * resolution_m > SHORE_TOLERANCE_M] = np.inf
    least[near_berths(port)] = 0
    return least


def near_berths(port: Port) -> NDArray[np.bool_]:
    """True within BERTH_MARGIN_M of a berth, (y, x)."""
    return _near(port.berths, port.grid)


def near_quays(port: Port) -> NDArray[np.bool_]:
    """True within BERTH_MARGIN_M of a berth that is no anchorage, (y, x)."""
    quays = [berth for berth in port.berths if berth.kind is not BerthKind.ANCHORAGE]
    return _near(quays, port.grid)


def _near(berths: Sequence[Berth], grid: Grid) -> NDArray[np.bool_]:
    if not berths:
        return np.zeros(grid.shape, bool)
    shapes = [project(berth.polygon, grid.epsg).buffer(BERTH_MARGIN_M) for berth in berths]
    burnt = rasterio.features.rasterize(
        shapes, out_shape=grid.shape, transform=Affine(*grid.transform)
    )
    return np.asarray(burnt, dtype=bool)
