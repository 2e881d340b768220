from .digest import changed, key
from .raster import by_gdal_alone, sharing_files
from .setup import check_setup
from .stage import run
from .whole_file_check import file_facts

__all__ = [
    "by_gdal_alone",
    "changed",
    "check_setup",
    "file_facts",
    "key",
    "run",
    "sharing_files",
]
