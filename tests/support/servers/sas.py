"""A stand-in for Planetary Computer's token service."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from tests.support.servers.files import Signatures
from tests.support.servers.server import Answer, Server, running

PATH = "/api/sas/v1/token"


class TokenServer(Server):
    """Gives a token for any container of the accounts it knows; its files' server checks them."""

    def __init__(self, accounts: frozenset[str], signatures: Signatures, life_s: float) -> None:
        super().__init__()
        self.accounts = accounts
        self.signatures = signatures
        self.life_s = life_s
        """What the tokens say of themselves; ``signatures`` says what is true."""

    @property
    def token_url(self) -> str:
        """What PC_SDK_SAS_URL is set to."""
        return self.url + PATH

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path = urlsplit(target).path
        account = path.removeprefix(PATH + "/").split("/")[0]
        if method != "GET" or not path.startswith(PATH) or account not in self.accounts:
            return _json(404, {"detail": f"Storage account {account} not found"})
        expiry = datetime.now(UTC) + timedelta(seconds=self.life_s)
        stamp = expiry.isoformat(timespec="seconds").replace("+00:00", "Z")
        token = f"st=now&se={stamp}&sp=rl&sig={self.signatures.issue()}"
        return _json(200, {"msft:expiry": stamp, "token": token})


def _json(status: int, content: object) -> Answer:
    return Answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


@contextmanager
def token_server(
    *accounts: str, signatures: Signatures | None = None, life_s: float = 3600.0
) -> Iterator[TokenServer]:
    """A running token service for some storage accounts."""
    with running(TokenServer(frozenset(accounts), signatures or Signatures(), life_s)) as server:
        yield server
