"""The single failures of a scene: missed ships, false alarms, wrong lengths."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from models.dataset import Box
from models.evaluation.metrics import LONG_M, Rule
from models.evaluation.report import SceneReport
from models.evaluation.shore import Zone
from models.inference import Detection


class FailureKind(StrEnum):
    """Kind of failure."""

    MISSED = "missed"
    FALSE_ALARM = "false alarm"
    LENGTH = "length"
    """Found, with another length."""


@dataclass(frozen=True)
class Failure:
    """One failure."""

    kind: FailureKind
    group: str
    scene: str
    row: float
    """Pixels from the scene's top, col from its left."""
    col: float
    truth: Box | None
    """None for a false alarm."""
    found: Detection | None
    """None for a missed ship."""
    zone: Zone | None
    """Distance of the ship, else of the detection, to solid ground; None where unknown."""

    @property
    def severity(self) -> float:
        """Order within its kind: length of the missed ship, score, or absolute error of length."""
        if self.truth is None:
            return self.found.score if self.found else 0.0
        if self.found is None:
            return self.truth.length_m
        return abs(self.found.length_m - self.truth.length_m)


def failures_of(report: SceneReport, rule: Rule = Rule.DISTANCE) -> list[Failure]:
    """All failures of a scene; errors of length are of found ships of 60 m and more."""
    comparison = report.by_rule[rule]
    pairs = [pair for pair in comparison.pairs if pair.truth.length_m >= LONG_M]
    return [
        *(_failure(FailureKind.MISSED, report, box, None) for box in comparison.missed),
        *(_failure(FailureKind.FALSE_ALARM, report, None, v) for v in comparison.false_alarms),
        *(_failure(FailureKind.LENGTH, report, pair.truth, pair.found) for pair in pairs),
    ]


def _failure(
    kind: FailureKind, report: SceneReport, truth: Box | None, found: Detection | None
) -> Failure:
    hull = truth or found
    if hull is None:
        raise ValueError("a failure needs a truth or a detection")
    zone = report.shore.zones.get(hull)
    return Failure(kind, report.group, report.name, hull.row, hull.col, truth, found, zone)


def worst(failures: Iterable[Failure], kind: FailureKind, limit: int) -> list[Failure]:
    """The most severe of one kind, at most limit; ties by scene and position."""
    chosen = [one for one in failures if one.kind is kind]
    chosen.sort(key=lambda one: (-one.severity, one.scene, one.row, one.col))
    return chosen[:limit]
