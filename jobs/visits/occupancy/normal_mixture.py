"""A mixture of normal distributions fitted to weighted points, by expectation and maximisation.

For proposals of importance sampling: what is found is a likely mixture, not the likeliest. The same
points give the same mixture.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Part: TypeAlias = tuple[float, Floats, Floats]
"""Share, mean (dimension,) and covariance (dimension, dimension)."""
Parts: TypeAlias = tuple[Floats, Floats, Floats]
"""The same of all parts: (part,), (part, dimension), (part, dimension, dimension)."""

TRIED, STEPS = 2, 6
"""Steps of expectation and maximisation: from each start, and from the likeliest end of these."""
POINTS_PER_PART = 4.0
"""Effective points for each dimension and part, at the least."""
SHRUNK = 0.1
"""Of the covariance of a part as many points as this times the dimensions are those of the whole:
a part of few points does not become flat."""
LEAST_VARIANCE = 1e-5


def fitted_mixture(at: Floats, weight: Floats, most: int) -> list[Part]:
    """Up to ``most`` parts of the points at (point, dimension) with weights that sum to 1.

    There are fewer parts where there are few effective points; never none. The search begins with
    the points cut into slices along each dimension in turn; the likeliest is improved further.
    """
    dimensions = at.shape[1]
    (_,), (middle,), (whole,) = _moments(at, weight[:, None])
    effective = 1 / float(np.sum(weight**2))
    number = min(most, int(effective / (POINTS_PER_PART * dimensions)))
    if number < 2:
        return [(1.0, middle, whole)]
    tried = [
        _improved(at, weight, _slices(at[:, axis], weight, number), whole, TRIED)
        for axis in range(dimensions)
    ]
    _, _, member = max(tried, key=lambda end: end[0])
    _, parts, _ = _improved(at, weight, member, whole, STEPS)
    return [
        (float(share), mean, covariance) for share, mean, covariance in zip(*parts, strict=True)
    ]


def _slices(values: Floats, weight: Floats, number: int) -> Floats:
    """Memberships (point, part) of parts with equal weight, one after the other."""
    order = np.argsort(values, kind="stable")
    below = np.empty(len(values))
    below[order] = np.cumsum(weight[order]) - weight[order] / 2
    return np.eye(number)[np.minimum((below * number).astype(np.intp), number - 1)]


def _improved(
    at: Floats, weight: Floats, member: Floats, whole: Floats, steps: int
) -> tuple[float, Parts, Floats]:
    """The mean log likelihood, the parts and the memberships (point, part) after some steps."""
    effective, extra = 1 / np.sum(weight**2), SHRUNK * at.shape[1]
    for _ in range(steps):
        # no part loses all its points
        share, mean, own = _moments(at, weight[:, None] * (member + 1e-9))
        points = (share * effective)[:, None, None]
        covariance = (points * own + extra * whole) / (points + extra)
        density = np.log(share) + _log_normals(at, mean, covariance)
        total = np.logaddexp.reduce(density, axis=1)
        member = np.exp(density - total[:, None])
    return float(weight @ total), (share, mean, covariance), member


def _log_normals(at: Floats, mean: Floats, covariance: Floats) -> Floats:
    """Logarithm of the normal densities, but for a constant; (point, part)."""
    root = np.linalg.cholesky(covariance)
    apart = (at - mean[:, None]) @ np.linalg.inv(root).transpose(0, 2, 1)
    sizes = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    density: Floats = -0.5 * np.einsum("kpd,kpd->pk", apart, apart) - sizes
    return density


def _moments(at: Floats, weight: Floats) -> Parts:
    """Of each part, total weight, mean and covariance; weight: (point, part)."""
    total = weight.sum(axis=0)
    mean = weight.T @ at / total[:, None]
    apart = at - mean[:, None]
    covariance = (apart * weight.T[:, :, None]).transpose(0, 2, 1) @ apart / total[:, None, None]
    return total, mean, covariance + LEAST_VARIANCE * np.eye(at.shape[1])
