"""Calibration: fit sizes and scores of instances on scenes the network has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.config import PIXEL_M, Calibration
from models.dataset import Box
from models.evaluation import Comparison, MatchCriteria, Rule, compare, merge, summarise
from models.inference import Detection, Instance, Prediction, evidence, find_instances, to_vessel

_GROWS = (0.1, 0.15, 0.2, 0.3, 0.4)
"""Candidate values of Calibration.grow."""
_RIDGE = 0.1
_SD_OF_MEDIAN = 1.4826
"""Ratio of a normal error's standard deviation to the median of its absolute value."""


@dataclass(frozen=True)
class Example:
    """A held-out scene: the network's prediction and the labels."""

    prediction: Prediction
    boxes: tuple[Box, ...]
    _instances: dict[float, tuple[Instance, ...]] = field(default_factory=dict, compare=False)

    def instances(self, grow: float) -> tuple[Instance, ...]:
        """The instances at a threshold; cached, since each example is used in many fits."""
        if grow not in self._instances:
            self._instances[grow] = find_instances(self.prediction, grow)
        return self._instances[grow]


@dataclass(frozen=True)
class _Candidates:
    """All instances of one example, of any score."""

    instances: tuple[Instance, ...]
    vessels: tuple[Detection, ...]
    boxes: tuple[Box, ...]


def calibrate(examples: Sequence[Example]) -> Calibration:
    """The calibration with the best attainable F1 by overlap, over the candidate thresholds.

    Calibration.least_score keeps its default: it is a choice of the user, not a property of the
    data.
    """
    fits = [_fit(examples, Calibration(grow=grow, least_score=0.0)) for grow in _GROWS]
    best, _ = max(fits, key=lambda fit: fit[1])
    return replace(best, least_score=Calibration.least_score)


def _fit(examples: Sequence[Example], start: Calibration) -> tuple[Calibration, float]:
    """The calibration at a given threshold, and the best F1 it attains."""
    found = [example.instances(start.grow) for example in examples]

    def candidates(calibration: Calibration) -> list[_Candidates]:
        pairs = zip(examples, found, strict=True)
        return [_candidates(example, those, calibration) for example, those in pairs]

    sized = _fit_sizes(candidates(start), start)
    scored = _fit_score(candidates(sized), sized)
    return scored, _best_f1(candidates(scored))


def _candidates(
    example: Example, instances: tuple[Instance, ...], calibration: Calibration
) -> _Candidates:
    known = example.prediction.ship > 0
    vessels = tuple(to_vessel(one, calibration, PIXEL_M, known) for one in instances)
    return _Candidates(instances, vessels, example.boxes)


def _compare(candidates: Sequence[_Candidates], rule: Rule, least_score: float) -> Comparison:
    return merge(
        compare([v for v in one.vessels if v.score >= least_score], one.boxes, rule)
        for one in candidates
    )


def _fit_sizes(candidates: Sequence[_Candidates], start: Calibration) -> Calibration:
    """Straight lines from measured to labelled sizes, and the scatter about the length's line."""
    settings = MatchCriteria(least_length_m=0)
    compared = (
        compare(one.vessels, [_as_ship(box) for box in one.boxes], Rule.DISTANCE, settings)
        for one in candidates
    )
    pairs = [pair for pair in merge(compared).pairs if pair.iou > 0.2]
    if len(pairs) < 10:
        return start
    measured = np.array([(p.found.length_m, p.found.beam_m) for p in pairs])
    truth = np.array([(p.truth.length_m, p.truth.beam_m) for p in pairs])
    length_factor, length_offset = _robust_line(measured[:, 0], truth[:, 0])
    beam_factor, beam_offset = _robust_line(measured[:, 1], truth[:, 1])
    length_m = length_factor * measured[:, 0] + length_offset
    expected_m = np.array([p.found.length_sd_m - start.length_sd_base_m for p in pairs])
    share, base = _robust_line(expected_m, _SD_OF_MEDIAN * np.abs(length_m - truth[:, 0]))
    return replace(
        start,
        length_offset_m=length_offset,
        length_factor=length_factor,
        beam_offset_m=beam_offset,
        beam_factor=beam_factor,
        length_sd_base_m=max(base, 2.0),
        length_sd_share=max(share, 0.0),
    )


def _as_ship(box: Box) -> Box:
    """Small craft are included in the fit of sizes, for its lower end."""
    return replace(box, kind="ship") if box.kind == "small" else box


def _robust_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Factor and offset of least absolute deviations, by iteratively reweighted least squares."""
    columns = np.stack([x, np.ones_like(x)], axis=1)
    weight = np.ones_like(x)
    for _ in range(20):
        scaled = columns * weight[:, None]
        factor, offset = np.linalg.solve(scaled.T @ columns, scaled.T @ y)
        weight = 1 / np.maximum(np.abs(y - factor * x - offset), 1.0)
    return float(factor), float(offset)


def _fit_score(candidates: Sequence[_Candidates], start: Calibration) -> Calibration:
    """A logistic regression of "is a ship" on the evidence (Platt scaling)."""
    features, labels = [], []
    for one in candidates:
        comparison = compare(one.vessels, one.boxes, Rule.OVERLAP)
        hits = {id(pair.found) for pair in comparison.pairs}
        judged = hits | {id(vessel) for vessel in comparison.false_alarms}
        for instance, vessel in zip(one.instances, one.vessels, strict=True):
            if id(vessel) in judged:
                features.append(evidence(instance))
                labels.append(float(id(vessel) in hits))
    if len(set(labels)) < 2:
        return start
    weights = _logistic(np.array(features), np.array(labels))
    return replace(start, score_weights=weights)


def _logistic(features: NDArray[np.float64], labels: NDArray[np.float64]) -> tuple[float, ...]:
    """Coefficients by Newton's method; the ridge penalty keeps separable classes finite."""
    weights = np.zeros(features.shape[1])
    for _ in range(30):
        probability = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (labels - probability) - _RIDGE * weights
        curvature = (features.T * (probability * (1 - probability))) @ features
        weights = weights + np.linalg.solve(curvature + _RIDGE * np.eye(len(weights)), gradient)
    return tuple(float(weight) for weight in weights)


def _best_f1(candidates: Sequence[_Candidates]) -> float:
    """The best F1 over the possible least scores .05, .10, ... .90."""
    levels = (step / 20 for step in range(1, 19))
    scores = (summarise(_compare(candidates, Rule.OVERLAP, level)) for level in levels)
    return max((one.f1 for one in scores if one.ships), default=0.0)
