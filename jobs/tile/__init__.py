"""Tile: one overpass from its files onto the port's own grid, as encoded numbers and a quality.

Pixels come in two ways. Files that lie on the port's own grid are read as one window each, by
GDAL alone (`windows`); whatever must be warped goes through stackstac, one scene at a time
(`warping`). Where both apply they agree to the last digit.
"""

from jobs.tile.aligned import is_aligned
from jobs.tile.cloud_mask import classify, real_cloud
from jobs.tile.raster import sharing_files
from jobs.tile.stage import VERSION, changed, key, read_overpass, run

__all__ = [
    "VERSION",
    "changed",
    "classify",
    "is_aligned",
    "key",
    "read_overpass",
    "real_cloud",
    "run",
    "sharing_files",
]
