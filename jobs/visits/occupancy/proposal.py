"""Proposals of importance sampling over standard normal numbers and one discrete choice.

Choices of one group have posteriors that are alike, and share a proposal: a mixture of Student
distributions over the numbers that the group's likelihood depends on. The others keep the prior,
which they have under the posterior as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from jobs.visits.occupancy.normal_mixture import Part

Floats: TypeAlias = NDArray[np.float64]
Choices: TypeAlias = NDArray[np.intp]

FREEDOM = 6.0
"""Degrees of freedom of the proposals: tails heavier than those of the posteriors here."""
WIDER = 1.15
"""Proposals are wider than the points they are fitted to by this factor."""


@dataclass(frozen=True)
class Groups:
    """What the discrete choices of a posterior have in common."""

    of_choice: Choices
    """(choice,), its group, counted from 0."""
    used: NDArray[np.bool_]
    """(group, dimension), the numbers that the likelihood depends on."""
    pilots: Choices
    """Choices that are tried alone in the first rounds, some of each group: the cheapest."""

    @staticmethod
    def one(choices: int, dimensions: int) -> Groups:
        """A group of all choices, whose likelihood depends on all numbers."""
        every = np.ones((1, dimensions), np.bool_)
        return Groups(np.zeros(choices, np.intp), every, np.arange(choices))


@dataclass(frozen=True)
class Proposal:
    """Proposal distribution of one round."""

    groups: Groups
    chances: Floats
    """(choice,)"""
    shares: Floats
    """(group, part), sums to 1 over the parts."""
    mean: Floats
    """(group, part, dimension)"""
    root: Floats
    """(group, part, dimension, dimension), Cholesky factors of the scales; 1 on the diagonal for
    numbers not used."""
    from_prior: float
    """Share of the round that comes from the prior."""

    @staticmethod
    def prior(groups: Groups, chances: Floats) -> Proposal:
        """The prior of the numbers, with those chances of the choices."""
        number, dimensions = groups.used.shape
        root = np.tile(np.eye(dimensions), (number, 1, 1, 1))
        mean = np.zeros((number, 1, dimensions))
        return Proposal(groups, chances, np.ones((number, 1)), mean, root, 1.0)

    @staticmethod
    def fitted(
        groups: Groups, chances: Floats, parts: list[list[Part]], from_prior: float
    ) -> Proposal:
        """From the parts of each group, over the numbers that it uses."""
        number, dimensions = groups.used.shape
        most = max(len(each) for each in parts)
        shares, mean = np.zeros((number, most)), np.zeros((number, most, dimensions))
        root = np.tile(np.eye(dimensions), (number, most, 1, 1))
        for group, each in enumerate(parts):
            used = np.flatnonzero(groups.used[group])
            for part, (share, middle, covariance) in enumerate(each):
                shares[group, part], mean[group, part, used] = share, middle
                root[group, part][np.ix_(used, used)] = WIDER * np.linalg.cholesky(covariance)
        return Proposal(groups, chances, shares, mean, root, from_prior)

    def draw(self, number: int, rng: np.random.Generator) -> tuple[Floats, Choices]:
        """Points (point, dimension) and their choices (point,)."""
        # systematic: every choice gets its share, to a point
        steps = (np.arange(number) + rng.random()) / number
        choice = _at(np.cumsum(self.chances), steps)
        group = self.groups.of_choice[choice]
        summed = np.cumsum(self.shares, axis=1)[group]
        part = (summed[:, :-1] <= rng.random((number, 1))).sum(axis=1)
        normal = rng.standard_normal((number, self.mean.shape[2]))
        # a Student number is a normal one over the root of a chi-square share
        scale = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, number))
        away = np.einsum("pij,pj->pi", self.root[group, part], normal)
        fitted = self.mean[group, part] + scale[:, None] * away
        moved = self.groups.used[group] & (rng.random(number) >= self.from_prior)[:, None]
        return np.where(moved, fitted, normal), choice

    def log_density(self, normal: Floats, choice: Choices) -> Floats:
        """Logarithm of the density over that of the prior, (point,); numbers not used cancel."""
        chance = _log(self.chances * len(self.chances))[choice]
        if self.from_prior == 1:
            return chance
        group = self.groups.of_choice[choice]
        used = self.groups.used[group]
        number = used.sum(axis=1)
        inverse = np.linalg.inv(self.root)
        sizes = np.log(np.diagonal(self.root, axis1=2, axis2=3)).sum(axis=2)
        of_part = _log(self.shares) - sizes
        density: Floats = np.full(len(normal), -np.inf)
        for part in range(self.shares.shape[1]):
            apart = normal - self.mean[group, part]
            apart = np.einsum("pij,pj->pi", inverse[group, part], apart)
            far = np.sum(apart**2, axis=1, where=used)
            fell = (FREEDOM + number) / 2 * np.log1p(far / FREEDOM)
            density = np.logaddexp(density, of_part[group, part] - fell)
        density += gammaln((FREEDOM + number) / 2) - gammaln(FREEDOM / 2)
        density -= number / 2 * np.log(FREEDOM / 2)
        density += 0.5 * np.sum(normal**2, axis=1, where=used)
        mixed = np.logaddexp(np.log(self.from_prior), np.log1p(-self.from_prior) + density)
        return np.asarray(chance + mixed, np.float64)


def _at(summed: Floats, steps: Floats) -> Choices:
    """Where the steps, 0..1, fall among summed chances."""
    found = np.searchsorted(summed, steps * summed[-1] * (1 - 1e-12), side="right")
    return np.asarray(found.clip(0, len(summed) - 1), np.intp)


def _log(share: Floats) -> Floats:
    return np.asarray(np.log(share, out=np.full(share.shape, -np.inf), where=share > 0), np.float64)
