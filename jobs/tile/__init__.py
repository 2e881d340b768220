"""Tile: one overpass from its files to the port's grid, as encoded numbers and quality bits.

There are two readers. Files that lie on the port's grid are read as one window each, by GDAL
(`aligned`); files that must be warped are read through stackstac, one scene at a time (`warped`).
Where both apply they give identical numbers.
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
