r"""Error rates of the detector by place and length, on ports left out of the training.

make train
python tests/bench/bench_detector.py --data ../shared/data/real-imagery --work build/folds \
    [--store FILE]

The first command trains the networks of the folds (or `berthwatch train --keep DIR`).
Berths: the ten ports of s2-ports, each evaluated with the network that was trained without it.
Anchorages: their open water, and English Bay evaluated with the packaged network, which was not
trained on it. English Bay has no near infrared: its land is where the median of its ten dates, in
which there is no ship, is rough or bright, and its shore has no berths.

Its shore, seen on ten dates, also gives the variation between places: a false alarm on one date
recurs on the others.

With --store the packaged weights are written to FILE with these error rates, tensors unchanged.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from models.config import PIXEL_M, Calibration
from models.dataset.scenes import LabelledScene, LabelSource, read_scenes
from models.evaluation.detector_error import FALSE_ALARMS_PRIOR
from models.evaluation.evaluate import evaluate_scene
from models.evaluation.hierarchical import Observations, new_port, poisson
from models.evaluation.looks import REACH_M, STRIP_M, Looks, Place, looks_at
from models.evaluation.metrics import MatchCriteria, Rule
from models.evaluation.report import Report, SceneReport
from models.evaluation.text import error_line
from models.inference.instances import Prediction
from models.inference.predictor import Predictor
from models.inference.vessels import find_vessels
from models.network.normalise import VISIBLE, normalise_planes
from models.weights import Weights, load_weights, save_weights

CLASSES_M = (40, 70, 100, 150, 200, 400)
SCORES = (0.1, 0.2, 0.3, 0.5)
ROUGH = 0.12
BRIGHT = 1.0
LEAST_LAND_PX = 500
SAME_M = 150.0

HeldOut = list[tuple[LabelledScene, Prediction]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder with the folds' weights")
    parser.add_argument("--store", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    packaged = load_weights()
    ports, bay = predict_ports(arguments.data, arguments.work), predict_bay(arguments.data)
    for least_score in SCORES:
        calibration = replace(packaged.calibration, least_score=least_score)
        report = Report((*report_ports(ports, calibration), *report_bay(bay, calibration)))
        print(f"\nreported from score {least_score}")
        print(*map(error_line, report.detector_errors), sep="\n")
        if least_score == packaged.calibration.least_score:
            print_tables(report)
            print_scores(report_ports(ports, calibration))
            print_repeats(bay, calibration)
            store(packaged, report, arguments.store)


def store(packaged: Weights, report: Report, path: Path | None) -> None:
    if path:
        save_weights(replace(packaged, detector_errors=report.detector_errors), path)


# --- predictions --------------------------------------------------------------------------------


def predict_ports(data: Path, work: Path) -> HeldOut:
    scenes = read_scenes(LabelSource(data / "catalog.json", "s2-ports", data / "s2-ports-labels"))
    fold_of = {
        port: Predictor.load(path)
        for path in sorted(work.glob("*.safetensors"))
        for port in path.stem.split("-")
    }
    return [(s, fold_of[s.group].predict(s.image, s.bands)) for s in scenes]


def predict_bay(data: Path) -> HeldOut:
    source = LabelSource(data / "catalog.json", "s2-vancouver", data / "vancouver_ships.csv")
    predictor = Predictor.load()
    return [(s, predictor.predict(s.image, s.bands)) for s in read_scenes(source)]


def report_ports(held: HeldOut, calibration: Calibration) -> list[SceneReport]:
    return [
        evaluate_scene(
            scene, prediction, find_vessels(prediction, calibration, PIXEL_M), MatchCriteria()
        )
        for scene, prediction in held
    ]


def report_bay(held: HeldOut, calibration: Calibration) -> list[SceneReport]:
    land = land_of_dates([scene for scene, _ in held])
    reports = [
        evaluate_scene(
            scene,
            prediction,
            find_vessels(prediction, calibration, PIXEL_M),
            MatchCriteria(),
            land,
        )
        for scene, prediction in held
    ]
    return [replace(report, looks=open_water(report.looks)) for report in reports]


def open_water(looks: Looks) -> Looks:
    return Looks(
        tuple(ship for ship in looks.ships if ship.place is Place.ANCHORAGE),
        tuple(part for part in looks.empty if part.place is Place.ANCHORAGE),
    )


def land_of_dates(scenes: Sequence[LabelledScene]) -> NDArray[np.bool_]:
    """Land, (y, x), where the median of one place's dates is rough or bright."""
    stack = np.stack(
        [normalise_planes(scene.image, scene.bands)[: len(VISIBLE)] for scene in scenes]
    )
    known = np.isfinite(stack).any(axis=0).all(axis=0)
    level = np.zeros(stack.shape[1:])
    level[:, known] = np.nanmedian(stack[:, :, known], axis=0)
    mean, square = (ndimage.uniform_filter(of, (0, 7, 7)) for of in (level, level**2))
    rough = np.sqrt(np.maximum(square - mean**2, 0)).mean(axis=0)
    land = known & ((rough > ROUGH) | (np.abs(level).mean(axis=0) > BRIGHT))
    land = keep_large(ndimage.binary_closing(land, iterations=3))
    return ~keep_large(~land)


