"""What an evaluation saw, scene by scene; figures and tables are made from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.config import DetectorError
from models.dataset.boxes import Box
from models.evaluation.detector_error import detector_errors
from models.evaluation.looks import Looks
from models.evaluation.metrics import (
    Comparison,
    MatchCriteria,
    Rule,
    Scores,
    at_least,
    merge,
    summarise,
)
from models.evaluation.shore import Shore
from models.inference.vessels import Detection


@dataclass(frozen=True)
class SceneReport:
    """One scene's comparison under each rule, and its pixels in both map and labels, in either."""

    name: str
    group: str
    by_rule: Mapping[Rule, Comparison]
    pixels_both: int
    pixels_either: int
    looks: Looks = field(default_factory=Looks)
    shore: Shore = field(default_factory=Shore)
    found: tuple[Detection, ...] = ()
    """all that was reported, with what is neither hit nor false alarm"""
    boxes: tuple[Box, ...] = ()
    """all that was labelled"""


@dataclass(frozen=True)
class Report:
    """The scenes of an evaluation; no land mask was applied."""

    scenes: tuple[SceneReport, ...]
    match: MatchCriteria = field(default_factory=MatchCriteria)

    @property
    def groups(self) -> tuple[str, ...]:
        """The ports, in order."""
        return tuple(sorted({scene.group for scene in self.scenes}))

    def comparison(
        self, rule: Rule, group: str | None = None, least_length_m: float = 0.0
    ) -> Comparison:
        """One group, or all scenes, as one comparison of ships of that length and more."""
        chosen = (scene for scene in self.scenes if group in (None, scene.group))
        return at_least(merge(scene.by_rule[rule] for scene in chosen), least_length_m)

    def scores(self, rule: Rule, group: str | None = None) -> Scores:
        """The figures of one group, or of all scenes together."""
        return summarise(self.comparison(rule, group))

    def cases(self, rule: Rule) -> list[tuple[Comparison, Shore]]:
        """Each scene's comparison with where its vessels lie."""
        return [(scene.by_rule[rule], scene.shore) for scene in self.scenes]

    @property
    def pixel_iou(self) -> float:
        """Intersection over union of ship pixels, all scenes together; NaN without any."""
        either = sum(scene.pixels_either for scene in self.scenes)
        return sum(scene.pixels_both for scene in self.scenes) / either if either else float("nan")

    @property
    def detector_errors(self) -> tuple[DetectorError, ...]:
        """How the detector errs at each kind of place, as far as the scenes tell."""
        return detector_errors([scene.looks for scene in self.scenes])
