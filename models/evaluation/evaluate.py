"""Evaluation of a network on labelled scenes, preferably ones it was not trained on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.dataset import LabelledScene, LabelSource, read_scenes
from models.evaluation.looks import Mask, looks_at, solid_ground
from models.evaluation.metrics import MatchCriteria, Rule, compare, pixel_counts, summarise
from models.evaluation.rafts import rafts_of
from models.evaluation.report import Report, SceneReport
from models.evaluation.shore import shore_of
from models.inference import Detection, EngineName, Prediction, Predictor
from models.weights import load_weights

Progress = Callable[[str], None]
SceneObserver = Callable[[LabelledScene, SceneReport], None]
"""Called with every scene and its report while the scene's pixels are in memory."""


@dataclass(frozen=True)
class EvaluateConfig:
    """Settings of an evaluation."""

    sources: tuple[LabelSource, ...]
    weights: Path | None = None
    """None = the packaged default."""
    groups: tuple[str, ...] = ()
    """Evaluate these ports; empty = all."""
    engine: EngineName = EngineName.TORCH
    match: MatchCriteria = field(default_factory=MatchCriteria)


def evaluate_network(
    config: EvaluateConfig, progress: Progress = print, observer: SceneObserver | None = None
) -> Report:
    """Evaluate a weights file on every labelled scene of the sources.

    progress is called with a line per scene. Raises DatasetError, WeightsError, EngineError.
    """
    predictor = Predictor.load(config.weights, engine=config.engine)
    reports = []
    for source in config.sources:
        for scene in read_scenes(source):
            if config.groups and scene.group not in config.groups:
                continue
            prediction = predictor.predict(scene.image, scene.bands)
            found = predictor.detect(prediction)
            reports.append(evaluate_scene(scene, prediction, found, config.match))
            report_scene(scene, reports[-1], progress, observer)
    return Report(tuple(reports), config.match)


def report_scene(
    scene: LabelledScene, report: SceneReport, progress: Progress, observer: SceneObserver | None
) -> None:
    """Report a scene's scores as a progress line, and pass it to the observer."""
    scores = summarise(report.by_rule[Rule.DISTANCE])
    progress(f"{scene.name}: {scores.ships} ships, F1 {scores.f1:.3f} by distance")
    if observer is not None:
        observer(scene, report)


def trained_on(weights: Path | None, report: Report) -> tuple[str, ...]:
    """The evaluated scenes that a weights file (None = the packaged one) was trained on."""
    scenes = load_weights(weights).training.get("scenes")
    names = set(scenes) if isinstance(scenes, Mapping) else set()
    return tuple(scene.name for scene in report.scenes if scene.name in names)


def evaluate_scene(
    scene: LabelledScene,
    prediction: Prediction,
    found: Sequence[Detection],
    match: MatchCriteria,
    ground: Mask | None = None,
) -> SceneReport:
    """Compare the detections of a scene with its labels.

    ground: (y, x), True on land, quays and breakwaters; None = taken from the near infrared.
    """
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
        rafts=rafts_of(scene.boxes, found),
        found=tuple(found),
        boxes=scene.boxes,
    )
