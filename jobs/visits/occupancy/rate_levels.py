"""Rates that change: the level of the traffic, a hidden Markov chain that moves at month borders.

Three kinds of traffic are told apart. *Steady*: one rate over the whole period. *Changing*: the
rate of a month is the place's mean rate times a factor from a ladder; at the border of two calendar
months a new factor is drawn, with a chance that is learned from the looks, as is how far the
factors lie apart. *Beginning or ending*: there is traffic at one rate, or none. Few changes of
great size, seasons, and months that all differ are all probable under these.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from jobs.visits.occupancy.draws import days_since
from jobs.visits.occupancy.proposal import Groups

Floats = NDArray[np.float64]
Rows: TypeAlias = tuple[NDArray[np.generic], ...]
Levels: TypeAlias = tuple[NDArray[np.int64], Floats, Floats, Floats, Floats]
"""Of each point the number of levels; factors of the rate, chance of each at the start, and where a
new one is drawn (point, level); and the chance that it is, at each border (point,)."""

DIMENSIONS = 2
"""Standard normal numbers of a point: how far factors lie apart, how often they change."""
NAMES = ("rate_levels", "rate_changes")
"""Of the normal numbers, for ``partial_pooling``."""
LADDER = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
"""Logarithm of the factors, in units of their standard deviation."""
RUNGS = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
"""How likely each is."""
STEADY, FIRST_RUNG, ON_OFF = 0, 1, 1 + len(LADDER)
"""Kinds of traffic: one rate; a ladder, by the rung of the first month, from FIRST_RUNG on; traffic
that begins or ends."""
KINDS = 2 + len(LADDER)
NO_TRAFFIC = 1e-6
"""The factor of no traffic at all; 0 would have no logarithm."""
LEAST_SD = 0.1
"""Of ln rate; below it the rate of the first month is no better a parameter than the mean."""


@dataclass(frozen=True)
class ChangePrior:
    """How rates change, if they do."""

    steady: float = 0.5
    """Probability that one rate holds."""
    on_off: float = 0.1
    """Probability that traffic begins or ends."""
    changes: float = 0.1
    """Median chance that a new level is drawn at a border of two months."""
    changes_sd: float = 1.2
    """Of its logit: 95 % of .01 to .54."""
    apart: float = 1.0
    """Median standard deviation of the ln of the factors."""
    apart_sd: float = 0.5
    """Of its logarithm: 95 % of .38 to 2.7, cut at ``most_apart``."""
    most_apart: float = 2.0

    def kinds(self) -> Floats:
        """The probability of each of KINDS."""
        ladder = (1 - self.steady - self.on_off) * RUNGS
        return np.array([self.steady, *ladder, self.on_off])

    def levels(self, normal: Floats, kind: NDArray[np.intp]) -> Levels:
        """The levels of points, from their DIMENSIONS normal numbers and kinds of traffic."""
        number = len(kind)
        factor, start, share = (np.ones((number, len(LADDER))) for _ in range(3))
        size = np.ones(number, np.int64)
        change = expit(logit(self.changes) + self.changes_sd * normal[:, 1])
        change[kind == STEADY] = 0.0
        ladder = (kind >= FIRST_RUNG) & (kind < ON_OFF)
        size[ladder], share[ladder] = len(LADDER), RUNGS
        factor[ladder] = self.factors(normal[ladder, 0])
        start[ladder] = np.eye(len(LADDER))[kind[ladder] - FIRST_RUNG]
        on_off = kind == ON_OFF
        size[on_off], start[on_off], share[on_off] = 2, 0.5, 0.5
        factor[on_off, 0] = NO_TRAFFIC
        return size, factor, start, share, change

    def factors(self, normal: Floats) -> Floats:
        """The ladder of points, (point, rung), with mean 1: changing rates have the prior of steady
        ones for their mean.
        """
        apart = np.minimum(self.apart * np.exp(self.apart_sd * normal), self.most_apart)
        steps = np.exp(apart[:, None] * LADDER)
        return np.asarray(steps / (steps @ RUNGS)[:, None], np.float64)

    def log_first(self, normal: Floats, kind: NDArray[np.intp]) -> Floats:
        """Logarithm of the factor of the first month; normal: the number of ``factors``."""
        found = np.zeros(len(normal))
        ladder = (kind >= FIRST_RUNG) & (kind < ON_OFF)
        factors = self.factors(normal[ladder])
        found[ladder] = np.log(factors[np.arange(len(factors)), kind[ladder] - FIRST_RUNG])
        return found


CHANGES = ChangePrior()
"""Of all places."""


def one_rate(points: int) -> Levels:
    """The levels of points whose rate does not change."""
    one = np.ones((points, 1))
    return np.ones(points, np.int64), one, one, one, np.zeros(points)


def drawn_kinds(
    changes: ChangePrior | None, kinds: int, points: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Kinds of traffic as likely as under the prior."""
    if changes is None or kinds == 1:
        return np.zeros(points, np.intp)
    return rng.choice(KINDS, points, p=changes.kinds())


