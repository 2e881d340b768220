from .baseline import baseline_key
from .footprint import overlap
from .query import Progress, Rejected
from .search import search_catalog

__all__ = [
    "Progress",
    "Rejected",
    "baseline_key",
    "overlap",
    "search_catalog",
]
