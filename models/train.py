"""Training: one loop from labelled scenes to a weights file."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor

from models import unet
from models.chips import Canvas, draw_chip, prepare
from models.losses import segmentation_loss
from models.scenes import Scene, Source, read_scenes
from models.settings import Calibration, ChipSettings, UNetConfig
from models.weights import Weights

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrainConfig:
    """What a training run depends on; the same settings and data give the same weights."""

    sources: tuple[Source, ...]
    held_out: tuple[str, ...] = ()
    """groups (ports) to leave out"""
    steps: int = 8000
    batch: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    averaging: float = 0.998
    """The weights kept are a running mean of those of each step, in which the last ones count with
    one less this share: it is steadier than the last step's."""
    seed: int = 0
    threads: int = 1
    device: str = "cpu"
    """cpu or cuda; the same device, build of torch and number of threads give the same weights"""
    chips: ChipSettings = field(default_factory=ChipSettings)
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
    if not any(canvas.ships for canvas in canvases):
        raise ValueError("no labelled ship to train on: check the sources and the held-out groups")
    progress(f"training on {len(scenes)} scenes, {sum(len(c.ships) for c in canvases)} ships")
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
    views = [canvas.filled[0, :, ::4, ::4].flatten(1).numpy() for canvas in canvases]
    sample = np.concatenate(views, axis=1)
    for band in range(len(network.mean)):
        values = sample[band][sample[band + len(network.mean)] > 0]
        if values.size:
            network.mean[band], network.deviation[band] = float(values.mean()), float(values.std())


def _optimise(
    network: unet.UNet, canvases: Sequence[Canvas], config: TrainConfig, progress: Progress
) -> list[float]:
    """The loop; leaves the averaged weights in the network and returns the loss of each step."""
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
    pace = _Pace(config, progress)
    for step in range(config.steps):
        planes, labels = _batch(canvases, config, random)
        loss = segmentation_loss(network(planes), labels[:, :2], labels[:, 2])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        _average(mean, network, min(config.averaging, (step + 1) / (step + 10)))
        losses.append(loss.item())
        pace.tell(losses)
    network.load_state_dict(mean)
    return losses


def _average(mean: dict[str, Tensor], network: unet.UNet, kept: float) -> None:
    """Move a running mean of the weights towards the network's own."""
    for name, value in network.state_dict().items():
        if value.dtype.is_floating_point:
            mean[name].lerp_(value.detach(), 1 - kept)
        else:
            mean[name].copy_(value)


class _Pace:
    """Tells about every fiftieth of the way how far it is, how fast and how long still."""

    def __init__(self, config: TrainConfig, progress: Progress) -> None:
        self._config, self._progress = config, progress
        self._began = time.monotonic()

    def tell(self, losses: Sequence[float]) -> None:
        done, steps = len(losses), self._config.steps
        if done % max(1, steps // 50):
            return
        seconds = max(time.monotonic() - self._began, 1e-9)
        self._progress(
            f"step {done} of {steps}: {done * self._config.batch / seconds:.0f} chips/s, "
            f"{seconds / done * (steps - done) / 60:.0f} min left, loss {np.mean(losses[-50:]):.3f}"
        )


def _batch(
    canvases: Sequence[Canvas], config: TrainConfig, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Planes (n, band, y, x) and labels (n, 3, y, x)."""
    chips = [draw_chip(canvases, config.chips, random) for _ in range(config.batch)]
    planes = torch.from_numpy(np.stack([chip.planes for chip in chips])).to(config.device)
    labels = torch.from_numpy(np.stack([chip.labels for chip in chips])).to(config.device)
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
