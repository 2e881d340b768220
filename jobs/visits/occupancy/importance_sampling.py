"""Adaptive importance sampling: weighted parameter points of a posterior, the same every time.

The points come in rounds. The first round is the prior; each later one is drawn from a broad
distribution fitted to all points so far (``proposal``), and a share from the prior, so that no
region is left out. Every point is weighted against the mixture of all rounds (Veach and Guibas
1995; Cornuet, Marin, Mira and Robert 2012), which is what makes early, badly placed rounds
harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from jobs.visits.occupancy.normal_mixture import Part, fitted_mixture
from jobs.visits.occupancy.proposal import Choices, Floats, Groups, Proposal

LogLikelihood: TypeAlias = Callable[[Floats, Choices], Floats]

FROM_PRIOR = 0.15
"""Share of every round that comes from the prior."""
FARTHEST = 5.0
"""No number is farther from 0 than this: six in ten million are, under the prior."""
UNIFORM_SHARE = 0.25
"""Of the choice's proposal: every alternative keeps being proposed."""
PER_DIMENSION = 10.0
"""Effective points for each dimension that a fit is made to."""
OWN = 0.5
"""Effective points of a group over all its points that a fit is made to, at the most."""
PARTS = 4
"""Of the proposal of a group, at the most: posteriors may be bent, or have two modes."""
ONE_PART = 0.02
"""A group less probable than this has one part."""
NEGLIGIBLE = 1e-4
"""Points of less weight than this times the greatest have no part in a fit."""
MOST_PILOTS = 12
"""Rounds of pilots; then all choices are tried, however few effective points there are."""


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


def sample_posterior(
    log_likelihood: LogLikelihood,
    dimensions: int,
    choices: int,
    seed: int,
    *,
    groups: Groups | None = None,
    per_round: int = 400,
    least_effective: float = 300.0,
    most_rounds: int = 60,
    like: Posterior | None = None,
) -> Posterior:
    """Weighted points, in rounds until the effective number is reached or ``most_rounds``.

    groups: what the choices have in common; one group if None. like: a posterior that this one may
    resemble; the first proposal is fitted to it, not the prior.
    """
    rng = np.random.default_rng(seed)
    groups = Groups.one(choices, dimensions) if groups is None else groups
    every = np.arange(choices)
    tried = every if like is not None else groups.pilots
    rounds = _Rounds()
    found = like
    while True:
        proposal = _next(found, groups, tried)
        found = rounds.with_one(proposal, log_likelihood, per_round, rng)
        number = len(rounds.proposals)
        enough = least_effective if len(tried) == choices else PER_DIMENSION * dimensions
        if len(tried) == choices and (found.effective >= enough or number == most_rounds):
            return found
        if found.effective >= enough or number == MOST_PILOTS:
            tried = every


@dataclass
class _Rounds:
    """All rounds so far: their proposals, and their points by round."""

    proposals: list[Proposal] = field(default_factory=list)
    normals: list[Floats] = field(default_factory=list)
    choices: list[Choices] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    mixed: list[Floats] = field(default_factory=list)
    """By round: ln of the sum of all proposals' densities, over the prior's."""

    def with_one(
        self,
        proposal: Proposal,
        log_likelihood: LogLikelihood,
        number: int,
        rng: np.random.Generator,
    ) -> Posterior:
        """Adds a round of that many points; all points, weighted."""
        for at, before in enumerate(self.mixed):
            new = proposal.log_density(self.normals[at], self.choices[at])
            self.mixed[at] = np.logaddexp(before, new)
        normal, choice = proposal.draw(number, rng)
        self.proposals.append(proposal)
        self.normals.append(normal)
        self.choices.append(choice)
        self.values.append(_inside(log_likelihood, normal, choice))
        densities = [each.log_density(normal, choice) for each in self.proposals]
        self.mixed.append(np.asarray(logsumexp(densities, axis=0), np.float64))
        log_weight = np.concatenate(self.values) - np.concatenate(self.mixed)
        log_weight += np.log(len(self.proposals))
        total = float(logsumexp(log_weight))
        return Posterior(
            np.concatenate(self.normals),
            np.concatenate(self.choices),
            log_weight - total,
            total - float(np.log(len(log_weight))),
        )


def _inside(log_likelihood: LogLikelihood, normal: Floats, choice: Choices) -> Floats:
    """The log likelihood; -inf beyond FARTHEST, where the prior has no mass."""
    values: Floats = np.full(len(normal), -np.inf)
    near = np.abs(normal).max(axis=1) <= FARTHEST
    values[near] = log_likelihood(normal[near], choice[near])
    return values


def _next(found: Posterior | None, groups: Groups, tried: Choices) -> Proposal:
    """The proposal after the points found, of the choices to be tried."""
    even = np.zeros(len(groups.of_choice))
    even[tried] = 1 / len(tried)
    if found is None:
        return Proposal.prior(groups, even)
    weight = _tempered(found.log_weight, PER_DIMENSION * found.normal.shape[1])
    share = np.bincount(found.choice, weight, len(even)).astype(np.float64)
    group = groups.of_choice[found.choice]
    parts = [
        _parts(found, weight, np.flatnonzero(group == number), np.flatnonzero(used))
        for number, used in enumerate(groups.used)
    ]
    chances = (1 - UNIFORM_SHARE) * share + UNIFORM_SHARE * even
    return Proposal.fitted(groups, chances, parts, FROM_PRIOR)


def _parts(found: Posterior, pooled: Floats, own: Choices, used: Choices) -> list[Part]:
    """Fitted to a group's own points; as far as these are too few, to those of all groups.

    pooled: weight of all points. own: which of the points are the group's.
    """
    least = PER_DIMENSION * found.normal.shape[1]
    weight = pooled
    if np.isfinite(found.log_weight[own]).any():
        tempered = _tempered(found.log_weight[own], min(least, OWN * len(own)))
        enough = min(1.0, 1 / (least * float(np.sum(tempered**2))))
        weight = (1 - enough) * pooled
        weight[own] += enough * tempered
    kept = np.flatnonzero(weight > NEGLIGIBLE * weight.max())
    weighed = weight[kept] / weight[kept].sum()
    most = PARTS if pooled[own].sum() > ONE_PART else 1
    return fitted_mixture(found.normal[np.ix_(kept, used)], weighed, most)


def _tempered(log_weight: Floats, least: float) -> Floats:
    """The weights to the greatest power (1, .8, .64, ...) that leaves so many effective."""
    for power in 0.8 ** np.arange(60):
        tempered: Floats = np.exp(power * log_weight - logsumexp(power * log_weight))
        if 1 / np.sum(tempered**2) >= least:
            return tempered
    return tempered
