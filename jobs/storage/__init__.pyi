from .destination import check_new_file, check_new_folder, new_file, write_new_file
from .local import LocalFolder, whole_folder
from .open import storage_at
from .protocol import Storage
from .s3 import Bucket, endpoint, region

__all__ = [
    "Bucket",
    "LocalFolder",
    "Storage",
    "check_new_file",
    "check_new_folder",
    "endpoint",
    "new_file",
    "region",
    "storage_at",
    "whole_folder",
    "write_new_file",
]
