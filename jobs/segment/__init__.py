"""Segment: the vessels in one overpass, and which of them are fixed structure.

``stage`` is the per-overpass stage. ``background`` and ``fixed_structure`` use many finished
overpasses of one port together and are no stage: their results are not stored in the archive.
"""

from __future__ import annotations

from jobs.segment.fixed_structure import Structure, structures
from jobs.segment.stage import (
    SHORE_TOLERANCE_M,
    VERSION,
    afloat,
    away_from_cloud,
    changed,
    key,
    least_score,
    load_predictor,
    near_berths,
    run,
    visible,
)

__all__ = [
    "SHORE_TOLERANCE_M",
    "VERSION",
    "Structure",
    "afloat",
    "away_from_cloud",
    "changed",
    "key",
    "least_score",
    "load_predictor",
    "near_berths",
    "run",
    "structures",
    "visible",
]
