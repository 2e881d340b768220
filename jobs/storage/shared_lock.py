"""The lock on an archive in a bucket: exclusive for an ordinary run, shared by backfill parts.

An ordinary run holds the lease ``.lock``; each part one of its own below ``.lock-parts/``, by its
name, so that a part is done by one run at a time. Both
first write their own and then read the other's, so that of two that start at the same time at least
one finds the other. An ordinary run that finds a living part gives up. A part that finds an
ordinary run waits while that one still checks for parts, and is refused once it proceeds; so of two
that start together the part gets the lock. A lease that does not change for ``dead_s`` is deleted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.storage.lease import Lease
from jobs.storage.local import archive_in_use


@contextmanager
def exclusive(lease: Lease) -> Iterator[None]:
    """Lock the archive for an ordinary run; ArchiveError where a run or a part of one lives."""
    lease.acquiring = True
    with lease.held():
        _await_dead_parts(lease)
        lease.confirm()
        yield


@contextmanager
def shared(lease: Lease, part: str) -> Iterator[None]:
    """Lock the archive for a part, beside others; ArchiveInUseError where an ordinary run lives, or
    another run of the same part.

    ``lease`` is that of an ordinary run; it is not taken.
    """
    mine = Lease(
        lease.client,
        lease.bucket,
        f"{lease.key}-parts/{part}",
        lease.url,
        lease.renew_s,
        lease.dead_s,
    )
    with mine.held():
        _await_no_run(lease)
        yield


def _await_dead_parts(lease: Lease) -> None:
    """Return when no part is left; dead ones are deleted. ArchiveError where one lives."""
    first = _etags(lease)
    until = time.monotonic() + lease.dead_s
    while first and time.monotonic() < until:
        time.sleep(min(1.0, lease.dead_s / 10))
        now = _etags(lease)
        if any(first.get(key) != etag for key, etag in now.items()):
            raise archive_in_use(lease.url, f"{len(now)} parts of a backfill")
        first = now
    for key in first:
        lease.client.delete_object(Bucket=lease.bucket, Key=key)


def _etags(lease: Lease) -> dict[str, str]:
    """The ETags of all parts' leases, by key."""
    pages = lease.client.get_paginator("list_objects_v2").paginate(
        Bucket=lease.bucket, Prefix=f"{lease.key}-parts/"
    )
    return {each["Key"]: str(each["ETag"]) for page in pages for each in page.get("Contents", ())}


def _await_no_run(lease: Lease) -> None:
    """Return when no ordinary run holds or acquires the archive; a dead one's lease is deleted."""
    etag, _ = lease.read()
    until = time.monotonic() + lease.dead_s
    while etag is not None:
        time.sleep(min(1.0, lease.dead_s / 10))
        now, content = lease.read()
        if now == etag and time.monotonic() > until:
            lease.delete_dead(etag)
            return
        if now not in (etag, None):
            if not content.get("asking"):
                raise archive_in_use(lease.url, str(content.get("holder", "")))
            until = time.monotonic() + lease.dead_s
        etag = now
