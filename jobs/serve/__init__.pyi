from .server import Place, is_loopback, served

__all__ = [
    "Place",
    "is_loopback",
    "served",
]
