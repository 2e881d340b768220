"""Summary of an evaluation as one value, to be printed, drawn or written as JSON."""

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
from models.evaluation.slices import SliceCounts, by_company, by_length, by_motion, by_zone

WITH_INTERVAL = (
    "precision",
    "recall",
    "f1",
    "length_mae_m",
    "length_bias_m",
    "beam_mae_m",
    "heading_within_10_deg",
    "ece",
)
"""The statistics with an interval over ports, or over the scenes of a single port."""


@dataclass(frozen=True)
class ScoreSummary:
    """The scores over ships of at least some length."""

    least_length_m: float
    scores: Scores
    ece: float
    """Expected calibration error of the score."""
    intervals: Mapping[str, Interval]
    """By the names of WITH_INTERVAL."""


@dataclass(frozen=True)
class RuleSummary:
    """All statistics under one matching rule."""

    every: ScoreSummary
    """Ships of MatchCriteria.least_length_m and more."""
    long: ScoreSummary
    """Ships of 60 m and more."""
    by_length: tuple[SliceCounts, ...]
    by_zone: tuple[SliceCounts, ...]
    """By distance to solid ground; empty where no scene's ground is known."""
    by_company: tuple[SliceCounts, ...]
    """Single hulls, and hulls within a pixel of another."""
    by_motion: tuple[SliceCounts, ...]
    """Ships under way and lying; empty where no label says it."""
    reliability: tuple[ScoreBin, ...]
    alarms: tuple[AlarmRate, ...]
    """Empty where no scene's ground is known."""


@dataclass(frozen=True)
class PortSummary:
    """One port's scores under each rule."""

    group: str
    scenes: int
    by_rule: Mapping[Rule, Scores]


@dataclass(frozen=True)
class EvaluationSummary:
    """All statistics that `berthwatch evaluate` reports."""

    scenes: int
    scenes_with_ground: int
    """Scenes whose near infrared separates ground from water."""
    match: MatchCriteria
    by_rule: Mapping[Rule, RuleSummary]
    pixel_iou: float
    ports: tuple[PortSummary, ...]
    detector_errors: tuple[DetectorError, ...]

    @property
    def resampled(self) -> str:
        """The units of the intervals: ports, or the scenes of the only port."""
        return "ports" if len(self.ports) > 1 else "scenes of this one port"


def summarise_report(report: Report) -> EvaluationSummary:
    """The summary of a report; the bootstrap intervals take a few seconds."""
    return EvaluationSummary(
        scenes=len(report.scenes),
        scenes_with_ground=sum(scene.shore.is_known for scene in report.scenes),
        match=report.match,
        by_rule={rule: _rule_summary(report, rule) for rule in Rule},
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


def to_json(summary: EvaluationSummary) -> dict[str, Any]:
    """The summary as plain JSON data, with each rule at the top level by its name; NaN is None."""
    rules = {rule.value: _rule_json(of_rule) for rule, of_rule in summary.by_rule.items()}
    rest = {
        "scenes": summary.scenes,
        "scenes_with_ground": summary.scenes_with_ground,
        "intervals_over": summary.resampled,
        "match": asdict(summary.match),
        "pixel_iou": summary.pixel_iou,
        "ports": [asdict(port) for port in summary.ports],
        "detector_errors": [asdict(error) for error in summary.detector_errors],
    }
    plain: dict[str, Any] = _without_nan(rest | rules)
    return plain


def _rule_summary(report: Report, rule: Rule) -> RuleSummary:
    every, cases = report.comparison(rule), report.cases(rule)
    return RuleSummary(
        every=_score_summary(report, rule, report.match.least_length_m),
        long=_score_summary(report, rule, LONG_M),
        by_length=by_length(every),
        by_zone=by_zone(cases),
        by_company=by_company(report.company(rule)),
        by_motion=by_motion(every),
        reliability=reliability(every).bins,
        alarms=alarm_rates(cases),
    )


def _score_summary(report: Report, rule: Rule, least_length_m: float) -> ScoreSummary:
    whole = report.comparison(rule, None, least_length_m)
    if len(report.groups) > 1:
        units = [report.comparison(rule, group, least_length_m) for group in report.groups]
    else:
        units = [at_least(scene.by_rule[rule], least_length_m) for scene in report.scenes]
    return ScoreSummary(
        least_length_m, summarise(whole), reliability(whole).ece, bootstrap(units, _statistics)
    )


def _statistics(units: Sequence[Comparison]) -> dict[str, float]:
    whole = merge(units)
    every = asdict(summarise(whole)) | {"ece": reliability(whole).ece}
    return {name: every[name] for name in WITH_INTERVAL}


def _rule_json(summary: RuleSummary) -> dict[str, Any]:
    parts = {
        name: [asdict(part) | {"recall": part.recall, "precision": part.precision} for part in of]
        for name, of in (
            ("by_length", summary.by_length),
            ("by_ground", summary.by_zone),
            ("by_neighbours", summary.by_company),
            ("by_motion", summary.by_motion),
        )
    }
    rates = [asdict(rate) | {"per_100_km2": rate.per_100_km2} for rate in summary.alarms]
    return {
        **_summary_json(summary.every),
        "long": _summary_json(summary.long),
        **parts,
        "reliability": [asdict(one) for one in summary.reliability],
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
