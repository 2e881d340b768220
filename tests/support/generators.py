"""Generators of Markov chains in continuous time: rates from state (row) to state (column)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stages_generator(stages: int, rate: float, move: float) -> NDArray[np.float64]:
    """Generator over empty and the stages of a stay."""
    q = np.zeros((stages + 1, stages + 1))
    q[0, 1] = rate
    for j in range(1, stages + 1):
        q[j, (j + 1) % (stages + 1)] = move
    return q - np.diag(q.sum(axis=1))


def ships_generator(most: int, rate: float, leave: float) -> NDArray[np.float64]:
    """Generator over the number of ships at a place with a limit."""
    q = np.zeros((most + 1, most + 1))
    for s in range(most + 1):
        if s < most:
            q[s, s + 1] = rate
        if s > 0:
            q[s, s - 1] = s * leave
    return q - np.diag(q.sum(axis=1))
