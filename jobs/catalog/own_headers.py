"""Headers that a private catalog asks for, such as a token; their values come from the environment.

They are sent to the catalog's own scheme, host and port alone: not to where it redirects, nor to
links that lead elsewhere. They are in no plan, message or log.
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from jobs.domain import SourceSpec
from jobs.errors import InputError

_SENDABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")
"""Of a header's value: what every server reads in the same way."""


def send_own_headers(session: Session, source: SourceSpec, retry: Retry) -> None:
    """Let a session send a source's headers to its catalog.

    Raises InputError where a variable is not set or cannot be sent, or where the catalog is none on
    the web.
    """
    if not source.headers:
        return
    url = urlsplit(source.catalog)
    if url.scheme not in ("http", "https"):
        raise InputError(
            f"{source.catalog} is not on the web, and has `headers`; expected an address that "
            "begins with https://, or a source without `headers`"
        )
    values = {name: _value(source, name, variable) for name, variable in source.headers}
    adapter = _Adapter(values, max_retries=retry)
    session.mount(f"{url.scheme}://{url.netloc}/", adapter)


def _value(source: SourceSpec, name: str, variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        raise InputError(
            f"{source.catalog} is to get the header {name} from the environment variable "
            f"{variable}, which is not set: set it to the header's whole value, such as "
            "'Bearer ...'"
        )
    if not _SENDABLE.fullmatch(value):
        raise InputError(
            f"the environment variable {variable}, for the header {name} of {source.catalog}, has "
            "characters that no header can have, such as a line break; its value is not shown here"
        )
    return value


class _Adapter(HTTPAdapter):
    """Adds headers to a copy of each request, of which neither redirections nor logs know."""

    def __init__(self, headers: dict[str, str], **options: Any) -> None:
        super().__init__(**options)
        self._headers = headers

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """The answer to the request with the headers."""
        own = request.copy()
        own.headers.update(self._headers)
        answer = super().send(own, *args, **kwargs)
        answer.request = request
        return answer
