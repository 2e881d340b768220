from .baseline import baseline_key
from .footprint import overlap
from .query import Progress, Rejected
from .search import search_catalog
from .silent_files import SilentFiles

__all__ = [
    "Progress",
    "Rejected",
    "SilentFiles",
    "baseline_key",
    "overlap",
    "search_catalog",
]
