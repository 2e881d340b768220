"""Retries for an archive's storage: which errors are the storage's, and how they are repeated."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import icechunk
from zarr.errors import GroupNotFoundError

from jobs.errors import ArchiveError

T = TypeVar("T")

WAITS_S = (1.0, 4.0)
"""Before the second and the third attempt; Icechunk's own retries lie inside each."""

MOST_CONFLICTS = 60
"""Conflicts in a row before a commit counts as failed: with ten runs on one port that each commit
every half minute for a second, a third conflict in a row is very rare."""
LONGEST_PAUSE_S = 3.0
"""Between two attempts after a conflict; the first pauses are shorter."""

# With one writer, a conflict is with its own commit whose answer was lost. A group that is not
# found has always been created before: Zarr takes a broken connection for a missing group.
STORAGE_ERRORS = (icechunk.IcechunkError, icechunk.ConflictError, GroupNotFoundError)


def is_storage_error(error: BaseException) -> bool:
    """Whether an error means that the archive's storage could not be read or written."""
    if isinstance(error, ArchiveError):
        return isinstance(error.__cause__, STORAGE_ERRORS)
    return isinstance(error, STORAGE_ERRORS)


def with_retries(step: Callable[[], T], warn: Callable[[str], None]) -> T:
    """Call ``step``, which reads or writes an archive; again, with a warning, on a storage error.

    The step must be idempotent: the answer to an attempt that succeeded may be lost. Conflicts are
    retried by ``with_conflict_retries``, without a warning. Raises ArchiveError when the last
    attempt fails too, and any other error at once.
    """
    for wait_s in WAITS_S:
        try:
            return with_conflict_retries(step)
        except (*STORAGE_ERRORS, ArchiveError) as error:
            if not is_storage_error(error):
                raise
            warn(_one_line(error))
            time.sleep(wait_s)
    try:
        return with_conflict_retries(step)
    except STORAGE_ERRORS as error:
        raise ArchiveError(
            f"the archive cannot be read or written: {_one_line(error)}; what was committed is "
            "safe: mend the cause (space, rights, network), and run the same command again"
        ) from error


def with_conflict_retries(step: Callable[[], T]) -> T:
    """Call ``step``, which commits; again from its start where another commit came first.

    Parts of a backfill commit to the same port. The step must begin with a new session, so that it
    builds on what the others have committed.
    """
    for attempt in range(MOST_CONFLICTS):
        try:
            return step()
        except (icechunk.ConflictError, ArchiveError) as error:
            if not _is_conflict(error):
                raise
            time.sleep(random.uniform(0, min(LONGEST_PAUSE_S, 0.1 * 2**attempt)))
    return step()


def _is_conflict(error: BaseException) -> bool:
    """Whether an error means that another commit came first."""
    cause = error.__cause__ if isinstance(error, ArchiveError) else error
    return isinstance(cause, icechunk.ConflictError)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
