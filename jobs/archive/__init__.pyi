from .export import CopyFormat
from .fork import ForkStore
from .layout import archive_layout
from .maintenance import clean, overview, snapshots
from .merge import MergeRefusedError
from .opening import opening_source
from .packing import open_image, open_tree
from .pool import Archives
from .repository import PortArchive, port_name
from .retry import is_storage_error, with_retries
from .steps import Step, digest_of_read, pending_step
from .stored import store_at, stored_port, stored_ports

__all__ = [
    "Archives",
    "CopyFormat",
    "ForkStore",
    "MergeRefusedError",
    "PortArchive",
    "Step",
    "archive_layout",
    "clean",
    "digest_of_read",
    "is_storage_error",
    "open_image",
    "open_tree",
    "opening_source",
    "overview",
    "pending_step",
    "port_name",
    "snapshots",
    "store_at",
    "stored_port",
    "stored_ports",
    "with_retries",
]
