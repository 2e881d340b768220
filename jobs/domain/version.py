"""The version of the code, which archives and results are labelled with."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path


@cache
def code_version() -> str:
    """``<version>+<digest>``; the digest, 10 hex digits, covers all Python files that make results,
    those of the sensors, and the errors by score of the packaged weights.

    Not the door: it lies elsewhere in a wheel than in a checkout, and makes none.
    """
    digest = hashlib.sha256()
    for package in ("jobs", "models"):
        folder = Path(__file__).resolve().parents[2] / package
        door = folder / "door"
        patterns = ("*.py", "sensor_files/*.yaml", "data/*.scores.json")
        files = [path for pattern in patterns for path in folder.rglob(pattern)]
        for path in sorted(p for p in files if door not in p.parents):
            digest.update(path.relative_to(folder.parent).as_posix().encode())
            digest.update(path.read_bytes())
    return f"{metadata.version('berthwatch')}+{digest.hexdigest()[:10]}"
