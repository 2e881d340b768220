"""How alike two engines find the ships in the same pixels.

``verify`` asks for equal bytes where the engine, its version and the processor's instructions are
those that made the archive, and for this likeness elsewhere; pixels it compares by bytes.

Between torch in float32 and engines in bfloat16, 43 real scenes with 783 vessels gave at most
(``python -m tests.bench.bench_inference --engines``): 6/255 of probability; positions 2.4 m, scores
.04 and lengths a tenth of their standard deviation apart; 7 vessels that one of the two alone
reports, 2 of the 88 of a scene, most of them with a score within .01 of the least that is reported.
Between AMX and AVX512 in bfloat16: 2/255, in .03 % of the pixels of a scene.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Vessel

MOST_STEPS = 16
"""Between two probabilities of a pixel, in steps of 1/255."""
MOST_APART_M = 10.0
MOST_SCORE = 0.1
MOST_LENGTH_SD = 0.5
"""Between two lengths, in standard deviations of one."""
ALONE_SHARE = 0.05
"""Of the vessels, that only one of the two reports; of any number at least one may be."""


@dataclass(frozen=True)
class Ships:
    """What an engine found in one overpass."""

    vessels: tuple[Vessel, ...]
    probability: NDArray[np.uint8]
    """(y, x), 0..255 for 0..1."""


def unlike(kept: Ships, again: Ships) -> Iterator[str]:
    """What two engines cannot both have found in the same pixels, in words."""
    if kept.probability.shape != again.probability.shape:
        yield "ship_probability has another shape"
        return
    steps = np.abs(kept.probability.astype(np.int16) - again.probability)
    if steps.size and steps.max() > MOST_STEPS:
        yield f"ship_probability by up to {steps.max()}/255, more than {MOST_STEPS}/255"
    yield from _unlike_vessels(kept.vessels, again.vessels)


def _unlike_vessels(kept: Sequence[Vessel], again: Sequence[Vessel]) -> Iterator[str]:
    rest, alone, apart = list(again), 0, 0
    for vessel in kept:
        other = min(rest, key=lambda each: _apart_m(vessel, each), default=None)
        if other is None or _apart_m(vessel, other) > MOST_APART_M:
            alone += 1
            continue
        rest.remove(other)
        apart += not _same_measures(vessel, other)
    alone += len(rest)
    most = max(1, math.floor(ALONE_SHARE * max(len(kept), len(again))))
    if alone > most:
        yield f"vessels: {alone} are found by one alone, of {len(kept)} at most {most} may be"
    if apart:
        yield f"vessels: score or length of {apart} of {len(kept)}"


def _same_measures(one: Vessel, other: Vessel) -> bool:
    return (
        abs(one.score - other.score) <= MOST_SCORE
        and abs(one.length_m - other.length_m) <= MOST_LENGTH_SD * one.length_sd_m
    )


def _apart_m(one: Vessel, other: Vessel) -> float:
    return math.hypot(one.x - other.x, one.y - other.y)
