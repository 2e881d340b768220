"""Engines run a trained network on tiles: on one thread of a CPU, or on a GPU.

An engine takes tiles with their halo and returns, in the same order, the maps of their inside (see
fuse.inside). The same tile gives the same bytes on the same engine, whatever else runs on it: a CPU
takes tiles one by one, a GPU in batches that always have one shape. Bytes differ between a CPU and
a GPU, between processors that sum in another order, and between engines: ``made_by`` says by what.
"""

import os
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Protocol

import numpy as np
import torch

from models.inference.engine_choice import EngineName, bfloat16_by, package_version
from models.inference.fuse import fused, inside, one_thread
from models.inference.gpu import OnDevice
from models.inference.gpu_batches import Batcher
from models.inference.tiles import TileCost, area_cost
from models.network import Image, UNet

_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Variables that keep oneDNN, which computes for torch, from instructions of the processor."""


class Device(StrEnum):
    """The device that the network runs on."""

    CPU = "cpu"
    CUDA = "cuda"


class Engine(Protocol):
    """Runs the network on tiles; may be used from several threads at once."""

    made_by: str
    """Library, version, number format and instructions: where they are equal, so are the bytes."""

    @property
    def cost(self) -> TileCost:
        """The cost of a tile, by which an image is divided."""

    def maps(self, tiles: Iterable[Image]) -> Iterator[Image]:
        """Maps (output, y, x) of the inside of tiles (band, y + 2 halo, x + 2 halo), in order."""


def engine(
    network: UNet, device: Device = Device.CPU, name: EngineName = EngineName.TORCH
) -> Engine:
    """The engine for a device, on a CPU the one of that name; it takes the network over and
    changes it.
    """
    network = fused(network.eval())
    if device is Device.CUDA:
        version = package_version(EngineName.TORCH)
        return Batcher(OnDevice(network, device), f"torch {version} float16, a GPU")
    if name.package == "openvino":
        from models.inference.openvino_engine import OpenVino

        return OpenVino(network, name)
    return OneThread(network, name)


class OneThread:
    """torch on a CPU, one tile at a time on one thread: in float32 the reference for bytes.

    Results depend in their last bits on the number of threads; images are worked on in parallel
    instead.
    """

    def __init__(self, network: UNet, name: EngineName = EngineName.TORCH) -> None:
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._in_bfloat16 = name is EngineName.TORCH_BF16
        by = bfloat16_by() if self._in_bfloat16 else torch.backends.cpu.get_cpu_capability()
        limits = [f"at most {os.environ[each]}" for each in _LIMITS if each in os.environ]
        used = ", ".join([by, *limits])
        self.made_by = f"torch {package_version(name)} {name.number_format}, {used}"

    @property
    def cost(self) -> TileCost:
        return area_cost

    def maps(self, tiles: Iterable[Image]) -> Iterator[Image]:
        return map(self._one, tiles)

    def _one(self, tile: Image) -> Image:
        batch = torch.from_numpy(tile[None])
        bfloat16 = torch.autocast("cpu", torch.bfloat16, enabled=self._in_bfloat16)
        with torch.inference_mode(), bfloat16, one_thread():
            logits = self._network(batch.contiguous(memory_format=torch.channels_last))
            return np.asarray(inside(logits)[0].numpy())
