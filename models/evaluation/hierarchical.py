"""Hierarchical generalised linear model: the predictive distribution of a new port's level.

Each port has a level, normal around a common mean. For each standard deviation between ports on a
grid the other parameters are fitted by Newton's method and integrated by Laplace's approximation;
the grid is then weighted by the evidence, so that the uncertainty of the standard deviation, large
with few ports, is included.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats: TypeAlias = NDArray[np.float64]
Family: TypeAlias = Callable[[Floats, Floats], tuple[float, Floats, Floats]]
"""(linear predictor, outcome) -> log-likelihood, expected outcome, its variance; canonical link."""

_PORT_SDS = np.linspace(0.05, 3.0, 25)
"""Grid of the standard deviation between ports, on the scale of the logit or logarithm."""
_PORT_SD_SCALE = 1.0
"""Scale of its half-normal prior."""


@dataclass(frozen=True)
class Normal:
    """A normal distribution."""

    mean: float
    sd: float


@dataclass(frozen=True)
class NewPort:
    """Predictive distribution of a new port's level, and the slope common to all ports."""

    level: Normal
    """Its sd includes the variation between ports and the uncertainty of their mean."""
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
    """Data of the model: outcome ~ family(level of its port + slope * covariate + offset)."""

    port: Sequence[str]
    outcome: Floats
    covariate: Floats
    offset: Floats


def new_port(
    family: Family, observations: Observations, level: Normal, slope: Normal | None = None
) -> NewPort:
    """Fit levels and slope, and predict a new port's level.

    level, slope: priors; slope None = a model without slope. Without observations the result is
    the priors, widened by the variation between ports.
    """
    names = sorted(set(observations.port))
    columns = _columns(observations, names, slope is not None)
    priors = [level] if slope is None else [level, slope]
    fits = [_fit(family, columns, observations, priors, port_sd) for port_sd in _PORT_SDS]
    evidence = np.array([fit.evidence for fit in fits]) - (_PORT_SDS / _PORT_SD_SCALE) ** 2 / 2
    weight = np.exp(evidence - evidence.max())
    weight /= weight.sum()
    levels = np.array([fit.mode[0] for fit in fits])
    variances = np.array([fit.covariance[0, 0] for fit in fits]) + _PORT_SDS**2
    mean = float(weight @ levels)
    sd = float(np.sqrt(weight @ (variances + (levels - mean) ** 2)))
    slopes = np.zeros_like(levels) if slope is None else np.array([fit.mode[1] for fit in fits])
    return NewPort(Normal(mean, sd), float(weight @ slopes))


def _columns(observations: Observations, names: Sequence[str], sloped: bool) -> Floats:
    """Design matrix: a constant, the covariate where there is a slope, an indicator per port."""
    common = [np.ones(len(observations.outcome))]
    if sloped:
        common.append(observations.covariate)
    ports = [np.array([port == name for port in observations.port]) for name in names]
    return np.stack([*common, *ports], axis=1).astype(np.float64)


@dataclass(frozen=True)
class _Fit:
    """Laplace approximation at one standard deviation between ports."""

    mode: Floats
    """Coefficients of the highest posterior density."""
    covariance: Floats
    evidence: float
    """Logarithm of the marginal likelihood, up to a constant."""


def _fit(
    family: Family,
    columns: Floats,
    observations: Observations,
    priors: Sequence[Normal],
    port_sd: float,
) -> _Fit:
    ports = columns.shape[1] - len(priors)
    centre = np.array([prior.mean for prior in priors] + [0.0] * ports)
    precision = np.array([prior.sd**-2 for prior in priors] + [port_sd**-2] * ports)

    def log_posterior(at: Floats) -> float:
        likelihood, _, _ = family(columns @ at + observations.offset, observations.outcome)
        return likelihood - float(precision @ (at - centre) ** 2) / 2

    at = centre
    for _ in range(50):
        _, mean, variance = family(columns @ at + observations.offset, observations.outcome)
        gradient = columns.T @ (observations.outcome - mean) - precision * (at - centre)
        curvature = (columns.T * variance) @ columns + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        while log_posterior(at + step) < log_posterior(at) and np.abs(step).max() > 1e-9:
            step = step / 2  # with the log link full steps may overshoot
        at = at + step
        if np.abs(step).max() < 1e-8:
            break
    covariance = np.asarray(np.linalg.inv(curvature), dtype=np.float64)
    log_det = np.linalg.slogdet(curvature)[1] - np.sum(np.log(precision))
    return _Fit(at, covariance, log_posterior(at) - float(log_det) / 2)
