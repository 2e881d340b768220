"""Whether a score of .7 means that seven in ten such reports are ships."""

from dataclasses import dataclass

import numpy as np

from models.evaluation.metrics import Comparison

BINS = 10


@dataclass(frozen=True)
class ScoreBin:
    """The reports whose score lies in one tenth of 0..1."""

    low: float
    high: float
    reports: int
    mean_score: float
    """NaN without a report, as is the share"""
    share: float
    """of ships among them"""


@dataclass(frozen=True)
class Reliability:
    """The curve, and how far it is from the diagonal."""

    tenths: tuple[ScoreBin, ...]
    ece: float
    """expected calibration error: the mean of |mean score - share|, weighted by reports; never
    quite 0 by chance, the less so the fewer reports there are; NaN without any"""


def reliability(comparison: Comparison) -> Reliability:
    """The curve of all reports that are judged, as hits or as false alarms.

    Vessels below the least score that is reported are not in it, so the lowest tenths stay empty.
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
    tenths = (
        ScoreBin(k / BINS, (k + 1) / BINS, int(reports[k]), float(means[k]), float(shares[k]))
        for k in range(BINS)
    )
    return Reliability(tuple(tenths), float(gaps / len(of)) if len(of) else float("nan"))
