"""What a new port may be like, learnt from a few: a level per port, normal around a common mean.

A hierarchical generalised linear model. For each spread between ports on a grid the rest is fitted
by Newton's method and integrated by Laplace's; the spreads are then weighed by their evidence, so
that few ports leave the spread as uncertain as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats: TypeAlias = NDArray[np.float64]
Family: TypeAlias = Callable[[Floats, Floats], tuple[float, Floats, Floats]]
"""(linear predictor, outcome) -> log-likelihood, expected outcome, its variance; canonical link"""

_SPREADS = np.linspace(0.05, 3.0, 25)
_SPREAD_SCALE = 1.0
"""Of the half-normal prior of the spread between ports, on the logit's or logarithm's scale."""


@dataclass(frozen=True)
class Normal:
    """What is held for likely of a number before the data are seen."""

    mean: float
    sd: float


@dataclass(frozen=True)
class NewPort:
    """The level of a port that was not among those seen, and the slope common to all."""

    level: Normal
    """sd: what ports differ by, and how well their mean is known"""
    slope: float


def bernoulli(predictor: Floats, outcome: Floats) -> tuple[float, Floats, Floats]:
    """Outcomes 0 or 1; the predictor is the logit."""
    chance = expit(predictor)
    likelihood = float(np.sum(outcome * predictor - np.logaddexp(0, predictor)))
    return likelihood, chance, chance * (1 - chance)


def poisson(predictor: Floats, outcome: Floats) -> tuple[float, Floats, Floats]:
    """Counts; the predictor is the logarithm of their mean."""
    mean = np.exp(np.minimum(predictor, 50.0))
    return float(np.sum(outcome * predictor - mean)), mean, mean


@dataclass(frozen=True)
class Observations:
    """outcome = family(level of its port + slope * covariate + offset), one row each."""

    port: Sequence[str]
    outcome: Floats
    covariate: Floats
    offset: Floats


def new_port(
    family: Family, observations: Observations, level: Normal, slope: Normal | None = None
) -> NewPort:
    """Fit levels and slope, and say what a new port's level may be.

    level, slope: priors; without the slope's there is none. No observations give the priors back.
    """
    names = sorted(set(observations.port))
    columns = _columns(observations, names, slope is not None)
    priors = [level] if slope is None else [level, slope]
    fits = [_fit(family, columns, observations, priors, spread) for spread in _SPREADS]
    evidence = np.array([fit.evidence for fit in fits]) - (_SPREADS / _SPREAD_SCALE) ** 2 / 2
    weight = np.exp(evidence - evidence.max())
    weight /= weight.sum()
    levels = np.array([fit.mode[0] for fit in fits])
    variances = np.array([fit.covariance[0, 0] for fit in fits]) + _SPREADS**2
    mean = float(weight @ levels)
    sd = float(np.sqrt(weight @ (variances + (levels - mean) ** 2)))
    slopes = np.zeros_like(levels) if slope is None else np.array([fit.mode[1] for fit in fits])
    return NewPort(Normal(mean, sd), float(weight @ slopes))


def _columns(observations: Observations, names: Sequence[str], sloped: bool) -> Floats:
    """The design: a constant, the covariate where there is a slope, and a column per port."""
    common = [np.ones(len(observations.outcome))]
    if sloped:
        common.append(observations.covariate)
    ports = [np.array([port == name for port in observations.port]) for name in names]
    return np.stack([*common, *ports], axis=1).astype(np.float64)


@dataclass(frozen=True)
class _Fit:
    """The most likely coefficients for one spread, their covariance, and its log evidence."""

    mode: Floats
    covariance: Floats
    evidence: float


def _fit(
    family: Family,
    columns: Floats,
    observations: Observations,
    priors: Sequence[Normal],
    spread: float,
) -> _Fit:
    ports = columns.shape[1] - len(priors)
    centre = np.array([prior.mean for prior in priors] + [0.0] * ports)
    precision = np.array([prior.sd**-2 for prior in priors] + [spread**-2] * ports)

    def height(at: Floats) -> float:
        likelihood, _, _ = family(columns @ at + observations.offset, observations.outcome)
        return likelihood - float(precision @ (at - centre) ** 2) / 2

    at = centre
    for _ in range(50):
        _, mean, variance = family(columns @ at + observations.offset, observations.outcome)
        gradient = columns.T @ (observations.outcome - mean) - precision * (at - centre)
        curvature = (columns.T * variance) @ columns + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        while height(at + step) < height(at) and np.abs(step).max() > 1e-9:
            step = step / 2  # the logarithm's steps may overshoot
        at = at + step
        if np.abs(step).max() < 1e-8:
            break
    covariance = np.asarray(np.linalg.inv(curvature), dtype=np.float64)
    spent = np.linalg.slogdet(curvature)[1] - np.sum(np.log(precision))
    return _Fit(at, covariance, height(at) - float(spent) / 2)
