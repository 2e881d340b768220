"""Training: from labelled scenes to weights."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import Calibration, ChipSettings, UNetConfig
from models.dataset import Canvas, LabelledScene, LabelSource, draw_chip, prepare, read_scenes
from models.network import UNet, new_unet, unet_from_arrays, unet_to_arrays
from models.training.losses import loss as total_loss
from models.weights import Weights, load_weights, weights_digest

Progress = Callable[[str], None]


class TrainingError(ValueError):
    """A training cannot run with this configuration."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training; the same settings and data give the same weights.

    The names of most fields are keys of the record in weights files (settings_of).
    """

    sources: tuple[LabelSource, ...]
    extra: tuple[LabelSource, ...] = ()
    """Further scenes to train on, never to evaluate on, such as simulated ones."""
    extra_share: float = 0.35
    """Share of the chips that come from them."""
    start: Path | None = None
    """A weights file with the initial weights; None = random ones."""
    held_out: tuple[str, ...] = ()
    """Groups (ports) to leave out."""
    steps: int = 8000
    batch: int = 8
    """Chips per step."""
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    averaging: float = 0.998
    """Decay of the exponential moving average of the weights, which is what training returns: it
    varies less than the weights of the last step."""
    seed: int = 0
    threads: int = 1
    """Threads of the CPU."""
    half: bool = True
    """Convolutions in bfloat16: faster on CPUs that support it (avx512_bf16, amx) and on GPUs,
    slower on others."""
    device: str = "cpu"
    """cpu or cuda; the same device, build of torch and number of threads give the same weights."""
    chips: ChipSettings = field(default_factory=ChipSettings)
    network: UNetConfig = field(default_factory=UNetConfig)
    calibration: Calibration = field(default_factory=Calibration)


def train_network(config: TrainConfig, progress: Progress = print) -> Weights:
    """Train a network on the sources' scenes.

    progress is called with a line about 50 times. Raises DatasetError where the catalogs or labels
    cannot be read, TrainingError where no ship is left to train on or the device is not available.
    """
    scenes, extra = (
        [scene for source in sources for scene in read_scenes(source)]
        for sources in (config.sources, config.extra)
    )
    return train_on(scenes, config, progress, extra)


def train_on(
    scenes: Sequence[LabelledScene],
    config: TrainConfig,
    progress: Progress = print,
    extra: Sequence[LabelledScene] = (),
) -> Weights:
    """Train on scenes that are read already, without those of the held-out groups."""
    _check_device(config.device)
    scenes = [scene for scene in scenes if scene.group not in config.held_out]
    canvases = [prepare(scene) for scene in (*scenes, *extra)]
    if not any(canvas.ships for canvas in canvases):
        raise TrainingError(
            "no labelled ship to train on: check the sources and the held-out groups"
        )
    progress(f"training on {len(canvases)} scenes, {sum(len(c.ships) for c in canvases)} ships")
    torch.set_num_threads(config.threads)
    network = _begin(config, canvases)
    chances = _chances(canvases[: len(scenes)], canvases[len(scenes) :], config.extra_share)
    losses = _optimise(network, canvases, chances, config, progress)
    return Weights(
        network=network.config,
        calibration=config.calibration,
        arrays=unet_to_arrays(network),
        training=_record([*scenes, *extra], config, losses),
    )


def _check_device(name: str) -> None:
    if name not in ("cpu", "cuda"):
        raise TrainingError(f"there is no device {name!r}; expected cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError("PyTorch finds no GPU here: train on cpu, or install its CUDA build")


def _chances(
    canvases: Sequence[Canvas], extra: Sequence[Canvas], extra_share: float
) -> NDArray[np.float64]:
    """Sampling probability of each canvas, sum 1; the extra ones have a fixed share in total."""
    shares = (extra_share if extra else 0.0, extra_share if canvases else 1.0)
    parts = [
        share * weights / weights.sum()
        for share, weights in (
            (1 - shares[0], np.array([canvas.weight for canvas in canvases])),
            (shares[1], np.array([canvas.weight for canvas in extra])),
        )
        if weights.size
    ]
    return np.concatenate(parts)


def _begin(config: TrainConfig, canvases: Sequence[Canvas]) -> UNet:
    """The network to train: a new one, or that of a weights file with its buffers."""
    if config.start is not None:
        start = load_weights(config.start)
        shape = replace(start.network, mirrored=config.network.mirrored)
        return unet_from_arrays(shape, start.arrays)
    network = new_unet(config.network, config.seed)
    _set_constants(network, canvases)
    return network


def _set_constants(network: UNet, canvases: Sequence[Canvas]) -> None:
    """Set the mean and standard deviation of the training planes, over pixels with data."""
    views = [canvas.filled[0, :, ::4, ::4].flatten(1).numpy() for canvas in canvases]
    sample = np.concatenate(views, axis=1)
    for band in range(len(network.mean)):
        values = sample[band][sample[band + len(network.mean)] > 0]
        if values.size:
            network.mean[band], network.deviation[band] = float(values.mean()), float(values.std())


def _optimise(
    network: UNet,
    canvases: Sequence[Canvas],
    chances: NDArray[np.float64],
    config: TrainConfig,
    progress: Progress,
) -> list[float]:
    """Run all steps; leaves the averaged weights in the network, returns the loss of each step."""
    network.train().to(config.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.steps, pct_start=0.1
    )
    random = np.random.default_rng(config.seed)
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    losses: list[float] = []
    reporter = _StepReporter(config, progress)
    for step in range(config.steps):
        planes, labels = _batch(canvases, chances, config, random)
        with torch.autocast(config.device, torch.bfloat16, enabled=config.half):
            outputs = network(planes)
        loss = total_loss(outputs.float(), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        _average(mean, network, min(config.averaging, (step + 1) / (step + 10)))
        losses.append(loss.item())
        reporter.report(losses)
    network.load_state_dict(mean)
    return losses


def _average(mean: dict[str, Tensor], network: UNet, decay: float) -> None:
    """Update the exponential moving average of the weights, in place."""
    for name, value in network.state_dict().items():
        if value.dtype.is_floating_point:
            mean[name].lerp_(value.detach(), 1 - decay)
        else:
            mean[name].copy_(value)


class _StepReporter:
    """Reports step, speed, remaining time and loss about 50 times in a training."""

    def __init__(self, config: TrainConfig, progress: Progress) -> None:
        self._config, self._progress = config, progress
        self._started = time.monotonic()

    def report(self, losses: Sequence[float]) -> None:
        done, steps = len(losses), self._config.steps
        if done % max(1, steps // 50):
            return
        seconds = max(time.monotonic() - self._started, 1e-9)
        self._progress(
            f"step {done} of {steps}: {done * self._config.batch / seconds:.0f} chips/s, "
            f"{seconds / done * (steps - done) / 60:.0f} min left, loss {np.mean(losses[-50:]):.3f}"
        )


def _batch(
    canvases: Sequence[Canvas],
    chances: NDArray[np.float64],
    config: TrainConfig,
    random: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Planes (n, band, y, x) and labels (n, 10, y, x)."""
    chips = [draw_chip(canvases, chances, config.chips, random) for _ in range(config.batch)]
    planes = torch.from_numpy(np.stack([chip.planes for chip in chips])).to(config.device)
    labels = torch.from_numpy(np.stack([chip.labels for chip in chips])).to(config.device)
    return planes.contiguous(memory_format=torch.channels_last), labels


def _record(
    scenes: Sequence[LabelledScene], config: TrainConfig, losses: Sequence[float]
) -> dict[str, object]:
    """The record of the training in the weights file; holds no local path."""
    return {
        "settings": settings_of(config),
        "collections": sorted({source.collection for source in config.sources}),
        "scenes": {scene.name: _digest(scene) for scene in scenes},
        "ships": sum(len(scene.ships) for scene in scenes),
        "last_loss": round(float(np.mean(losses[-100:])), 4),
    }


def settings_of(config: TrainConfig) -> dict[str, object]:
    """The part of the configuration that a weights file records, as plain JSON values."""
    settings = asdict(config)
    for key in ("sources", "extra", "network", "calibration"):
        del settings[key]
    settings["mirrored"] = config.network.mirrored
    settings["start"] = None if config.start is None else weights_digest(config.start)
    plain: dict[str, object] = json.loads(json.dumps(settings))
    return plain


def _digest(scene: LabelledScene) -> str:
    """The sha256 of a scene's pixels and labels, in hex."""
    digest = hashlib.sha256(scene.image.tobytes())
    digest.update(repr(scene.boxes).encode())
    return digest.hexdigest()
