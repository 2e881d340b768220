"""The tile stage: read, scale, mosaic and mask one overpass, and write it to its step."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jobs.domain import (
    SENSORS,
    FileAccess,
    Grid,
    Mask,
    OverpassStore,
    Pixels,
    Quality,
    Scene,
    Sensor,
    Settings,
    Source,
    StageName,
    Unit,
    UnitResult,
    UnitState,
    is_zarr_array,
)
from jobs.errors import SceneError
from jobs.tile.aligned import read_windows
from jobs.tile.cloud_mask import without_ships
from jobs.tile.encoding import Classes, Layer, encoder_of
from jobs.tile.mask_flags import FlagLayer, quality_of_flags, read_flags
from jobs.tile.measured import has_data
from jobs.tile.pixel_size import is_aligned, is_finer
from jobs.tile.radar_quality import radar_quality
from jobs.tile.raster import copies_made


def run(unit: Unit, settings: Settings, store: OverpassStore) -> UnitResult:
    """Read, scale, mosaic and mask one overpass, and write it to its step.

    Raises SceneError where a file is missing, unreadable or not as the catalog declares, and its
    subclass UnreachableError where another attempt may succeed.
    """
    started, copies = time.perf_counter(), copies_made()
    sensor = SENSORS[unit.overpass.sensor]
    read: dict[str, str] = {}
    pixels = read_overpass(unit.overpass.scenes, sensor, unit.port.grid, read)
    store.write_pixels(unit.overpass.sensor, unit.step, pixels)
    return UnitResult(
        overpass_id=unit.overpass.id,
        stage=StageName.TILE,
        state=UnitState.DONE,
        seconds=time.perf_counter() - started,
        copied_files=copies_made() - copies,
        read=read,
    )


def read_overpass(
    scenes: Sequence[Scene], sensor: Sensor, grid: Grid, read: dict[str, str] | None = None
) -> Pixels:
    """All bands of one overpass on the grid; a band that no scene has stays without data.

    Where two scenes have data, the first in the plan's order is used; files of later scenes are
    opened only where pixels are still without data. ``read`` takes up the sha256 of what was read
    of each file, as in ``UnitResult.read``.
    """
    image = np.zeros((len(sensor.bands), *grid.shape), np.uint16)
    mask = _screened_by(scenes, sensor)
    as_flags = mask is not None and _is_read_as_flags(mask, scenes, grid)
    told = None if mask is None else np.zeros(grid.shape, np.uint16)
    for number, scene in enumerate(scenes, start=1):
        gaps: dict[str, Layer | FlagLayer] = dict(_with_gaps(scene, sensor, image))
        if mask is not None and told is not None and scene.mask is not None and not told.all():
            gaps["mask"] = _mask_layer(scene.mask, mask, told, as_flags)
        digests = _fill(gaps, grid, scene.access)
        if read is not None:
            read.update({f"{number}/{name}": digest for name, digest in digests.items()})
    if not image.any():
        raise SceneError(
            "no pixel of the port has data in any band; expected the scenes to cover part of it: "
            "their footprint in the catalog is larger than what they hold"
        )
    flags = None
    if mask is not None and told is not None:
        flags = quality_of_flags(told) if as_flags else Classes(mask).quality(told)
    if sensor.is_radar:
        return Pixels(image, radar_quality(image, sensor.encoding))
    return Pixels(image, _quality(flags, grid, image))


def _screened_by(scenes: Sequence[Scene], sensor: Sensor) -> Mask | None:
    """The sensor's mask where every scene has one; else None."""
    return sensor.mask if all(scene.mask is not None for scene in scenes) else None


def _with_gaps(
    scene: Scene, sensor: Sensor, image: NDArray[np.uint16]
) -> Iterator[tuple[str, Layer]]:
    """The scene's layers, by band, whose target still has pixels without data."""
    for target, band in zip(image, sensor.bands, strict=True):
        if band in scene.bands and not target.all():
            source = scene.bands[band]
            measured = frozenset(
                each.index for each in scene.bands.values() if each.href == source.href
            )
            encoder = encoder_of(sensor)
            layer = Layer(source, encoder, sensor.dtypes, target, measured=measured, band=band)
            yield band, layer


def _is_read_as_flags(mask: Mask, scenes: Sequence[Scene], grid: Grid) -> bool:
    """Whether masks are read as flags: of many bands, or finer than the grid in one of the scenes.

    Others keep the file's numbers, by whose digests archives know what was read.
    """
    sources = (scene.mask for scene in scenes if scene.mask is not None)
    return bool(mask.bands) or any(is_finer(source, grid) for source in sources)


def _mask_layer(
    source: Source, mask: Mask, out: NDArray[np.uint16], as_flags: bool
) -> Layer | FlagLayer:
    """The layer of a scene's mask."""
    if as_flags:
        return FlagLayer(source, mask, out)
    return Layer(source, Classes(mask), mask.dtypes, out, categorical=True)


def _read(layers: Sequence[Layer | FlagLayer], grid: Grid, access: FileAccess | None) -> None:
    """Fill layers from files."""
    on_points = [one for one in layers if isinstance(one, Layer) and one.source.on_points]
    if on_points:
        from jobs.tile.ground_range import read_ground_range  # scipy's splines, for radar alone

        read_ground_range(on_points, grid, access)
    images = [one for one in layers if isinstance(one, Layer) and not one.source.on_points]
    read_windows([one for one in images if is_aligned(one.source, grid)], grid, access)
    warped = [one for one in images if not is_aligned(one.source, grid)]
    if warped:
        from jobs.tile.warped import read_warped  # stackstac and xarray: a second of CPU

        read_warped(warped, grid, access)
    read_flags([one for one in layers if isinstance(one, FlagLayer)], grid, access)


def _fill(
    gaps: Mapping[str, Layer | FlagLayer], grid: Grid, access: FileAccess | None
) -> dict[str, str]:
    """Fill the pixels without data of the layers' targets from a scene; digests of what was read.

    They are those of the scene's own pixels on the grid, as the archive encodes them, before they
    become part of the mosaic.
    """
    # The first scene is read directly into the image, later ones into an array of their own.
    layers = {
        name: replace(gap, out=np.zeros_like(gap.out)) if gap.out.any() else gap
        for name, gap in gaps.items()
    }
    if any(is_zarr_array(layer.source.href) for layer in layers.values()):
        from jobs.tile.zarr_array import arrays_as_files  # zarr: for the few that need it

        with arrays_as_files(list(layers.values()), grid, access) as files:
            _read(files, grid, access)
    else:
        _read(list(layers.values()), grid, access)
    digests = {name: _digest(layer.out) for name, layer in layers.items()}
    for name, gap in gaps.items():
        if layers[name] is not gap:
            np.copyto(gap.out, layers[name].out, where=gap.out == 0)
    return digests


def _digest(pixels: NDArray[np.uint16]) -> str:
    """sha256, in hex, of pixels row by row, little-endian."""
    return hashlib.sha256(np.ascontiguousarray(pixels, "<u2").data).hexdigest()


def _quality(
    flags: NDArray[np.uint8] | None, grid: Grid, image: NDArray[np.uint16]
) -> NDArray[np.uint8]:
    """Bits of Quality, (y, x): no data, and those of the mask, None where nothing was screened."""
    if flags is None:
        flags = np.full(grid.shape, int(Quality.UNSCREENED), np.uint8)
    else:
        flags = without_ships(flags, grid.resolution_m)
    flags[~has_data(image)] = int(Quality.NODATA)
    return flags
