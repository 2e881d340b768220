"""Training: one loop from labelled scenes to a weights file."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor

from models import unet
from models.chips import Canvas, draw_chip, prepare
from models.losses import segmentation_loss
from models.scenes import Scene, Source, read_scenes
from models.settings import Calibration, UNetConfig
from models.weights import Weights

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrainConfig:
    """What a training run depends on; the same settings and data give the same weights."""

    sources: tuple[Source, ...]
    held_out: tuple[str, ...] = ()
    """groups (ports) to leave out"""
    steps: int = 8000
    batch: int = 4
    chip_px: int = 96
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    seed: int = 0
    threads: int = 1
    network: UNetConfig = field(default_factory=UNetConfig)
    calibration: Calibration = field(default_factory=Calibration)


def train(config: TrainConfig, progress: Progress = print) -> Weights:
    """Train a network on the sources' scenes.

    progress is called with a line about every fiftieth of the way. Raises SceneError where the
    catalogs or labels cannot be read, ValueError where nothing is left to train on.
    """
    scenes = [scene for source in config.sources for scene in read_scenes(source)]
    return train_on(scenes, config, progress)


def train_on(scenes: Sequence[Scene], config: TrainConfig, progress: Progress = print) -> Weights:
    """Train on scenes already read, the held-out groups aside."""
    scenes = [scene for scene in scenes if scene.group not in config.held_out]
    canvases = [prepare(scene) for scene in scenes]
    if not any(canvas.centres for canvas in canvases):
        raise ValueError("no labelled ship to train on: check the sources and the held-out groups")
    progress(f"training on {len(scenes)} scenes, {sum(len(c.centres) for c in canvases)} ships")
    torch.set_num_threads(config.threads)
    network = unet.new(config.network, config.seed)
    _set_constants(network, canvases)
    losses = _optimise(network, canvases, config, progress)
    return Weights(
        network=config.network,
        calibration=config.calibration,
        arrays=unet.to_arrays(network),
        training=_record(scenes, config, losses),
    )


def _set_constants(network: unet.UNet, canvases: Sequence[Canvas]) -> None:
    """Give the network the mean and deviation of its training planes, where they have data."""
    pixels = [canvas.planes[:, ::4, ::4].reshape(len(canvas.planes), -1) for canvas in canvases]
    sample = np.concatenate(pixels, axis=1)
    for band in np.flatnonzero(np.isfinite(sample).any(axis=1)).tolist():
        network.mean[band] = float(np.nanmean(sample[band]))
        network.deviation[band] = float(np.nanstd(sample[band]))


def _optimise(
    network: unet.UNet, canvases: Sequence[Canvas], config: TrainConfig, progress: Progress
) -> list[float]:
    """The loop; returns the loss of each step."""
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: _learning_rate_share(step, config.steps)
    )
    random = np.random.default_rng(config.seed)
    losses: list[float] = []
    for step in range(config.steps):
        planes, labels = _batch(canvases, config, random)
        loss = segmentation_loss(network(planes), labels[:, :2], labels[:, 2])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if (step + 1) % max(1, config.steps // 50) == 0:
            progress(f"step {step + 1} of {config.steps}: loss {np.mean(losses[-50:]):.3f}")
    return losses


def _learning_rate_share(step: int, steps: int) -> float:
    """A short rise, then half a cosine down to nothing."""
    rise = max(1, steps // 20)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def _batch(
    canvases: Sequence[Canvas], config: TrainConfig, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Planes (n, band, y, x) and labels (n, 3, y, x)."""
    chips = [draw_chip(canvases, config.chip_px, random) for _ in range(config.batch)]
    planes = torch.from_numpy(np.stack([chip.planes for chip in chips]))
    labels = torch.from_numpy(np.stack([chip.labels for chip in chips]))
    return planes.contiguous(memory_format=torch.channels_last), labels


def _record(
    scenes: Sequence[Scene], config: TrainConfig, losses: Sequence[float]
) -> dict[str, object]:
    """What to know about the training later; no path of this machine in it."""
    settings = asdict(config)
    for key in ("sources", "network", "calibration"):
        del settings[key]
    return {
        "settings": settings,
        "collections": sorted({source.collection for source in config.sources}),
        "scenes": {scene.name: _digest(scene) for scene in scenes},
        "ships": sum(len(scene.ships) for scene in scenes),
        "last_loss": round(float(np.mean(losses[-100:])), 4),
    }


def _digest(scene: Scene) -> str:
    """The sha256 of a scene's pixels and labels, in hex."""
    digest = hashlib.sha256(scene.image.tobytes())
    digest.update(repr(scene.boxes).encode())
    return digest.hexdigest()
