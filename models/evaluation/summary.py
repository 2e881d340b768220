"""Every figure of an evaluation as one value, to be printed, drawn or written as JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models.config import DetectorError
from models.evaluation.bootstrap import Interval, bootstrap
from models.evaluation.metrics import (
    LONG_M,
    Comparison,
    MatchCriteria,
    Rule,
    Scores,
    at_least,
    merge,
    summarise,
)
from models.evaluation.reliability import ScoreBin, reliability
from models.evaluation.report import Report
from models.evaluation.shore import AlarmRate, alarm_rates
from models.evaluation.slices import SliceCounts, by_length, by_zone

BOUNDED = (
    "precision",
    "recall",
    "f1",
    "length_mae_m",
    "length_bias_m",
    "beam_mae_m",
    "heading_within_10_deg",
    "ece",
)
"""The figures that get an interval over ports, or over the scenes of a single one."""


@dataclass(frozen=True)
class ScoreSummary:
    """The figures of ships of some length and more."""

    least_length_m: float
    scores: Scores
    ece: float
    intervals: Mapping[str, Interval]
    """by the names of BOUNDED"""


@dataclass(frozen=True)
class RuleSummary:
    """All figures under one rule of what counts as found."""

    every: ScoreSummary
    """ships of MatchCriteria.least_length_m and more"""
    long: ScoreSummary
    """ships of 60 m and more"""
    by_length: tuple[SliceCounts, ...]
    by_zone: tuple[SliceCounts, ...]
    """by distance to solid ground; empty where no scene's is known"""
    reliability: tuple[ScoreBin, ...]
    alarms: tuple[AlarmRate, ...]
    """empty where no scene's ground is known"""


@dataclass(frozen=True)
class PortSummary:
    """One port's scores under each rule."""

    group: str
    scenes: int
    by_rule: Mapping[Rule, Scores]


@dataclass(frozen=True)
class EvaluationSummary:
    """All that `berthwatch evaluate` has to say."""

    scenes: int
    scenes_with_ground: int
    """those whose near infrared tells solid ground from water"""
    match: MatchCriteria
    by_rule: Mapping[Rule, RuleSummary]
    pixel_iou: float
    ports: tuple[PortSummary, ...]
    detector_errors: tuple[DetectorError, ...]

    @property
    def drawn(self) -> str:
        """What the intervals are over: other ports, or other scenes of the one there is."""
        return "ports" if len(self.ports) > 1 else "scenes of this one port"


def summarise_report(report: Report) -> EvaluationSummary:
    """Work out every figure; most of the time goes into the intervals, a few seconds."""
    return EvaluationSummary(
        scenes=len(report.scenes),
        scenes_with_ground=sum(scene.shore.is_known for scene in report.scenes),
        match=report.match,
        by_rule={rule: _rule_figures(report, rule) for rule in Rule},
        pixel_iou=report.pixel_iou,
        ports=tuple(
            PortSummary(
                group,
                sum(scene.group == group for scene in report.scenes),
                {rule: report.scores(rule, group) for rule in Rule},
            )
            for group in report.groups
        ),
        detector_errors=report.detector_errors,
    )


def to_json(figures: EvaluationSummary) -> dict[str, Any]:
    """The same as plain data, each rule's figures at the top under its name; NaN becomes None."""
    rules = {rule.value: _rule_json(of_rule) for rule, of_rule in figures.by_rule.items()}
    rest = {
        "scenes": figures.scenes,
        "scenes_with_ground": figures.scenes_with_ground,
        "intervals_over": figures.drawn,
        "match": asdict(figures.match),
        "pixel_iou": figures.pixel_iou,
        "ports": [asdict(port) for port in figures.ports],
        "detector_errors": [asdict(error) for error in figures.detector_errors],
    }
    plain: dict[str, Any] = _without_nan(rest | rules)
    return plain


def _rule_figures(report: Report, rule: Rule) -> RuleSummary:
    every, cases = report.comparison(rule), report.cases(rule)
    return RuleSummary(
        every=_summary(report, rule, report.match.least_length_m),
        long=_summary(report, rule, LONG_M),
        by_length=by_length(every),
        by_zone=by_zone(cases),
        reliability=reliability(every).tenths,
        alarms=alarm_rates(cases),
    )


def _summary(report: Report, rule: Rule, least_length_m: float) -> ScoreSummary:
    whole = report.comparison(rule, None, least_length_m)
    if len(report.groups) > 1:
        units = [report.comparison(rule, group, least_length_m) for group in report.groups]
    else:
        units = [at_least(scene.by_rule[rule], least_length_m) for scene in report.scenes]
    return ScoreSummary(
        least_length_m, summarise(whole), reliability(whole).ece, bootstrap(units, _bounded)
    )


def _bounded(units: Sequence[Comparison]) -> dict[str, float]:
    whole = merge(units)
    every = asdict(summarise(whole)) | {"ece": reliability(whole).ece}
    return {name: every[name] for name in BOUNDED}


def _rule_json(figures: RuleSummary) -> dict[str, Any]:
    parts = {
        name: [asdict(part) | {"recall": part.recall, "precision": part.precision} for part in of]
        for name, of in (("by_length", figures.by_length), ("by_ground", figures.by_zone))
    }
    rates = [asdict(rate) | {"per_100_km2": rate.per_100_km2} for rate in figures.alarms]
    return {
        **_summary_json(figures.every),
        "long": _summary_json(figures.long),
        **parts,
        "reliability": [asdict(tenth) for tenth in figures.reliability],
        "false_alarms": rates,
    }


def _summary_json(summary: ScoreSummary) -> dict[str, Any]:
    intervals = {name: [one.low, one.high] for name, one in summary.intervals.items()}
    return {
        "least_length_m": summary.least_length_m,
        **asdict(summary.scores),
        "ece": summary.ece,
        "intervals": intervals,
    }


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
