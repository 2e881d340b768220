"""Compiled Markov chains in continuous time whose states lie on a ring, uniformised (Jensen 1953).

From each state the chain goes to the next one or to the one before: the number of ships at a place
with a limit (M/M/n/n, where none goes from the last state to the first), or the stages of a stay,
after the last of which the berth is empty.

A gap is a whole number of equal steps, and a rest. The transition matrices of 1, 2, 4, ... steps
are made once, by squaring, and a gap takes those of the binary digits of its number of steps; only
the rest needs the series. Nothing is ever subtracted, so no digits are lost.
"""

from __future__ import annotations

import math

import numpy as np

from jobs.visits.compiled import njit

TAIL = 1e-13
"""Truncated mass of the uniformisation series."""
JUMPS_OF_STEP = 0.25
"""Mean number of jumps in a step; the rest of a gap takes some eight terms."""
GAPS_PER_STATE = 1.0
"""Matrices pay where there are as many gaps as this for each state; with fewer the series alone."""


@njit(cache=True)
def most_jumps(mean):
    """More jumps than this are less likely than TAIL."""
    return mean + 12.0 * math.sqrt(mean) + 30.0


@njit(cache=True)
def limited_jumps(most, rate, leave, fastest):
    """Chances of a jump of the number of ships, 0..most; fastest: the rate of the jumps.

    (3, state + 2): to stay, to go to the next state, to the one before; padded as a ring.
    """
    chances = np.empty((3, most + 3))
    for s in range(most + 1):
        chances[1, s + 1] = rate / fastest if s < most else 0.0
        chances[2, s + 1] = s * leave / fastest
        chances[0, s + 1] = 1.0 - chances[1, s + 1] - chances[2, s + 1]
    chances[:, 0], chances[:, -1] = chances[:, -2], chances[:, 1]
    return chances


@njit(cache=True)
def stage_jumps(stages, rate, move, fastest):
    """As ``limited_jumps``, of a berth: empty, or a ship in stage 1, 2, ..., in turn."""
    chances = np.zeros((3, stages + 3))
    chances[1, 1], chances[1, 2:-1] = rate / fastest, move / fastest
    chances[0, 1:-1] = 1.0 - chances[1, 1:-1]
    chances[:, 0], chances[:, -1] = chances[:, -2], chances[:, 1]
    return chances


@njit(cache=True)
def jump(rows, here, there, chances, level, backwards):
    """One jump of a distribution, of one row of (row, state + 2) into another; the padding of the
    former is filled. chances: (level, 3, state + 2). Backwards: of the probability to reach a
    target.
    """
    end = rows.shape[1] - 1
    rows[here, 0], rows[here, end] = rows[here, end - 1], rows[here, 1]
    for s in range(1, end):
        after = rows[here, s] * chances[level, 0, s]
        if backwards:
            after += rows[here, s + 1] * chances[level, 1, s]
            after += rows[here, s - 1] * chances[level, 2, s]
        else:
            after += rows[here, s - 1] * chances[level, 1, s - 1]
            after += rows[here, s + 1] * chances[level, 2, s + 1]
        rows[there, s] = after


@njit(cache=True)
def terms(mean):
    """The chances of 0, 1, ... jumps, up to TAIL; they sum to 1."""
    chances = np.empty(int(most_jumps(mean)) + 1)
    chance, covered = math.exp(-mean), 0.0
    n = 0
    while covered < 1.0 - TAIL and n < len(chances):
        chances[n] = chance
        covered += chance
        n += 1
        chance *= mean / n
    return chances[:n] / covered


@njit(cache=True)
def by_series(masses, chances, mean, backwards, work):
    """Moves distributions (level, state) by a mean number of jumps, in place.

    chances: (level, 3, state + 2); work: (2, state + 2).
    """
    pieces = int(mean / 500.0) + 1  # so that e^-mean is above 0
    weights = terms(mean / pieces)
    levels, states = masses.shape
    for v in range(levels):
        for _ in range(pieces):
            for s in range(states):
                work[0, s + 1], masses[v, s] = masses[v, s], weights[0] * masses[v, s]
            for n in range(1, len(weights)):
                jump(work, (n + 1) & 1, n & 1, chances, v, backwards)
                for s in range(states):
                    masses[v, s] += weights[n] * work[n & 1, s + 1]


@njit(cache=True)
def by_matrices(masses, matrices, power, backwards, work):
    """Moves distributions (level, state) by matrices (level, power, from, to), in place."""
    levels, states = masses.shape
    for v in range(levels):
        for s in range(states):
            work[0, s] = 0.0
        for s in range(states):
            if backwards:
                for t in range(states):
                    work[0, s] += matrices[v, power, s, t] * masses[v, t]
            else:
                for t in range(states):
                    work[0, t] += masses[v, s] * matrices[v, power, s, t]
        for s in range(states):
            masses[v, s] = work[0, s]


@njit(cache=True)
def squared(matrix, result):
    """Fills the square of a transition matrix."""
    for s in range(len(matrix)):
        result[s] = 0.0
        for m in range(len(matrix)):
            share = matrix[s, m]
            for t in range(len(matrix)):
                result[s, t] += share * matrix[m, t]


@njit(cache=True)
def chain_of(chances, fastest, gaps, longest):
    """What ``advance`` needs: the chances (level, 3, state + 2) and the rate of the jumps, and the
    transition matrices (level, power of 2, state, state) of so many steps.

    gaps, longest: how many will be asked for, and the longest of them.
    """
    levels, states = len(chances), chances.shape[2] - 2
    powers = 0
    if gaps >= GAPS_PER_STATE * states:
        while fastest * longest >= JUMPS_OF_STEP * 2.0**powers:
            powers += 1
    matrices, work = np.zeros((levels, powers, states, states)), np.empty((2, states + 2))
    if powers:
        for v in range(levels):
            matrices[v, 0] = np.eye(states)
            for s in range(states):
                by_series(matrices[v, 0, s : s + 1], chances[v : v + 1], JUMPS_OF_STEP, False, work)
            for n in range(1, powers):
                squared(matrices[v, n - 1], matrices[v, n])
    return chances, fastest, matrices


@njit(cache=True)
def advance(masses, chain, gap, backwards, work):
    """Moves the distributions of all levels, (level, state), by a gap, in place.

    Backwards: the probability to reach a target. work: (2, state + 2).
    """
    chances, fastest, matrices = chain
    mean = fastest * gap
    powers = matrices.shape[1]
    if powers:
        steps = min(int(mean / JUMPS_OF_STEP), 2**powers - 1)
        mean -= steps * JUMPS_OF_STEP
        for n in range(powers):
            if (steps >> n) & 1:
                by_matrices(masses, matrices, n, backwards, work)
    by_series(masses, chances, mean, backwards, work)


@njit(cache=True)
def at_level(chain, level):
    """The chain of one level alone."""
    chances, fastest, matrices = chain
    return chances[level : level + 1], fastest, matrices[level : level + 1]


@njit(cache=True)
def gaps_between(time):
    """How many gaps there are between moments, and the longest."""
    number, longest = 0, 0.0
    for i in range(1, len(time)):
        if time[i] > time[i - 1]:
            number += 1
            longest = max(longest, time[i] - time[i - 1])
    return number, longest
