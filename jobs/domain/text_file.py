"""Reading of text files that people wrote."""

from __future__ import annotations

from pathlib import Path

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
