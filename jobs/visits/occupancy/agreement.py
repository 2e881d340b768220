"""Posterior predictive check: whether looks like those that were had are probable in the model.

Every history comes with parameters, and so with the reports to be expected of each look. How far
the reports lie from that is compared with how far reports drawn under the same history do (Gelman,
Meng and Stern 1996, "Posterior predictive assessment of model fitness via realized discrepancies",
Statistica Sinica 6). The check sees numbers that the model cannot explain: several ships at a berth
for one, a port that closed for half a year, fleets that come and go together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FALSE_SHAPE = 2.0
"""Of the gamma distribution by which the false alarms of a place vary from look to look: their
number has a variance of mean + mean^2 / 2. Judgement: on English Bay's ten dates, where six in the
mean are no ships of 40 m, it is 1.5."""
IMPROBABLE = 0.005
"""Below this agreement the estimate is doubted: one in 200 places that the model fits is."""
LEAST_VARIANCE = 0.005
"""Of a look's reports: no single look at an empty place decides alone."""


def agreement_of_numbers(
    vessels: NDArray[np.integer],
    present: NDArray[np.integer],
    found: Floats,
    false: Floats,
    rng: np.random.Generator,
) -> float:
    """Share of the histories, 0..1, whose drawn reports differ as much as those that were made.

    vessels: (look,), reported. By history and look: the ships present, the chance that one of them
    is reported, and the expected false alarms.
    """
    expected = present * found + false
    of_false = false + false**2 / FALSE_SHAPE
    variance = np.maximum(present * found * (1 - found) + of_false, LEAST_VARIANCE)
    drawn = rng.binomial(present, found)
    drawn += rng.negative_binomial(FALSE_SHAPE, FALSE_SHAPE / (FALSE_SHAPE + false))
    return _share(vessels, drawn, expected, variance)


def agreement_of_sightings(
    vessels: NDArray[np.integer],
    present: NDArray[np.integer],
    found: Floats,
    false: Floats,
    rng: np.random.Generator,
) -> float:
    """As ``agreement_of_numbers``, of whether a look reported any vessel at all."""
    expected = 1 - (1 - np.minimum(present, 1) * found) * np.exp(-false)
    variance = np.maximum(expected * (1 - expected), LEAST_VARIANCE)
    drawn = rng.random(expected.shape) < expected
    return _share(vessels > 0, drawn, expected, variance)


def agreement_of_moves(
    present: NDArray[np.integer],
    gaps: Floats,
    rate: Floats,
    leave: Floats,
    places: Floats,
    rng: np.random.Generator,
) -> float:
    """Share of the histories, 0..1, whose numbers change from look to look no less oddly when they
    are drawn anew, each from the number at the look before.

    present: (history, look). gaps: (look - 1,), days between looks. rate: (history, look - 1),
    ships a day that come where places have no end. leave: (history,), a day, of each ship. places:
    (history,). Of M/M/infinity, or of places taken each by itself, as in ``open_road``; the rate of
    a gap is that of its end.
    """
    before, after = present[:, :-1], present[:, 1:]
    free = np.where(np.isinf(places), 0.0, places)[:, None] - before
    come = rate / places[:, None]
    total = come + leave[:, None]
    stays = np.exp(-total * gaps)
    taken = (1 - stays) * come / total
    endless = np.isinf(places)[:, None]
    many = np.where(endless, rate * (1 - stays) / leave[:, None], 0.0)
    free = np.where(endless, 0, np.maximum(free, 0)).astype(np.int64)
    kept = stays + taken
    expected = before * kept + free * taken + many
    variance = before * kept * (1 - kept) + free * taken * (1 - taken) + many
    drawn = rng.binomial(before, kept) + rng.binomial(free, taken) + rng.poisson(many)
    return _share(after, drawn, expected, np.maximum(variance, LEAST_VARIANCE))


def _share(
    seen: NDArray[np.number | np.bool_],
    drawn: NDArray[np.number | np.bool_],
    expected: Floats,
    variance: Floats,
) -> float:
    def discrepancy(reports: NDArray[np.number | np.bool_]) -> Floats:
        apart: Floats = ((reports.astype(np.float64) - expected) ** 2 / variance).sum(axis=1)
        return apart

    return float(np.mean(discrepancy(drawn) >= discrepancy(seen) - 1e-9))
