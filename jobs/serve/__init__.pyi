from .guard import PageApp
from .names import is_everywhere, is_loopback
from .place import Place
from .server import served

__all__ = [
    "PageApp",
    "Place",
    "is_everywhere",
    "is_loopback",
    "served",
]
