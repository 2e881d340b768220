"""Fleet size from ships' names: how many ships the repeated names imply that were never named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from jobs.errors import InputError


@dataclass(frozen=True)
class BoundedEstimate:
    """A point estimate with the ends of its interval, in ships."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class CaptureRecapture:
    """Estimates of the fleet from the number of visits by each named ship."""

    visits: int
    """Visits with a name."""
    ships: int
    """Different names."""
    coverage: float
    """Share of visits made by ships already named: 1 - f1 / n (Good and Turing)."""
    chao: BoundedEstimate
    """Lower bound of the fleet (Chao 1987, bias-corrected), log-normal interval."""


def ships_from_names(names: Sequence[str | None], mass: float = 0.9) -> CaptureRecapture:
    """Estimates of the fleet from the names of visits; visits without one (None, "") are left out.

    Assumes that a visit's chance to be named does not depend on the ship. In simulated fleets of 15
    even ships the 90 % interval of Chao held the true number in 86 % at 15 named visits, 84 % at 30
    and 78 % at 43, where nearly all ships had been named. Raises InputError without any name.
    """
    _check_mass(mass)
    known = [name for name in names if name]
    if not known:
        raise InputError(
            f"fleet: none of {len(names)} visits has a ship's name; expected some: "
            "enter names, or estimate from lengths"
        )
    times = Counter(Counter(known).values())
    ships, once, twice = len(set(known)), times[1], times[2]
    return CaptureRecapture(
        len(known),
        ships,
        1 - once / len(known),
        _chao(ships, once, twice, mass),
    )


def _check_mass(mass: float) -> None:
    if not 0 < mass < 1:
        raise InputError(f"fleet: an interval of mass {mass}; expected a number between 0 and 1")


def _chao(ships: int, once: int, twice: int, mass: float) -> BoundedEstimate:
    unseen = once * (once - 1) / (2 * (twice + 1))
    if unseen == 0:
        return BoundedEstimate(ships, ships, ships)
    # formulas of EstimateS (Colwell), appendix B, equations 5 to 7
    variance = unseen + once * (2 * once - 1) ** 2 / (4 * (twice + 1) ** 2)
    if twice:
        variance += once**2 * twice * (once - 1) ** 2 / (4 * (twice + 1) ** 4)
    else:
        variance -= once**4 / (4 * (ships + unseen))
    factor = np.exp(norm.ppf((1 + mass) / 2) * np.sqrt(np.log1p(variance / unseen**2)))
    return BoundedEstimate(ships + unseen, ships + unseen / factor, ships + unseen * factor)
