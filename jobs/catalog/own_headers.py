"""The login of a private catalog: headers from the environment, and a token of its OAuth server.

They are sent to the catalog's own scheme, host and port alone: not to where it redirects, nor to
links that lead elsewhere. They are in no plan, message or log.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from requests import Session
from urllib3.util import Retry

from jobs.domain import Login, SourceSpec, origin_of
from jobs.errors import InputError
from jobs.login import send_login


def send_own_headers(session: Session, source: SourceSpec, retry: Retry) -> None:
    """Let a session send a source's headers and token to its catalog.

    Raises InputError where a variable is not set or cannot be sent, or where the catalog is none on
    the web and no files get them either.
    """
    if not source.headers and source.oauth is None:
        return
    if urlsplit(source.catalog).scheme.lower() in ("http", "https"):
        login = Login((origin_of(source.catalog),), source.headers, source.oauth)
        send_login(session, login, retry)
    elif not source.files:
        raise InputError(
            f"{source.catalog} is not on the web, and has `headers` or `oauth`; expected an "
            "address that begins with https://, `files` that get them, or a source without them"
        )
