"""Reading of text and JSON that people, or other programs, wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs.errors import InputError


def read_text(path: Path, expected: str) -> str:
    """The text of a UTF-8 file, without the byte-order mark that some editors put before it.

    ``expected`` names in messages what the file should be, such as "a job file". Raises InputError
    where the file cannot be read or is in another encoding.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); give {expected}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}: not in UTF-8 (byte {content[error.start]:#04x} in line {line}); "
            f"save {expected} as UTF-8"
        ) from error


def json_value(
    content: str | bytes,
    where: str,
    expected: str,
    *,
    of_pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """The value of a JSON text; InputError that names it, ``where``, and what was ``expected``.

    Bytes may be in UTF-8, 16 or 32, with or without a byte-order mark. ``of_pairs`` makes each
    object of its pairs, and may raise ValueError.
    """
    try:
        return json.loads(content, object_pairs_hook=of_pairs)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where}: not JSON (line {error.lineno}: {error.msg}); expected {expected}"
        ) from error
    except (ValueError, RecursionError) as error:  # other bytes, a number of 5,000 digits, [[[[...
        raise InputError(f"{where}: not JSON ({error}); expected {expected}") from error
