"""Contents of a port's archive in storage, and garbage collection of what is unreachable.

The caller holds the archive's lock: collecting while a run writes would delete its chunks that are
not committed yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import icechunk

from jobs.archive.repository import PortArchive, archive_errors, port_name

SAFE_AGE = timedelta(hours=1)
"""Unreachable objects younger than this are kept: a writer on another machine may be about to
commit them, and clocks differ."""


@dataclass(frozen=True)
class Snapshot:
    """One commit that can still be read."""

    id: str
    written: datetime
    message: str
    made_from: Mapping[str, str]
    """plan, code and model of the run that made it; empty for commits that only add steps."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Overview:
    """What one port's repository holds."""

    port: str
    snapshots: tuple[Snapshot, ...]
    """Newest first; those of the main branch, then those reachable only from tags."""
    chunk_bytes: int
    """Size of all chunks that are reachable from a snapshot."""
    stored_bytes: int
    """Size of the whole repository, unreachable objects included."""

    def row(self) -> dict[str, str | int | float]:
        """One row of a table, sizes in MB."""
        return {
            "port": self.port,
            "commits": len(self.snapshots),
            "tags": sum(len(snapshot.tags) for snapshot in self.snapshots),
            "newest": f"{self.snapshots[0].written:%Y-%m-%d %H:%M}",
            "oldest": f"{self.snapshots[-1].written:%Y-%m-%d %H:%M}",
            "chunks_mb": round(self.chunk_bytes / 1e6, 1),
            "stored_mb": round(self.stored_bytes / 1e6, 1),
        }

    def history(self) -> list[dict[str, str]]:
        """One row per commit, the newest first."""
        return [
            {
                "port": self.port,
                "written": f"{snapshot.written:%Y-%m-%d %H:%M:%S}",
                "commit": snapshot.id,
                "message": snapshot.message,
                "plan": snapshot.made_from.get("plan", "")[:12],
                "tags": " ".join(snapshot.tags),
            }
            for snapshot in self.snapshots
        ]


@dataclass(frozen=True)
class Cleaned:
    """What ``clean`` removed, or would remove."""

    port: str
    expired: int
    """Untagged snapshots beyond the age, taken out of the history."""
    snapshots: int
    """Snapshots deleted: the expired, and those of interrupted work."""
    chunks: int
    manifests: int
    bytes: int

    def row(self) -> dict[str, str | int | float]:
        """One row of a table."""
        return {
            "port": self.port,
            "expired": self.expired,
            "commits_deleted": self.snapshots,
            "chunks_deleted": self.chunks,
            "manifests_deleted": self.manifests,
            "freed_mb": round(self.bytes / 1e6, 1),
        }


def overview(archive: PortArchive) -> Overview:
    """Snapshots, tags and sizes of one port."""
    with archive_errors(archive.storage, archive.port):
        return Overview(
            port=archive.port.id,
            snapshots=_snapshots(archive.repository),
            chunk_bytes=archive.repository.chunk_storage_stats().native_bytes,
            stored_bytes=archive.storage.size_bytes(port_name(archive.port.id)),
        )


def snapshots(archive: PortArchive) -> tuple[Snapshot, ...]:
    """Every commit that can still be read, newest first."""
    with archive_errors(archive.storage, archive.port):
        return _snapshots(archive.repository)


def _snapshots(repository: icechunk.Repository) -> tuple[Snapshot, ...]:
    tagged: dict[str, list[str]] = {}
    for tag in sorted(repository.list_tags()):
        tagged.setdefault(repository.lookup_tag(tag), []).append(tag)
    return tuple(
        Snapshot(
            id=info.id,
            written=info.written_at,
            message=info.message,
            made_from={name: str(value) for name, value in info.metadata.items()},
            tags=tuple(tagged.get(info.id, ())),
        )
        for info in _reachable(repository)
    )


def _reachable(repository: icechunk.Repository) -> Iterable[icechunk.SnapshotInfo]:
    """Every snapshot once: the main branch's, newest first, then those only tags reach."""
    found = {info.id: info for info in repository.ancestry(branch="main")}
    for tag in sorted(repository.list_tags()):
        for info in repository.ancestry(tag=tag):
            found.setdefault(info.id, info)
    return found.values()


def clean(
    archive: PortArchive,
    keep_days: float | None,
    *,
    dry_run: bool,
    safe_age: timedelta = SAFE_AGE,
) -> Cleaned:
    """Expire untagged snapshots older than ``keep_days`` (None: none), then collect garbage.

    The newest commit and every tag stay with all their chunks. Objects that no snapshot reaches are
    deleted once they are older than ``safe_age``. A dry run changes nothing; its figures lack what
    expiring would free, which Icechunk computes only when it expires.
    """
    now = datetime.now(UTC)
    repository = archive.repository
    with archive_errors(archive.storage, archive.port):
        expired = _expire(repository, now, keep_days, dry_run)
        found = repository.garbage_collect(now - safe_age, dry_run=dry_run)
    return Cleaned(
        port=archive.port.id,
        expired=expired,
        snapshots=found.snapshots_deleted,
        chunks=found.chunks_deleted,
        manifests=found.manifests_deleted,
        bytes=found.bytes_deleted,
    )


def _expire(
    repository: icechunk.Repository, now: datetime, keep_days: float | None, dry_run: bool
) -> int:
    """How many snapshots are, or would be, taken out of the history."""
    if keep_days is None:
        return 0
    oldest = now - timedelta(days=keep_days)
    kept = {repository.lookup_branch("main")}
    kept |= {repository.lookup_tag(tag) for tag in repository.list_tags()}
    if not dry_run:  # includes tagged ones that are no longer in the history of the branch
        return len(repository.expire_snapshots(oldest) - kept)
    return sum(
        info.written_at < oldest and info.id not in kept and info.parent_id is not None
        for info in _reachable(repository)
    )  # the first snapshot, without a parent, ends every history and is never expired
