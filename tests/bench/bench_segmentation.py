"""Measure the segmentation on the recorded imagery, and the speed of inference.

python tests/bench/bench_segmentation.py folds --data ../shared/data/real-imagery --work DIR
    Trains a network for each third of the ports, without them, and prints how they do there.
    Networks already in DIR are used again, so several of these may share the work (--fold K).
    With --final FILE it also trains on all ports and writes the calibrated weights there.
python tests/bench/bench_segmentation.py vancouver --data ../shared/data/real-imagery
    Measures weights (the packaged ones by default) on true colour they have never seen.
python tests/bench/bench_segmentation.py speed
    Megapixels per second on one thread.
"""

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from models import weights
from models.evaluate import EvaluateConfig, Report, evaluate, judge
from models.instances import find_vessels
from models.leave_out import adopt, deal, predict_groups, sum_up
from models.metrics import MatchSettings
from models.normalise import BANDS
from models.predictor import Predictor
from models.scenes import Scene, Source, read_scenes
from models.settings import PIXEL_M, Calibration
from models.train import TrainConfig, train_on

FOLDS = 3
FOLD_STEPS = 3000


def main() -> None:
    arguments = _parser().parse_args()
    torch.set_num_threads(1)
    arguments.run(arguments)


def folds(arguments: argparse.Namespace) -> None:
    source = Source(arguments.data / "catalog.json", "s2-ports", arguments.data / "s2-ports-labels")
    config = TrainConfig(sources=(source,), steps=FOLD_STEPS)
    scenes = list(read_scenes(source))
    dealt = deal({scene.group for scene in scenes}, FOLDS)
    chosen = dealt if arguments.fold is None else dealt[arguments.fold : arguments.fold + 1]
    held_out = []
    for groups in chosen:
        path = arguments.work / f"{'-'.join(groups)}.safetensors"
        if not path.exists():
            _train(scenes, replace(config, held_out=groups), path)
        held_out += predict_groups(Predictor.load(path), scenes, groups)
    match = MatchSettings(least_length_m=arguments.least_length)
    result = sum_up(held_out, match)
    for groups in chosen:
        _save_calibrated(arguments.work, f"{'-'.join(groups)}.safetensors", result.calibration)
    for least_score in (result.calibration.least_score, 0.5):
        calibration = replace(result.calibration, least_score=least_score)
        reports = tuple(
            judge(scene, prediction, find_vessels(prediction, calibration, PIXEL_M), match)
            for scene, prediction in held_out
        )
        print(f"reported from score {least_score}", *Report(reports).lines(), sep="\n")
    print(asdict(result.calibration))
    if arguments.final:
        whole = train_on(scenes, TrainConfig(sources=(source,)), _say)
        weights.save(adopt(whole, result), arguments.final)


def _save_calibrated(work: Path, name: str, calibration: Calibration) -> None:
    """A fold's network with the folds' calibration, for bench_s2_ports.py."""
    (work / "calibrated").mkdir(exist_ok=True)
    calibrated = replace(weights.load(work / name), calibration=calibration)
    weights.save(calibrated, work / "calibrated" / name)


def _train(scenes: list[Scene], config: TrainConfig, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    weights.save(train_on(scenes, config, _say), path)


def _say(line: str) -> None:
    print(line, flush=True)


def vancouver(arguments: argparse.Namespace) -> None:
    source = Source(
        arguments.data / "catalog.json", "s2-vancouver", arguments.data / "vancouver_ships.csv"
    )
    match = MatchSettings(least_length_m=arguments.least_length)
    config = EvaluateConfig((source,), weights=arguments.weights, match=match)
    print("\n".join(evaluate(config).lines()))


def speed(arguments: argparse.Namespace) -> None:
    predictor = Predictor.load(arguments.weights)
    image = np.random.default_rng(0).uniform(0, 0.3, (4, 1024, 1024)).astype(np.float32)
    predictor.predict(image, BANDS)
    started = time.perf_counter()
    predictor.predict(image, BANDS)
    seconds = time.perf_counter() - started
    print(f"{image[0].size / 1e6 / seconds:.2f} Mpx/s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for function in (folds, vancouver, speed):
        command = commands.add_parser(function.__name__)
        command.set_defaults(run=function)
        command.add_argument("--data", type=Path)
        command.add_argument("--weights", type=Path)
        command.add_argument("--least-length", type=float, default=40.0)
        command.add_argument("--work", type=Path)
        command.add_argument("--fold", type=int)
        command.add_argument("--final", type=Path)
    return parser


if __name__ == "__main__":
    main()
