"""Time from berth to berth between two ports: sailing at an uncertain speed, plus a wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import expon, lognorm

from jobs.errors import InputError

KNOT_KMH = 1.852
KM_PER_DAY_PER_KN = KNOT_KMH * 24
STEP_D = 1 / 48
"""Step of the table of transit times, days."""


@dataclass(frozen=True)
class VoyageSettings:
    """Priors of ships under way, and the number of Gibbs sweeps."""

    speed_kn: float = 9.5
    """Median over a whole passage. Product tankers of 1,000 to 9,000 dwt are registered with 10 to
    13 kn; old hulls, weather and slow steaming take 1 to 3 kn. An assumption, no fit."""
    speed_log_sd: float = 0.2
    """Standard deviation of its logarithm: 90 % between 6.8 and 13.2 kn."""
    waiting_days: float = 1.0
    """Mean of the exponential wait at anchor, before the berth or after it. An assumption;
    replace it where looks at the anchorage or AIS measure it."""
    destination_weight: float = 1.0
    """Dirichlet weight of all other watched ports together as a ship's next port."""
    elsewhere_weight: float = 1.0
    """Dirichlet weight of going elsewhere or unseen; with 1 and 1 the prior of the share is
    uniform."""
    fleet_length_sd_m: float | None = None
    """Standard deviation of true lengths over ships; None estimates it from the visits."""
    sweeps: int = 4_000
    burn_in: int = 1_000

    def __post_init__(self) -> None:
        for name in ("speed_kn", "speed_log_sd", "waiting_days"):
            _above_zero(name, getattr(self, name))
        for name in ("destination_weight", "elsewhere_weight"):
            _above_zero(name, getattr(self, name))
        if self.fleet_length_sd_m is not None:
            _above_zero("fleet_length_sd_m", self.fleet_length_sd_m)
        if not 0 <= self.burn_in < self.sweeps:
            raise InputError(
                f"burn_in {self.burn_in} and sweeps {self.sweeps}; expected 0 <= burn_in < sweeps"
            )


def _above_zero(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise InputError(f"voyages: {name} is {value}; expected a number above 0")


@dataclass(frozen=True)
class Transit:
    """Distribution of the time from berth to berth between two ports, tabulated by days."""

    days: NDArray[np.float64]
    density: NDArray[np.float64]
    """(days,), per day."""

    def density_at(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Density at some times, per day; 0 for negative times and beyond the table."""
        found: NDArray[np.float64] = np.interp(days, self.days, self.density, left=0.0, right=0.0)
        return found

    def arrived_by(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cumulative probability of arrival within that many days."""
        total = np.cumsum(self.density) * STEP_D
        found: NDArray[np.float64] = np.interp(days, self.days + STEP_D / 2, total, left=0.0)
        return found


def transit(distance_km: float, settings: VoyageSettings) -> Transit:
    """Distribution of distance over a lognormal speed plus an exponential wait."""
    sailing = distance_km / (settings.speed_kn * KM_PER_DAY_PER_KN)
    longest = sailing * np.exp(4 * settings.speed_log_sd) + 12 * settings.waiting_days
    edges = np.arange(0, longest + 2 * STEP_D, STEP_D)
    under_way = np.diff(lognorm.cdf(edges, settings.speed_log_sd, scale=sailing))
    waiting = np.diff(expon.cdf(edges, scale=settings.waiting_days))
    mass = np.convolve(under_way, waiting)[: len(under_way)]
    # two masses in the middles of steps i and j meet at the end of step i + j
    days = np.concatenate([[0.0], edges[1:]])
    density = np.concatenate([[0.0], mass / mass.sum() / STEP_D])
    return Transit(days, density)


def destination_weights(ports: int, settings: VoyageSettings) -> NDArray[np.float64]:
    """Dirichlet weights of a ship's next port, (port, port + 1).

    The last column is elsewhere; a ship's own port has weight 0.
    """
    weights = np.full((ports, ports + 1), settings.destination_weight / max(ports - 1, 1))
    weights[:, -1] = settings.elsewhere_weight
    weights[np.arange(ports), np.arange(ports)] = 0.0
    return weights
