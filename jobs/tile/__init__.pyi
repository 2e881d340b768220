from .raster import sharing_files
from .stage import changed, key, run

__all__ = [
    "changed",
    "key",
    "run",
    "sharing_files",
]
