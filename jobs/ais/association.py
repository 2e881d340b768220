"""Data association: probabilities of one-to-one pairs, where either side may have no partner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

ROUNDS = 500
CLOSE = 1e-9
NEGLIGIBLE = 1e-4
"""Pairs less likely than this join no component: they are below any threshold used."""
EXACT_UP_TO = 10
"""Components with more members on both sides than this stay approximate: 2^10 sets are summed."""


def pair_probabilities(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Marginal probability of every pair, (vessel, track); rows and columns sum to at most one.

    A joint assignment is as likely as the product of its pairs' weights, a weight being the odds of
    the pair against both having no partner. Belief propagation finds the pairs that matter; the
    connected components they form are summed exactly, for in a dense one (ships side by side)
    propagation is too certain.
    """
    probability = propagated(weight)
    matters = probability > NEGLIGIBLE
    for vessels, tracks in _components(matters):
        if 1 < min(len(vessels), len(tracks)) <= EXACT_UP_TO:
            inside = np.ix_(vessels, tracks)
            probability[inside] = exact(weight[inside])
    return probability


def propagated(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Marginals by belief propagation (Williams and Lau 2014): exact where pairs form no loop."""
    message = np.ones_like(weight)
    for _ in range(ROUNDS):
        offered = weight * message
        to_vessel = weight / (1 + offered.sum(axis=0) - offered)
        renewed = 1 / (1 + to_vessel.sum(axis=1, keepdims=True) - to_vessel)
        change = np.abs(renewed - message).max(initial=0.0)
        message = renewed
        if change < CLOSE:
            break
    offered = weight * message
    return np.asarray(offered / (1 + offered.sum(axis=0)))


def exact(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Marginals over all one-to-one assignments, forward and backward over sets of taken tracks."""
    if weight.shape[1] > weight.shape[0]:
        return exact(weight.T).T
    # one vessel at a time; a bit of the set says that a track is taken
    taken = np.arange(2 ** weight.shape[1])
    free = [taken[(taken >> track) & 1 == 0] for track in range(weight.shape[1])]
    before = [np.eye(1, len(taken))[0]]
    for row in weight:
        before.append(before[-1].copy())
        for track, odds in enumerate(row):
            before[-1][free[track] | 1 << track] += odds * before[-2][free[track]]
    after = np.ones(len(taken))
    probability = np.empty_like(weight)
    for vessel in range(len(weight) - 1, -1, -1):
        later = after.copy()
        for track, odds in enumerate(weight[vessel]):
            rest = after[free[track] | 1 << track]
            probability[vessel, track] = odds * (before[vessel][free[track]] @ rest)
            later[free[track]] += odds * rest
        after = later
    return np.asarray(probability / after[0])


def _components(matters: NDArray[np.bool_]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Connected components of the pairs that matter, each as (vessels, tracks)."""
    vessels = len(matters)
    row, column = np.nonzero(matters)
    nodes = vessels + matters.shape[1]
    graph = csr_array((np.ones(len(row)), (row, column + vessels)), shape=(nodes, nodes))
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return [(group[group < vessels], group[group >= vessels] - vessels) for group in groups]


def best_pairs(weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """The column of each row in the likeliest joint assignment, -1 where it stays alone."""
    gain = np.log(np.maximum(weight, 1.0))
    row, column = linear_sum_assignment(gain, maximize=True)
    chosen = np.full(len(weight), -1, dtype=np.int64)
    worth = gain[row, column] > 0
    chosen[row[worth]] = column[worth]
    return chosen
