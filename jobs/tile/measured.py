"""Which pixels an overpass measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def has_data(image: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """(y, x): whether a pixel has data in every band that has any in this overpass.

    Where only some bands do, at the edge of a swath or under one file's mask, nothing can be seen.
    """
    found = np.ones(image.shape[1:], np.bool_)
    for band in image:
        if band.any():
            found &= band != 0
    return found
