"""Matching of detections to labelled ships, and the scores of a match."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from models.config import PIXEL_M
from models.dataset import Box
from models.geometry import Corners, axes, box_corners, coverage, overlap
from models.inference import Detection

LONG_M = 60.0
"""Errors of size and heading are taken over ships of at least this length."""

_DOUBT_MARGIN_M = 30.0
"""Margin around a labelled box in which a detection's centre counts as lying on it."""


class Rule(StrEnum):
    """When a detection may be matched to a labelled ship."""

    OVERLAP = "iou"
    """The rotated boxes' intersection over union is at least MatchCriteria.least_iou."""
    DISTANCE = "distance"
    """The centres are at most MatchCriteria.reach_m apart."""


@dataclass(frozen=True)
class MatchCriteria:
    """Thresholds of the comparison.

    Truth: ships with confidence 2 or 3 of at least least_length_m. An unmatched detection is a
    false alarm unless its centre lies within 30 m of a doubtful box (small craft, docks, areas,
    ships of confidence 1 or cut by the edge), or it is shorter than least_length_m.
    """

    least_iou: float = 0.3
    reach_m: float = 60.0
    least_length_m: float = 40.0


@dataclass(frozen=True)
class Pair:
    """A detection matched to a labelled ship."""

    found: Detection
    truth: Box
    iou: float

    @property
    def length_error_m(self) -> float:
        return self.found.length_m - self.truth.length_m

    @property
    def beam_error_m(self) -> float:
        return self.found.beam_m - self.truth.beam_m

    @property
    def length_error_sd(self) -> float:
        """Absolute error of the length, in units of the detection's own length_sd_m."""
        return abs(self.length_error_m) / max(self.found.length_sd_m, 1e-9)

    @property
    def heading_error_deg(self) -> float:
        """0..90: bow and stern are not distinguished."""
        return abs((self.found.heading_deg - self.truth.heading_deg + 90) % 180 - 90)


@dataclass(frozen=True)
class Comparison:
    """The detections of one or more scenes compared with their labels."""

    pairs: tuple[Pair, ...]
    missed: tuple[Box, ...]
    false_alarms: tuple[Detection, ...]


@dataclass(frozen=True)
class Scores:
    """Scores of a comparison; NaN where they are undefined."""

    ships: int
    precision: float
    recall: float
    f1: float
    mean_iou: float
    length_ships: int
    """Matched ships of 60 m and more, over which all of the following are taken."""
    length_mae_m: float
    length_bias_m: float
    """Mean of detected minus true length: above 0 where ships are measured too long."""
    length_within_1_sd: float
    """Share of true lengths within one length_sd_m; .68 for a calibrated normal error."""
    length_within_2_sd: float
    """Share of true lengths within two length_sd_m; .95 for a calibrated normal error."""
    beam_mae_m: float
    beam_bias_m: float
    heading_median_deg: float
    heading_within_10_deg: float


def compare(
    found: Sequence[Detection],
    boxes: Sequence[Box],
    rule: Rule,
    settings: MatchCriteria | None = None,
) -> Comparison:
    """Match detections to ships one to one with the greatest total affinity; classify the rest."""
    settings = settings or MatchCriteria()
    truth = [box for box in boxes if _counts(box, settings)]
    doubtful = [box for box in boxes if box.kind != "wrong" and not _counts(box, settings)]
    affinity = _affinity(found, truth, rule, settings)
    matched = _match(affinity)
    hits, seen = {i for i, _ in matched}, {j for _, j in matched}
    excused = np.asarray(_lies_on(found, doubtful).any(axis=1))
    return Comparison(
        pairs=tuple(
            Pair(
                found[i],
                truth[j],
                float(affinity[i, j]) if rule is Rule.OVERLAP else _iou(found[i], truth[j]),
            )
            for i, j in matched
        ),
        missed=tuple(box for j, box in enumerate(truth) if j not in seen),
        false_alarms=tuple(
            vessel
            for i, vessel in enumerate(found)
            if i not in hits and vessel.length_m >= settings.least_length_m and not excused[i]
        ),
    )


