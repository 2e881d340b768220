"""One digest for a folder of many files, such as a Zarr store.

It is the sha256 of the list that ``sha256sum`` prints of all files below the folder, in the order
of the bytes of their paths, so that anyone can compute it without our code: see ``RECIPE``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

RECIPE = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
"""In a shell, inside the folder."""


def tree_digest(folder: Path) -> tuple[str, int]:
    """The sha256 of a folder in hex, and the bytes of all its files."""
    listed = hashlib.sha256()
    size = 0
    files = (path for path in folder.rglob("*") if path.is_file())
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in files):
        content = path.read_bytes()
        size += len(content)
        listed.update(f"{hashlib.sha256(content).hexdigest()}  ./{name}\n".encode())
    return listed.hexdigest(), size
