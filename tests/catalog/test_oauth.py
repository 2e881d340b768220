"""A private catalog that wants a token: had when needed, sent to nobody else, shown to nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.catalog.search import search_catalog
from jobs.domain import OAuth, SourceSpec
from jobs.errors import CatalogError, InputError
from jobs.login import token_request, tokens
from tests.catalog.test_own_headers import Catalog
from tests.catalog.test_search_server import AREA, COLLECTION, HASTY, PERIOD, days, ids
from tests.support.servers.login import SECRETS, VARIABLES, OAuthServer
from tests.support.servers.server import Answer, running


class Tokened(Catalog):
    """That API for those whom a token server lets in."""

    def __init__(self, given: OAuthServer, moved: str | None = None) -> None:
        super().__init__(wanted=None, moved=moved)
        self.given = given
        self.revoke_at: str | None = None

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.revoke_at is not None and target.startswith(self.revoke_at):
            self.revoke_at = None
            self.given.revoke()
        if not self.given.accepts(headers):
            return Answer(401, b'{"detail": "who are you"}')
        return super().answer(method, target, headers, body)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = token_request.RETRY.new(total=1, backoff_factor=0.01)
    monkeypatch.setattr(token_request, "RETRY", quick)
    monkeypatch.setattr(tokens, "YOUNG_S", 0.0)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def given() -> Iterator[OAuthServer]:
    with running(OAuthServer()) as server:
        yield server


@pytest.fixture
def private(given: OAuthServer) -> Iterator[Tokened]:
    with running(Tokened(given)) as server:
        yield server


def source_of(private: Tokened) -> SourceSpec:
    oauth = OAuth(private.given.token_url, "OUR_CLIENT", "OUR_SECRET")
    return SourceSpec(private.url, COLLECTION, oauth=oauth)


def found(source: SourceSpec) -> set[str]:
    return set(ids(search_catalog(source, AREA, PERIOD, settings=HASTY)))


def test_it_is_searched_with_one_token(
    private: Tokened, given: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert found(source_of(private)) == set(days(3, 5))
    assert len(given.requests) == 1
    assert caplog.text
    for each in SECRETS:
        assert each not in caplog.text


def test_a_token_that_is_refused_in_mid_search_is_renewed_once(
    private: Tokened, given: OAuthServer
) -> None:
    private.revoke_at = "/search"
    assert found(source_of(private)) == set(days(3, 5))
    assert [request.status for request in private.requests].count(401) == 1
    assert len(given.requests) == 2


def test_one_that_is_refused_again_is_the_catalogs_refusal(
    private: Tokened, given: OAuthServer
) -> None:
    oauth = source_of(private).oauth
    with running(OAuthServer()) as other:  # whose tokens the catalog does not know
        assert oauth is not None
        source = replace(source_of(private), oauth=replace(oauth, token_url=other.token_url))
        with pytest.raises(CatalogError, match=r"401.*under `oauth`"):
            found(source)
        assert len(other.requests) == 2


def test_it_does_not_follow_a_redirection_to_another_server(given: OAuthServer) -> None:
    with (
        running(Catalog(wanted=None)) as other,
        running(Tokened(given, moved=other.url)) as private,
    ):
        assert found(source_of(private)) == set(days(3, 5))
        assert [request.path for request in other.requests] == ["/search"]
        assert not any("authorization" in request.headers for request in other.requests)


def test_a_token_server_that_refuses_says_so(
    private: Tokened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_SECRET", "another-one")
    with pytest.raises(InputError, match=r"token server .* answers 401 \(invalid_client") as caught:
        found(source_of(private))
    assert "another-one" not in str(caught.value)
    assert not private.requests


def test_one_that_is_away_makes_the_catalog_unsearchable(
    private: Tokened, given: OAuthServer
) -> None:
    given.instead = Answer(503)
    with pytest.raises(CatalogError, match=r"^the token server .* answers 503; try again later$"):
        found(source_of(private))


def test_one_that_goes_away_in_mid_search_too(private: Tokened, given: OAuthServer) -> None:
    private.revoke_at = "/search"
    source = source_of(private)
    tokens.bearer(source.oauth)  # type: ignore[arg-type]
    given.instead = Answer(503)
    with pytest.raises(CatalogError, match=r"^the token server .* answers 503; try again later$"):
        found(source)


def test_a_catalog_on_disk_gets_none_and_its_files_their_login(
    given: OAuthServer, tmp_path: Path
) -> None:
    source = SourceSpec(
        str(tmp_path / "none.json"), COLLECTION, oauth=OAuth(given.token_url, "OUR_CLIENT", "X")
    )
    with pytest.raises(InputError, match="not on the web, and has `headers` or `oauth`"):
        found(source)
    with pytest.raises(CatalogError, match="check the path"):
        found(replace(source, files=("https://a.example",)))
    assert not given.requests