def detected(found: Sequence[Detection], boxes: Sequence[Box]) -> list[bool]:
    """For each labelled box, whether a vessel was detected there, as ``detections_of`` has it."""
    return [one is not None for one in detections_of(found, boxes)]


def detections_of(found: Sequence[Detection], boxes: Sequence[Box]) -> list[Detection | None]:
    """For each labelled box the vessel that was detected there, of any size; None for none.

    The detection's centre must lie on the box or within 30 m of it. Detections are assigned one to
    one, to as many boxes as possible (small craft too) and then to the nearest.
    """
    real = np.array([box.kind != "wrong" for box in boxes], dtype=bool)
    nearness = 1 + 1 / (1 + _apart_m(found, boxes))
    matched = _match(np.where(_lies_on(found, boxes) & real, nearness, 0.0))
    of_box = {j: found[i] for i, j in matched}
    return [of_box.get(j) for j in range(len(boxes))]


def merge(comparisons: Iterable[Comparison]) -> Comparison:
    """The comparisons of several scenes as one."""
    several = list(comparisons)
    return Comparison(
        pairs=tuple(pair for one in several for pair in one.pairs),
        missed=tuple(box for one in several for box in one.missed),
        false_alarms=tuple(vessel for one in several for vessel in one.false_alarms),
    )


def at_least(comparison: Comparison, length_m: float) -> Comparison:
    """A comparison restricted to ships of at least this length.

    Hits and misses are selected by true length, false alarms by detected length; a detection of a
    shorter ship is neither a hit nor a false alarm.
    """
    return Comparison(
        pairs=tuple(pair for pair in comparison.pairs if pair.truth.length_m >= length_m),
        missed=tuple(box for box in comparison.missed if box.length_m >= length_m),
        false_alarms=tuple(v for v in comparison.false_alarms if v.length_m >= length_m),
    )


def summarise(comparison: Comparison) -> Scores:
    """The scores of a comparison."""
    pairs, hits = comparison.pairs, len(comparison.pairs)
    precision = _ratio(hits, hits + len(comparison.false_alarms))
    recall = _ratio(hits, hits + len(comparison.missed))
    long_pairs = [pair for pair in pairs if pair.truth.length_m >= LONG_M]
    errors = np.array([pair.length_error_m for pair in long_pairs])
    errors_sd = np.array([pair.length_error_sd for pair in long_pairs])
    beams = np.array([pair.beam_error_m for pair in long_pairs])
    headings = np.array([pair.heading_error_deg for pair in long_pairs])
    return Scores(
        ships=hits + len(comparison.missed),
        precision=precision,
        recall=recall,
        f1=_ratio(2 * hits, 2 * hits + len(comparison.missed) + len(comparison.false_alarms)),
        mean_iou=_mean([pair.iou for pair in pairs]),
        length_ships=len(long_pairs),
        length_mae_m=_mean(np.abs(errors)),
        length_bias_m=_mean(errors),
        length_within_1_sd=_mean(errors_sd <= 1),
        length_within_2_sd=_mean(errors_sd <= 2),
        beam_mae_m=_mean(np.abs(beams)),
        beam_bias_m=_mean(beams),
        heading_median_deg=float(np.median(headings)) if len(headings) else float("nan"),
        heading_within_10_deg=_mean(headings <= 10),
    )


def pixel_counts(
    ship: NDArray[np.float32], boxes: Sequence[Box], threshold: float = 0.5
) -> tuple[int, int]:
    """Number of pixels (in both, in either) of the thresholded map and the labelled ships.

    ship: (y, x) probability. Pixels of doubtful boxes and without data are excluded.
    """
    truth, doubt = np.zeros(ship.shape, dtype=bool), np.zeros(ship.shape, dtype=bool)
    for box in boxes:
        window, share = coverage(
            (ship.shape[0], ship.shape[1]),
            box.row,
            box.col,
            box.length_m / PIXEL_M,
            box.beam_m / PIXEL_M,
            box.heading_deg,
        )
        if box.is_ship:
            truth[window] |= share >= 0.5
        elif box.is_doubtful:
            doubt[window] |= share > 0
    counted = (truth | ~doubt) & (ship > 0)
    predicted = ship >= threshold
    both, either = (counted & truth & predicted), (counted & (truth | predicted))
    return int(both.sum()), int(either.sum())


