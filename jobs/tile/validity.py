"""Which pixels of a file exist, beyond its no-data value: its masks and its alpha band.

GDAL reports one of them: a mask hides an alpha band, as a no-data tag does. Here a pixel exists
only where all of them say so.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

Valid: TypeAlias = NDArray[np.bool_]
"""(y, x): whether a pixel exists."""

_NO_MASK = ({MaskFlags.all_valid}, {MaskFlags.nodata})
"""A no-data value is compared with the numbers, as the catalog's is."""


def has_mask(file: DatasetReader, band: int, measured: Set[int]) -> bool:
    """Whether a mask or an alpha band may say that pixels of the band do not exist.

    ``measured``: the file's bands that are read as measurements, whatever the file calls them.
    """
    return _has_mask(file, band) or _alpha(file, measured) is not None


def existing(file: DatasetReader, band: int, measured: Set[int], window: Window) -> Valid | None:
    """Which pixels of the window exist in the band; None where neither mask nor alpha says."""
    valid: Valid | None = None
    if _has_mask(file, band):
        valid = file.read_masks(band, window=window) > 0
    alpha = _alpha(file, measured)
    if alpha is not None:
        opaque = file.read(alpha, window=window) > 0
        valid = opaque if valid is None else valid & opaque
    return valid


def _has_mask(file: DatasetReader, band: int) -> bool:
    """Whether the band has a mask, inside the file or beside it, that is no alpha band."""
    flags = set(file.mask_flag_enums[band - 1])
    return MaskFlags.alpha not in flags and flags not in _NO_MASK


def _alpha(file: DatasetReader, measured: Set[int]) -> int | None:
    """The file's alpha band; None where there is none, or it is read as a measurement."""
    kinds = file.colorinterp
    index = kinds.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in kinds else None
    return None if index in measured else index
