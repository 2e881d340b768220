"""Requests that carry a login to its own origins, and nowhere else: not where those redirect to."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import requests
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from jobs.domain import Login, origin_of
from jobs.login.tokens import bearer
from jobs.login.variables import header_values


def send_login(session: Session, login: Login, retry: Retry) -> None:
    """Let a session send a login to its origins.

    Raises InputError where a variable is not set or cannot be sent, also when a request is made:
    there as well where the token server gives no token, and UnreachableError where it does not
    answer.
    """
    _mount(session, _Adapter(login, header_values(login), max_retries=retry))


def send_headers(session: Session, url: str, values: dict[str, str], retry: Retry) -> None:
    """Let a session send headers with these values to the origin of a web address."""
    _mount(session, _Adapter(Login((origin_of(url),)), values, max_retries=retry))


def _mount(session: Session, adapter: _Adapter) -> None:
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)


@lru_cache(maxsize=32)
def login_session(login: Login, retry: Retry) -> Session:
    """A session of this process that sends a login to its origins; raises as ``send_login``."""
    session = requests.Session()
    send_login(session, login, retry)
    return session


class _Adapter(HTTPAdapter):
    """Adds headers to a copy of each request, of which neither redirections nor logs know."""

    def __init__(self, login: Login, headers: dict[str, str], **options: Any) -> None:
        super().__init__(**options)
        self._login = login
        self._headers = headers

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """The answer to the request; one that refuses its token is asked again with a new one."""
        if origin_of(request.url or "") not in self._login.origins:
            return super().send(request, *args, **kwargs)
        oauth = self._login.oauth
        if oauth is None:
            return self._sent(request, {}, *args, **kwargs)
        token = bearer(oauth)
        answer = self._sent(request, _authorization(token), *args, **kwargs)
        if answer.status_code != 401:
            return answer
        _ = answer.content  # read whole, so that its connection is free
        other = bearer(oauth, refused=token)
        if other == token:
            return answer
        return self._sent(request, _authorization(other), *args, **kwargs)

    def _sent(
        self, request: PreparedRequest, token: dict[str, str], *args: Any, **kwargs: Any
    ) -> Response:
        own = request.copy()
        own.headers.update(self._headers | token)
        answer = super().send(own, *args, **kwargs)
        answer.request = request
        return answer


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
