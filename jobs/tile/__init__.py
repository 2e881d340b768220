"""Tile: one overpass from its files to the port's grid, as encoded numbers and quality bits.

There are two readers. Files that lie on the port's grid are read as one window each (`aligned`);
files that must be warped are read through stackstac, one scene at a time (`warped`). Where both
apply they give identical numbers. Windows of files of the common kind, which their header must
prove (`geotiff`), are decoded here (`tiled_file`), all others by GDAL, to the same numbers.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
