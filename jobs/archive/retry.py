"""Trouble with an archive's own storage: told from everything else, and waited out for a while."""

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
"""Commits that others got in before, one after another: with ten runs on one port that each commit
every half minute for a second, the third one hardly ever comes."""
LONGEST_PAUSE_S = 3.0

# Alone on an archive a conflict is with ourselves: a commit whose answer was lost. A group that is
# not found has always been made before: Zarr takes an answer that broke off for a missing one.
TROUBLE = (icechunk.IcechunkError, icechunk.ConflictError, GroupNotFoundError)


def is_trouble(error: BaseException) -> bool:
    """Whether an error says that the archive's storage could not be read or written."""
    if isinstance(error, ArchiveError):
        return isinstance(error.__cause__, TROUBLE)
    return isinstance(error, TROUBLE)


def is_conflict(error: BaseException) -> bool:
    """Whether an error says that another commit came first, and nothing worse."""
    cause = error.__cause__ if isinstance(error, ArchiveError) else error
    return isinstance(cause, icechunk.ConflictError)


def undisputed(step: Callable[[], T]) -> T:
    """Take a step that commits, again from the start where another commit came first.

    Parts of a backfill commit to the same port. The step must begin with a fresh session, so that
    what the others committed is what it builds on.
    """
    for attempt in range(MOST_CONFLICTS):
        try:
            return step()
        except (icechunk.ConflictError, ArchiveError) as error:
            if not is_conflict(error):
                raise
            time.sleep(random.uniform(0, min(LONGEST_PAUSE_S, 0.1 * 2**attempt)))
    return step()


def patiently(step: Callable[[], T], warn: Callable[[str], None]) -> T:
    """Take a step on an archive, again where storage fails it; each failure is warned of.

    Conflicts with other commits are no failures and come first: see ``undisputed``.

    The step must do no harm when it is taken twice: an answer may have been lost on its way back.
    Raises ArchiveError when the last attempt fails too, and any other error at once.
    """
    for wait_s in WAITS_S:
        try:
            return undisputed(step)
        except (*TROUBLE, ArchiveError) as error:
            if not is_trouble(error):
                raise
            warn(_in_a_line(error))
            time.sleep(wait_s)
    try:
        return undisputed(step)
    except TROUBLE as error:
        raise ArchiveError(
            f"the archive cannot be read or written: {_in_a_line(error)}; what was committed is "
            "safe: mend the cause (space, rights, network), and run the same command again"
        ) from error


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
