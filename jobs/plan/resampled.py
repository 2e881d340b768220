"""What of a scene's files must be resampled to a port's grid: it takes longer than reading."""

from __future__ import annotations

from typing import NamedTuple

from jobs.domain import SENSORS, Grid, Scene, Source
from jobs.plan.overlap import window
from jobs.tile import height_m, is_aligned, is_finer

GDAL_CACHE = 128 * 2**20
"""Bytes, as the images set it; elsewhere GDAL takes 5 % of the machine's memory."""
BLOCK_PIXELS = 128 * 512
"""Pixels of the grid that GDAL makes at once of a file with several bands."""
FLOAT_BYTES = 4
STRIP_ROWS = 256
"""Rows of the grid whose mask is read at once."""
FLAG_BYTES = 14
"""For a pixel of a mask: its number as an index (8) and as it is, its flags twice, and two bits."""


class Resampled(NamedTuple):
    """As the fields of ``Estimate``, of one scene."""

    files: int = 0
    warped: int = 0
    turned: int = 0
    finer: int = 0
    flags: int = 0
    on_points: int = 0
    placed: int = 0
    memory: int = 0
    """Bytes that a worker needs more for it."""


def resampled(scene: Scene, grid: Grid) -> Resampled:
    """Of the scene's files under the grid.

    All bands of a file are, whichever are read; that it has more after the last of them is not
    known here.
    """
    bands: dict[str, Source] = {}
    for source in scene.bands.values():
        last = bands.setdefault(source.href, source)
        bands[source.href] = max(last, source, key=lambda each: each.index)
    found = [_of_bands(source, grid) for source in bands.values()]
    found.append(_of_mask(scene, grid))
    whole = Resampled(*map(sum, zip(*found, strict=True)))
    return whole._replace(memory=_memory(scene, whole, grid))


def _memory(scene: Scene, whole: Resampled, grid: Grid) -> int:
    """GDAL's cache of blocks, and a block of the grid with all bands or a strip of the mask.

    Files that are not finer need little of either.
    """
    sensor, pixels = SENSORS[scene.sensor], grid.width * grid.height
    planes = max((band.number for band in sensor.mask.bands), default=1) if sensor.mask else 0
    cached = whole.finer * sensor.sample_bytes + whole.flags * planes
    block = whole.finer * FLOAT_BYTES * min(1.0, BLOCK_PIXELS / pixels)
    strip = whole.flags * FLAG_BYTES * min(1.0, STRIP_ROWS / grid.height)
    return min(cached, GDAL_CACHE) + round(max(block, strip))


def _of_bands(last: Source, grid: Grid) -> Resampled:
    """Of a file with bands up to this one."""
    pixels = _pixels(last, grid)
    if pixels and last.on_points:
        return Resampled(on_points=1, placed=pixels)
    if not pixels or is_aligned(last, grid):
        return Resampled()
    samples = _on_grid(last, grid, pixels) * last.index
    turned = min(samples, pixels * last.index) if last.epsg != grid.epsg else 0
    if is_finer(last, grid):
        return Resampled(files=1, turned=turned, finer=pixels * last.index)
    return Resampled(files=1, warped=samples, turned=turned)


def _of_mask(scene: Scene, grid: Grid) -> Resampled:
    source, mask = scene.mask, SENSORS[scene.sensor].mask
    pixels = _pixels(source, grid) if source is not None and mask is not None else 0
    if not pixels or source is None or mask is None:
        return Resampled()
    samples = _on_grid(source, grid, pixels)
    turned = min(samples, pixels) if source.epsg != grid.epsg else 0
    if mask.bands or is_finer(source, grid):
        return Resampled(files=1, turned=turned, flags=pixels)
    if is_aligned(source, grid):
        return Resampled()
    return Resampled(files=1, warped=samples, turned=turned)


def _pixels(source: Source, grid: Grid) -> int:
    """Pixels of a source under the grid."""
    under = window(grid, source)
    if under is None:
        return 0
    rows, columns = (stop - start for start, stop in under)
    return rows * columns


def _on_grid(source: Source, grid: Grid, pixels: int) -> int:
    """Pixels of the grid that so many of the source cover."""
    covered = round(pixels * (height_m(source) / grid.resolution_m) ** 2)
    return min(covered, grid.width * grid.height)
