from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path


@cache
def code_version() -> str:
    """``<version>+<digest>`` of the code that runs here; the same on every machine with it."""
    digest = hashlib.sha256()
    for package in ("jobs", "models"):
        folder = Path(__file__).resolve().parents[2] / package
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder.parent).as_posix().encode())
            digest.update(path.read_bytes())
    return f"{metadata.version('berthwatch')}+{digest.hexdigest()[:10]}"
