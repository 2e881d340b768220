"""The seen visits of all ports side by side, with their times in every posterior draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from jobs.errors import InputError
from jobs.visits.occupancy.draws import StayDraws


@dataclass(frozen=True)
class SeenVisits:
    """The seen visits of all ports."""

    visit_ids: tuple[str, ...]
    port: tuple[str, ...]
    """(visit,)."""
    origin: datetime
    end: float
    """End of the observed period, days since origin."""
    arrival: NDArray[np.float64]
    """(draw, visit), days since origin; NaN in the draws without a ship there."""
    departure: NDArray[np.float64]
    """(draw, visit), as ``arrival``."""
    length_m: NDArray[np.float64]
    """(visit,), measured over all its looks; NaN where unknown."""
    length_sd_m: NDArray[np.float64]
    """(visit,), standard deviation of that length."""

    def __len__(self) -> int:
        return len(self.visit_ids)

    @property
    def present(self) -> NDArray[np.float64]:
        """(visit,), share of the draws with a ship there."""
        share: NDArray[np.float64] = np.isfinite(self.arrival).mean(axis=0)
        return share


def seen_visits(
    draws: Sequence[StayDraws], measured: Mapping[str, tuple[float, float]] | None = None
) -> SeenVisits:
    """The seen visits of several berths; unseen stays (visit -1) are left out.

    ``measured`` has (length_m, length_sd_m) by visit id, as in the visits table. Without it the
    draws' lengths are used; these include the berth's prior, so lengths then look somewhat more
    alike than they are. Raises InputError for draws of different periods or
    numbers.
    """
    if not draws:
        raise InputError("voyages: no draws of stays were given; expected those of a berth or more")
    _same_frame(draws)
    arrival = np.concatenate([_by_visit(d, d.arrival, np.minimum, np.inf) for d in draws], axis=1)
    departure = np.concatenate(
        [_by_visit(d, d.departure, np.maximum, -np.inf) for d in draws], axis=1
    )
    ids = tuple(visit_id for d in draws for visit_id in d.visit_ids)
    length_m, length_sd_m = _lengths(draws, ids, measured)
    port = tuple(d.port for d in draws for _ in d.visit_ids)
    return SeenVisits(
        ids, port, draws[0].origin, draws[0].end, arrival, departure, length_m, length_sd_m
    )


def _same_frame(draws: Sequence[StayDraws]) -> None:
    first = draws[0]
    for other in draws[1:]:
        if (other.origin, other.end, other.draws) != (first.origin, first.end, first.draws):
            raise InputError(
                f"voyages: {other.port} {other.berth} has {other.draws} draws from {other.origin} "
                f"over {other.end:g} d, {first.port} {first.berth} has {first.draws} from "
                f"{first.origin} over {first.end:g} d; run both over one period with as many draws"
            )


def _by_visit(
    draws: StayDraws, values: NDArray[np.float64], pick: np.ufunc, empty: float
) -> NDArray[np.float64]:
    """(draw, visit); a visit that is two stays of a draw lasts from the first to the last."""
    found = np.full((draws.draws, len(draws.visit_ids)), empty)
    seen = draws.visit >= 0
    pick.at(found, (draws.draw[seen], draws.visit[seen]), values[seen])
    found[np.isinf(found)] = np.nan
    return found


def _lengths(
    draws: Sequence[StayDraws],
    ids: tuple[str, ...],
    measured: Mapping[str, tuple[float, float]] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if measured is not None:
        return by_visit_id(ids, measured)
    mean, sd = zip(*(_drawn_lengths(d) for d in draws), strict=True)
    return np.concatenate(mean), np.concatenate(sd)


def by_visit_id(
    ids: tuple[str, ...], given: Mapping[str, tuple[float, float]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two numbers given for each visit, NaN where none is, as two arrays (visit,)."""
    rows = np.array([given.get(visit_id, (np.nan, np.nan)) for visit_id in ids], dtype=np.float64)
    rows = rows.reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def _drawn_lengths(draws: StayDraws) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each visit's lengths over the draws."""
    seen = (draws.visit >= 0) & np.isfinite(draws.length_m)
    visit, length, visits = draws.visit[seen], draws.length_m[seen], len(draws.visit_ids)
    number = np.bincount(visit, minlength=visits).astype(np.float64)
    number[number == 0] = np.nan
    mean = np.bincount(visit, length, visits) / number
    variance = np.bincount(visit, (length - mean[visit]) ** 2, visits) / number
    return mean, np.sqrt(variance)
