"""Effect of more places, of ships pasted alongside and of mirrored views, on places left out.

python -m tests.bench.bench_places --work DIR --start build/train/simulated.safetensors

Three networks for each variant, each trained from the same start without a third of the places (the
thirteen ports, English Bay, the chips around AIS vessels), in shares of about as many ships. Three
dates of English Bay are kept out of all of them. The mirrored views are of the networks of the last
variant. Each place is calibrated on all others. Networks that are in DIR already are not trained
again; with --only those alone are measured.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from models.config import UNetConfig
from models.dataset.scenes import LabelledScene, LabelSource, read_scenes
from models.evaluation.metrics import MatchCriteria, Rule
from models.evaluation.report import Report
from models.inference.predictor import Predictor
from models.training.cross_validation import (
    HeldOut,
    held_out_by,
    networks_for_groups,
    predict_groups,
    report_on,
    ships_by_group,
    split_groups,
)
from models.training.folds import train_without
from models.training.train import TrainConfig
from models.weights import load_weights, weights_digest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
REAL, MORE = SHARED / "real-imagery", SHARED / "real-imagery-more"
KEPT = ("2019-05-31", "2019-07-20", "2019-08-04")
"""Dates of English Bay that no network sees: weeks from all others, so that no ship is in both."""
STEPS = 3500
FOLDS = 3
BAY = "MGRS-10UDV"
MIRRORED = "all places, alongside"
"""The networks that are measured with mirrored views too."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--only", action="append", help="measure this variant alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.work.mkdir(parents=True, exist_ok=True)
    sources = _sources(arguments.work)
    scenes = [scene for source in sources for scene in read_scenes(source)]
    shares = split_groups(ships_by_group(scenes), FOLDS)
    _head()
    for name, config in _variants(sources, arguments.start):
        if arguments.only and name not in arguments.only:
            continue
        folder = arguments.work / name.replace(",", "").replace(" ", "-")
        train_without(config, shares, folder, _say, arguments.parallel)
        for mirrored in (False, True) if name == MIRRORED else (False,):
            _measure(f"{name}, mirrored" if mirrored else name, folder, scenes, mirrored)


def _sources(work: Path) -> tuple[LabelSource, ...]:
    """The ten ports, then all other places."""
    return (
        LabelSource(REAL / "catalog.json", "s2-ports", REAL / "s2-ports-labels"),
        LabelSource(MORE / "catalog.json", "s2-ports-more", MORE / "s2-ports-more-labels"),
        LabelSource(MORE / "catalog.json", "s2-ais-chips", MORE / "s2-ais-chips-labels"),
        LabelSource(REAL / "catalog.json", "s2-vancouver", _without_kept(work)),
    )


def _without_kept(work: Path) -> Path:
    """English Bay's labels without those of the dates that are kept."""
    path = work / "english-bay.csv"
    with (REAL / "vancouver_ships.csv").open() as file, path.open("w") as out:
        reader = csv.DictReader(file)
        writer = csv.DictWriter(out, reader.fieldnames or ())
        writer.writeheader()
        writer.writerows(row for row in reader if not row["date_utc"].startswith(KEPT))
    return path


def _variants(sources: tuple[LabelSource, ...], start: Path) -> Iterator[tuple[str, TrainConfig]]:
    every = TrainConfig(sources=sources, steps=STEPS, start=start)
    for places, chosen in (("ten ports", sources[:1]), ("all places", sources)):
        for pasted, share in (("afloat", 0.0), ("alongside", every.chips.alongside)):
            chips = replace(every.chips, alongside=share)
            yield f"{places}, {pasted}", replace(every, sources=chosen, chips=chips)


def _measure(name: str, folder: Path, scenes: list[LabelledScene], mirrored: bool) -> None:
    held: HeldOut = []
    networks = networks_for_groups({scene.group for scene in scenes}, held_out_by(folder))
    for path, groups in networks.items():
        held = [*held, *predict_groups(_predictor(path, mirrored), scenes, groups)]
    for least in (40.0, 60.0):
        _print(
            f"{name}, {least:.0f} m and more", report_on(held, MatchCriteria(least_length_m=least))
        )


def _predictor(path: Path, mirrored: bool) -> Predictor:
    weights = load_weights(path)
    shape: UNetConfig = replace(weights.network, mirrored=mirrored)
    return Predictor(replace(weights, network=shape), weights_digest(path))


def _head() -> None:
    print(f"{'':<52} {'places':<8} {'rule':<8} {'prec.':>6} {'recall':>6} {'F1':>6}  length MAE")


def _print(name: str, report: Report) -> None:
    for places, chosen in _places(report).items():
        for rule in Rule:
            scores = chosen.scores(rule)
            print(
                f"{name:<52} {places:<8} {rule:<8} {scores.precision:6.3f} {scores.recall:6.3f} "
                f"{scores.f1:6.3f}  {scores.length_mae_m:.1f} m of {scores.ships} ships",
                flush=True,
            )


def _places(report: Report) -> dict[str, Report]:
    """The report's parts: ports, chips, English Bay."""

    def part(groups: Sequence[str]) -> Report:
        return replace(report, scenes=tuple(s for s in report.scenes if s.group in groups))

    chips = [group for group in report.groups if group.startswith("ais-")]
    ports = [group for group in report.groups if group not in (*chips, BAY)]
    return {"ports": part(ports), "chips": part(chips), "bay": part([BAY])}


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
