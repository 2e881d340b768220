"""Reader for Sentinel-1's products in ground range: calibrated, and warped by their control points.

Gamma nought on the ellipsoid, which is what terrain-corrected products hold where there is no
terrain: (amplitude**2 - noise) / table**2, in the image's own pixels, interpolated as power.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window
from scipy import ndimage

from jobs.domain import FileAccess, Grid
from jobs.errors import SceneError
from jobs.tile.access import without_query
from jobs.tile.control_points import PointLattice
from jobs.tile.encoding import Layer
from jobs.tile.product_tables import Calibration, Noise, calibration_of, noise_of
from jobs.tile.raster import Place, sharing_files, use

MARGIN_PX = 16
"""Pixels around what is interpolated, in which border noise hangs together with the edge."""
FLOOR_DB = -34.0
"""Below this nothing is told from the noise that was subtracted; it is above what would be border
noise in a calibrated image."""
BORDER_SHARE = 0.25
"""Of the thermal noise, below which a pixel beside the edge was not measured: nothing measured is
fainter than noise, but for speckle, which is so in one pixel of fifty."""
MOST_WITHOUT_FACTOR = 0.01
"""Share of measured pixels: blocks follow the sub-swaths, whose rims they may miss by a line."""
NOISE_DB = (-45.0, -10.0)
"""Thermal noise as backscatter; the instrument's is -30 to -20 dB. Products of before July 2015
state it in other units."""

Plane = NDArray[np.float32]


def read_ground_range(layers: Sequence[Layer], grid: Grid, access: FileAccess | None) -> None:
    """Fill the layers from files on ground control points and the tables beside them."""
    with sharing_files():
        for layer in layers:
            place = Place(layer.source.href, access)
            calibration = calibration_of(layer.source, place, layer.band)
            noise = noise_of(layer.source, place, layer.band)
            read = partial(_read, layer=layer, grid=grid, calibration=calibration, noise=noise)
            power = use(place, [layer.source], layer.dtypes, read)
            layer.out[...] = layer.encoder.encode(power)


def _read(
    file: DatasetReader, layer: Layer, grid: Grid, calibration: Calibration, noise: Noise
) -> Plane:
    """Backscatter on the grid, (y, x), linear, NaN where there is none."""
    name = without_query(layer.source.href)
    try:
        lattice = PointLattice.of(file.gcps[0], file.shape, calibration, grid.epsg)
    except SceneError as error:
        raise SceneError(f"{name}: {error}") from None
    rows, columns = lattice.pixels_of(grid)
    window = _window(rows, columns, file.shape)
    if window is None:
        return np.full(grid.shape, np.nan, np.float32)
    amplitude = file.read(layer.source.index, window=window)
    power = _power(amplitude, window, calibration, noise, name)
    at = np.stack([rows - window.row_off, columns - window.col_off])
    return _interpolated(power, at)


def _window(
    rows: NDArray[np.float64], columns: NDArray[np.float64], shape: tuple[int, int]
) -> Window | None:
    """The part of the file to be read; None where the grid lies outside."""
    if not np.isfinite(rows + columns).any():
        return None
    spans = []
    for at, side in zip((rows, columns), shape, strict=True):
        first = max(int(np.floor(np.nanmin(at))) - MARGIN_PX, 0)
        last = min(int(np.ceil(np.nanmax(at))) + MARGIN_PX + 1, side)
        if first >= last:
            return None
        spans.append((first, last))
    return Window.from_slices(*spans)


def _power(
    amplitude: NDArray[np.uint16],
    window: Window,
    calibration: Calibration,
    noise: Noise,
    name: str,
) -> Plane:
    """Backscatter of a part of the file, linear and as low as the subtraction of noise makes it;
    NaN where nothing was measured.
    """
    rows = window.row_off + np.arange(window.height, dtype=np.float64)
    columns = window.col_off + np.arange(window.width, dtype=np.float64)
    for table, kind in ((calibration.gamma, "calibration"), (noise.across, "noise")):
        if not table.covers(rows, columns):
            raise SceneError(
                f"{name}: its table of {kind} does not reach over rows {rows[0]:g} to "
                f"{rows[-1]:g}, columns {columns[0]:g} to {columns[-1]:g}: report it to the "
                "catalog's keeper"
            )
    _check_factors(noise.left_out(rows, columns) & (amplitude > 0), amplitude > 0, name)
    scale = calibration.gamma.over(rows, columns) ** 2
    floor = noise.over(rows, columns)
    _check_noise(float(np.mean(floor / scale)), name)
    squared = amplitude.astype(np.float64) ** 2
    power: Plane = ((squared - floor) / scale).astype(np.float32)
    power[_not_measured(amplitude, squared < BORDER_SHARE * floor)] = np.nan
    return power


def _check_factors(left_out: NDArray[np.bool_], measured: NDArray[np.bool_], name: str) -> None:
    """Raise SceneError where noise lacks its factor at more than a few measured pixels."""
    without, of = np.count_nonzero(left_out), np.count_nonzero(measured)
    if without > MOST_WITHOUT_FACTOR * of:
        raise SceneError(
            f"{name}: its factors of noise in azimuth leave out {without} of {of} pixels: fetch "
            "its table of noise again, or report it to the catalog's keeper"
        )


def _check_noise(level: float, name: str) -> None:
    """Raise SceneError for a table that is in other units, or of zeros."""
    low, high = (10 ** (each / 10) for each in NOISE_DB)
    if not low < level < high:
        said = "nothing" if level <= 0 else f"{10 * np.log10(level):.0f} dB"
        raise SceneError(
            f"{name}: its table of noise says {said}, expected {NOISE_DB[0]:g} to "
            f"{NOISE_DB[1]:g} dB; products of before July 2015 have it in other units: take "
            "sentinel-1-rtc for those"
        )


def _not_measured(amplitude: NDArray[np.uint16], faint: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of 0, and faint ones that hang together with them: the processor's border noise."""
    empty: NDArray[np.bool_] = amplitude == 0
    if not empty.any():
        return empty
    patches, _ = ndimage.label(faint | empty, np.ones((3, 3), bool))
    found: NDArray[np.bool_] = np.isin(patches, np.unique(patches[empty]))
    return found


def _interpolated(power: Plane, at: NDArray[np.float64]) -> Plane:
    """Bilinear at (row, column), (2, y, x), over pixels that were measured; NaN where less than
    half of the weight is theirs. As low as ``FLOOR_DB``.
    """
    measured = np.isfinite(power)
    inside = np.isfinite(at).all(axis=0)
    places = np.where(inside, at, -1.0)
    weight = ndimage.map_coordinates(measured.astype(np.float32), places, order=1, cval=0.0)
    total = ndimage.map_coordinates(np.where(measured, power, 0), places, order=1, cval=0.0)
    value = total / np.where(weight >= 0.5, weight, np.nan)
    found: Plane = np.maximum(value, np.float32(10 ** (FLOOR_DB / 10))).astype(np.float32)
    return found
