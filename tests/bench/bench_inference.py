"""Throughput of the network by several runtimes, in one run; and the stage's time by part.

python -m tests.bench.bench_inference [--quick] [--engines] [--weights FILE]

First the engines that a job file may name, in CPU seconds with normalising, and the vessels that
they find otherwise than torch in float32 on all labelled scenes; with --engines that alone. Then
on one thread, methods alternate, so that other load on the machine affects all equally; the median
and the extremes of the rounds are printed. Megapixels are of the image, without halos. onnxruntime
is measured where it is installed; a method that is missing or fails is printed with its error.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from jobs import segment
from jobs.archive import ForkStore
from models.dataset.scenes import LabelledScene, LabelSource, read_scenes
from models.inference import Detection, EngineError, EngineName
from models.inference import predictor as predictor_module
from models.inference.engine import Engine, OneThread
from models.inference.fuse import fused
from models.inference.predictor import Predictor
from models.inference.tiles import HALO_PX, Tile, busy_cells, cover, cut, pixels_of
from models.network.normalise import normalise_planes
from models.network.unet import UNet, unet_from_arrays
from models.weights import load_weights
from tests.bench.bench_costs import Filled, scene_files

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = SHARED / "real-imagery"
MORE_DATA = SHARED / "real-imagery-more"
PORTS = LabelSource(DATA / "catalog.json", "s2-ports", DATA / "s2-ports-labels")
BAY = LabelSource(DATA / "catalog.json", "s2-vancouver", DATA / "vancouver_ships.csv")
MORE = LabelSource(MORE_DATA / "catalog.json", "s2-ports-more", MORE_DATA / "s2-ports-more-labels")
CHIPS = LabelSource(MORE_DATA / "catalog.json", "s2-ais-chips", MORE_DATA / "s2-ais-chips-labels")
SIDE_PX = 512
COMPILE_AT_MOST_S = 240.0

Image = NDArray[np.float32]
Run = Callable[[Image], object]

pytestmark = [
    pytest.mark.bench,
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason="no recorded imagery beside the checkout"),
]


@pytest.mark.timeout(3600)
def test_inference() -> None:
    measure(None, rounds=5, quick=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="four scenes, three rounds")
    parser.add_argument("--engines", action="store_true", help="the engines of job files alone")
    parser.add_argument("--weights", type=Path, help="default: the packaged ones")
    chosen = parser.parse_args()
    if chosen.engines:
        engines(chosen.weights, rounds=3 if chosen.quick else 7)
        return
    measure(chosen.weights, rounds=3 if chosen.quick else 5, quick=chosen.quick)


def measure(weights: Path | None, rounds: int, quick: bool) -> None:
    torch.set_num_threads(1)
    engines(weights, rounds)
    scenes = list(_scenes(quick))
    print(f"{len(scenes)} scenes, {_megapixels(scenes):.1f} Mpx; weights {weights or 'packaged'}")
    changed = skipping(scenes, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecated exporters
        throughput(scenes, weights, rounds)
    if torch.cuda.is_available():
        on_gpu(scenes, weights)
    else:
        print("no GPU here: no GPU rows")
    stage(overpasses=3 if quick else 8)
    assert not changed, f"skipping changes what is found on {', '.join(changed)}"


def _scenes(quick: bool) -> Iterator[LabelledScene]:
    for source in (PORTS, BAY):
        found = list(read_scenes(source))
        yield from found[:2] if quick else found


def _megapixels(scenes: Sequence[LabelledScene]) -> float:
    return sum(scene.image[0].size for scene in scenes) / 1e6


# --- engines ------------------------------------------------------------------------------------


def engines(weights: Path | None, rounds: int) -> None:
    """CPU seconds of each engine on six scenes, and what each finds otherwise on all of them."""
    torch.set_num_threads(1)
    predictors: dict[EngineName, Predictor] = {}
    for name in EngineName:
        try:
            predictors[name] = Predictor.load(weights, engine=name)
        except EngineError as error:
            print(f"{name}: not measured ({error})")
    six = [scene for source in (PORTS, BAY) for scene in islice(read_scenes(source), 3)]
    spent: dict[EngineName, list[float]] = {name: [] for name in predictors}
    for number in range(rounds + 1):
        for name, predictor in predictors.items():
            began = time.process_time()
            for scene in six:
                predictor.predict(scene.image, scene.bands)
            if number:  # the first round takes memory and compiles
                spent[name].append(time.process_time() - began)
    size = _megapixels(six)
    print(f"\nMpx per CPU-second with normalising, one thread, {len(six)} scenes of {size:.1f} Mpx")
    print(f"engine          least  median   most  of {rounds} rounds, by")
    for name, seconds in spent.items():
        least, median, most = (size / f(seconds) for f in (max, np.median, min))
        print(f"{name:<15} {least:5.2f}  {median:6.2f}  {most:5.2f}  {predictors[name].made_by}")
    _count_differences(predictors)


def _count_differences(predictors: Mapping[EngineName, Predictor]) -> None:
    """Vessels that an engine finds otherwise than torch in float32, on every labelled scene."""
    default = predictors[EngineName.TORCH]
    compared = {name: _Compared() for name in predictors if name is not EngineName.TORCH}
    vessels = scenes = 0
    for source in (PORTS, BAY, MORE, CHIPS):
        for scene in read_scenes(source):
            kept = default.predict(scene.image, scene.bands)
            expected = default.detect(kept)
            vessels, scenes = vessels + len(expected), scenes + 1
            for name, at in compared.items():
                maps = predictors[name].predict(scene.image, scene.bands)
                at.add(kept.ship, expected, maps.ship, predictors[name].detect(maps))
    print(f"\nbeside torch on {scenes} scenes with {vessels} vessels, at most, of those in both:")
    print("engine          alone  in a scene  position  length/sd  score  probability")
    for name, at in compared.items():
        print(
            f"{name:<15} {at.alone:5d}  {at.most_alone:10d}  {at.apart_px:6.2f} px"
            f"  {at.length_sd:9.3f}  {at.score:5.3f}  {at.steps:3.0f}/255"
        )


@dataclass
class _Compared:
    """The most that two engines differ by."""

    alone: int = 0
    """Vessels of one alone."""
    most_alone: int = 0
    apart_px: float = 0.0
    length_sd: float = 0.0
    score: float = 0.0
    steps: float = 0.0

    def add(
        self, ship: Image, vessels: Sequence[Detection], ship_2: Image, others: Sequence[Detection]
    ) -> None:
        steps = np.abs(np.rint(ship * 255) - np.rint(ship_2 * 255)).max(initial=0)
        self.steps = max(self.steps, float(steps))
        rest, alone = list(others), 0
        for one in vessels:
            other = min(rest, key=lambda each: _apart(one, each), default=None)
            if other is None or _apart(one, other) > 1.0:
                alone += 1
                continue
            rest.remove(other)
            self.apart_px = max(self.apart_px, _apart(one, other))
            length = abs(one.length_m - other.length_m) / one.length_sd_m
            self.length_sd = max(self.length_sd, length)
            self.score = max(self.score, abs(one.score - other.score))
        alone += len(rest)
        self.alone, self.most_alone = self.alone + alone, max(self.most_alone, alone)


def _apart(one: Detection, other: Detection) -> float:
    return float(np.hypot(one.row - other.row, one.col - other.col))


# --- effect of skipping -------------------------------------------------------------------------


def skipping(scenes: Sequence[LabelledScene], weights: Path | None) -> list[str]:
    """The share of pixels that are skipped, and the scenes where that changes a detection."""
    predictor = Predictor.load(weights)
    print("\nscene                            skipped  likeliest there  vessels")
    changed, left_out, known_pixels = [], 0, 0
    for scene in scenes:
        planes = normalise_planes(scene.image, scene.bands)
        with mock.patch.object(predictor_module, "busy_cells", _all_busy):
            whole = predictor.predict(scene.image, scene.bands)
        skipped = predictor.predict(scene.image, scene.bands)
        known = np.isfinite(planes).any(axis=0)
        empty = known & ~pixels_of(busy_cells(planes), known.shape)
        before, after = predictor.detect(whole), predictor.detect(skipped)
        if not _alike(before, after):
            changed.append(scene.name)
        left_out, known_pixels = left_out + int(empty.sum()), known_pixels + int(known.sum())
        likeliest = float(whole.ship[empty].max(initial=0.0))
        print(f"{scene.name:<32} {empty.sum() / known.sum():7.2f}  {likeliest:15.3f}  {len(after)}")
    print(f"all: {left_out / known_pixels:.3f} of the pixels with data; changed on: {changed}")
    return changed


def _all_busy(planes: Image) -> NDArray[np.bool_]:
    return np.ones_like(busy_cells(planes))


def _alike(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """The same vessels, but for the last bits that another cut into tiles may change."""
    return len(before) == len(after) and all(
        np.hypot(one.row - other.row, one.col - other.col) < 0.01
        and abs(one.score - other.score) < 1e-3
        and abs(one.length_m - other.length_m) < 0.1
        for one, other in zip(before, after, strict=True)
    )


# --- runtimes -----------------------------------------------------------------------------------


def throughput(scenes: Sequence[LabelledScene], weights: Path | None, rounds: int) -> None:
    """Network alone, on planes that are normalised beforehand."""
    images = [normalise_planes(scene.image, scene.bands) for scene in scenes]
    methods = dict(_methods(weights))
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for run in methods.values():
        run(images[0])
    for _ in range(rounds):
        for name, run in methods.items():
            started = time.perf_counter()
            for image in images:
                run(image)
            seconds[name].append(time.perf_counter() - started)
    print(f"\nMpx/s, median of {rounds} rounds (least to most)")
    for name, spent in seconds.items():
        speeds = _megapixels(scenes) / np.array(spent)
        print(f"{name:<44} {np.median(speeds):.2f} ({speeds.min():.2f} to {speeds.max():.2f})")


def _methods(weights: Path | None) -> Iterator[tuple[str, Run]]:
    ours = OneThread(_ready(weights))
    yield "plain eager loop", _loop(_Maps(_network(weights)))
    yield "ours", lambda image: _through(ours, image, busy_cells(image))
    yield "ours, nothing skipped", lambda image: _through(ours, image, _all_busy(image))
    yield "ours, one by one like the eager loop", _loop(_channels_last(_ready(weights)))
    yield "torch.jit.freeze", _loop(_frozen(_ready(weights)))
    for name, make in (("torch.compile", _compiled), ("onnxruntime", _onnx)):
        try:
            yield name, make(_ready(weights))
        except (RuntimeError, ImportError, OSError, subprocess.SubprocessError) as error:
            print(f"{name}: not measured ({type(error).__name__}: {str(error)[:100]})")


def _network(weights: Path | None) -> UNet:
    found = load_weights(weights)
    return unet_from_arrays(found.network, found.arrays).eval()


def _ready(weights: Path | None) -> UNet:
    return fused(_network(weights))


def _through(engine: Engine, image: Image, busy: NDArray[np.bool_]) -> None:
    for _ in engine.maps(cut(image, cover(busy, engine.cost))):
        pass


def _loop(run: Callable[[torch.Tensor], object]) -> Run:
    """Every tile of SIDE_PX with its halo, one by one."""

    def over(image: Image) -> None:
        tiles = tuple(
            Tile(row, col, SIDE_PX, SIDE_PX)
            for row in range(0, image.shape[1], SIDE_PX)
            for col in range(0, image.shape[2], SIDE_PX)
        )
        with torch.inference_mode():
            for tile in cut(image, tiles):
                run(torch.from_numpy(tile[None]))

    return over


def _channels_last(network: UNet) -> Callable[[torch.Tensor], object]:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    maps = _Maps(network)
    return lambda batch: maps(batch.contiguous(memory_format=torch.channels_last))


class _Maps(torch.nn.Module):
    """A network whose ship and border outputs are probabilities."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        outputs = self.network(planes)
        return torch.cat([torch.sigmoid(outputs[:, :2]), outputs[:, 2:]], dim=1)


