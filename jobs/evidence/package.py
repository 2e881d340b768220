"""The ZIP of evidence: its manifest, and bytes that depend on its content alone."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from typing import IO

from jobs.domain import Json
from jobs.evidence import verify

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member: the earliest that a ZIP can state."""
MODE = 0o644 << 16


def manifest_of(files: Mapping[str, bytes], facts: Mapping[str, Json]) -> bytes:
    """``manifest.json``: the size and sha256 of every file, and what the evidence is of."""
    stated = {
        name: {"bytes": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
        for name in sorted(files)
    }
    return json_bytes({"format": verify.FORMAT, **facts, "files": stated})


def write_zip(target: IO[bytes], files: Mapping[str, bytes]) -> None:
    """Write a ZIP, the names in order; the same files give the same bytes.

    What is compressed already is stored as it is.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, EPOCH)
            member.external_attr = MODE
            member.create_system = 3  # Unix, also where this runs on another
            member.compress_type = (
                zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            )
            archive.writestr(member, files[name], compresslevel=9)


def json_bytes(value: object) -> bytes:
    """A value as JSON for people and programs: sorted keys, no NaN."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()
