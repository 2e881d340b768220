"""Reading an object whole: again, where an answer breaks off or is not what its checksum says."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from boto3.exceptions import RetriesExceededError
from botocore.exceptions import (
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from s3transfer.exceptions import RetriesExceededError as TransferError

T = TypeVar("T")

BROKEN_OFF = (FlexibleChecksumError, IncompleteReadError, ResponseStreamingError)
"""What the body of an answer raises, which boto3 does not ask for again; its transfers do, but for
the first of them.
"""
OUT_OF_REACH = (*BROKEN_OFF, HTTPClientError, ConnectionError)
"""These, and what a request raises that has been repeated in vain."""
GIVEN_UP = (RetriesExceededError, TransferError)
"""What transfers raise that have been: their ``last_exception`` is one of those."""
READS = 4
WAIT_S = 0.5
"""Before the second read; twice as long before each later one."""


def whole(read: Callable[[], T]) -> T:
    """The result of a request with all of its body, made again where the body breaks off.

    A request that fails is not: boto3 has repeated it, for minutes where a server is silent.
    """
    for number in range(READS - 1):
        try:
            return read()
        except BROKEN_OFF:
            time.sleep(WAIT_S * 2**number)
    return read()
