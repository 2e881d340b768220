"""Images and masks finer than the port's grid, and what becomes of them by plain arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.domain import SENSORS, Grid, Scene, Source
from tests.support.scenes import GRID, NOON, write_band

PLANET = SENSORS["planetscope-sr"]
STEP_M = 3.0


@dataclass(frozen=True)
class Overlap:
    """How much of the grid's pixels lies in each of a file's, along both axes, in metres."""

    rows: NDArray[np.float64]
    """(grid row, file row)."""
    columns: NDArray[np.float64]
    """(grid column, file column)."""

    def mean(self, values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean by area of the pixels that are valid; NaN where none is."""
        area = self.rows @ valid.astype(np.float64) @ self.columns.T
        total = self.rows @ np.where(valid, values, 0).astype(np.float64) @ self.columns.T
        return np.where(area > 0, total / np.maximum(area, 1e-9), np.nan)

    def any(self, places: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where a part of the pixel is among the places."""
        area = self.rows @ places.astype(np.float64) @ self.columns.T
        return np.asarray(area > 1e-6)

    def covered(self, shape: tuple[int, int], grid: Grid) -> NDArray[np.bool_]:
        """Where the whole pixel lies in the file."""
        area = self.rows @ np.ones(shape) @ self.columns.T
        return np.asarray(area > grid.resolution_m**2 - 1e-6)


def overlap(source: Source, grid: Grid = GRID) -> Overlap:
    """Of a file in the grid's projection."""
    step, _, left, _, down, top = source.transform
    rows = _along(grid.height, -grid.top, grid.resolution_m, source.shape[0], -top, -down)
    columns = _along(grid.width, grid.left, grid.resolution_m, source.shape[1], left, step)
    return Overlap(rows, columns)


def _along(
    count: int, start: float, step: float, others: int, first: float, other_step: float
) -> NDArray[np.float64]:
    low, low_other = start + np.arange(count) * step, first + np.arange(others) * other_step
    high, high_other = low + step, low_other + other_step
    ends = np.minimum(high[:, None], high_other) - np.maximum(low[:, None], low_other)
    return np.asarray(np.clip(ends, 0, None))


def write_fine(path: Path, values: NDArray[np.generic], **options: Any) -> Source:
    """A file of 3 m whose pixels' edges are not the grid's, reaching beyond it on all sides."""
    origin = {"left": GRID.left - 41, "top": GRID.top + 38}
    transform = (STEP_M, 0.0, origin["left"], 0.0, -STEP_M, origin["top"])
    return write_band(path, values, transform=transform, **options)


FINE_SHAPE = (360, 430)


def planet_scene(bands: dict[str, Source], mask: Source | None = None, id: str = "1") -> Scene:
    return Scene(
        item_id=id,
        collection="PSScene",
        catalog="test",
        sensor=PLANET.name,
        platform="planetscope-24ee",
        acquired=NOON,
        bands=bands,
        mask=mask,
    )
