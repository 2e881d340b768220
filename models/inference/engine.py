"""What turns a trained network into maps of tiles: one thread of a CPU, or a GPU.

An engine takes tiles with their halo as they come and gives, in their order, what UNet.maps says of
their inside. The same tile gives the same bytes on the same engine, whatever else is being worked
on: a CPU takes tiles one by one, a GPU in batches that always have one shape. Bytes differ between
a CPU and a GPU, and between processors that add up in another order.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from models.inference.fuse import fused, inside, one_thread
from models.inference.gpu import OnDevice
from models.inference.gpu_batches import Batcher
from models.inference.tiles import Cost, area_cost
from models.network.unet import UNet

Image = NDArray[np.float32]


class Device(StrEnum):
    """Where the network runs."""

    CPU = "cpu"
    CUDA = "cuda"


class Engine(Protocol):
    """Maps tiles; safe to use from several threads at once."""

    @property
    def cost(self) -> Cost:
        """What a tile takes, so that an image is cut into cheap ones."""

    def maps(self, tiles: Iterable[Image]) -> Iterator[Image]:
        """Maps (output, y, x) of the inside of tiles (band, y + 2 halo, x + 2 halo), in order."""


def engine(network: UNet, device: Device = Device.CPU) -> Engine:
    """The engine of a device; the network is its own from now on."""
    network = fused(network.eval())
    return Batcher(OnDevice(network, device)) if device is Device.CUDA else OneThread(network)


class OneThread:
    """A CPU, one tile at a time on one thread: the reference for bytes.

    The number of threads would change the last bits, and parallel work is spread over images.
    """

    def __init__(self, network: UNet) -> None:
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def cost(self) -> Cost:
        return area_cost

    def maps(self, tiles: Iterable[Image]) -> Iterator[Image]:
        return map(self._one, tiles)

    def _one(self, tile: Image) -> Image:
        batch = torch.from_numpy(tile[None])
        with torch.inference_mode(), one_thread():
            logits = self._network(batch.contiguous(memory_format=torch.channels_last))
            return np.asarray(inside(logits)[0].numpy())