def capped(levels: Levels, limit: Floats) -> Levels:
    """The levels with factors up to a limit, (point,), or 1 where that is less."""
    size, factor, start, share, change = levels
    return size, np.minimum(factor, np.maximum(limit, 1.0)[:, None]), start, share, change


def kinds_of_traffic(changes: ChangePrior | None, borders: Floats) -> int:
    """How many kinds of traffic there are: one where no level can change."""
    return 1 if changes is None or not len(borders) else KINDS


def levels_of(changes: ChangePrior | None, normal: Floats, kind: NDArray[np.intp]) -> Levels:
    """The levels of points, of which the last normal numbers are those of ``ChangePrior``."""
    if changes is None or not kind.any():
        return one_rate(len(kind))
    return changes.levels(normal[:, -DIMENSIONS:], kind)


def groups_of(dimensions: int, kinds: int, each: int = 1) -> Groups:
    """The kinds of traffic as groups of choices, of which there are ``each`` to a kind."""
    used = np.ones((kinds, dimensions), np.bool_)
    if kinds > 1:
        used[STEADY, -DIMENSIONS:] = False
        used[ON_OFF, -DIMENSIONS] = False
    return Groups(np.repeat(np.arange(kinds), each), used, np.arange(each))


def moved_from_first(
    changes: ChangePrior | None,
    kinds: int,
    normal: Floats,
    kind: NDArray[np.intp],
    rate_sd: float,
    seen: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Normal numbers whose first is that of the mean rate, from those whose first is what the looks
    tell: the rate of the first month, times what is seen of a unit of it. And ln of how much more
    likely they are under the prior.

    A mean rate that fits the looks lies elsewhere for each rung, and for each dwell and recall, in
    narrow ridges which no simple proposal finds. seen: ln of ships seen per rate, (point,).
    """
    ahead, likelier = np.zeros(len(normal)), np.zeros(len(normal))
    if seen is not None:
        ahead += seen
    if changes is not None and kinds > 1:
        ahead += changes.log_first(normal[:, -DIMENSIONS], kind)
        likelier += np.log(KINDS * changes.kinds())[kind]
    moved = normal.copy()
    if rate_sd >= LEAST_SD:
        moved[:, 0] -= ahead / rate_sd
    return moved, likelier + 0.5 * (normal[:, 0] ** 2 - moved[:, 0] ** 2)


def month_borders(origin: datetime, days: float) -> Floats:
    """Where one calendar month ends and the next begins, within the period; days since origin."""
    borders: list[float] = []
    month = origin.year * 12 + origin.month  # the one after the first
    while True:
        first = datetime(month // 12, month % 12 + 1, 1, tzinfo=origin.tzinfo)
        border = days_since(origin, first)
        if border >= days:
            return np.array(borders, np.float64)
        borders.append(border)
        month += 1


def with_borders(looks: Rows, borders: Floats) -> tuple[Rows, NDArray[np.int64], NDArray[np.intp]]:
    """The looks with two rows at each border, the end of a month and the begin of the next one.

    The first row is one end of the period, so it saw nothing; the new rows are like it. Also
    the month of each row, counted from 0, and which of the looks each row is, -1 for a new one.
    """
    time = looks[0].astype(np.float64)
    before = np.repeat(np.searchsorted(time, borders, side="left"), 2)
    number = np.arange(len(borders))
    month = np.searchsorted(borders, time, side="right")
    looks = (
        np.insert(time, before, np.repeat(borders, 2)),
        *(np.insert(each, before, each[0], axis=0) for each in looks[1:]),
    )
    both = np.stack([number, number + 1], axis=1).ravel()
    month = np.insert(month, before, both).astype(np.int64)
    row_of = np.insert(np.arange(len(time)), before, -1).astype(np.intp)
    return looks, month, row_of
