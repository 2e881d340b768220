"""The tokens of this process: fetched when needed, renewed before they expire and when refused."""

from __future__ import annotations

import threading
from dataclasses import replace

from jobs.domain import OAuth
from jobs.errors import UnreachableError
from jobs.login.token_request import Token, request_token

RETRY_AFTER_S = 30.0
"""While a token is still valid, a token server that failed is not called again for this long."""

YOUNG_S = 5.0
"""A token younger than this is not renewed where it is refused: that has another reason."""


class _Holder:
    """The token of one login, for all threads."""

    def __init__(self, oauth: OAuth) -> None:
        self._oauth = oauth
        self._token: Token | None = None
        self._lock = threading.Lock()

    def get(self, refused: str | None) -> str:
        with self._lock:
            token = self._token
            if token is None:
                token = request_token(self._oauth)
            elif token.text == refused:
                if token.age_s() >= YOUNG_S:
                    token = request_token(self._oauth)
            elif token.age_s() >= token.renew_after_s:
                token = self._renewed(token)
            self._token = token
            return token.text

    def _renewed(self, old: Token) -> Token:
        """A new token; the old one where the server does not answer and it is still valid."""
        try:
            return request_token(self._oauth, old.refresh)
        except UnreachableError:
            if old.age_s() >= old.life_s:
                raise
            return replace(old, renew_after_s=min(old.age_s() + RETRY_AFTER_S, old.life_s))


_holders: dict[OAuth, _Holder] = {}
_lock = threading.Lock()


def bearer(oauth: OAuth, *, refused: str | None = None) -> str:
    """A valid token; another one than ``refused``, which a server did not accept, unless that is
    young. Raises as ``request_token``.
    """
    with _lock:
        holder = _holders.setdefault(oauth, _Holder(oauth))
    return holder.get(refused)
