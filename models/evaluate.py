"""Measuring a network: on scenes it has not seen, and port by port with that port left out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from math import exp
from pathlib import Path

from scipy.special import expit, logit

from models.calibrate import Example, calibrate
from models.detector_error import detector_errors
from models.instances import Detection, Prediction, find_vessels
from models.metrics import (
    Comparison,
    MatchSettings,
    Rule,
    Scores,
    compare,
    pixel_counts,
    summarise,
    together,
)
from models.places import Looks, Mask, Place, looks_at
from models.predictor import Predictor
from models.scenes import Scene, Source, read_scenes
from models.settings import PIXEL_M, Calibration, DetectorError
from models.train import TrainConfig, train_on
from models.weights import Weights

Progress = Callable[[str], None]


@dataclass(frozen=True)
class EvaluateConfig:
    """What to measure.

    groups: only these ports; empty = all. weights: None = the packaged default.
    """

    sources: tuple[Source, ...]
    weights: Path | None = None
    groups: tuple[str, ...] = ()
    match: MatchSettings = field(default_factory=MatchSettings)


@dataclass(frozen=True)
class SceneReport:
    """One scene's comparison under each rule, and its pixels in both map and labels, in either."""

    name: str
    group: str
    by_rule: dict[Rule, Comparison]
    pixels_both: int
    pixels_either: int
    looks: Looks = field(default_factory=Looks)


@dataclass(frozen=True)
class Report:
    """The figures of several scenes; no land mask was applied."""

    scenes: tuple[SceneReport, ...]

    def scores(self, rule: Rule, group: str | None = None) -> Scores:
        """The figures of one group, or of all scenes together."""
        chosen = (scene for scene in self.scenes if group in (None, scene.group))
        return summarise(together(scene.by_rule[rule] for scene in chosen))

    @property
    def pixel_iou(self) -> float:
        """Intersection over union of ship pixels, all scenes together; NaN without any."""
        either = sum(scene.pixels_either for scene in self.scenes)
        return sum(scene.pixels_both for scene in self.scenes) / either if either else float("nan")

    @property
    def detector_errors(self) -> tuple[DetectorError, ...]:
        """How the detector errs at each kind of place, as far as the scenes tell."""
        return detector_errors([scene.looks for scene in self.scenes])

    def lines(self) -> list[str]:
        """A table for people: a line per scene, and the sum, under each rule."""
        header = (
            f"{'scene':<30} {'rule':<8} ships  prec.  recall    F1    IoU  "
            "length MAE  bias  heading median  within 10"
        )
        rows = [
            _line(scene.name, rule, summarise(scene.by_rule[rule]))
            for scene in self.scenes
            for rule in Rule
        ]
        total = [_line("all", rule, self.scores(rule)) for rule in Rule]
        errors = [_error_line(error) for error in self.detector_errors]
        return [header, *rows, *total, f"pixel IoU {self.pixel_iou:.3f}", *errors]


def _line(name: str, rule: Rule, scores: Scores) -> str:
    return (
        f"{name:<30} {rule:<8} {scores.ships:>5} {scores.precision:>6.3f} {scores.recall:>7.3f} "
        f"{scores.f1:>6.3f} {scores.mean_iou:>5.2f} {scores.length_mae_m:>9.1f} m "
        f"{scores.length_bias_m:>5.1f} {scores.heading_median_deg:>13.1f} deg "
        f"{scores.heading_within_10_deg:>9.2f}"
    )


def _error_line(error: DetectorError) -> str:
    """Recall and false alarms at one place, each with what two thirds of new ports have."""
    low, high = (expit(logit(error.recall) + side * error.recall_sd) for side in (-1, 1))
    spread = exp(error.false_alarms_sd)
    unit = "berth" if error.place == Place.BERTH else "km2"
    return (
        f"{error.place}: a ship of 100 m is seen with {error.recall:.2f} ({low:.2f} to {high:.2f} "
        f"at a new port), logit + {error.recall_slope:.2f} ln(length / 100 m); "
        f"{error.false_alarms:.4f} false alarms per look at an empty {unit} "
        f"({error.false_alarms / spread:.4f} to {error.false_alarms * spread:.3f} at a new one); "
        f"from {error.ships} ships at {error.ports} ports and {error.empty:.0f} empty {unit}"
    )


