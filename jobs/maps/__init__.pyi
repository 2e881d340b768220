from .folder import MapFolder, check_replaceable, write_map
from .picture_format import PictureFormat
from .server import map_app
from .source import MapSource, map_source

__all__ = [
    "MapFolder",
    "MapSource",
    "PictureFormat",
    "check_replaceable",
    "map_app",
    "map_source",
    "write_map",
]
