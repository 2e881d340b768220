"""Measuring a network on labelled scenes, which are best ones that it has not seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models import weights as weights_files
from models.dataset.scenes import Scene, Source, read_scenes
from models.evaluation.looks import Mask, looks_at, solid_ground
from models.evaluation.metrics import MatchSettings, Rule, compare, pixel_counts, summarise
from models.evaluation.report import Report, SceneReport
from models.evaluation.shore import shore_of
from models.inference.instances import Prediction
from models.inference.predictor import Predictor
from models.inference.vessels import Detection

__all__ = ["EvaluateConfig", "Report", "SceneReport", "evaluate", "judge", "tell", "trained_on"]

Progress = Callable[[str], None]
Watch = Callable[[Scene, SceneReport], None]
"""Called with every scene and what was found of it, while its pixels are at hand."""


@dataclass(frozen=True)
class EvaluateConfig:
    """What to measure.

    groups: only these ports; empty = all. weights: None = the packaged default.
    """

    sources: tuple[Source, ...]
    weights: Path | None = None
    groups: tuple[str, ...] = ()
    match: MatchSettings = field(default_factory=MatchSettings)


def evaluate(
    config: EvaluateConfig, progress: Progress = print, watch: Watch | None = None
) -> Report:
    """Measure a weights file on every labelled scene of the sources.

    progress is called with a line per scene. Raises SceneError, WeightsError.
    """
    predictor = Predictor.load(config.weights)
    reports = []
    for source in config.sources:
        for scene in read_scenes(source):
            if config.groups and scene.group not in config.groups:
                continue
            prediction = predictor.predict(scene.image, scene.bands)
            found = predictor.detect(prediction)
            reports.append(judge(scene, prediction, found, config.match))
            tell(scene, reports[-1], progress, watch)
    return Report(tuple(reports), config.match)


def tell(scene: Scene, report: SceneReport, progress: Progress, watch: Watch | None) -> None:
    """Say how a scene went, and show it to whoever watches."""
    scores = summarise(report.by_rule[Rule.DISTANCE])
    progress(f"{scene.name}: {scores.ships} ships, F1 {scores.f1:.3f} by distance")
    if watch is not None:
        watch(scene, report)


def trained_on(weights: Path | None, report: Report) -> tuple[str, ...]:
    """The measured scenes that a weights file says it was trained on; None = the packaged one."""
    scenes = weights_files.load(weights).training.get("scenes")
    names = set(scenes) if isinstance(scenes, Mapping) else set()
    return tuple(scene.name for scene in report.scenes if scene.name in names)


def judge(
    scene: Scene,
    prediction: Prediction,
    found: Sequence[Detection],
    match: MatchSettings,
    ground: Mask | None = None,
) -> SceneReport:
    """Compare what was found in a scene with its labels; ground as places.looks_at takes it."""
    both, either = pixel_counts(prediction.ship, scene.boxes)
    if ground is None:
        ground = solid_ground(scene)
    return SceneReport(
        name=scene.name,
        group=scene.group,
        by_rule={rule: compare(found, scene.boxes, rule, match) for rule in Rule},
        pixels_both=both,
        pixels_either=either,
        looks=looks_at(scene, found, match, ground),
        shore=shore_of(scene, found, ground),
        found=tuple(found),
        boxes=scene.boxes,
    )
