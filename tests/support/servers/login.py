"""Servers that want a login: one that gives tokens, and files and a catalog that ask for them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from tests.support.servers.files import FileServer
from tests.support.servers.server import Answer, Server

CLIENT, SECRET = "our client", "s3cret/of:us"
USER, PASSWORD = "harbour.master", "pa55word&more"
VARIABLES = {
    "OUR_CLIENT": CLIENT,
    "OUR_SECRET": SECRET,
    "OUR_USER": USER,
    "OUR_PASSWORD": PASSWORD,
}
SECRETS = (SECRET, PASSWORD, "bearer-", "refresh-")
"""What no plan, log or message may hold."""


class OAuthServer(Server):
    """Gives tokens to that client, by its secret, by a password, and by what refreshes them."""

    def __init__(self, life_s: float | None = 3600.0, instead: Answer | None = None) -> None:
        """``life_s``: of a token, not said where it is None. ``instead``: the only answer."""
        super().__init__()
        self.life_s, self.instead = life_s, instead
        self.refreshes = False
        self.grants: list[dict[str, str]] = []
        self._numbers = count(1)
        self._until: dict[str, float] = {}
        self._refresh: set[str] = set()

    @property
    def token_url(self) -> str:
        return f"{self.url}/realms/us/token"

    def accepts(self, headers: Mapping[str, str]) -> bool:
        """Whether a request carries a token that is good now."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and time.monotonic() < self._until.get(token, 0.0)

    def revoke(self) -> None:
        """No token given so far is good any more."""
        self._until.clear()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.instead is not None:
            return self.instead
        form = dict(parse_qsl(body.decode()))
        self.grants.append(form)
        grant = form.get("grant_type")
        if grant == "client_credentials":
            good = _basic(headers) == (CLIENT, SECRET)
        elif grant == "password":
            good = (form["client_id"], form["username"], form["password"]) == (
                CLIENT,
                USER,
                PASSWORD,
            )
        else:
            good = form.get("refresh_token") in self._refresh
        if not good:
            said = f"Unknown client or secret {SECRET}\n<b>"
            return _json({"error": "invalid_client", "error_description": said}, 401)
        return self._given()

    def _given(self) -> Answer:
        number = next(self._numbers)
        token = f"bearer-{number}"
        self._until[token] = time.monotonic() + (self.life_s or 3600.0)
        found: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        if self.life_s is not None:
            found["expires_in"] = self.life_s
        if self.refreshes:
            found["refresh_token"] = f"refresh-{number}"
            self._refresh.add(found["refresh_token"])
        return _json(found)


class LoginFiles(FileServer):
    """Files for those whom ``tokens`` let in, who send the header too where ``key`` says one."""

    def __init__(
        self, folder: Path, tokens: OAuthServer | None, *, key: str = "", **options: Any
    ) -> None:
        super().__init__(folder, **options)
        self.tokens, self.key = tokens, key
        self.moved = ""
        """Where files are instead, of the same names."""

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        wrong = self.key and headers.get("x-key") != self.key
        if wrong or not (self.tokens is None or self.tokens.accepts(headers)):
            return Answer(401, b"who are you?")
        if self.moved:
            return Answer(302, headers={"Location": f"{self.moved}{target}"})
        return super().answer(method, target, headers, body)


def _basic(headers: Mapping[str, str]) -> tuple[str, str]:
    kind, _, content = headers.get("authorization", "").partition(" ")
    name, _, secret = base64.b64decode(content if kind == "Basic" else "").decode().partition(":")
    return unquote_plus(name), unquote_plus(secret)


def _json(content: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})
