"""Tokens of an OAuth server: asked for as RFC 6749 says, kept, renewed, and shown to nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from jobs.domain import OAuth
from jobs.errors import BerthwatchError, InputError, UnreachableError
from jobs.login import token_request, tokens
from jobs.login.tokens import bearer
from tests.support.servers.faults import answers, resets
from tests.support.servers.login import CLIENT, SECRET, SECRETS, VARIABLES, OAuthServer
from tests.support.servers.server import Answer, running


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = token_request.RETRY.new(total=2, backoff_factor=0.01)
    monkeypatch.setattr(token_request, "RETRY", quick)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    with running(OAuthServer()) as made:
        yield made


def by_client(server: OAuthServer) -> OAuth:
    return OAuth(server.token_url, "OUR_CLIENT", "OUR_SECRET")


def by_password(server: OAuthServer) -> OAuth:
    return OAuth(server.token_url, "OUR_CLIENT", username="OUR_USER", password="OUR_PASSWORD")


def grow_old(oauth: OAuth, seconds: float) -> None:
    """Make the token that is held older, as if so much time had passed."""
    holder = tokens._holders[oauth]
    assert holder._token is not None
    holder._token = replace(holder._token, got_s=holder._token.got_s - seconds)


def test_a_client_asks_by_its_secret_once_for_many_threads(server: OAuthServer) -> None:
    oauth = replace(by_client(server), scope="read files", audience="https://api.example")
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: bearer(oauth), range(20)))
    assert found == {"bearer-1"}
    assert server.grants == [
        {
            "grant_type": "client_credentials",
            "scope": "read files",
            "audience": "https://api.example",
        }
    ]


def test_a_person_asks_by_password_for_a_public_client(server: OAuthServer) -> None:
    assert bearer(by_password(server)) == "bearer-1"
    assert server.grants[0]["client_id"] == CLIENT
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(("life_s", "used_s"), [(3600.0, 3520.0), (100.0, 30.0)])
def test_a_token_is_renewed_before_it_expires(
    server: OAuthServer, life_s: float, used_s: float
) -> None:
    """A minute before, or at half of a short life."""
    server.life_s = life_s
    oauth = by_client(server)
    assert bearer(oauth) == bearer(oauth) == "bearer-1"
    grow_old(oauth, used_s)
    assert bearer(oauth) == "bearer-1"
    grow_old(oauth, 30.0)
    assert bearer(oauth) == "bearer-2"


def test_it_is_renewed_by_what_refreshes_it_and_anew_where_that_is_refused(
    server: OAuthServer,
) -> None:
    server.life_s, server.refreshes = 600.0, True
    oauth = by_password(server)
    bearer(oauth)
    grow_old(oauth, 550.0)
    bearer(oauth)
    server._refresh.clear()
    grow_old(oauth, 550.0)
    assert bearer(oauth) == "bearer-3"
    asked = [grant["grant_type"] for grant in server.grants]
    assert asked == ["password", "refresh_token", "refresh_token", "password"]


def test_one_without_a_life_is_renewed_where_it_is_refused(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.life_s = None
    oauth = by_client(server)
    first = bearer(oauth)
    assert bearer(oauth, refused=first) == first  # it is young: refused for another reason
    monkeypatch.setattr(tokens, "YOUNG_S", 0.0)
    assert bearer(oauth, refused=first) == "bearer-2"
    assert bearer(oauth, refused=first) == "bearer-2"  # another thread's refusal of the old one


def test_a_valid_one_is_used_on_while_the_server_is_away(server: OAuthServer) -> None:
    server.life_s = 600.0
    oauth = by_client(server)
    bearer(oauth)
    grow_old(oauth, 550.0)
    server.instead = Answer(503)
    assert bearer(oauth) == "bearer-1"
    asked = len(server.requests)
    assert bearer(oauth) == "bearer-1"
    assert len(server.requests) == asked  # it is left alone for a while
    grow_old(oauth, 60.0)
    with pytest.raises(UnreachableError, match="answers 503; try again later"):
        bearer(oauth)


def test_a_server_that_fails_at_first_is_asked_again(server: OAuthServer) -> None:
    server.faults.add(answers(503))
    server.faults.add(resets())
    assert bearer(by_client(server)) == "bearer-1"
    assert len(server.requests) == 3


@pytest.mark.parametrize("name", ["OUR_CLIENT", "OUR_SECRET"])
def test_a_variable_that_is_not_set_is_named(
    name: str, server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(InputError, match=rf"{name}, which is not set.*on every machine"):
        bearer(by_client(server))
    assert not server.requests


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(200, b"<html>"), InputError, "200 without an `access_token`"),
        (Answer(200, b"{}"), InputError, "200 without an `access_token`"),
        (Answer(200, b'{"access_token": "a\\nb"}'), InputError, "without an `access_token`"),
        (Answer(200, b'{"access_token": "a", "token_type": "mac"}'), InputError, "no bearer"),
        (Answer(400, b'{"error": "invalid_scope"}'), InputError, r"400 \(invalid_scope\).*`scope`"),
        (Answer(404, b"nothing"), InputError, r"404 \(no `error` in JSON\)"),
        (Answer(307, headers={"Location": "/x"}), InputError, "secrets do not follow it"),
        (Answer(429), UnreachableError, "429; try again later"),
        (Answer(500), UnreachableError, "500; try again later"),
    ],
)
def test_what_gives_no_token_says_why(
    answer: Answer, kind: type[BerthwatchError], words: str, server: OAuthServer
) -> None:
    server.instead = answer
    with pytest.raises(kind, match=words) as caught:
        bearer(by_client(server))
    assert server.token_url in str(caught.value)
    assert {request.path for request in server.requests} == {"/realms/us/token"}


def test_nobody_there_is_another_attempts_matter() -> None:
    oauth = OAuth("http://127.0.0.1:9/token", "OUR_CLIENT", "OUR_SECRET")
    with pytest.raises(UnreachableError, match=r"does not answer \(ConnectionError\)"):
        bearer(oauth)


def test_no_secret_is_shown(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bearer(by_client(server))
    bearer(by_password(server))
    monkeypatch.setenv("OUR_CLIENT", "another")
    other = replace(by_client(server), scope="other")
    with pytest.raises(
        InputError, match=r"invalid_client: Unknown client or secret \.\.\."
    ) as caught:
        bearer(other)
    shown = caplog.text + str(caught.value) + repr(vars(tokens._holders[by_client(server)]))
    assert SECRET in VARIABLES.values()
    for each in SECRETS:
        assert each not in shown