def _example() -> torch.Tensor:
    side = SIDE_PX + 2 * HALO_PX
    return torch.zeros(1, 4, side, side)


def _frozen(network: UNet) -> Callable[[torch.Tensor], object]:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    example = _example().contiguous(memory_format=torch.channels_last)
    graph = torch.jit.freeze(torch.jit.trace(_Maps(network).eval(), example))
    return lambda batch: graph(batch.contiguous(memory_format=torch.channels_last))


def _compiled(network: UNet) -> Run:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    compiled = torch.compile(_Maps(network).eval(), dynamic=False)
    started = time.perf_counter()
    with torch.inference_mode():
        compiled(_example().contiguous(memory_format=torch.channels_last))
    seconds = time.perf_counter() - started
    print(f"torch.compile: first call {seconds:.0f} s")
    if seconds > COMPILE_AT_MOST_S:
        raise RuntimeError("its first call takes too long")
    return _loop(lambda batch: compiled(batch.contiguous(memory_format=torch.channels_last)))


def _onnx(network: UNet) -> Run:
    import onnxruntime

    file = io.BytesIO()
    torch.onnx.export(_Maps(network).eval(), (_example(),), file, dynamo=False, input_names=["x"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )
    return _loop(lambda batch: session.run(None, {"x": batch.numpy()}))


# --- a GPU, where there is one ------------------------------------------------------------------


def on_gpu(scenes: Sequence[LabelledScene], weights: Path | None) -> None:
    """Whole images through the predictor from 1 to 16 threads, and how busy the GPU was."""
    predictor = Predictor.load(weights, prefer_gpu=True)
    images, bands = [scene.image for scene in scenes], [scene.bands for scene in scenes]
    for threads in (1, 4, 16):
        with ThreadPoolExecutor(threads) as pool, _utilisation() as busy:
            started = time.perf_counter()
            list(pool.map(predictor.predict, 4 * images, 4 * bands))
            seconds = time.perf_counter() - started
        share = np.mean(busy) if busy else float("nan")
        speed = 4 * _megapixels(scenes) / seconds
        print(
            f"GPU, {threads} threads, with normalise: {speed:.1f} Mpx/s, "
            f"busy {share:.0f} % of the time by nvidia-smi"
        )


@contextmanager
def _utilisation() -> Iterator[list[float]]:
    """Samples of the per cent of time with a kernel running, by nvidia-smi."""
    found: list[float] = []
    over = threading.Event()
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]

    def sample() -> None:
        while not over.wait(0.2):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(float(done.stdout.split()[0]))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield found
    finally:
        over.set()
        sampler.join()


