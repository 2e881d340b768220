"""Batches of tiles of whichever images are being worked on, for a device that wants many at once.

Each thread works on an image of its own and hands its tiles in; one thread feeds the device. While
a batch is computed the next one is gathered and started, so that the device need not wait.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.inference.tiles import HALO_PX, TILE_PX, Cost

Image = NDArray[np.float32]
Finish = Callable[[], Image]

SIDE_PX = TILE_PX + 2 * HALO_PX
"""Every tile is filled up to this with no data, so that a batch always has one shape."""


class Start(Protocol):
    """Begins a batch on the device; what it gives waits for the batch's maps."""

    size: int
    """How many tiles a batch has; missing ones hold no data."""

    def __call__(self, planes: Image) -> Finish:
        """From (size, band, SIDE_PX, SIDE_PX) to maps (size, output, TILE_PX, TILE_PX)."""


class Batcher:
    """An engine that many threads may use at once; what a tile gives depends on no other tile.

    Each image has at most ``start.size`` tiles in flight and the device two batches, so host memory
    is bounded: (images at once + 2) x size x (bands + outputs) x 4 x SIDE_PX^2 bytes.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._waiting: SimpleQueue[tuple[Image, Future[Image]]] = SimpleQueue()
        Thread(target=self._feed, name="berthwatch-batches", daemon=True).start()

    @property
    def cost(self) -> Cost:
        """Every tile costs the same, small or large."""
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
        running: tuple[Finish, _Batch] | None = None
        while True:
            batch = self._gather(wait=running is None)
            begun = self._begin(batch) if batch else None
            if running:
                _deliver(*running)
            running = begun

    def _gather(self, *, wait: bool) -> "_Batch":
        """What is waiting, at most a batch; at least one tile where there is time to wait."""
        batch = [self._waiting.get()] if wait else []
        while len(batch) < self._start.size:
            try:
                batch.append(self._waiting.get_nowait())
            except Empty:
                break
        return batch

    def _begin(self, batch: "_Batch") -> "tuple[Finish, _Batch] | None":
        try:
            return self._start(stack_tiles([tile for tile, _ in batch], self._start.size)), batch
        except Exception as error:  # whatever it is, those who wait must hear of it
            _fail(batch, error)
            return None


_Batch = list[tuple[Image, Future[Image]]]


def _deliver(finish: Finish, batch: _Batch) -> None:
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
    """Tiles (band, y, x) as one batch (size, band, SIDE_PX, SIDE_PX), filled up with no data."""
    batch = np.full((size, len(tiles[0]), SIDE_PX, SIDE_PX), np.nan, dtype=np.float32)
    for place, tile in zip(batch, tiles, strict=False):
        place[:, : tile.shape[1], : tile.shape[2]] = tile
    return batch
