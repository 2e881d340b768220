"""The network on a GPU, batch by batch. The CUDA code has never been run: there was no GPU."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from models.inference.fuse import inside
from models.inference.gpu_batches import SIDE_PX, FinishBatch
from models.network import Image, UNet

Network = Callable[[Tensor], Tensor]

BATCH = 8
"""Tiles per batch; two batches take less than 4 GB on the device, by their activations' sizes."""

_CANNOT_COMPILE = (RuntimeError, ImportError, OSError, subprocess.SubprocessError)
"""Raised by torch.compile where a compiler, Triton or an operator is missing."""


class OnDevice:
    """Starts batches of one shape on a device; convolutions are float16 on a GPU, else float32."""

    def __init__(self, network: UNet, device: str, size: int = BATCH) -> None:
        self.size = size
        self._device = torch.device(device)
        self._on_gpu = self._device.type == "cuda"
        # cuDNN must choose its algorithm by the shape alone, among deterministic ones
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        network = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network: Network = network
        if self._on_gpu:
            empty = torch.full((size, len(network.mean), SIDE_PX, SIDE_PX), torch.nan)
            self._network = compile_or_eager(network, lambda run: self._maps(run, empty))

    def __call__(self, planes: Image) -> FinishBatch:
        batch = torch.from_numpy(planes)
        maps = self._maps(self._network, batch.pin_memory() if self._on_gpu else batch)
        on_host = maps.to("cpu", non_blocking=self._on_gpu)  # pinned where it does not block
        ready = torch.cuda.Event() if self._on_gpu else None  # type: ignore[no-untyped-call]
        if ready:
            ready.record()

        def finish() -> Image:
            if ready:
                ready.synchronize()
            return np.asarray(on_host.numpy())

        return finish

    def _maps(self, network: Network, batch: Tensor) -> Tensor:
        half = torch.autocast("cuda", torch.float16, enabled=self._on_gpu)
        with torch.inference_mode(), half:
            batch = batch.to(self._device, non_blocking=self._on_gpu)
            return inside(network(batch.contiguous(memory_format=torch.channels_last)))


def compile_or_eager(network: Network, attempt: Callable[[Network], object]) -> Network:
    """The network compiled by torch.compile; unchanged where the attempt to run that fails."""
    try:
        compiled: Network = torch.compile(network, dynamic=False)
        attempt(compiled)
    except _CANNOT_COMPILE:
        return network
    return compiled
