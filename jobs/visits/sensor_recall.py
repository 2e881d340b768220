"""Recall of each sensor at a berth: as believed before any look, and as the looks have it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.visits.berth_models import Fit
from jobs.visits.columns import typed
from jobs.visits.occupancy.berth import BerthFit
from jobs.visits.occupancy.rate_changes import PRIOR_POINTS
from jobs.visits.panels import USABLE, clear_share
from jobs.visits.schema import FULL_LOOK_COLUMNS

RECALLS = ("recall", "recall_low", "recall_high", "recall_prior")
"""Columns of the looks, and of the sensors, where they are of a clear look."""


def prior_recall(fit: Fit, seed: int) -> NDArray[np.float64]:
    """(point, detector), drawn from the prior: of a ship of the berth's fleet in a clear look."""
    rng = np.random.default_rng([seed, 6])
    normal = rng.standard_normal((PRIOR_POINTS, fit.sampled.normal.shape[1]))
    if isinstance(fit, BerthFit):
        stages = np.zeros(len(normal), np.intp)
        points = fit.prior.points(normal, stages, fit.detectors)
        return np.asarray(np.einsum("pc,pdc->pd", points.mix, points.recall), np.float64)
    _, _, (recall, *_) = fit.prior.points(normal, fit.detectors)
    return recall


def with_recall(looks: pd.DataFrame, sensors: pd.DataFrame) -> pd.DataFrame:
    """FULL_LOOK_COLUMNS: each usable look with the chance that it finds a ship that is there, which
    is its sensor's in a clear look times the clear share.
    """
    of_sensor = sensors.loc[sensors["berth"] != "", ["berth", "sensor", *RECALLS]]
    found = looks.merge(of_sensor, on=["berth", "sensor"], how="left", validate="m:1")
    share = clear_share(found).where(found["state"].isin(USABLE))
    return typed(found.assign(**{name: found[name] * share for name in RECALLS}), FULL_LOOK_COLUMNS)
