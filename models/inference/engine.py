"""Engines run a trained network on tiles: on one thread of a CPU, or on a GPU.

An engine takes tiles with their halo and returns, in the same order, the maps of their inside (see
fuse.inside). The same tile gives the same bytes on the same engine, whatever else runs on it: a CPU
takes tiles one by one, a GPU in batches that always have one shape. Bytes differ between a CPU and
a GPU, and between processors that sum in another order.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Protocol

import numpy as np
import torch

from models.inference.fuse import fused, inside, one_thread
from models.inference.gpu import OnDevice
from models.inference.gpu_batches import Batcher
from models.inference.tiles import TileCost, area_cost
from models.network import Image, UNet


class Device(StrEnum):
    """The device that the network runs on."""

    CPU = "cpu"
    CUDA = "cuda"


class Engine(Protocol):
    """Runs the network on tiles; may be used from several threads at once."""

    @property
    def cost(self) -> TileCost:
        """The cost of a tile, by which an image is divided."""

    def maps(self, tiles: Iterable[Image]) -> Iterator[Image]:
        """Maps (output, y, x) of the inside of tiles (band, y + 2 halo, x + 2 halo), in order."""


def engine(network: UNet, device: Device = Device.CPU) -> Engine:
    """The engine for a device; it takes the network over and changes it."""
    network = fused(network.eval())
    return Batcher(OnDevice(network, device)) if device is Device.CUDA else OneThread(network)


class OneThread:
    """A CPU, one tile at a time on one thread: the reference for bytes.

    Results depend in their last bits on the number of threads; images are worked on in parallel
    instead.
    """

    def __init__(self, network: UNet) -> None:
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def cost(self) -> TileCost:
        return area_cost

    def maps(self, tiles: Iterable[Image]) -> Iterator[Image]:
        return map(self._one, tiles)

    def _one(self, tile: Image) -> Image:
        batch = torch.from_numpy(tile[None])
        with torch.inference_mode(), one_thread():
            logits = self._network(batch.contiguous(memory_format=torch.channels_last))
            return np.asarray(inside(logits)[0].numpy())
