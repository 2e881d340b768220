"""Reading an object whole: again, where an answer breaks off or is not what its checksum says."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from boto3.exceptions import RetriesExceededError
from botocore.exceptions import FlexibleChecksumError, HTTPClientError, IncompleteReadError
from s3transfer.exceptions import RetriesExceededError as TransferError

T = TypeVar("T")

BROKEN_OFF = (FlexibleChecksumError, IncompleteReadError, HTTPClientError)
"""What reading the body of an answer raises; boto3 repeats requests, but not these reads."""
GIVEN_UP = (RetriesExceededError, TransferError)
"""What its transfers raise, which do repeat some of them: their ``last_exception`` is one of those.
"""
READS = 4
WAIT_S = 0.5
"""Before the second read; twice as long before each later one."""


def whole(read: Callable[[], T]) -> T:
    """The result of a request with all of its body, made again where that breaks off."""
    for number in range(READS - 1):
        try:
            return read()
        except (*BROKEN_OFF, *GIVEN_UP):
            time.sleep(WAIT_S * 2**number)
    return read()
