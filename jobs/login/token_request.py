"""The request for a token: RFC 6749, by client credentials (4.4), password (4.3) or refresh (6).

No message quotes what was sent or received, but for a server's ``error`` and
``error_description``, from which secrets are removed.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from jobs.domain import OAuth
from jobs.errors import InputError, UnreachableError
from jobs.login.variables import SENDABLE, secret

TIMEOUT_S = (10.0, 30.0)
RETRY = Retry(
    total=4,
    backoff_factor=0.5,
    backoff_max=20,
    retry_after_max=60,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,  # a token too many harms nobody
    raise_on_status=False,  # the last answer is more specific than "too many retries"
)
RENEW_BEFORE_S = 60.0
"""A token is renewed this long before it expires, or at half its life, whichever is later."""
_MOST_SAID = 200


@dataclass(frozen=True)
class Token:
    """A bearer token and its life by two clocks."""

    text: str = field(repr=False)
    refresh: str | None = field(repr=False, default=None)
    life_s: float = math.inf
    """Infinite where the server does not say."""
    renew_after_s: float = math.inf
    got_s: float = field(default_factory=time.monotonic)
    """By a clock that stops while a machine sleeps."""
    got_wall_s: float = field(default_factory=time.time)
    """By one that may be set."""

    def age_s(self) -> float:
        """The larger of both ages: a clock that jumps makes a token too old, never too young."""
        return max(time.monotonic() - self.got_s, time.time() - self.got_wall_s)


class _RefusedError(InputError):
    """The server gives no token for what was sent."""


def request_token(oauth: OAuth, refresh: str | None = None) -> Token:
    """A new token; by ``refresh``, of an earlier one, where the server still takes that.

    Raises InputError where a variable is not set or the server gives none, UnreachableError where
    it does not answer.
    """
    if refresh is not None:
        try:
            return _asked(oauth, {"grant_type": "refresh_token", "refresh_token": refresh})
        except _RefusedError:  # it has expired as well
            pass
    if oauth.username is None or oauth.password is None:
        return _asked(oauth, {"grant_type": "client_credentials"})
    person = {
        "username": _secret(oauth, "username", oauth.username),
        "password": _secret(oauth, "password", oauth.password),
    }
    return _asked(oauth, {"grant_type": "password", **person})


def _secret(oauth: OAuth, name: str, variable: str) -> str:
    return secret(variable, f"{oauth.token_url} is to get the {name}", f"the {name} itself")


def _asked(oauth: OAuth, grant: dict[str, str]) -> Token:
    words = {"scope": oauth.scope, "audience": oauth.audience}
    fields = grant | {name: value for name, value in words.items() if value is not None}
    client, login = _secret(oauth, "client_id", oauth.client_id), None
    secrets = {value for name, value in grant.items() if name != "grant_type"}
    if oauth.client_secret is None:
        fields["client_id"] = client
    else:
        own = _secret(oauth, "client_secret", oauth.client_secret)
        login = (quote_plus(client), quote_plus(own))  # as form values, by 2.3.1
        secrets |= {own, *login}
    return _token(_posted(oauth.token_url, fields, login), oauth.token_url, {*secrets, client})


def _posted(url: str, fields: dict[str, str], login: tuple[str, str] | None) -> requests.Response:
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=RETRY))
        session.mount("https://", HTTPAdapter(max_retries=RETRY))
        try:
            # A redirection would take the secrets elsewhere.
            return session.post(
                url,
                data=fields,
                auth=login,
                headers={"Accept": "application/json"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            failure = type(error).__name__
    # Raised here, it has no other error as its context, which holds the request.
    raise UnreachableError(
        f"the token server {url} does not answer ({failure}): check `token_url`, or try again later"
    )


def _token(answer: requests.Response, url: str, secrets: set[str]) -> Token:
    status = answer.status_code
    if status == 429 or status >= 500:
        raise UnreachableError(f"the token server {url} answers {status}; try again later")
    content = _content(answer)
    if status != 200:
        raise _RefusedError(_refusal(status, content, url, secrets))
    text, kind = content.get("access_token"), content.get("token_type", "bearer")
    if not isinstance(text, str) or not SENDABLE.fullmatch(text):
        raise InputError(
            f"the token server {url} answers 200 without an `access_token`; expected JSON with one "
            "(RFC 6749, 5.1): check `token_url`"
        )
    if str(kind).lower() != "bearer":
        raise InputError(
            f"the token server {url} gives a token that is no bearer token (`token_type`), which "
            "cannot be used here; ask its keeper for one"
        )
    refresh = content.get("refresh_token")
    life_s = _seconds(content.get("expires_in"))
    return Token(
        text=text,
        refresh=refresh if isinstance(refresh, str) and refresh else None,
        life_s=life_s,
        renew_after_s=life_s if life_s == math.inf else life_s - min(RENEW_BEFORE_S, life_s / 2),
    )


def _content(answer: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty where it is none."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(status: int, content: dict[str, Any], url: str, secrets: set[str]) -> str:
    words = (content.get(name) for name in ("error", "error_description"))
    said = ": ".join(_shown(word, secrets) for word in words if isinstance(word, str))
    repair = "check the variables of `oauth` that hold who asks, its `scope` and `audience`"
    if 300 <= status < 400:
        repair = "secrets do not follow it elsewhere: set `token_url` to where it gives tokens"
    return f"the token server {url} answers {status} ({said or 'no `error` in JSON'}); {repair}"


def _shown(words: str, secrets: set[str]) -> str:
    for each in sorted(secrets, key=len, reverse=True):
        words = words.replace(each, "...")
    return re.sub(r"[^\x20-\x7e]+", " ", words)[:_MOST_SAID]


def _seconds(value: object) -> float:
    """A token's life; some servers write it as text."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.inf
    return found if found > 0 else math.inf
