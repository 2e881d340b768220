from .query import Progress, Rejected
from .search import search
from .stac_item import baseline_key

__all__ = [
    "Progress",
    "Rejected",
    "baseline_key",
    "search",
]