def keep_large(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    numbered, _ = ndimage.label(mask)
    return np.asarray(mask & (np.bincount(numbered.ravel())[numbered] >= LEAST_LAND_PX))


# --- tables -------------------------------------------------------------------------------------


def print_tables(report: Report) -> None:
    ships = [ship for scene in report.scenes for ship in scene.looks.ships]
    empty = [part for scene in report.scenes for part in scene.looks.empty]
    for place in Place:
        print(f"{place}: port, ships seen of all, false alarms in empty berths or km2")
        for group in sorted({ship.group for ship in ships}):
            seen = [ship.seen for ship in ships if (ship.place, ship.group) == (place, group)]
            parts = [part for part in empty if (part.place, part.group) == (place, group)]
            amount = sum(part.amount for part in parts)
            alarms = sum(part.reported for part in parts)
            print(f"  {group:11s} {sum(seen):3d} of {len(seen):3d}   {alarms:2d} in {amount:.0f}")
        for low, high in pairwise(CLASSES_M):
            seen = [s.seen for s in ships if s.place is place and low <= s.length_m < high]
            print(f"  {low:3d} to {high:3d} m {sum(seen):3d} of {len(seen):3d}")


def print_scores(reports: Sequence[SceneReport]) -> None:
    """Whether scores are shares of ships: expected calibration error over bins of a tenth."""
    compared = [report.by_rule[Rule.OVERLAP] for report in reports]
    hits = [(pair.found.score, 1.0) for one in compared for pair in one.pairs]
    alarms = [(vessel.score, 0.0) for one in compared for vessel in one.false_alarms]
    score, right = np.array(hits + alarms).T
    bins = np.minimum((score * 10).astype(int), 9)
    error = 0.0
    for index in np.unique(bins):
        chosen = bins == index
        error += abs(score[chosen].mean() - right[chosen].mean()) * chosen.mean()
        print(
            f"  score {score[chosen].mean():.2f}: {right[chosen].mean():.2f} ships "
            f"of {chosen.sum()} vessels"
        )
    print(f"  expected calibration error {error:.3f}")


def print_repeats(bay: HeldOut, calibration: Calibration) -> None:
    """Distribution of one shore's false alarms over its stretches of a berth's length."""
    land = land_of_dates([scene for scene, _ in bay])
    found = [false_alarms_ashore(scene, prediction, land, calibration) for scene, prediction in bay]
    stretches = found[0][1]
    at = [place for places, _ in found for place in places]
    reports = [len(group) for group in groups_of(at)]
    outcome = np.array(reports + [0] * (stretches - len(reports)), dtype=float)
    names = [str(k) for k in range(len(outcome))]
    amount = np.full(len(outcome), np.log(len(bay)))
    fit = new_port(
        poisson,
        Observations(names, outcome, np.zeros_like(amount), amount),
        FALSE_ALARMS_PRIOR[Place.BERTH],
    )
    print(f"  English Bay's shore, {len(bay)} dates: false alarms at one place {reports}")
    print(f"  sd of their logarithm over {stretches} stretches {fit.level.sd:.2f}")


def false_alarms_ashore(
    scene: LabelledScene, prediction: Prediction, land: NDArray[np.bool_], calibration: Calibration
) -> tuple[list[tuple[float, float]], int]:
    """Positions in metres of detections at the empty shore, and that shore's length in berths."""
    shore_m = ndimage.distance_transform_edt(~land) * PIXEL_M
    berths, _ = looks_at(scene, [], MatchCriteria(), land).empty
    places = []
    for vessel in find_vessels(prediction, calibration, PIXEL_M):
        if shore_m[round(vessel.row), round(vessel.col)] <= STRIP_M + REACH_M:
            look, _ = looks_at(scene, [vessel], MatchCriteria(), land).empty
            places += [(vessel.row * PIXEL_M, vessel.col * PIXEL_M)] * look.reported
    return places, round(berths.amount)


def groups_of(places: list[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Places within SAME_M of the first of their group; the largest group first."""
    groups: list[list[tuple[float, float]]] = []
    for place in places:
        near = (group for group in groups if np.hypot(*np.subtract(group[0], place)) < SAME_M)
        group = next(near, None)
        if group is None:
            groups.append([place])
        else:
            group.append(place)
    return sorted(groups, key=len, reverse=True)


if __name__ == "__main__":
    main()