def evaluate(config: EvaluateConfig, progress: Progress = print) -> Report:
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
            scores = summarise(reports[-1].by_rule[Rule.DISTANCE])
            progress(f"{scene.name}: {scores.ships} ships, F1 {scores.f1:.3f} by distance")
    return Report(tuple(reports))


def judge(
    scene: Scene,
    prediction: Prediction,
    found: Sequence[Detection],
    match: MatchSettings,
    ground: Mask | None = None,
) -> SceneReport:
    """Compare what was found in a scene with its labels; ground as places.looks_at takes it."""
    both, either = pixel_counts(prediction.ship, scene.boxes)
    by_rule = {rule: compare(found, scene.boxes, rule, match) for rule in Rule}
    looks = looks_at(scene, found, match, ground)
    return SceneReport(scene.name, scene.group, by_rule, both, either, looks)


@dataclass(frozen=True)
class CrossValidation:
    """Each group predicted by a network trained on the others.

    The calibration is fitted on those predictions together, and the report uses it: its few
    numbers have seen the labels, the networks have not.
    """

    report: Report
    calibration: Calibration


def cross_validate(
    config: TrainConfig,
    folds: int | None = None,
    match: MatchSettings | None = None,
    progress: Progress = print,
) -> CrossValidation:
    """Predict every scene by a network that was trained without its group (port).

    folds: how many networks to train, each without its share of the groups; None = one for each
    group, leaving out that one alone.
    """
    scenes = [scene for source in config.sources for scene in read_scenes(source)]
    held_out: list[tuple[Scene, Prediction]] = []
    for groups in deal({scene.group for scene in scenes}, folds):
        progress(f"without {', '.join(groups)}")
        weights = train_on(scenes, replace(config, held_out=groups), progress)
        held_out += predict_groups(Predictor(weights, digest=""), scenes, groups)
    return sum_up(held_out, match or MatchSettings())


def deal(groups: Iterable[str], folds: int | None = None) -> list[tuple[str, ...]]:
    """The groups in order, dealt into so many runs of neighbours; None = each alone."""
    ordered = sorted(groups)
    folds = min(folds or len(ordered), len(ordered))
    ends = [round(len(ordered) * k / folds) for k in range(folds + 1)]
    return [tuple(ordered[first:last]) for first, last in pairwise(ends)]


def predict_groups(
    predictor: Predictor, scenes: Sequence[Scene], groups: Sequence[str]
) -> list[tuple[Scene, Prediction]]:
    """The scenes of some groups, each with its prediction."""
    chosen = [scene for scene in scenes if scene.group in groups]
    return [(scene, predictor.predict(scene.image, scene.bands)) for scene in chosen]


def sum_up(held_out: Sequence[tuple[Scene, Prediction]], match: MatchSettings) -> CrossValidation:
    """Calibrate on held-out predictions and report on them."""
    calibration = calibrate([Example(prediction, scene.boxes) for scene, prediction in held_out])
    reports = tuple(
        judge(scene, prediction, find_vessels(prediction, calibration, PIXEL_M), match)
        for scene, prediction in held_out
    )
    return CrossValidation(Report(reports), calibration)


def adopt(weights: Weights, result: CrossValidation) -> Weights:
    """The weights with the result's calibration and errors, and its figures in their record."""
    figures = {rule.value: asdict(result.report.scores(rule)) for rule in Rule}
    record = {**weights.training, "held_out": figures, "pixel_iou": result.report.pixel_iou}
    return replace(
        weights,
        calibration=result.calibration,
        training=record,
        detector_errors=result.report.detector_errors,
    )
