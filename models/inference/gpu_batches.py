"""Batches of tiles from several images, for a device that is fast only on many tiles at once.

Each thread works on its own image and queues its tiles; one thread feeds the device. While one
batch is computed the next is gathered and started, so that the device is not idle.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

import numpy as np

from models.inference.tiles import HALO_PX, TILE_PX, TileCost
from models.network import Image

FinishBatch = Callable[[], Image]
"""Waits for a started batch and returns its maps (size, output, TILE_PX, TILE_PX)."""

SIDE_PX = TILE_PX + 2 * HALO_PX
"""Every tile is padded to this with no data, so that a batch always has one shape."""


class StartBatch(Protocol):
    """Starts a batch on the device without waiting for it."""

    size: int
    """Tiles per batch; missing ones hold no data."""

    def __call__(self, planes: Image) -> FinishBatch:
        """planes: (size, band, SIDE_PX, SIDE_PX)."""


class Batcher:
    """An engine that many threads may use at once; a tile's result depends on no other tile.

    Each image has at most ``start.size`` tiles in flight and the device two batches, so host memory
    is bounded: (images at once + 2) x size x (bands + outputs) x 4 x SIDE_PX^2 bytes.
    """

    def __init__(self, start: StartBatch, made_by: str = "batches") -> None:
        self._start = start
        self.made_by = made_by
        self._waiting: SimpleQueue[tuple[Image, Future[Image]]] = SimpleQueue()
        Thread(target=self._feed, name="berthwatch-batches", daemon=True).start()

    @property
    def cost(self) -> TileCost:
        """Every tile costs the same, small or large, since it is padded."""
        return lambda height, width: 1.0

    def maps(self, tiles: Iterable[Image]) -> Iterator[Image]:
        """Maps (output, y, x) of the inside of tiles (band, y + 2 halo, x + 2 halo), in order."""
        in_flight: deque[Future[Image]] = deque()
        for tile in tiles:
            if len(in_flight) == self._start.size:
                yield in_flight.popleft().result()
            in_flight.append(self._submit(tile))
        while in_flight:
            yield in_flight.popleft().result()

    def _submit(self, tile: Image) -> Future[Image]:
        future: Future[Image] = Future()
        self._waiting.put((tile, future))
        return future

    def _feed(self) -> None:
        running: tuple[FinishBatch, _Batch] | None = None
        while True:
            batch = self._gather(wait=running is None)
            begun = self._begin(batch) if batch else None
            if running:
                _deliver(*running)
            running = begun

    def _gather(self, *, wait: bool) -> "_Batch":
        """The queued tiles, at most a batch; with wait at least one."""
        batch = [self._waiting.get()] if wait else []
        while len(batch) < self._start.size:
            try:
                batch.append(self._waiting.get_nowait())
            except Empty:
                break
        return batch

    def _begin(self, batch: "_Batch") -> "tuple[FinishBatch, _Batch] | None":
        try:
            return self._start(stack_tiles([tile for tile, _ in batch], self._start.size)), batch
        except Exception as error:  # any error must reach the waiting threads
            _fail(batch, error)
            return None


_Batch = list[tuple[Image, Future[Image]]]


def _deliver(finish: FinishBatch, batch: _Batch) -> None:
    try:
        maps = finish()
    except Exception as error:  # as above
        _fail(batch, error)
        return
    for found, (tile, future) in zip(maps, batch, strict=False):
        height, width = (side - 2 * HALO_PX for side in tile.shape[1:])
        future.set_result(found[:, :height, :width].copy())


def _fail(batch: _Batch, error: Exception) -> None:
    for _, future in batch:
        future.set_exception(error)


def stack_tiles(tiles: Sequence[Image], size: int) -> Image:
    """Tiles (band, y, x) as one batch (size, band, SIDE_PX, SIDE_PX), padded with no data."""
    batch = np.full((size, len(tiles[0]), SIDE_PX, SIDE_PX), np.nan, dtype=np.float32)
    for slot, tile in zip(batch, tiles, strict=False):
        slot[:, : tile.shape[1], : tile.shape[2]] = tile
    return batch
