from .digest import changed, key
from .pixel_size import height_m, is_aligned, is_finer
from .raster import by_gdal_alone, sharing_files
from .setup import check_setup
from .stage import read_overpass, run
from .whole_file_check import file_facts

__all__ = [
    "by_gdal_alone",
    "changed",
    "check_setup",
    "file_facts",
    "height_m",
    "is_aligned",
    "is_finer",
    "key",
    "read_overpass",
    "run",
    "sharing_files",
]
