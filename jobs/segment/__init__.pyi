from .digest import changed, key
from .fixed_things import seen_alike, structures
from .stage import run

__all__ = [
    "changed",
    "key",
    "run",
    "seen_alike",
    "structures",
]
