from .local import LocalFolder, whole_folder
from .open import storage_at
from .protocol import Storage
from .s3 import Bucket, endpoint, region

__all__ = [
    "Bucket",
    "LocalFolder",
    "Storage",
    "endpoint",
    "region",
    "storage_at",
    "whole_folder",
]