def _counts(box: Box, settings: MatchCriteria) -> bool:
    return box.is_ship and box.length_m >= settings.least_length_m


def _affinity(
    found: Sequence[Detection], truth: Sequence[Box], rule: Rule, settings: MatchCriteria
) -> NDArray[np.float64]:
    """(detection, ship): affinity, above 0 where they may be matched."""
    apart_m = _apart_m(found, truth)
    if rule is Rule.DISTANCE:
        return np.where(apart_m <= settings.reach_m, 1 + settings.reach_m - apart_m, 0.0)
    iou = _ious(found, truth, apart_m)
    return np.where(iou >= settings.least_iou, iou, 0.0)


def _apart_m(found: Sequence[Detection], truth: Sequence[Box]) -> NDArray[np.float64]:
    """(detection, ship): distance of their centres in metres."""
    here = np.array([(vessel.row, vessel.col) for vessel in found]).reshape(-1, 1, 2)
    there = np.array([(box.row, box.col) for box in truth]).reshape(1, -1, 2)
    offset = here - there
    return np.asarray(np.hypot(offset[..., 0], offset[..., 1]) * PIXEL_M)


def _ious(
    found: Sequence[Detection], truth: Sequence[Box], apart_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(detection, ship): their boxes' intersection over union, computed for neighbours only."""
    iou = np.zeros(apart_m.shape)
    lengths_m = [np.array([hull.length_m for hull in hulls]) for hulls in (found, truth)]
    i, j = np.nonzero(apart_m <= np.add.outer(*lengths_m) / 2 + PIXEL_M)
    if len(i):
        hulls, ships = (
            shapely.polygons(np.array(corners))
            for corners in ([v.corners for v in found], [_corners(box) for box in truth])
        )
        shared = shapely.area(shapely.intersection(hulls[i], ships[j]))
        iou[i, j] = shared / (shapely.area(hulls[i]) + shapely.area(ships[j]) - shared)
    return iou


def _iou(vessel: Detection, box: Box) -> float:
    return overlap(vessel.corners, _corners(box))


def _corners(box: Box) -> Corners:
    length_px, beam_px = box.length_m / PIXEL_M, box.beam_m / PIXEL_M
    return box_corners(box.row, box.col, length_px, beam_px, box.heading_deg)


def _match(affinity: NDArray[np.float64]) -> list[tuple[int, int]]:
    rows, cols = linear_sum_assignment(affinity, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, cols, strict=True) if affinity[i, j] > 0]


def _lies_on(found: Sequence[Detection], boxes: Sequence[Box]) -> NDArray[np.bool_]:
    """(detection, box): whether the centre lies on the box grown by _DOUBT_MARGIN_M."""
    down, right = (
        np.subtract.outer([getattr(v, at) for v in found], [getattr(box, at) for box in boxes])
        for at in ("row", "col")
    )
    directions = np.array([axes(box.heading_deg) for box in boxes]).reshape(-1, 2, 2)
    sizes_m = np.array([(box.length_m, box.beam_m) for box in boxes]).reshape(-1, 2)
    inside = np.ones(down.shape, dtype=bool)
    for side in (0, 1):  # along the hull, across it
        off_m = np.abs(down * directions[:, side, 0] + right * directions[:, side, 1]) * PIXEL_M
        inside &= off_m <= sizes_m[:, side] / 2 + _DOUBT_MARGIN_M
    return inside


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _mean(values: Sequence[float] | NDArray[np.float64] | NDArray[np.bool_]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
