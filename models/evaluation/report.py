"""The result of an evaluation by scene, from which summary and tables are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.config import DetectorError
from models.dataset import Box
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
from models.evaluation.rafts import Rafts
from models.evaluation.shore import Shore
from models.inference import Detection


@dataclass(frozen=True)
class SceneReport:
    """The evaluation of one scene."""

    name: str
    group: str
    """The port."""
    by_rule: Mapping[Rule, Comparison]
    pixels_both: int
    """Ship pixels in both the map and the labels."""
    pixels_either: int
    """Ship pixels in the map or the labels."""
    looks: Looks = field(default_factory=Looks)
    shore: Shore = field(default_factory=Shore)
    rafts: Rafts = field(default_factory=Rafts)
    found: tuple[Detection, ...] = ()
    """All detections, also those that are neither hit nor false alarm."""
    boxes: tuple[Box, ...] = ()
    """All labels."""


@dataclass(frozen=True)
class Report:
    """The scenes of an evaluation, without a land mask."""

    scenes: tuple[SceneReport, ...]
    match: MatchCriteria = field(default_factory=MatchCriteria)

    @property
    def groups(self) -> tuple[str, ...]:
        """The ports, sorted."""
        return tuple(sorted({scene.group for scene in self.scenes}))

    def comparison(
        self, rule: Rule, group: str | None = None, least_length_m: float = 0.0
    ) -> Comparison:
        """One group (None = all scenes) as one comparison of ships of at least this length."""
        chosen = (scene for scene in self.scenes if group in (None, scene.group))
        return at_least(merge(scene.by_rule[rule] for scene in chosen), least_length_m)

    def scores(self, rule: Rule, group: str | None = None) -> Scores:
        """The scores of one group, or of all scenes."""
        return summarise(self.comparison(rule, group))

    def cases(self, rule: Rule) -> list[tuple[Comparison, Shore]]:
        """Each scene's comparison with its shore."""
        return [(scene.by_rule[rule], scene.shore) for scene in self.scenes]

    def company(self, rule: Rule) -> list[tuple[Comparison, Rafts]]:
        """Each scene's comparison with its rafts."""
        return [(scene.by_rule[rule], scene.rafts) for scene in self.scenes]

    @property
    def pixel_iou(self) -> float:
        """Intersection over union of ship pixels over all scenes; NaN without any."""
        either = sum(scene.pixels_either for scene in self.scenes)
        return sum(scene.pixels_both for scene in self.scenes) / either if either else float("nan")

    @property
    def detector_errors(self) -> tuple[DetectorError, ...]:
        """The detector's error rates at each kind of place that the scenes contain."""
        return detector_errors([scene.looks for scene in self.scenes])
