"""How far inland the land mask puts real ships: why its shore has a tolerance, and berths none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pyproj import Transformer
from scipy import ndimage
from shapely.geometry import box

from jobs.domain.geometry import local_grid
from jobs.domain.land_mask import make_land_mask
from jobs.segment.shore import SHORE_TOLERANCE_M

MARGIN_DEG = 0.01
DISTANCES_M = (25, 50, 100, SHORE_TOLERANCE_M, 300)

pytestmark = pytest.mark.bench


def test_share_of_labelled_ships_inland(shared: Path) -> None:
    every: list[float] = []
    print(f"\nport        ships  share further inland than {DISTANCES_M} m")
    for path in sorted((shared / "real-imagery" / "s2-ports-labels").glob("*.csv")):
        inland = distances(pd.read_csv(path))
        every += list(inland)
        print(f"{path.stem:10s}  {len(inland):5d}  {shares(inland)}")
    print(f"{'all':10s}  {len(every):5d}  {shares(np.array(every))}")


def distances(labels: pd.DataFrame) -> NDArray[np.float64]:
    """Metres from each sure ship's centre to the mask's nearest water; 0 on water."""
    ships = labels[(labels["class"] == "ship") & (labels["confidence"] >= 2)]
    lon, lat = ships["lon"].to_numpy(), ships["lat"].to_numpy()
    around = box(lon.min(), lat.min(), lon.max(), lat.max()).buffer(MARGIN_DEG).envelope
    grid = local_grid(around)
    distance = ndimage.distance_transform_edt(make_land_mask(grid)) * grid.resolution_m
    x, y = Transformer.from_crs(4326, grid.epsg, always_xy=True).transform(lon, lat)
    rows = ((grid.top - y) // grid.resolution_m).astype(int)
    columns = ((x - grid.left) // grid.resolution_m).astype(int)
    return np.asarray(distance[rows, columns])


def shares(inland: NDArray[np.float64]) -> str:
    return "  ".join(f"{(inland > limit).mean():.2f}" for limit in DISTANCES_M)
