"""The network: a small U-Net with full-resolution output, smallest block first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Runner = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class UNetConfig:
    """The network's shape; the weights file carries it."""

    bands: int = 4
    widths: tuple[int, ...] = (16, 32, 64, 96)
    outputs: int = 2
    """ship interior, border"""

    @property
    def stride(self) -> int:
        """Sides of the input must be multiples of this."""
        return int(2 ** (len(self.widths) - 1))

    @property
    def reach_px(self) -> int:
        """No output pixel depends on an input pixel farther away than this (rows or columns).

        Two 3 x 3 convolutions per block reach 2 pixels of their level each, on the way down and
        up; pooling and nearest upsampling add less than one pixel of the coarser level.
        """
        deepest = len(self.widths) - 1
        down_and_up = sum(2 * 2 * 2**level for level in range(deepest))
        resampling = sum(2**level for level in range(1, deepest + 1))
        return down_and_up + 2 * 2**deepest + resampling


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions, each normalised over the batch and rectified."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.conv1(x)))  # (n, outputs, y, x)
        return torch.relu(self.norm2(self.conv2(x)))  # (n, outputs, y, x)


class UpBlock(nn.Module):
    """Doubles the resolution and merges the encoder's features of that level."""

    def __init__(self, inputs: int, skip: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(inputs, skip, 1)
        self.block = ConvBlock(2 * skip, skip)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.reduce(x)  # (n, skip, y, x)
        x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")  # (n, skip, 2y, 2x)
        return self.block(torch.cat([x, skip], dim=1))  # type: ignore[no-any-return]


class UNet(nn.Module):
    """Normalised planes to logits of ship and border, at the input's resolution.

    The statistics of the training planes are buffers, so that weights and constants cannot part.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        widths = config.widths
        self.register_buffer("mean", torch.zeros(config.bands))
        self.register_buffer("deviation", torch.ones(config.bands))
        inputs = (2 * config.bands, *widths[:-1])
        self.down = nn.ModuleList(
            ConvBlock(before, after) for before, after in zip(inputs, widths, strict=True)
        )
        self.up = nn.ModuleList(
            UpBlock(below, skip)
            for below, skip in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(widths[0], config.outputs, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """planes (n, band, y, x), NaN = no data; logits (n, output, y, x)."""
        x = self._inputs(planes)  # (n, 2 band, y, x)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            if level:
                x = nn.functional.max_pool2d(x, 2)  # (n, width[level - 1], y / 2^level, ...)
            x = block(x)  # (n, width[level], y / 2^level, x / 2^level)
            skips.append(x)
        for level, block in enumerate(self.up):
            x = block(x, skips[-2 - level])  # back to (n, width[0], y, x)
        return self.head(x)  # type: ignore[no-any-return]

    def _inputs(self, planes: Tensor) -> Tensor:
        """The standardised planes with zeros for no data, and beside each where it has data."""
        known = torch.isfinite(planes)
        centred = (planes - self.mean[:, None, None]) / self.deviation[:, None, None]
        return torch.cat([torch.where(known, centred, 0.0), known.to(planes.dtype)], dim=1)


def new(config: UNetConfig, seed: int) -> UNet:
    """A freshly initialised network; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return UNet(config)


def from_arrays(config: UNetConfig, arrays: Mapping[str, NDArray[np.float32]]) -> UNet:
    """A network with these weights; raises RuntimeError where names or shapes do not fit."""
    network = UNet(config)
    state = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
    network.load_state_dict(state)
    return network


def to_arrays(network: UNet) -> dict[str, NDArray[np.float32]]:
    """The network's weights and constants as plain arrays, by name."""
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}


def runner(network: UNet) -> Runner:
    """A function from planes (n, band, y, x) to probabilities (n, output, y, x), numpy on both sides."""
    network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = torch.from_numpy(np.ascontiguousarray(planes))
        with torch.inference_mode():
            logits = network(batch.contiguous(memory_format=torch.channels_last))
            return np.asarray(torch.sigmoid(logits).contiguous().numpy())

    return run
