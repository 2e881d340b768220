"""Square cuts of overpasses for the page, as PNG."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.domain import Grid
from jobs.publish import ArchiveImagery

PICTURES_KEPT = 24
"""Overpasses held in memory; a chip needs three of them, and neighbours need the same."""


class Chips:
    """Cuts from the pictures of the archive, each rendered as the report renders it."""

    def __init__(self, imagery: ArchiveImagery) -> None:
        self.picture = lru_cache(PICTURES_KEPT)(imagery.rgb)

    def png(self, port_id: str, overpass_id: str, grid: Grid, window: Window) -> bytes | None:
        """The pixels of a window, black beyond the grid's edge; None where there is no picture."""
        picture = self.picture(port_id, overpass_id)
        if picture is None:
            return None
        buffer = BytesIO()
        Image.fromarray(cut(picture, window)).save(buffer, "png", compress_level=3)
        return buffer.getvalue()


Window = tuple[int, int, int]
"""First row, first column and side of a square, in pixels of the port's grid."""


def cut(picture: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """(side, side, 3); black where the window reaches over the picture's edge."""
    row, column, side = window
    found = np.zeros((side, side, 3), np.uint8)
    top, left = max(row, 0), max(column, 0)
    bottom = max(min(row + side, picture.shape[0]), top)
    right = max(min(column + side, picture.shape[1]), left)
    found[top - row : bottom - row, left - column : right - column] = picture[
        top:bottom, left:right
    ]
    return found
