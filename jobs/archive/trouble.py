"""Trouble with an archive's own storage: told from everything else, and waited out for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import icechunk
from zarr.errors import GroupNotFoundError

from jobs.errors import ArchiveError

T = TypeVar("T")

WAITS_S = (1.0, 4.0)
"""Before the second and the third attempt; Icechunk's own retries lie inside each."""


# A conflict under the archive's lock is with ourselves: a commit whose answer was lost. A group not
# found has always been made before: Zarr takes an answer that broke off for a missing one.
TROUBLE = (icechunk.IcechunkError, icechunk.ConflictError, GroupNotFoundError)


def is_trouble(error: BaseException) -> bool:
    """Whether an error says that the archive's storage could not be read or written."""
    if isinstance(error, ArchiveError):
        return isinstance(error.__cause__, TROUBLE)
    return isinstance(error, TROUBLE)


def patiently(step: Callable[[], T], warn: Callable[[str], None]) -> T:
    """Take a step on an archive, again where storage fails it; each failure is warned of.

    The step must do no harm when it is taken twice: an answer may have been lost on its way back.
    Raises ArchiveError when the last attempt fails too, and any other error at once.
    """
    for wait_s in WAITS_S:
        try:
            return step()
        except (*TROUBLE, ArchiveError) as error:
            if not is_trouble(error):
                raise
            warn(_in_a_line(error))
            time.sleep(wait_s)
    try:
        return step()
    except TROUBLE as error:
        raise ArchiveError(
            f"the archive cannot be read or written: {_in_a_line(error)}; what was committed is "
            "safe: mend the cause (space, rights, network), and run the same command again"
        ) from error


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