# --- the whole stage ----------------------------------------------------------------------------


def stage(overpasses: int, side: int = 1024) -> None:
    """The segment stage over an archive of simulated overpasses, and its time by part."""
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, _timed(spent):
        port = Filled(Path(folder), scene_files(Path(folder)), side, overpasses)
        for _ in range(overpasses + 1):
            port.take_one()
    whole = spent.pop("segment")
    print(f"segment of {overpasses + 1} overpasses of {side} x {side}: {whole:.1f} s, of which")
    for name, seconds in spent.items():
        print(f"  {name:<12} {seconds / whole:.2f}")
    print(f"  {'the rest':<12} {1 - sum(spent.values()) / whole:.2f}")


@contextmanager
def _timed(spent: dict[str, float]) -> Iterator[None]:
    places: tuple[tuple[str, Any, str], ...] = (
        ("segment", segment, "run"),
        ("reading", ForkStore, "read_pixels"),
        ("normalise", predictor_module, "normalise_planes"),
        ("network", OneThread, "_one"),
        ("instances", Predictor, "detect"),
        ("writing", ForkStore, "write_vessels"),
    )
    with ExitStack() as patches:
        for name, owner, attribute in places:
            watched = _watched(getattr(owner, attribute), name, spent)
            patches.enter_context(mock.patch.object(owner, attribute, watched))
        yield


def _watched(function: Callable[..., Any], name: str, spent: dict[str, float]) -> Any:
    spent[name] = 0.0

    def watched(*args: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*args, **named)
        finally:
            spent[name] += time.perf_counter() - started

    return watched


if __name__ == "__main__":
    main()
