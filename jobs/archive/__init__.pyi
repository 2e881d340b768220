from .export import CopyFormat
from .fork import ForkStore
from .maintenance import clean, overview
from .merge import MergeRefusedError
from .pool import Archives
from .repository import PortArchive
from .retry import is_storage_error, with_retries
from .steps import Step, pending_step

__all__ = [
    "Archives",
    "CopyFormat",
    "ForkStore",
    "MergeRefusedError",
    "PortArchive",
    "Step",
    "clean",
    "is_storage_error",
    "overview",
    "pending_step",
    "with_retries",
]
