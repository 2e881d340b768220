"""Cross-validation: evaluate each port with a network and a calibration from other ports."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from models.config import PIXEL_M, Calibration
from models.dataset import LabelledScene, read_scenes
from models.evaluation import (
    EvaluateConfig,
    MatchCriteria,
    Progress,
    Report,
    Rule,
    SceneObserver,
    evaluate_scene,
    report_scene,
)
from models.inference import Prediction, Predictor, find_vessels
from models.training.calibrate import Example, calibrate
from models.training.folds import FoldsError, train_without
from models.training.train import TrainConfig
from models.weights import Weights, load_weights, save_weights

HeldOut = Sequence[tuple[LabelledScene, Prediction]]
"""Scenes with the predictions of a network that was trained without their group."""


@dataclass(frozen=True)
class CrossValidation:
    """Each group predicted by a network trained on the others.

    In the report each group is calibrated on the predictions of all others, so that neither network
    nor calibration used it. The calibration is fitted on all predictions, for a network trained on
    all groups.
    """

    report: Report
    calibration: Calibration


def cross_validate(
    config: TrainConfig,
    folds: int | None = None,
    match: MatchCriteria | None = None,
    progress: Progress = print,
    keep: Path | None = None,
    parallel: int = 1,
) -> CrossValidation:
    """Predict every scene by a network that was trained without its group (port).

    folds: number of networks, each trained without its share of the groups; None = one for each
    group, leaving out that one alone. keep: a folder in which the networks are stored, each
    calibrated on the ports that the others left out; networks that are there already are reused.
    parallel: how many are trained at once, each in its own process. Raises FoldsError.
    """
    scenes = [scene for source in config.sources for scene in read_scenes(source)]
    shares = split_groups(ships_by_group(scenes), folds)
    if len(shares) < 2:
        raise FoldsError(
            f"{len(shares)} fold of {', '.join(*shares) if shares else 'no port'}; expected two or "
            "more, each trained without some ports: add ports, ask for more folds, or for none (0)"
        )
    held_out: list[tuple[LabelledScene, Prediction]] = []
    with TemporaryDirectory() as scratch:
        folder = keep or Path(scratch)
        networks = train_without(config, shares, folder, progress, parallel)
        for groups, path in zip(shares, networks, strict=True):
            held_out += predict_groups(Predictor.load(path), scenes, groups)
        if keep:
            _store_calibrations(held_out, dict(zip(networks, shares, strict=True)))
    return report_and_calibrate(held_out, match or MatchCriteria(), progress)


def _store_calibrations(held_out: HeldOut, shares: Mapping[Path, tuple[str, ...]]) -> None:
    """Calibrate each stored network on the ports that the other networks left out."""
    examples = _examples(held_out)
    for path, groups in shares.items():
        others = [
            e for e, (scene, _) in zip(examples, held_out, strict=True) if scene.group not in groups
        ]
        if others:
            calibrated = replace(load_weights(path), calibration=calibrate(others))
            save_weights(calibrated, path)


def evaluate_folds(
    config: EvaluateConfig,
    folder: Path,
    progress: Progress = print,
    observer: SceneObserver | None = None,
) -> Report:
    """Evaluate every port with the one network of a folder that was trained without it.

    config.groups limits the report, not the ports used for calibration; config.weights is not used.
    All scenes and predictions are in memory at once. Raises FoldsError where a port is left out by
    no network or by several.
    """
    networks = held_out_by(folder)
    scenes = [scene for source in config.sources for scene in read_scenes(source)]
    shares = networks_for_groups({scene.group for scene in scenes}, networks)
    held_out: list[tuple[LabelledScene, Prediction]] = []
    for path, groups in shares.items():
        progress(f"{path.name} on {', '.join(groups)}")
        held_out += predict_groups(Predictor.load(path, engine=config.engine), scenes, groups)
    return report_on(held_out, config.match, progress, observer, config.groups)


def held_out_by(folder: Path) -> dict[Path, tuple[str, ...]]:
    """The groups that each weights file of a folder was trained without."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise FoldsError(
            f"{folder}: no weights files (*.safetensors); expected networks that were each trained "
            "without some ports: make them with `berthwatch train --folds N --keep DIR`"
        )
    return {path: _held_out(load_weights(path)) for path in paths}


def _held_out(weights: Weights) -> tuple[str, ...]:
    settings = weights.training.get("settings")
    groups = settings.get("held_out", ()) if isinstance(settings, Mapping) else ()
    return tuple(str(group) for group in groups)


