"""Storage of archives: a local folder or a prefix of an S3 bucket, behind one interface."""

from jobs.storage.local import LocalFolder, whole_folder
from jobs.storage.open import storage_at
from jobs.storage.protocol import Storage
from jobs.storage.s3 import Bucket

__all__ = ["Bucket", "LocalFolder", "Storage", "storage_at", "whole_folder"]
