"""Secrets in environment variables, whose names alone are shown."""

from __future__ import annotations

import os
import re

from jobs.domain import Login
from jobs.errors import InputError

SENDABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")
"""Of a header's value: what every server reads in the same way."""


def secret(variable: str, use: str, expected: str) -> str:
    """A variable's value; InputError where it is not set. ``use``: who is to get what."""
    value = os.environ.get(variable, "")
    if not value:
        raise InputError(
            f"{use} from the environment variable {variable}, which is not set in this process: "
            f"set it to {expected}, on every machine that searches the catalog or reads its files"
        )
    return value


def header_values(login: Login) -> dict[str, str]:
    """Headers with their values; InputError where a variable is not set or cannot be sent."""
    return {name: _header(login, name, variable) for name, variable in login.headers}


def _header(login: Login, name: str, variable: str) -> str:
    whom = ", ".join(login.origins)
    use = f"{whom} is to get the header {name}"
    value = secret(variable, use, "the header's whole value, such as 'Bearer ...'")
    if not SENDABLE.fullmatch(value):
        raise InputError(
            f"the environment variable {variable}, for the header {name} of {whom}, has characters "
            "that no header can have, such as a line break; its value is not shown here"
        )
    return value
