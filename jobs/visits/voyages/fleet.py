"""Fleet size from measured lengths: how many different ships made the visits.

The measured lengths set a floor under the number of ships, for two visits of clearly different
length are two ships, but hardly a ceiling: sister ships are equally long, and with an error of 10
to 15 m nearly all tankers of this trade are within each other's error. Prior and posterior are
therefore given side by side. Fleet size from names is in ``capture_recapture``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from jobs.errors import InputError
from jobs.visits.compiled import njit

CLEARLY_SD = 3.0
"""Measured lengths are surely two ships' where their intervals of this many sd do not touch."""
SHIPS_PER_VISIT = 3
"""The fleet has 1 to this many ships per visit, with chances as 1 / number."""


@dataclass(frozen=True)
class FleetSettings:
    """Prior of the fleet, and the number of Gibbs sweeps."""

    evenness: float = 2.0
    """Dirichlet weight of each ship: 2 lets most ships come between .3 and 2.5 times the mean."""
    length_sd_m: float | None = None
    """Standard deviation of true lengths over ships; None estimates it from the measured ones."""
    sweeps: int = 4_000
    burn_in: int = 1_000

    def __post_init__(self) -> None:
        if not self.evenness > 0:
            raise InputError(f"fleet: evenness is {self.evenness}; expected a number above 0")
        if self.length_sd_m is not None and not self.length_sd_m > 0:
            raise InputError(f"fleet: length_sd_m is {self.length_sd_m}; expected metres above 0")
        if not 0 <= self.burn_in < self.sweeps:
            raise InputError(
                f"burn_in {self.burn_in} and sweeps {self.sweeps}; expected 0 <= burn_in < sweeps"
            )


@dataclass(frozen=True)
class ShipDraws:
    """Posterior and prior draws of the number of ships that made the visits."""

    least: int
    """Most visits of which any two clearly differ in length: a lower bound without any model."""
    ships: NDArray[np.int32]
    """(sample,), number of different ships among the visits."""
    fleet: NDArray[np.int32]
    """(sample,), number of ships including those that made none of these visits."""
    prior_ships: NDArray[np.int32]
    """(sample,), prior draws of ``ships`` for as many visits without any length."""

    @property
    def interval_reduction(self) -> float:
        """Share of the width of the prior's 90 % interval that the lengths removed, 0..1."""
        widths = [np.ptp(np.quantile(n, [0.05, 0.95])) for n in (self.ships, self.prior_ships)]
        return float(max(0.0, 1 - widths[0] / widths[1])) if widths[1] else 0.0


def ships_from_lengths(
    length_m: NDArray[np.float64],
    length_sd_m: NDArray[np.float64],
    settings: FleetSettings | None = None,
    *,
    seed: int,
    apart: NDArray[np.bool_] | None = None,
) -> ShipDraws:
    """Draws of the number of ships from the visits' measured lengths and their sd, both (visit,).

    A mixture of finite mixtures (Miller and Harrison 2018): a ship's true length is shared by its
    visits, the errors are Gaussian with known sd. ``apart`` (visit, visit): True where two visits
    cannot be one ship's, because they overlap or are too close in time for the distance. A visit
    without a length may be any ship's. Raises InputError for arrays that do not fit together.
    """
    settings = settings or FleetSettings()
    visits = len(length_m)
    _check_lengths(length_m, length_sd_m, apart)
    known = np.isfinite(length_m) & np.isfinite(length_sd_m)
    fleet_sd = settings.length_sd_m or sd_of_true_values(length_m[known], length_sd_m[known])
    mean = float(length_m[known].mean()) if known.any() else 0.0
    precision = np.where(known, 1 / np.where(known, length_sd_m, 1.0) ** 2, 0.0)
    pull = precision * np.where(known, length_m - mean, 0.0)
    most = SHIPS_PER_VISIT * visits
    barred = np.zeros((visits, visits), np.bool_) if apart is None else apart
    rng = np.random.default_rng(seed)
    ships = _partitions(
        precision,
        pull,
        1 / fleet_sd**2,
        barred,
        _newcomer(visits, most, settings.evenness),
        settings.evenness,
        settings.sweeps,
        rng,
    )[settings.burn_in :]
    return ShipDraws(
        _least(length_m[known], length_sd_m[known]),
        ships,
        _fleet(ships, visits, most, settings.evenness, rng),
        _prior_ships(visits, most, settings.evenness, len(ships), rng),
    )


def _check_lengths(
    length_m: NDArray[np.float64],
    length_sd_m: NDArray[np.float64],
    apart: NDArray[np.bool_] | None,
) -> None:
    visits = len(length_m)
    if not visits:
        raise InputError("fleet: no visits were given; expected the length of one or more")
    if len(length_sd_m) != visits or (apart is not None and apart.shape != (visits, visits)):
        shape = None if apart is None else apart.shape
        raise InputError(
            f"fleet: {visits} lengths, {len(length_sd_m)} errors, apart of shape {shape}; "
            "expected one of each per visit and apart square"
        )
    if (length_sd_m <= 0).any():
        raise InputError("fleet: a length has an error of 0 m or less; expected one above 0")


