"""Quality of a radar's pixels: no cloud, but noise along the border of what was imaged.

Ground-range products have pixels of almost no power beside the edge of the swath, left by their
processing. They are no calm sea: they hang together with the pixels without data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from jobs.domain import Encoding, Quality
from jobs.tile.measured import has_data

BORDER_BELOW_DB = -35.0
"""VV of border noise; the calmest sea is as bright as what is left of the thermal noise, -30 dB."""


def radar_quality(image: NDArray[np.uint16], encoding: Encoding) -> NDArray[np.uint8]:
    """Bits of Quality, (y, x), of encoded VV and VH: no data, and border noise as defective."""
    measured = has_data(image)
    highest = int(encoding.encode(np.array([BORDER_BELOW_DB]))[0])
    faint = measured & (image[0] <= highest)
    patches, _ = ndimage.label(faint | ~measured, np.ones((3, 3), bool))
    outside = np.unique(patches[~measured])
    border = faint & np.isin(patches, outside)
    flags = np.where(border, np.uint8(Quality.DEFECTIVE), np.uint8(0))
    flags[~measured] = np.uint8(Quality.NODATA)
    return flags
