"""Whether something grows: the common slope of many processes' samples, with its error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.support.long_run.samples import Process, Sample

WARM_S = 60.0
"""Of a process's life, in which it imports and fills its caches."""
ENDED_MB = 1.0
"""Memory up to which a process has just ended."""
FEWEST = 10
"""Samples of a process below which it tells nothing."""


@dataclass(frozen=True)
class Growth:
    """Of one quantity in the processes of one role."""

    per_hour: float
    error: float
    """Standard error of ``per_hour``, by the processes' own slopes where there are several."""
    least: float
    most: float
    processes: int


def growth(samples: Sequence[Sample], role: str, quantity: str = "memory") -> Growth | None:
    """Slope within the processes of a role after they are warm; None without such."""
    lives = _lives(samples, role, quantity)
    if not lives:
        return None
    weights, products, slopes = [], [], []
    for times, values in lives:
        apart = times - times.mean()
        weights.append(float(apart @ apart))
        products.append(float(apart @ (values - values.mean())))
        slopes.append(products[-1] / weights[-1])
    pooled = sum(products) / sum(weights)
    everything = np.concatenate([values for _, values in lives])
    return Growth(
        per_hour=pooled,
        error=_error(pooled, slopes, weights, lives),
        least=float(everything.min()),
        most=float(everything.max()),
        processes=len(lives),
    )


_Life = tuple[np.ndarray, np.ndarray]


def _lives(samples: Iterable[Sample], role: str, quantity: str) -> list[_Life]:
    """Hours and values of each process's warm life."""
    found: defaultdict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for sample in samples:
        for process in sample.processes:
            if process.role == role and process.age_s > WARM_S and process.memory > ENDED_MB:
                value = float(getattr(process, quantity))
                found[process.pod, process.pid].append((sample.at_s / 3600, value))
    arrays = (np.array(life) for life in found.values() if len(life) >= FEWEST)
    return [(life[:, 0], life[:, 1]) for life in arrays]


def _error(
    pooled: float, slopes: Sequence[float], weights: Sequence[float], lives: Sequence[_Life]
) -> float:
    """Samples of one process are not independent of each other; processes are."""
    if len(slopes) > 2:
        shares = np.array(weights) / sum(weights)
        scatter = float(np.sum(shares**2 * (np.array(slopes) - pooled) ** 2))
        return float(np.sqrt(scatter * len(slopes) / (len(slopes) - 1)))
    rest = [v - v.mean() - pooled * (t - t.mean()) for t, v in lives]
    squares = sum(float(r @ r) for r in rest) / max(1, sum(map(len, rest)) - len(rest) - 1)
    return float(np.sqrt(squares / sum(weights)))


def present(sample: Sample, role: str) -> list[Process]:
    """The processes of a role in a sample."""
    return [process for process in sample.processes if process.role == role]
