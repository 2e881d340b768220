"""A layer: one band of one scene on its way into the port's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Source
from jobs.tile.encoding import Encoder


@dataclass(frozen=True)
class Layer:
    """Where one band comes from, what its numbers become, and where they go."""

    source: Source
    encoder: Encoder
    dtypes: Sequence[str]
    """Sample types the file may have."""
    out: NDArray[np.uint16]
    """(y, x) of the grid, zeros at first; stays zero where the source has no data."""
    categorical: bool = False
    """Classes, which have no values in between: the nearest is taken."""
