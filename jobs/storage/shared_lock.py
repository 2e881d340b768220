"""An ordinary run and the parts of a backfill on one bucket: one alone, or any number of parts.

An ordinary run holds the lease ``.lock``; each part one of its own below ``.lock-parts/``. Both
first write their own and then look for the other's, so that of two who come at the same time at
least one sees the other. An ordinary run that sees a living part withdraws. A part that sees an
ordinary run waits while that one is still looking, and is refused once it goes on; so of two who
come together it is the part that gets through. What stays the same for as long as a dead lease does
is swept away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from jobs.storage.lease import Lease
from jobs.storage.local import being_written


@contextmanager
def alone(lease: Lease) -> Iterator[None]:
    """Hold the archive for an ordinary run; ArchiveError where a run or a part of one lives."""
    lease.asking = True
    with lease.held():
        _outlive_parts(lease)
        lease.confirm()
        yield


@contextmanager
def one_of_many(lease: Lease) -> Iterator[None]:
    """Hold the archive for a part, beside others; ArchiveError where an ordinary run lives.

    ``lease`` is that of an ordinary run; it is not taken.
    """
    mine = Lease(
        lease.client,
        lease.bucket,
        f"{lease.key}-parts/{uuid4().hex}",
        lease.url,
        lease.beat_s,
        lease.dead_s,
    )
    with mine.held():
        _outlive_whole(lease)
        yield


def _outlive_parts(lease: Lease) -> None:
    """Return when no part is left; dead ones are deleted. ArchiveError where one lives."""
    first = _marks(lease)
    until = time.monotonic() + lease.dead_s
    while first and time.monotonic() < until:
        time.sleep(min(1.0, lease.dead_s / 10))
        now = _marks(lease)
        if any(first.get(key) != mark for key, mark in now.items()):
            raise being_written(lease.url, f"{len(now)} parts of a backfill")
        first = now
    for key in first:
        lease.client.delete_object(Bucket=lease.bucket, Key=key)


def _marks(lease: Lease) -> dict[str, str]:
    """The marks of all parts' leases by their keys."""
    pages = lease.client.get_paginator("list_objects_v2").paginate(
        Bucket=lease.bucket, Prefix=f"{lease.key}-parts/"
    )
    return {each["Key"]: str(each["ETag"]) for page in pages for each in page.get("Contents", ())}


def _outlive_whole(lease: Lease) -> None:
    """Return when no ordinary run holds the archive or asks for it; a dead one's lease goes."""
    mark, _ = lease.look()
    until = time.monotonic() + lease.dead_s
    while mark is not None:
        time.sleep(min(1.0, lease.dead_s / 10))
        now, content = lease.look()
        if now == mark and time.monotonic() > until:
            lease.sweep(mark)
            return
        if now not in (mark, None):
            if not content.get("asking"):
                raise being_written(lease.url, str(content.get("holder", "")))
            until = time.monotonic() + lease.dead_s
        mark = now
