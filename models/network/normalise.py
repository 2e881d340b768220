"""Normalisation: any optical image becomes the four planes the network was trained on.

Sentinel-2 is distributed as reflectance and as 8-bit true colour, by processings that differ in
gain, offset and haze. A network trained on raw values of one of them fails on the others, so every
band is expressed relative to the image's own water and contrast:

    plane = asinh((value - background) / scale)

- background: the dark level around the pixel, smooth over kilometres (the level of the water);
- scale: the contrast of the visible bands to their background in the brighter cells of the image;
  one value for all bands, so that ratios between bands are kept.

Both are computed from the whole image, never from a tile, so tiling does not change a pixel.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.network.bands import BANDS

VISIBLE = ("blue", "green", "red")
"""The bands that set the scale; at least one of them is needed."""

CELL_PX = 32
"""Edge of a cell of the coarse grid on which the background is estimated, in pixels."""

_CELL_QUANTILE = 0.25
_WINDOW_CELLS = 7
_WINDOW_PERCENTILE = 20
_BRIGHT_QUANTILE = 0.99
_BRIGHT_CELLS_QUANTILE = 0.9
_BRIGHTEST_SHARE = 0.35
_KNEE = 0.25
"""Contrasts above this share of the scale are compressed: there a gain is nearly an offset."""
_LEAST_SCALE = 0.02

Image = NDArray[np.float32]
"""(band, y, x) or (y, x)."""


class BandError(ValueError):
    """The image's shape or bands do not fit the network's input."""


def normalise_planes(image: Image, bands: Sequence[str]) -> Image:
    """Express an image relative to its own background and contrast.

    image: (band, y, x), reflectance or true colour, roughly 0..1; NaN = no data.
    bands: the name of each plane; those outside BANDS are ignored.
    Returns (len(BANDS), y, x) float32 in the order of BANDS; NaN where there is no data, and in
    the whole plane of a missing band. Invariant to a gain common to all bands and to an offset of
    any band, as long as the scale is above 0.02.
    Raises BandError where the shapes disagree, a band is named twice or there is no visible band.
    """
    _check(image, bands)
    planes = np.full((len(BANDS), *image.shape[1:]), np.nan, dtype=np.float32)
    for index, name in enumerate(BANDS):
        if name in bands:
            planes[index] = _contrast(image[list(bands).index(name)])
    knee = np.float32(_KNEE * _scale(planes[[BANDS.index(name) for name in VISIBLE]]))
    return np.arcsinh(planes / knee)


def _check(image: Image, bands: Sequence[str]) -> None:
    if image.ndim != 3 or image.shape[0] != len(bands):
        raise BandError(
            f"an image of shape (band, y, x) with {len(bands)} bands is needed, "
            f"got shape {image.shape}"
        )
    if len(set(bands)) != len(bands):
        raise BandError(f"a band is named twice: {', '.join(bands)}")
    if not set(bands) & set(VISIBLE):
        raise BandError(
            f"none of blue, green and red is among the bands ({', '.join(bands) or 'none'}): "
            "name at least one visible band"
        )


def _contrast(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """One band (y, x) minus its background; NaN stays NaN."""
    finite = np.isfinite(plane)
    if not finite.any():
        return np.full(plane.shape, np.nan, dtype=np.float32)
    plane = np.where(finite, plane, np.float32(np.nan))
    return plane - background(plane)


def background(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """The smooth dark level of one band (y, x), defined everywhere, in the band's own unit.

    A low percentile over each window of cells: around a port the dark cells are water.
    """
    dark = _cells_quantile(plane, _CELL_QUANTILE)
    dark = _fill_from_nearest(dark)
    dark = ndimage.percentile_filter(dark, _WINDOW_PERCENTILE, size=_WINDOW_CELLS, mode="nearest")
    dark = ndimage.gaussian_filter(dark, 1.5, mode="nearest")
    return _interpolate(dark, plane.shape)


def _scale(contrasts: NDArray[np.float32]) -> float:
    """The contrast of the image's brighter cells, a mean over the bands with data.

    contrasts: (band, y, x). In an image of nearly only water the brightest cell alone sets the
    scale; a quantile would measure the noise.
    """
    cells = (_cells_quantile(plane, _BRIGHT_QUANTILE) for plane in contrasts)
    known = [of_band[np.isfinite(of_band)] for of_band in cells]
    levels = [_bright_level(of_band) for of_band in known if of_band.size]
    return max(float(np.mean(levels)), _LEAST_SCALE) if levels else _LEAST_SCALE


def _bright_level(cells: NDArray[np.float32]) -> float:
    usual = float(np.quantile(cells, _BRIGHT_CELLS_QUANTILE))
    return max(usual, _BRIGHTEST_SHARE * float(cells.max()))


def _cells_quantile(plane: NDArray[np.float32], quantile: float) -> NDArray[np.float32]:
    """A quantile of the finite pixels of each cell; NaN in a cell without any."""
    rows, cols = (-(-size // CELL_PX) for size in plane.shape)
    padding = ((0, rows * CELL_PX - plane.shape[0]), (0, cols * CELL_PX - plane.shape[1]))
    padded = np.pad(plane, padding, constant_values=np.nan)
    cells = padded.reshape(rows, CELL_PX, cols, CELL_PX).swapaxes(1, 2)
    ordered = np.sort(cells.reshape(rows, cols, -1), axis=-1)  # NaN sort to the end
    count = np.isfinite(ordered).sum(axis=-1)
    rank = np.clip(np.floor(quantile * count).astype(np.intp), 0, ordered.shape[-1] - 1)
    return np.asarray(np.take_along_axis(ordered, rank[..., None], axis=-1)[..., 0])


def _fill_from_nearest(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    missing = ~np.isfinite(cells)
    if not missing.any():
        return cells
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(cells[tuple(nearest)])


def _interpolate(cells: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Linear between the centres of the cells, constant beyond the outermost."""
    rows, cols = (_positions(size, count) for size, count in zip(shape, cells.shape, strict=True))
    low_row, low_col = (np.floor(at).astype(np.intp) for at in (rows, cols))
    high_row = np.minimum(low_row + 1, cells.shape[0] - 1)
    high_col = np.minimum(low_col + 1, cells.shape[1] - 1)
    part_row = (rows - low_row).astype(np.float32)[:, None]
    part_col = (cols - low_col).astype(np.float32)[None, :]
    along_rows = cells[low_row] * (1 - part_row) + cells[high_row] * part_row
    return np.asarray(along_rows[:, low_col] * (1 - part_col) + along_rows[:, high_col] * part_col)


def _positions(size: int, count: int) -> NDArray[np.float64]:
    """Each pixel's position on the axis of cell centres."""
    return np.clip((np.arange(size) + 0.5) / CELL_PX - 0.5, 0, count - 1)
