"""The network: a small U-Net with full-resolution output."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.config import UNetConfig


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions, each normalised over the batch and rectified."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1: nn.Module = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.conv1(x)))  # (n, outputs, y, x)
        return torch.relu(self.norm2(self.conv2(x)))  # (n, outputs, y, x)


class UpBlock(nn.Module):
    """Doubles the resolution and adds the encoder's features of that level."""

    def __init__(self, inputs: int, skip: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(inputs, skip, 1)
        self.block = ConvBlock(skip, skip)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.reduce(x)  # (n, skip, y, x)
        x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")  # (n, skip, 2y, 2x)
        return self.block(x + skip)  # type: ignore[no-any-return]


class UNet(nn.Module):
    """From normalised planes to logits of ship and border and the hull planes, at full resolution.

    The first level works on blocks of 2 x 2 pixels stacked as channels (space to depth), the last
    unstacks them and concatenates the input: no pixel is lost, without full-resolution convolutions
    in the encoder and decoder.
    Mean and standard deviation of the training planes are buffers, stored with the weights.
    """

    mean: Tensor
    """(band,), of the training planes."""
    deviation: Tensor
    """(band,), standard deviation of the training planes."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.register_buffer("mean", torch.zeros(config.bands))
        self.register_buffer("deviation", torch.ones(config.bands))
        inputs = (4 * 2 * config.bands, *widths[:-1])
        self.down = nn.ModuleList(
            ConvBlock(before, after) for before, after in zip(inputs, widths, strict=True)
        )
        self.up = nn.ModuleList(
            UpBlock(below, skip) for below, skip in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        # attribute names are keys of weights files
        self.spread = nn.Conv2d(widths[0], 4 * config.fine, 1)
        self.head = nn.Conv2d(config.fine + 2 * config.bands, config.outputs, 3, padding=1)
        # ships are rare: starting near their rate saves the first hundreds of steps
        bias = torch.zeros(config.outputs)
        bias[:2] = -3.5
        self.head.bias = nn.Parameter(bias)

    def forward(self, planes: Tensor) -> Tensor:
        """From planes (n, band, y, x), NaN = no data, to outputs (n, output, y, x).

        Outputs: logits of ship and border, then targets.HULL_PLANES.
        """
        pixels = self._inputs(planes)  # (n, 2 band, y, x)
        x = nn.functional.pixel_unshuffle(pixels, 2)  # (n, 8 band, y / 2, x / 2)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            if level:
                x = nn.functional.max_pool2d(x, 2)  # (n, width[level - 1], y / 2^(level + 1), ...)
            x = block(x)  # (n, width[level], y / 2^(level + 1), ...)
            skips.append(x)
        for level, block in enumerate(self.up):
            x = block(x, skips[-2 - level])  # back to (n, width[0], y / 2, x / 2)
        x = torch.relu(nn.functional.pixel_shuffle(self.spread(x), 2))  # (n, fine, y, x)
        x = torch.cat([x, pixels], dim=1)  # (n, fine + 2 band, y, x)
        return self.head(x)  # type: ignore[no-any-return]  # (n, output, y, x)

    def _inputs(self, planes: Tensor) -> Tensor:
        """The standardised planes, 0 for no data, then a mask of the data of each."""
        known = torch.isfinite(planes)
        centred = (planes - self.mean[:, None, None]) / self.deviation[:, None, None]
        return torch.cat([torch.where(known, centred, 0.0), known.to(planes.dtype)], dim=1)


def new_unet(config: UNetConfig, seed: int) -> UNet:
    """A newly initialised network; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return UNet(config)


def unet_from_arrays(config: UNetConfig, arrays: Mapping[str, NDArray[np.float32]]) -> UNet:
    """A network with these weights; RuntimeError where names or shapes do not fit."""
    network = UNet(config)
    state = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
    network.load_state_dict(state)
    return network


def unet_to_arrays(network: UNet) -> dict[str, NDArray[np.float32]]:
    """The network's weights and buffers as numpy arrays, by name."""
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
