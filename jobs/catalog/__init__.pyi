from .query import Progress, Rejected
from .search import search_catalog
from .stac_item import baseline_key

__all__ = [
    "Progress",
    "Rejected",
    "baseline_key",
    "search_catalog",
]
