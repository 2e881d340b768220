"""``latest.json``, which names the newest results of a job."""

from __future__ import annotations

from jobs.domain import json_value
from jobs.errors import InputError

LATEST = "latest.json"
"""Names the newest of the folders beside it."""


def tag_of(latest: bytes, where: str) -> str:
    """The tag in a ``latest.json``, which names a folder beside it; InputError for anything else.

    ``where`` is its address for messages.
    """
    expected = f'{{"tag": ...}} as a run writes it: remove {where} and run the job again'
    found = json_value(latest, where, expected)
    tag = found.get("tag") if isinstance(found, dict) else None
    if not isinstance(tag, str) or not tag or "/" in tag or tag in (".", ".."):
        raise InputError(f"{where}: names no folder of results ({tag!r}); expected {expected}")
    return tag