def sd_of_true_values(value: NDArray[np.float64], sd: NDArray[np.float64]) -> float:
    """Standard deviation of the true values of measured ones: total variance less error variance.

    At least a quarter of the mean error: a smaller one cannot be distinguished from 0.
    """
    if len(value) < 2:
        return 1.0
    error = float(np.mean(sd**2))
    return float(np.sqrt(max(float(np.var(value, ddof=1)) - error, error / 16)))


def _least(length_m: NDArray[np.float64], sd_m: NDArray[np.float64]) -> int:
    """Greatest number of intervals of which no two overlap (greedy by their ends)."""
    number, reached = 0, -np.inf
    low, high = length_m - CLEARLY_SD * sd_m, length_m + CLEARLY_SD * sd_m
    for k in np.argsort(high, kind="stable"):
        if low[k] > reached:
            number, reached = number + 1, high[k]
    return max(number, 1)


def _log_fleet(most: int) -> NDArray[np.float64]:
    """Log prior of 1 .. most ships, proportional to 1 / number."""
    weight = -np.log(np.arange(1, most + 1))
    return np.asarray(weight - logsumexp(weight))


def _log_joint(ships: int, visits: int, most: int, evenness: float) -> NDArray[np.float64]:
    """Log of each term of V_n(t) (Miller and Harrison, eq. 3.2) over fleets of 1 .. most."""
    fleet = np.arange(1, most + 1, dtype=np.float64)
    room = fleet >= ships
    free = np.where(room, fleet - ships, 0.0)
    log_ways = gammaln(fleet + 1) - gammaln(free + 1)
    log_rising = gammaln(evenness * fleet + visits) - gammaln(evenness * fleet)
    return np.asarray(np.where(room, log_ways - log_rising + _log_fleet(most), -np.inf))


def _newcomer(visits: int, most: int, evenness: float) -> NDArray[np.float64]:
    """(visits,): log weight of a new ship beside t others, by t = 0 .. visits - 1."""
    log_v = [logsumexp(_log_joint(t, visits, most, evenness)) for t in range(visits + 1)]
    return np.asarray(np.diff(np.array(log_v)) + np.log(evenness))


def _fleet(
    ships: NDArray[np.int32], visits: int, most: int, evenness: float, rng: np.random.Generator
) -> NDArray[np.int32]:
    """A draw of the fleet's size for every draw of the number of ships that called."""
    fleet = np.zeros(len(ships), np.int32)
    for number in np.unique(ships):
        here = np.flatnonzero(ships == number)
        log_chance = _log_joint(int(number), visits, most, evenness)
        chance = np.exp(log_chance - logsumexp(log_chance))
        fleet[here] = rng.choice(most, size=len(here), p=chance) + 1
    return fleet


def _prior_ships(
    visits: int, most: int, evenness: float, samples: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Different ships among that many visits of a fleet drawn from the prior."""
    fleets = rng.choice(most, size=samples, p=np.exp(_log_fleet(most))) + 1
    came = [rng.multinomial(visits, rng.dirichlet(np.full(n, evenness))) for n in fleets]
    return np.array([np.count_nonzero(times) for times in came], np.int32)


@njit(cache=True)
def log_evidence(precision, pull, prior):  # type: ignore[no-untyped-def]
    """Log marginal likelihood of one ship's measurements, less terms common to all partitions."""
    both = prior + precision
    return 0.5 * np.log(prior / both) + 0.5 * pull**2 / both


@njit(cache=True)
def _partitions(  # type: ignore[no-untyped-def]
    precision, pull, prior, apart, newcomer, evenness, sweeps, rng
):
    """Collapsed Gibbs sampler of the partition of visits into ships; number of ships by sweep."""
    visits = len(precision)
    ship = np.arange(visits)
    size, total, drawn = np.ones(visits, np.int64), precision.copy(), pull.copy()
    found = np.zeros(sweeps, np.int32)
    for sweep in range(sweeps):
        for i in range(visits):
            own = ship[i]
            size[own] -= 1
            total[own] -= precision[i]
            drawn[own] -= pull[i]
            score = np.full(visits, -np.inf)
            empty, ships = -1, 0
            for s in range(visits):
                if size[s] == 0:
                    total[s] = drawn[s] = 0.0  # no rounding is left behind
                    empty = s
                    continue
                ships += 1
                score[s] = np.log(size[s] + evenness)
                score[s] += log_evidence(total[s] + precision[i], drawn[s] + pull[i], prior)
                score[s] -= log_evidence(total[s], drawn[s], prior)
            for j in range(visits):
                if j != i and apart[i, j]:
                    score[ship[j]] = -np.inf
            score[empty] = newcomer[ships] + log_evidence(precision[i], pull[i], prior)
            chance = np.exp(score - score.max())
            point = rng.random() * chance.sum()
            own = 0
            while own < visits - 1 and point >= chance[own]:
                point -= chance[own]
                own += 1
            ship[i] = own
            size[own] += 1
            total[own] += precision[i]
            drawn[own] += pull[i]
        found[sweep] = np.count_nonzero(size)
    return found
