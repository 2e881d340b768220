from .digest import changed, key
from .raster import sharing_files
from .setup import check_setup
from .stage import run
from .whole_file_check import file_facts

__all__ = [
    "changed",
    "check_setup",
    "file_facts",
    "key",
    "run",
    "sharing_files",
]
