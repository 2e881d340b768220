"""Imagery of a few scenes under thousands of names, before an S3 server that keeps the archive."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.support.scenes import GRID, write_band
from tests.support.servers.files import file_answer
from tests.support.servers.s3 import BUCKET, Proxy
from tests.support.servers.server import Answer, running

BANDS = ("blue", "green", "red", "nir")
SIDE = 4096
"""Pixels along each side of a band's file."""
BLOCK = 1024
SCENES = 3
"""Different ones; an overpass has one of them."""
PREFIX = f"/{BUCKET}/imagery/"


def write_scenes(folder: Path) -> None:
    """Files like those of Earth Search: blocks of 1024 pixels, deflate with a predictor, water and
    land with a sensor's noise, ships on the water."""
    for number in range(SCENES):
        random = np.random.default_rng(number)
        place = folder / str(number)
        place.mkdir(parents=True)
        ground = _ground(random)
        for band in BANDS:
            values = ground + random.normal(0, 18, ground.shape)
            _write(place / band, np.clip(values, 1, 65535).astype("u2"), 10.0)
        classes = np.full((SIDE // 2, SIDE // 2), 6, np.uint8)
        classes[:, ::97] = 9
        _write(place / "mask", classes, 20.0)


def _ground(random: np.random.Generator) -> NDArray[np.floating]:
    coarse = random.normal(0, 1, (SIDE // 64, SIDE // 64))
    found: NDArray[np.floating] = 1300 + 400 * np.clip(ndimage.zoom(coarse, 64, order=1), 0, 3)
    for row, column in random.integers(0, SIDE - 30, (600, 2)):
        found[row : row + 4, column : column + 22] += 2500
    return found


def _write(path: Path, values: NDArray[np.generic], metres: float) -> None:
    transform = (metres, 0.0, GRID.left, 0.0, -metres, GRID.top)
    write_band(path, values, transform=transform, block=BLOCK, predictor=2)


def address(folder: Path, item: str, band: str, number: int) -> tuple[Path, str]:
    """The file of an item's band, and its address in the bucket."""
    scene = number % SCENES
    return folder / str(scene) / band, f"s3:/{PREFIX}{item}/{scene}/{band}.tif"


class Front(Proxy):
    """Answers for imagery itself, passes on what concerns the archive, and counts both.

    ``link.latency_s`` and ``faults`` make it slow and refusing.
    """

    def __init__(self, upstream: str, folder: Path) -> None:
        super().__init__(upstream)
        self.folder = folder
        self.count_lock = threading.Lock()
        self.answered: Counter[str] = Counter()
        """Requests answered by the server behind, such as ``imagery GET`` and ``archive PUT``; a
        GET of the bucket itself is a LIST."""
        self.carried: Counter[str] = Counter()
        """Bytes of their answers, or for PUT and POST of their bodies."""

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path = unquote(urlsplit(target).path)
        if path.startswith(PREFIX):
            kind, found = "imagery", self._imagery(path, headers, method)
        else:
            kind, found = "archive", super().answer(method, target, headers, body)
        is_list = method == "GET" and path.strip("/") == BUCKET
        name = f"{kind} {'LIST' if is_list else method}"
        with self.count_lock:
            self.answered[name] += 1
            self.carried[name] += len(body) + len(found.body)
        return found

    def _imagery(self, path: str, headers: Mapping[str, str], method: str) -> Answer:
        _, scene, band = path.removeprefix(PREFIX).split("/")
        file = self.folder / scene / band.removesuffix(".tif")
        return file_answer(file, headers.get("range"), read=method == "GET")

    def counts(self) -> Counter[str]:
        """Requests by kind, and ``... bytes``."""
        with self.count_lock:
            sizes = {f"{kind} bytes": size for kind, size in self.carried.items()}
            return Counter({**self.answered, **sizes})


@contextmanager
def front(upstream: str, folder: Path) -> Iterator[Front]:
    """The running front of an S3 server, with the scenes of a folder."""
    server = Front(upstream, folder)
    with running(server):
        yield server
