"""Whether and when a calendar year's cap was crossed, in every draw, and its probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from jobs.visits.cargo.barrels import StayVolumes, barrels_in, same_draws
from jobs.visits.cargo.deadweight import Numbers
from jobs.visits.occupancy.draws import DAY_S, days_since


@dataclass(frozen=True)
class CapYear:
    """One calendar year (UTC) against the cap, in every draw.

    Cargoes outside the time covered are not counted: where that is not the whole year, totals are
    lower bounds and dates are latest dates.
    """

    year: int
    cap_barrels: float
    covered_from: datetime
    """First moment of the year that any of the berths' histories covers."""
    covered_to: datetime
    total: Numbers
    """(draw,), barrels in the time covered."""
    crossed: Numbers
    """(draw,), days since 1 January when the total first exceeded the cap; inf where it never did.
    A cargo counts when its stay begins."""

    @property
    def start(self) -> datetime:
        return _new_year(self.year)

    @property
    def complete(self) -> bool:
        """True when the histories cover the whole year."""
        return self.covered_from == self.start and self.covered_to == _new_year(self.year + 1)

    @property
    def probability(self) -> float:
        """That the cap was crossed in the time covered."""
        return float(np.isfinite(self.crossed).mean())

    def crossed_at(self, quantile: float) -> datetime | None:
        """Quantile of the moment of crossing among the draws that cross; None where none does."""
        days = self.crossed[np.isfinite(self.crossed)]
        if not len(days):
            return None
        day = float(np.quantile(days, quantile, method="inverted_cdf"))
        return self.start + timedelta(seconds=round(day * DAY_S))


def cap_years(volumes: Sequence[StayVolumes], cap_barrels: float) -> tuple[CapYear, ...]:
    """Every calendar year the histories touch, all berths given taken together."""
    draws = same_draws(volumes)
    begin = min(each.stays.origin for each in volumes)
    end = max(each.stays.origin + timedelta(days=each.stays.end) for each in volumes)
    last = (end - timedelta(microseconds=1)).year
    years = range(begin.year, max(begin.year, last) + 1)
    return tuple(_cap_year(volumes, year, cap_barrels, draws, begin, end) for year in years)


def _cap_year(
    volumes: Sequence[StayVolumes],
    year: int,
    cap_barrels: float,
    draws: int,
    begin: datetime,
    end: datetime,
) -> CapYear:
    draw, day, barrels = _cargoes(volumes, year)
    return CapYear(
        year=year,
        cap_barrels=cap_barrels,
        covered_from=max(begin, _new_year(year)),
        covered_to=min(end, _new_year(year + 1)),
        total=np.bincount(draw, barrels, draws).astype(np.float64),
        crossed=first_over(draw, day, barrels, draws, cap_barrels),
    )


def _cargoes(
    volumes: Sequence[StayVolumes], year: int
) -> tuple[NDArray[np.int32], Numbers, Numbers]:
    """Draw, day of the year and barrels of the stays that began in it, by draw, then day."""
    start, stop = _new_year(year), _new_year(year + 1)
    parts = []
    for each in volumes:
        stays = each.stays
        day = stays.arrival - days_since(stays.origin, start)
        inside = (stays.arrival >= 0) & (stays.arrival < stays.end)
        inside &= (day >= 0) & (day < days_since(start, stop))
        parts.append((stays.draw[inside], day[inside], each.barrels[inside]))
    draw, day, barrels = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((day, draw))
    return draw[order], day[order], barrels[order]


def first_over(
    draw: NDArray[np.int32], day: Numbers, barrels: Numbers, draws: int, cap_barrels: float
) -> Numbers:
    """(draw,), day of the first cargo that brings the sum above the cap, inf for none.

    The three columns are sorted by draw, then day.
    """
    number = np.bincount(draw, minlength=draws)
    position = np.arange(len(draw)) - np.repeat(np.cumsum(number) - number, number)
    shape = (draws, max(int(number.max()), 1))
    amounts, days = np.zeros(shape), np.full(shape, np.inf)
    amounts[draw, position], days[draw, position] = barrels, day
    over = np.cumsum(amounts, axis=1) > cap_barrels
    first = days[np.arange(draws), over.argmax(axis=1)]
    return np.where(over.any(axis=1), first, np.inf)


def year_to_date(volumes: Sequence[StayVolumes], first: date, last: date) -> Numbers:
    """Barrels since 1 January (or ``first``, if later) at the end of each day; (draw, day).

    Days are UTC, from first to last inclusive; the sum begins anew with each calendar year.
    """
    days = [first + timedelta(days=n) for n in range((last - first).days + 2)]
    daily = barrels_in(volumes, [datetime.combine(day, time(), UTC) for day in days])
    years = np.array([day.year for day in days[:-1]])
    parts = [np.cumsum(daily[:, years == year], axis=1) for year in np.unique(years)]
    return np.concatenate(parts, axis=1)


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