def networks_for_groups(
    groups: Iterable[str], networks: Mapping[Path, tuple[str, ...]]
) -> dict[Path, tuple[str, ...]]:
    """The groups to evaluate each network on; FoldsError unless each is left out by exactly one."""
    shares: dict[Path, tuple[str, ...]] = {}
    for group in sorted(groups):
        fit = [path for path, held_out in networks.items() if group in held_out]
        if len(fit) != 1:
            raise FoldsError(_not_one(group, fit, networks))
        shares[fit[0]] = (*shares.get(fit[0], ()), group)
    return shares


def _not_one(group: str, fit: Sequence[Path], networks: Mapping[Path, tuple[str, ...]]) -> str:
    if fit:
        names = ", ".join(path.name for path in fit)
        return (
            f"port {group} is left out by {len(fit)} networks ({names}); expected exactly one: "
            "keep the networks of one set of folds in the folder"
        )
    known = "; ".join(f"{p.name} without {', '.join(of) or 'none'}" for p, of in networks.items())
    return (
        f"port {group} is left out by no network ({known}); expected exactly one: add the network "
        "that was trained without it, or leave its scenes out of the sources"
    )


def ships_by_group(scenes: Iterable[LabelledScene]) -> Counter[str]:
    """The number of ships of each group, also of those that have none."""
    ships: Counter[str] = Counter()
    for scene in scenes:
        ships[scene.group] += len(scene.ships)
    return ships


def split_groups(ships: Mapping[str, int], folds: int | None = None) -> list[tuple[str, ...]]:
    """The groups in shares of about as many ships, each share in order; None = each alone.

    ships: number of each group. The group with most ships is dealt first, each to the share that
    has fewest ships, then fewest groups.
    """
    shares: list[list[str]] = [[] for _ in range(min(folds or len(ships), len(ships)))]

    def held(share: list[str]) -> tuple[int, int]:
        return sum(ships[group] for group in share), len(share)

    for group in sorted(ships, key=lambda group: (-ships[group], group)):
        min(shares, key=held).append(group)
    return sorted(tuple(sorted(share)) for share in shares)


def predict_groups(
    predictor: Predictor, scenes: Sequence[LabelledScene], groups: Sequence[str]
) -> list[tuple[LabelledScene, Prediction]]:
    """The scenes of these groups, each with its prediction."""
    chosen = [scene for scene in scenes if scene.group in groups]
    return [(scene, predictor.predict(scene.image, scene.bands)) for scene in chosen]


def report_and_calibrate(
    held_out: HeldOut, match: MatchCriteria, progress: Progress | None = None
) -> CrossValidation:
    """Report on each group with the calibration of all others, and calibrate on all together.

    Raises FoldsError like report_on.
    """
    examples = _examples(held_out)
    report = report_on(held_out, match, progress, examples=examples)
    return CrossValidation(report, calibrate(examples))


def report_on(
    held_out: HeldOut,
    match: MatchCriteria,
    progress: Progress | None = None,
    observer: SceneObserver | None = None,
    only: Sequence[str] = (),
    examples: Sequence[Example] | None = None,
) -> Report:
    """Report on each group with the calibration of all others.

    only: report these groups; the others still serve for calibration. examples: those of held_out,
    where they exist already. Raises FoldsError where there is only one group, which leaves none to
    calibrate it on.
    """
    log = progress or (lambda _: None)
    groups = sorted({scene.group for scene, _ in held_out})
    if len(groups) < 2:
        raise FoldsError(
            f"only {', '.join(groups) or 'no port'} was left out; expected two ports or more, "
            "since each is calibrated on the others: add ports, or more folds"
        )
    examples = examples or _examples(held_out)
    of_group = [scene.group for scene, _ in held_out]
    reports = []
    for group in [group for group in groups if not only or group in only]:
        log(f"calibrating for {group} on the others")
        others = [one for one, its in zip(examples, of_group, strict=True) if its != group]
        calibration = calibrate(others)
        for scene, prediction in (held for held in held_out if held[0].group == group):
            found = find_vessels(prediction, calibration, PIXEL_M)
            reports.append(evaluate_scene(scene, prediction, found, match))
            report_scene(scene, reports[-1], log, observer)
    return Report(tuple(reports), match)


def _examples(held_out: HeldOut) -> list[Example]:
    return [Example(prediction, scene.boxes) for scene, prediction in held_out]


def with_cross_validation(weights: Weights, result: CrossValidation) -> Weights:
    """The weights with the calibration, error rates and scores of a cross-validation."""
    scores = {rule.value: asdict(result.report.scores(rule)) for rule in Rule}
    record = {**weights.training, "held_out": scores, "pixel_iou": result.report.pixel_iou}
    return replace(
        weights,
        calibration=result.calibration,
        training=record,
        detector_errors=result.report.detector_errors,
    )
