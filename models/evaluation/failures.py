"""What went wrong in a scene, one by one, for people to look at."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from models.dataset.boxes import Box
from models.evaluation.metrics import LONG_M, Rule
from models.evaluation.report import SceneReport
from models.evaluation.shore import Zone
from models.inference.vessels import Detection


class FailureKind(StrEnum):
    """Which way it went wrong."""

    MISSED = "missed"
    FALSE_ALARM = "false alarm"
    LENGTH = "length"
    """found, but of another length"""


@dataclass(frozen=True)
class Failure:
    """One of them; of a miss there is no report, of a false alarm no truth."""

    kind: FailureKind
    group: str
    scene: str
    row: float
    """pixels from the scene's top, as col from its left"""
    col: float
    truth: Box | None
    found: Detection | None
    zone: Zone | None
    """how far the ship, or else the report, lies from solid ground; None where that is unknown"""

    @property
    def severity(self) -> float:
        """How soon it is shown among its kind: length missed, score, or error of length."""
        if self.truth is None:
            return self.found.score if self.found else 0.0
        if self.found is None:
            return self.truth.length_m
        return abs(self.found.length_m - self.truth.length_m)


def failures_of(report: SceneReport, rule: Rule = Rule.DISTANCE) -> list[Failure]:
    """All failures of a scene; lengths of found ships of 60 m and more."""
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
    place = truth or found
    if place is None:
        raise ValueError("a failure needs a truth or a report")
    zone = report.shore.zones.get(place)
    return Failure(kind, report.group, report.name, place.row, place.col, truth, found, zone)


def worst(failures: Iterable[Failure], kind: FailureKind, limit: int) -> list[Failure]:
    """The worst of one kind first, at most so many; equals by scene and place."""
    chosen = [one for one in failures if one.kind is kind]
    chosen.sort(key=lambda one: (-one.severity, one.scene, one.row, one.col))
    return chosen[:limit]
