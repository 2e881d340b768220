"""A map as a folder of files: works from any web server, and from a USB stick without one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.domain import Port
from jobs.errors import InputError
from jobs.maps.page import TEMPLATES, page_html, port_script
from jobs.maps.picture_format import PictureFormat
from jobs.maps.port_facts import Pictures, port_facts
from jobs.maps.pyramid import Tile, cut, one_picture_or_tiles
from jobs.maps.source import MapSource
from jobs.storage import whole_folder

PAGE = "index.html"
LICENCE = "LEAFLET-LICENSE.txt"
WEBP_QUALITY = 90
MOST_AT_ONCE = 4
"""Pictures made at the same time."""
STRIP_PX = 1024
"""Rows read at once: two chunks of the archive."""


@dataclass(frozen=True)
class MapFolder:
    """What was written."""

    page: Path
    looks: int
    files: int
    size_bytes: int
    without_picture: int
    """Looks of which the archive has no pixels."""


def write_map(
    source: MapSource,
    folder: Path,
    form: PictureFormat = PictureFormat.WEBP,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MapFolder:
    """Write the map of every port of the source into a folder, which appears when it is complete.

    ``progress`` is told after each look how many of how many are done. An existing folder is
    replaced if it is such a map; InputError for any other that is not empty.
    """
    check_replaceable(folder)
    total = sum(len(source.looks(port)) for port in source.ports)
    done = 0
    with whole_folder(folder) as hidden:
        for port in source.ports:
            for _ in _write_pictures(source, port, hidden, form):
                done += 1
                progress(done, total)
            _write_facts(source, port, hidden, form)
        made = f"Pictures: {form.value.upper()} files in this folder"
        page = page_html(source.result, source.ports, made)
        (hidden / PAGE).write_text(page, encoding="utf-8")
        (hidden / LICENCE).write_bytes((TEMPLATES / "leaflet" / "LICENSE").read_bytes())
    files = [path for path in folder.rglob("*") if path.is_file()]
    return MapFolder(
        page=folder / PAGE,
        looks=total,
        files=len(files),
        size_bytes=sum(path.stat().st_size for path in files),
        without_picture=sum(len(source.without_picture(port)) for port in source.ports),
    )


def check_replaceable(folder: Path) -> None:
    """InputError where a folder holds anything but a map that was written before: it is replaced as
    a whole, and what somebody put beside the map would be lost.
    """
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / LICENCE).is_file():
        raise InputError(
            f"{folder} is not empty and holds no map; expected a new folder, or a map to replace: "
            "name another"
        )
    added = [path for path in sorted(folder.rglob("*")) if not _is_of_map(folder, path)]
    if added:
        raise InputError(
            f"{folder} holds a map, and {added[0].relative_to(folder)}, which is no part of it and "
            "would be lost; move it away, or name another folder"
        )


def _is_of_map(folder: Path, path: Path) -> bool:
    """Whether ``write_map`` makes a file or folder of that name."""
    if path.is_dir() and not path.is_symlink():
        return True
    first, *below = path.relative_to(folder).parts
    if not below:
        return first in (PAGE, LICENCE)
    if first == "data":
        return len(below) == 1 and path.suffix == ".js"
    return first == "pictures" and len(below) == 2 and path.suffix[1:] in list(PictureFormat)


def _write_facts(source: MapSource, port: Port, folder: Path, form: PictureFormat) -> None:
    pictures = Pictures(
        pyramid=one_picture_or_tiles(port.grid),
        address=f"pictures/{{look}}/{{z}}-{{x}}-{{y}}.{form.value}",
        missing=source.without_picture(port),
    )
    facts = port_facts(source.result, port, source.looks(port), pictures)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / f"{port.id}.js").write_text(port_script(facts), encoding="utf-8")


def _write_pictures(
    source: MapSource, port: Port, folder: Path, form: PictureFormat
) -> Iterator[None]:
    """Write the pictures of all looks, some at a time; yields after each look."""
    source.imagery.renderings(port.id)  # made once, before there are several threads
    with ThreadPoolExecutor(min(MOST_AT_ONCE, os.cpu_count() or 1)) as pool:
        work = [
            pool.submit(_write_look, source, port, look.overpass_id, folder, form)
            for look in source.looks(port)
        ]
        try:
            for done in as_completed(work):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _write_look(
    source: MapSource, port: Port, look: str, folder: Path, form: PictureFormat
) -> None:
    picture = _picture(source, port, look)
    if picture is None:
        return
    place = folder / "pictures" / look
    place.mkdir(parents=True)
    for tile in cut(picture, one_picture_or_tiles(port.grid)):
        _write_tile(tile, place / f"{tile.level}-{tile.x}-{tile.y}.{form.value}", form)


def _picture(source: MapSource, port: Port, look: str) -> NDArray[np.uint8] | None:
    """The picture (y, x, 3), read in strips: a wide port takes gigabytes as floats."""
    if look not in source.steps(port):
        return None
    grid = port.grid
    tops = range(0, grid.height, STRIP_PX)
    strips = [
        replace(
            grid,
            top=grid.top - row * grid.resolution_m,
            height=min(STRIP_PX, grid.height - row),
        )
        for row in tops
    ]
    found = [source.imagery.window(port.id, look, strip) for strip in strips]
    return np.concatenate([part for part in found if part is not None])


def _write_tile(tile: Tile, path: Path, form: PictureFormat) -> None:
    image = Image.fromarray(tile.pixels)
    if tile.pixels[..., 3].all():
        image = image.convert("RGB")
    if form is PictureFormat.PNG:
        image.save(path)
    else:
        image.save(path, quality=WEBP_QUALITY, method=4)
