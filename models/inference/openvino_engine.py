"""OpenVINO on a CPU: one tile at a time, on the one thread that asks for it."""

from collections.abc import Iterable, Iterator
from threading import Lock, local
from typing import Any

import numpy as np
import openvino
import torch

from models.inference.engine_choice import EngineError, EngineName, package_version
from models.inference.fuse import inside, one_thread
from models.inference.openvino_graph import graph
from models.inference.tiles import TileCost, area_cost
from models.network import Image, UNet

_PRECISION = {"float32": "f32", "bfloat16": "bf16"}


class OpenVino:
    """The network, compiled once for each thread that uses it.

    A thread has its own copy with its own request, of one stream: so images are worked on in
    parallel, none waits for another, and what a tile gives depends on nothing beside it.
    """

    def __init__(self, network: UNet, name: EngineName) -> None:
        self._name = name
        self._model = graph(network)
        self._compiling = Lock()
        self._of_thread = local()
        kernels = _kernels(self._request.get_compiled_model())
        _require_format(name, kernels)
        self.made_by = (
            f"OpenVINO {package_version(name)} {name.number_format}, {' '.join(sorted(kernels))}"
        )

    @property
    def cost(self) -> TileCost:
        return area_cost

    def maps(self, tiles: Iterable[Image]) -> Iterator[Image]:
        return map(self._one, tiles)

    def _one(self, tile: Image) -> Image:
        outputs = self._request.infer([tile[None]], share_inputs=True, share_outputs=True)[0]
        with torch.inference_mode(), one_thread():
            return np.asarray(inside(torch.from_numpy(outputs))[0].numpy())

    @property
    def _request(self) -> Any:
        """That of the thread that asks."""
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._compiled().create_infer_request()
        return self._of_thread.request

    def _compiled(self) -> Any:
        settings = {
            "INFERENCE_PRECISION_HINT": _PRECISION[self._name.number_format],
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # the scheduler's choice, as for all else here
        }
        with self._compiling:
            return openvino.Core().compile_model(self._model, "CPU", settings)


def _kernels(compiled: Any) -> set[str]:
    """What computes the convolutions on this processor, by OpenVINO's names."""
    facts = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
    return {
        str(each["primitiveType"].value)
        for each in facts
        if each["layerType"].value == "Convolution"
    }


def _require_format(name: EngineName, kernels: set[str]) -> None:
    """OpenVINO takes the precision that it is given for a hint."""
    other = [
        kernel for kernel in kernels if not kernel.endswith(f"_{_PRECISION[name.number_format]}")
    ]
    if other or not kernels:
        raise EngineError(
            f"engine {name} computes in {name.number_format}, but OpenVINO would run "
            f"{' '.join(sorted(other)) or 'no convolution that it names'} on this processor; "
            "expected that format: take another machine, or give the job another engine"
        )
