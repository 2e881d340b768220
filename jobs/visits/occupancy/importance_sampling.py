"""Adaptive importance sampling: weighted parameter points of a posterior, the same every time.

The points come in rounds. The first round is the prior; each later one is drawn from a broad
Student distribution fitted to all points so far, and a share from the prior, so that no region is
left out. Every point is weighted against the mixture of all rounds (Veach and Guibas 1995; Cornuet,
Marin, Mira and Robert 2012), which is what makes early, badly placed rounds harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, multivariate_t

Floats: TypeAlias = NDArray[np.float64]
Choices: TypeAlias = NDArray[np.intp]
LogLikelihood: TypeAlias = Callable[[Floats, Choices], Floats]

FREEDOM = 6.0
"""Degrees of freedom of the proposals: tails heavier than those of the posteriors here."""
FROM_PRIOR = 0.15
"""Share of every round that comes from the prior."""
WIDER = 1.15
"""Proposals are wider than the points they are fitted to by this factor."""
FARTHEST = 5.0
"""No number is farther from 0 than this: six in ten million are, under the prior."""
UNIFORM_SHARE = 0.25
"""Of the choice's proposal: every alternative keeps being proposed."""


@dataclass(frozen=True)
class Posterior:
    """Weighted points of a posterior over standard normal numbers and one discrete choice."""

    normal: Floats
    """(point, dimension); standard normal under the prior."""
    choice: Choices
    """(point,), equally likely under the prior."""
    log_weight: Floats
    """(point,), of weights that sum to 1; far points keep theirs, however small."""
    log_evidence: float
    """ln of the probability of the data under the prior."""

    @property
    def weight(self) -> Floats:
        """(point,), sums to 1."""
        weight: Floats = np.exp(self.log_weight)
        return weight

    @property
    def effective(self) -> float:
        """Effective sample size (Kish): equally weighted points with as much information."""
        return float(1 / np.sum(self.weight**2))

    def resample(self, number: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Indices of that many equally likely points, by systematic resampling, in rising order."""
        steps = (np.arange(number) + rng.random()) / number
        return np.searchsorted(np.cumsum(self.weight), steps * (1 - 1e-12)).clip(
            0, len(self.weight) - 1
        )


@dataclass(frozen=True)
class _Proposal:
    """Proposal distribution of one round."""

    mean: Floats
    scale: Floats
    choices: Floats
    from_prior: float

    def draw(self, number: int, rng: np.random.Generator) -> tuple[Floats, Choices]:
        old = round(number * self.from_prior)
        normal = rng.standard_normal((number, len(self.mean)))
        # a Student number is a normal one over the root of a chi-square share
        scale = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, number - old))
        root = np.linalg.cholesky(self.scale)
        normal[old:] = self.mean + scale[:, None] * (normal[old:] @ root.T)
        uniform = rng.random(number)
        choice = np.searchsorted(np.cumsum(self.choices), uniform * (1 - 1e-12))
        return normal, choice.astype(np.intp)

    def log_density(self, normal: Floats, choice: Choices) -> Floats:
        prior = _log_prior(normal) + _log(self.from_prior)
        if self.from_prior == 1:
            return prior + np.log(self.choices)[choice]
        fitted = multivariate_t.logpdf(normal, self.mean, self.scale, df=FREEDOM)
        mixed: Floats = np.logaddexp(prior, fitted + _log(1 - self.from_prior))
        return mixed + np.log(self.choices)[choice]


def sample_posterior(
    log_likelihood: LogLikelihood,
    dimensions: int,
    choices: int,
    seed: int,
    *,
    per_round: int = 400,
    least_effective: float = 300.0,
    most_rounds: int = 60,
    like: Posterior | None = None,
) -> Posterior:
    """Weighted points, in rounds until the effective number is reached or ``most_rounds``.

    like: a posterior that this one may resemble; the first proposal is fitted to it, not the prior.
    """
    rng = np.random.default_rng(seed)
    even: Floats = np.full(choices, 1 / choices, np.float64)
    everywhere = _Proposal(np.zeros(dimensions), np.eye(dimensions), even, 1.0)
    proposals = [everywhere if like is None else _fitted(like, choices)]
    normals: list[Floats] = []
    picks: list[Choices] = []
    values: list[Floats] = []
    while True:
        normal, choice = proposals[-1].draw(per_round, rng)
        normals.append(normal)
        picks.append(choice)
        values.append(_inside(log_likelihood, normal, choice))
        found = _weighed(proposals, np.concatenate(normals), np.concatenate(picks), values)
        if found.effective >= least_effective or len(proposals) == most_rounds:
            return found
        proposals.append(_fitted(found, choices))


def _inside(log_likelihood: LogLikelihood, normal: Floats, choice: Choices) -> Floats:
    """The log likelihood; -inf beyond FARTHEST, where the prior has no mass."""
    values: Floats = np.full(len(normal), -np.inf)
    near = np.abs(normal).max(axis=1) <= FARTHEST
    values[near] = log_likelihood(normal[near], choice[near])
    return values


def _weighed(
    proposals: list[_Proposal], normal: Floats, choice: Choices, values: list[Floats]
) -> Posterior:
    mixture = logsumexp([p.log_density(normal, choice) for p in proposals], axis=0)
    mixture -= np.log(len(proposals))
    prior = _log_prior(normal) - np.log(len(proposals[0].choices))
    log_weight = np.concatenate(values) + prior - mixture
    total = float(logsumexp(log_weight))
    return Posterior(normal, choice, log_weight - total, total - float(np.log(len(log_weight))))


def _fitted(found: Posterior, choices: int) -> _Proposal:
    """A proposal fitted to the weighted points, with weights tempered to enough effective ones."""
    dimensions = found.normal.shape[1]
    weight = _tempered(found.log_weight, least=10.0 * dimensions)
    mean = weight @ found.normal
    apart = found.normal - mean
    scale: Floats = WIDER**2 * ((apart.T * weight) @ apart) + 1e-4 * np.eye(dimensions)
    share = np.bincount(found.choice, weight, choices)
    even = UNIFORM_SHARE / choices
    proposed: Floats = (1 - UNIFORM_SHARE) * share.astype(np.float64) + even
    return _Proposal(mean, scale, proposed, FROM_PRIOR)


def _tempered(log_weight: Floats, least: float) -> Floats:
    """The weights to the greatest power (1, .8, .64, ...) that leaves so many effective."""
    for power in 0.8 ** np.arange(60):
        tempered: Floats = np.exp(power * log_weight - logsumexp(power * log_weight))
        if 1 / np.sum(tempered**2) >= least:
            return tempered
    return tempered


def _log_prior(normal: Floats) -> Floats:
    density: Floats = multivariate_normal.logpdf(normal, np.zeros(normal.shape[1]))
    return np.atleast_1d(density)


def _log(share: float) -> float:
    return float(np.log(share)) if share > 0 else -np.inf
