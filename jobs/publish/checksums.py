"""``SHA256SUMS``: the digest of every file of a publication, as ``sha256sum -c`` reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from jobs.storage import Storage

CHECKSUMS = "SHA256SUMS"


def write_checksums(folder: Path) -> None:
    """Write the digests of all files that the folder has so far."""
    lines = [f"{_digest(path)}  {name}\n" for name, path in _files(folder)]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def damage(storage: Storage, folder: str, marker: str) -> str | None:
    """What is wrong with a published folder, in words; None where it is whole or was never there.

    ``marker`` is the file written last; it names the digest of the list of digests.
    """
    if not storage.exists(f"{folder}/{marker}"):
        return None if not storage.names(folder) else f"{marker} is missing"
    here = storage.local(folder)
    try:
        listed = (here / CHECKSUMS).read_text(encoding="utf-8")
        wanted = dict(_line(line) for line in listed.splitlines())
    except (FileNotFoundError, ValueError):
        return f"{CHECKSUMS} is missing or cannot be read"
    if _digest(here / CHECKSUMS) not in (here / marker).read_text(
        encoding="utf-8", errors="replace"
    ):
        return f"{CHECKSUMS} is not the one that {marker} names"
    wrong = [name for name, digest in wanted.items() if not _is(here / name, digest)]
    if not wrong:
        return None
    more = "" if len(wrong) == 1 else f" and {len(wrong) - 1} more files"
    return f"{wrong[0]}{more}: missing or changed"


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _line(line: str) -> tuple[str, str]:
    digest, _, name = line.partition("  ")
    if not name or len(digest) != hashlib.sha256().digest_size * 2:
        raise ValueError(line)
    return name, digest


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and _digest(path) == digest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
