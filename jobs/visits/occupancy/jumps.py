"""Compiled jumps of the number of ships at a place with a limit (M/M/n/n), uniformised."""

from __future__ import annotations

import numpy as np

from jobs.visits.compiled import njit


@njit(cache=True)
def jump_chances(most, rates, leave):
    """Jump probabilities of the uniformised Markov chain and the rate of its jumps.

    (3, ship + 2, level): to stay, to gain a ship, to lose one, by number of ships, padded with
    zeros.
    """
    fastest = rates.max() + most * leave
    chances = np.zeros((3, most + 3, len(rates)))
    for s in range(most + 1):
        for v in range(len(rates)):
            chances[1, s + 1, v] = rates[v] / fastest if s < most else 0.0
            chances[2, s + 1, v] = s * leave / fastest
            chances[0, s + 1, v] = 1.0 - chances[1, s + 1, v] - chances[2, s + 1, v]
    return chances, fastest


@njit(cache=True)
def jump(mass, chances, backwards, after):
    """One jump of distributions (ship + 2, level); backwards, of the probability to reach a target;
    fills ``after``.
    """
    idle, up, down = chances[0], chances[1], chances[2]
    for s in range(1, len(mass) - 1):
        for v in range(mass.shape[1]):
            if backwards:
                come, gone = mass[s + 1, v] * up[s, v], mass[s - 1, v] * down[s, v]
            else:
                come, gone = mass[s - 1, v] * up[s - 1, v], mass[s + 1, v] * down[s + 1, v]
            after[s, v] = mass[s, v] * idle[s, v] + come + gone
