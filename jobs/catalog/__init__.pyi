from .baseline import baseline_key
from .footprint import overlap
from .query import Progress, Rejected
from .search import search_catalog
from .silent_files import SilentFiles
from .stac_item import scene_from_item, sensor_for

__all__ = [
    "Progress",
    "Rejected",
    "SilentFiles",
    "baseline_key",
    "overlap",
    "scene_from_item",
    "search_catalog",
    "sensor_for",
]
