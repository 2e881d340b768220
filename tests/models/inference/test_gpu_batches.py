"""The batcher with a device that only echoes: bounded, in order, errors reach the callers."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.inference.gpu import compile_or_eager
from models.inference.gpu_batches import SIDE_PX, Batcher, FinishBatch
from models.inference.tiles import HALO_PX

Image = NDArray[np.float32]
SIZE = 3


class Echo:
    """A device that returns each tile's own inside; it can be blocked, and can fail."""

    def __init__(self) -> None:
        self.size = SIZE
        self.go = Event()
        self.go.set()
        self.broken = False
        self.shapes: set[tuple[int, ...]] = set()
        self.full = 0

    def __call__(self, planes: Image) -> FinishBatch:
        self.go.wait(10)
        if self.broken:
            raise RuntimeError("the device is gone")
        self.shapes.add(planes.shape)
        self.full += bool(np.isfinite(planes[-1]).any())
        return lambda: planes[:, :, HALO_PX:-HALO_PX, HALO_PX:-HALO_PX]


def tile(value: float, side: int = 16) -> Image:
    return np.full((1, side + 2 * HALO_PX, side + 2 * HALO_PX), value, np.float32)


def values(maps) -> list[float]:
    return [float(found.mean()) for found in maps]


def test_maps_return_to_the_thread_of_their_tile() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    echo.go.clear()
    with ThreadPoolExecutor(4) as threads:
        sent = [[100.0 * image + number for number in range(5)] for image in range(4)]
        given = [
            threads.submit(lambda own: values(batcher.maps(map(tile, own))), own) for own in sent
        ]
        echo.go.set()
        assert [each.result(20) for each in given] == sent
    assert echo.shapes == {(SIZE, 1, SIDE_PX, SIDE_PX)}
    assert echo.full  # batches hold tiles of several images


def test_maps_have_the_size_of_their_tiles() -> None:
    maps = Batcher(Echo()).maps([tile(1.0, 16), tile(2.0, 32)])
    assert [found.shape for found in maps] == [(1, 16, 16), (1, 32, 32)]


def test_no_image_has_more_tiles_in_flight_than_a_batch() -> None:
    taken, lock, most = 0, Lock(), 0
    batcher = Batcher(Echo())

    def tiles():
        nonlocal taken, most
        for number in range(20):
            with lock:
                taken += 1
                most = max(most, taken)
            yield tile(number)

    for _ in batcher.maps(tiles()):
        with lock:
            taken -= 1
    assert most == SIZE + 1  # the last one is cut out and not yet queued


def test_an_error_of_the_device_is_raised_and_it_may_recover() -> None:
    echo = Echo()
    batcher = Batcher(echo)
    echo.broken = True
    with pytest.raises(RuntimeError, match="the device is gone"):
        list(batcher.maps([tile(1.0)]))
    echo.broken = False
    assert values(batcher.maps([tile(2.0)])) == [2.0]


def test_a_network_that_cannot_be_compiled_runs_uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def network(x: torch.Tensor) -> torch.Tensor:
        return x + 1

    def no_compiler(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", lambda *args, **kwargs: no_compiler)
    assert compile_or_eager(network, lambda run: run(torch.zeros(1))) is network
    monkeypatch.setattr(torch, "compile", lambda *args, **kwargs: torch.neg)
    assert compile_or_eager(network, lambda run: run(torch.zeros(1))) is torch.neg
