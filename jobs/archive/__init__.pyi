from .export import CopyFormat
from .fork import ForkStore
from .maintenance import clean, overview
from .merge import MergeRefusedError
from .pool import Archives
from .repository import PortArchive
from .retry import is_storage_error, with_retries
from .steps import Step, digest_of_read, pending_step

__all__ = [
    "Archives",
    "CopyFormat",
    "ForkStore",
    "MergeRefusedError",
    "PortArchive",
    "Step",
    "clean",
    "digest_of_read",
    "is_storage_error",
    "overview",
    "pending_step",
    "with_retries",
]
