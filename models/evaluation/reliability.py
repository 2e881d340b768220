"""Reliability of the score: whether .7 means that 70 % of such detections are ships."""

from dataclasses import dataclass

import numpy as np

from models.evaluation.metrics import Comparison

BINS = 10


@dataclass(frozen=True)
class ScoreBin:
    """The detections with a score in one tenth of 0..1."""

    low: float
    high: float
    reports: int
    """Number of detections."""
    mean_score: float
    """NaN without detections."""
    share: float
    """Share of ships among them; NaN without detections."""


@dataclass(frozen=True)
class Reliability:
    """The reliability curve and its distance from the diagonal."""

    bins: tuple[ScoreBin, ...]
    ece: float
    """Expected calibration error: mean of |mean score - share| over the bins, weighted by number;
    above 0 by chance alone, the more so the fewer detections there are; NaN without any."""


def reliability(comparison: Comparison) -> Reliability:
    """The curve over all detections that are hits or false alarms.

    Detections below Calibration.least_score are not reported, so the lowest bins are empty.
    """
    scores = [pair.found.score for pair in comparison.pairs]
    scores += [vessel.score for vessel in comparison.false_alarms]
    of = np.array(scores, dtype=np.float64)
    at = np.minimum((of * BINS).astype(int), BINS - 1)
    right = np.arange(len(of)) < len(comparison.pairs)
    reports = np.bincount(at, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = np.bincount(at, of, BINS) / reports
        shares = np.bincount(at, right, BINS) / reports
    gaps = np.nansum(reports * np.abs(means - shares))
    bins = (
        ScoreBin(k / BINS, (k + 1) / BINS, int(reports[k]), float(means[k]), float(shares[k]))
        for k in range(BINS)
    )
    return Reliability(tuple(bins), float(gaps / len(of)) if len(of) else float("nan"))
