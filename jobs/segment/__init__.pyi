from .digest import changed, key
from .fixed_things import seen_alike, structures
from .radar.errors import RADAR_ERRORS
from .stage import run

__all__ = [
    "RADAR_ERRORS",
    "changed",
    "key",
    "run",
    "seen_alike",
    "structures",
]
