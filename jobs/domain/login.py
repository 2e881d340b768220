"""Logins: what private servers get, by the names of the environment variables that hold it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class OAuth:
    """Where a token is had, and the variables that hold who asks for it (RFC 6749).

    With ``username`` and ``password`` it is asked for by a person's password (4.3), else by the
    client's own secret (4.4).
    """

    token_url: str
    client_id: str
    client_secret: str | None = None
    username: str | None = None
    password: str | None = None
    scope: str | None = None
    """As it is sent, no variable; so is ``audience``."""
    audience: str | None = None


@dataclass(frozen=True)
class Login:
    """Headers and token for the servers of some origins, and for no others."""

    origins: tuple[str, ...]
    """As of ``origin_of``."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names of headers, and of the variables that hold their values."""
    oauth: OAuth | None = None


def origin_of(url: str) -> str:
    """Scheme, host and port of a web address, in one spelling; ValueError for a port that is none.

    A port that is the scheme's usual one is left out.
    """
    parts = urlsplit(url)
    scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    host = f"[{host}]" if ":" in host else host
    return (
        f"{scheme}://{host}" if port in (None, _PORTS.get(scheme)) else f"{scheme}://{host}:{port}"
    )


def is_private(url: str) -> bool:
    """Whether nobody on the way can read what is sent to a web address: https, or this machine."""
    parts = urlsplit(url)
    if parts.scheme.lower() != "http":
        return parts.scheme.lower() == "https"
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def login_json(login: Login) -> dict[str, Any]:
    """A login of files as plain JSON values, which ``login_from_json`` reads."""
    values: dict[str, Any] = {"files": list(login.origins)}
    if login.headers:
        values["headers"] = dict(login.headers)
    if login.oauth is not None:
        given = asdict(login.oauth)
        values["oauth"] = {name: value for name, value in given.items() if value is not None}
    return values


def login_from_json(content: Mapping[str, Any]) -> Login:
    """The login of ``login_json``; KeyError or TypeError for anything else."""
    oauth = content.get("oauth")
    return Login(
        origins=tuple(content["files"]),
        headers=tuple(dict(content.get("headers", {})).items()),
        oauth=None if oauth is None else OAuth(**oauth),
    )
