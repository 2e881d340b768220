"""An answer: a number counted in every history, with the interval that holds most of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from berthwatch.cards import card, lines
from jobs.errors import InputError
from jobs.visits import credible


@dataclass(frozen=True, repr=False)
class Answer:
    """A number with its interval, as counted in the histories of a result.

    >>> answer = bw.interval([3, 4, 4, 5, 9], mass=0.5, question="ships in March")
    >>> answer.mean, answer.low, answer.high
    (5.0, 4.0, 5.0)
    >>> print(answer)
    ships in March: 5.0, 50 % between 4 and 5
    """

    question: str
    """What was counted, where and when."""
    mean: float
    """Of the histories."""
    low: float
    """``low`` to ``high`` holds ``mass`` of the histories, with equal tails on both sides."""
    high: float
    """The upper end."""
    mass: float
    """0..1; 0.9 unless asked otherwise."""
    values: NDArray[np.float64]
    """The number in each history."""
    seen: int | None = None
    """How many of the visits were seen; None where the question is another."""
    looks: int | None = None
    """How many looks saw at least a part of the berths in those days; None as above."""
    doubts: tuple[str, ...] = ()
    """Why the number is no finding; empty where nothing speaks against it."""

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high).

        >>> bw.interval([1, 2, 3]).interval
        (1.0, 3.0)
        """
        return self.low, self.high

    def probability(self, at_least: float) -> float:
        """Share of the histories with this number or a higher one.

        >>> bw.interval([0, 2, 2, 5]).probability(at_least=2)
        0.75
        """
        return float(np.mean(self.values >= at_least))

    def __str__(self) -> str:
        return f"{self.question}: {self._number()}"

    def _number(self) -> str:
        return (
            f"{self.mean:,.1f}, {100 * self.mass:g} % between {self.low:,.5g} and {self.high:,.5g}"
        )

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {"answer": self._number()}
        if self.seen is not None:
            facts["of them seen"] = self.seen
        if self.looks is not None:
            facts["looks"] = f"{self.looks} saw a part of it at least"
        return facts | {"counted in": f"{len(self.values)} histories"}

    def __repr__(self) -> str:
        return lines(self.question, self._facts(), self.doubts)

    def _repr_html_(self) -> str:
        return card(self.question, self._facts(), self.doubts)


def interval(values: ArrayLike, mass: float = 0.9, question: str = "your own count") -> Answer:
    """Mean and interval of a number that you counted in each history.

    ``values`` has one number for each history, also for those in which it is zero: leave those out
    and the answer is wrong. ``mass`` is the share of the histories that the interval holds.

    >>> ships = [2, 3, 3, 4]
    >>> print(bw.interval(ships, question="tankers"))
    tankers: 3.0, 90 % between 2 and 4

    InputError for no values, for values that are no numbers, and for a mass outside 0 to 1.
    """
    return answer_of(question, values, mass)


def answer_of(
    question: str,
    values: ArrayLike | Sequence[float],
    mass: float,
    seen: int | None = None,
    looks: int | None = None,
    doubts: tuple[str, ...] = (),
) -> Answer:
    """The answer that values by history give."""
    if not 0 < mass < 1:
        raise InputError(f"mass is {mass!r}; expected a share between 0 and 1, such as 0.9")
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the values are no numbers ({error}); expected one number for each history"
        ) from error
    if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
        raise InputError(
            f"the values have the shape {numbers.shape} and {np.isnan(numbers).sum()} missing; "
            "expected one finite number for each history"
        )
    low, high = credible(numbers, mass)
    return Answer(question, float(numbers.mean()), low, high, mass, numbers, seen, looks, doubts)
