from .digest import changed, key
from .fixed_structure import structures
from .stage import run

__all__ = [
    "changed",
    "key",
    "run",
    "structures",
]
