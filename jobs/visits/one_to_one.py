"""Putting things of two kinds together one to one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def one_to_one(cost: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pairs: most pairs first, then least cost.

    cost: (row, column), not negative; infinite where the two are no pair.
    """
    possible = np.isfinite(cost)
    # one forbidden pair must cost more than any number of allowed ones
    forbidden = 1.0 + cost[possible].sum()
    rows, columns = linear_sum_assignment(np.where(possible, cost, forbidden))
    paired = possible[rows, columns]
    return rows[paired], columns[paired]
