from .raster import sharing_files
from .setup import check_setup
from .stage import changed, key, run

__all__ = [
    "changed",
    "check_setup",
    "key",
    "run",
    "sharing_files",
]
