"""Beams of visits, from those of its sightings whose beam was measured at the file's own pixels."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

import pandas as pd

from jobs.visits.cargo import BeamMeasure

SD_FLOOR_M = 0.6
"""What looks at one ship have in common does not average out: the brightness of her deck's edge."""


def pooled_beam(beams: Iterable[BeamMeasure]) -> BeamMeasure | None:
    """One ship's beam of several measurements, weighted by inverse variance; None of none."""
    found = list(beams)
    if not found:
        return None
    weights = [each.sd_m**-2 for each in found]
    mean_m = sum(w * each.beam_m for w, each in zip(weights, found, strict=True)) / sum(weights)
    return BeamMeasure(mean_m, max(1 / sqrt(sum(weights)), SD_FLOOR_M))


def beams_of_visits(vessels: pd.DataFrame, without: str = "") -> dict[str, BeamMeasure]:
    """By visit id, of a table of vessels; of visits without a measured beam none.

    ``without``: a sensor that is taken never to have looked. A hull that a reviewer corrected has
    no measured beam.
    """
    known = vessels["counted"] & vessels["beam_sd_m"].notna() & vessels["review_length_m"].isna()
    here = vessels[known & (vessels["visit_id"] != "") & (vessels["sensor"] != without)]
    found: dict[str, list[BeamMeasure]] = {}
    for visit, beam_m, sd_m in zip(
        here["visit_id"], here["beam_m"], here["beam_sd_m"], strict=True
    ):
        found.setdefault(visit, []).append(BeamMeasure(float(beam_m), float(sd_m)))
    pooled = {visit: pooled_beam(beams) for visit, beams in found.items()}
    return {visit: beam for visit, beam in pooled.items() if beam is not None}
