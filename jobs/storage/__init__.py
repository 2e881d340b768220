"""Where an archive lies: a local folder, or a prefix of an S3 bucket, behind one interface."""

from jobs.storage.bucket import Bucket
from jobs.storage.interface import Storage
from jobs.storage.local import LocalFolder, whole_folder
from jobs.storage.opening import storage_at

__all__ = ["Bucket", "LocalFolder", "Storage", "storage_at", "whole_folder"]
