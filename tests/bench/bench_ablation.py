"""Effect of the simulator and of copy-paste augmentation on ports left out of the training.

python -m tests.bench.bench_ablation --work DIR [--parallel 2]

Two networks for each variant, one without Athens, Durban and Port Hedland, the other without
Gdynia, Genoa, Casablanca and Honolulu; all with the same seed and number of steps. "With the
simulator" starts from a network trained on simulated harbours alone (trained first, and stored in
DIR like the others). Networks that are in DIR already are not trained again. The effect of the
background model is measured by bench_background.py, which needs many dates of one port.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import torch

from jobs.simulate.settings import SimulationConfig
from jobs.simulate.simulation import simulate_archive
from models.dataset.scenes import LabelledScene, LabelSource, read_scenes
from models.evaluation.metrics import MatchCriteria, Rule
from models.inference.predictor import Predictor
from models.training.cross_validation import HeldOut, predict_groups, report_on
from models.training.folds import train_without
from models.training.train import TrainConfig, train_network
from models.weights import save_weights

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "real-imagery"
SHARES = (("athens", "durban", "hedland"), ("gdynia", "genoa", "casablanca", "honolulu"))
STEPS = 4000
SIMULATED_STEPS = 3500
HARBOURS = SimulationConfig(seed=1001, harbours=60, start=date(2023, 5, 1), days=1, cloud_share=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--parallel", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    source = LabelSource(DATA / "catalog.json", "s2-ports", DATA / "s2-ports-labels")
    scenes = list(read_scenes(source))
    variants = dict(_variants(source, arguments.work))
    print(
        f"{'variant':<34} {'rule':<8} {'prec.':>6} {'recall':>6} {'F1':>6} {'60 m+':>6}  length MAE"
    )
    for name, config in variants.items():
        folder = arguments.work / name.replace(" ", "-")
        paths = train_without(config, SHARES, folder, _say, arguments.parallel)
        _print(name, _held(scenes, paths))


def _variants(source: LabelSource, work: Path) -> Iterator[tuple[str, TrainConfig]]:
    harbours = _harbours(work / "harbours")
    start = _simulated(harbours, work / "simulated.safetensors")
    plain = TrainConfig(sources=(source,), steps=STEPS)
    unpasted = replace(plain.chips, paste=0.0)
    yield "simulator and copy-paste", replace(plain, start=start)
    yield "copy-paste alone", plain
    yield "simulator alone", replace(plain, start=start, chips=unpasted)


def _harbours(folder: Path) -> LabelSource:
    if not (folder / "catalog.json").exists():
        simulate_archive(HARBOURS, folder, _say)
    return LabelSource(folder / "catalog.json", "sentinel-2-c1-l2a", folder / "labels")


def _simulated(harbours: LabelSource, path: Path) -> Path:
    if not path.exists():
        save_weights(
            train_network(TrainConfig(sources=(harbours,), steps=SIMULATED_STEPS), _say), path
        )
    return path


def _held(scenes: list[LabelledScene], paths: list[Path]) -> HeldOut:
    return [
        held
        for path, groups in zip(paths, SHARES, strict=True)
        for held in predict_groups(Predictor.load(path), scenes, groups)
    ]


def _print(name: str, held: HeldOut) -> None:
    every, long = (report_on(held, MatchCriteria(least_length_m=least)) for least in (40.0, 60.0))
    for rule in Rule:
        scores = every.scores(rule)
        print(
            f"{name:<34} {rule:<8} {scores.precision:6.3f} {scores.recall:6.3f} {scores.f1:6.3f} "
            f"{long.scores(rule).f1:6.3f}  {scores.length_mae_m:.1f} m",
            flush=True,
        )


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
