from .fixed_structure import structures
from .stage import changed, key, run

__all__ = [
    "changed",
    "key",
    "run",
    "structures",
]
