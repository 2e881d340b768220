from .baseline import baseline_key
from .footprint import overlap
from .planet_scenes import asset_to_order, is_data_api, may_be_ordered
from .query import Progress, Rejected
from .search import search_catalog
from .silent_files import SilentFiles
from .stac_item import scene_from_item, sensor_for

__all__ = [
    "Progress",
    "Rejected",
    "SilentFiles",
    "asset_to_order",
    "baseline_key",
    "is_data_api",
    "may_be_ordered",
    "overlap",
    "scene_from_item",
    "search_catalog",
    "sensor_for",
]
