"""Headers of a private catalog: sent to it and nobody else, and shown to nobody."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from jobs.catalog.search import search_catalog
from jobs.domain import SourceSpec
from jobs.errors import BerthwatchError, CatalogError, InputError
from tests.catalog.test_search_server import AREA, COLLECTION, HASTY, PERIOD, days, ids, month
from tests.support.servers.server import Answer, Server, running

SECRET = "Bearer not-for-others"
HEADERS = (("Authorization", "OUR_TOKEN"), ("X-Key", "OUR_KEY"))


class Catalog(Server):
    """A STAC API of one search page; ``moved`` is where it redirects a search."""

    def __init__(self, *, wanted: str | None, moved: str | None = None) -> None:
        super().__init__()
        self.wanted, self.moved = wanted, moved

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.wanted is not None and headers.get("authorization") != self.wanted:
            return Answer(401, b'{"detail": "who are you"}')
        if target.startswith("/search"):
            if self.moved is not None:
                return Answer(307, headers={"Location": f"{self.moved}/search"})
            features = [item for item in month() if item["id"] in days(3, 5)]
            return _json({"type": "FeatureCollection", "features": features, "links": []})
        if target.startswith(f"/collections/{COLLECTION}"):
            return _json({"type": "Collection", "id": COLLECTION, "links": []})
        search = {"rel": "search", "href": f"{self.url}/search", "method": "GET"}
        conforms = ["https://api.stacspec.org/v1.0.0/item-search"]
        root = {"type": "Catalog", "id": "c", "stac_version": "1.0.0", "conformsTo": conforms}
        return _json({**root, "description": "private", "links": [search]})


def _json(content: object) -> Answer:
    return Answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OUR_TOKEN", SECRET)
    monkeypatch.setenv("OUR_KEY", "another-secret")
    return SECRET


@pytest.fixture
def private() -> Iterator[Catalog]:
    with running(Catalog(wanted=SECRET)) as server:
        yield server


def test_a_private_catalog_is_searched_with_them(
    private: Catalog, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    found = search_catalog(
        SourceSpec(private.url, COLLECTION, headers=HEADERS), AREA, PERIOD, settings=HASTY
    )
    assert ids(found) == days(3, 5)
    assert {request.headers.get("x-key") for request in private.requests} == {"another-secret"}
    assert caplog.text
    assert "secret" not in caplog.text
    assert token not in caplog.text


def test_without_them_the_error_says_what_to_write(private: Catalog) -> None:
    with pytest.raises(CatalogError, match=r"401.*name the headers .* under `headers`"):
        search_catalog(SourceSpec(private.url, COLLECTION), AREA, PERIOD, settings=HASTY)


@pytest.mark.usefixtures("token")
def test_they_do_not_follow_a_redirection_to_another_server() -> None:
    with (
        running(Catalog(wanted=None)) as other,
        running(Catalog(wanted=SECRET, moved=other.url)) as private,
    ):
        source = SourceSpec(private.url, COLLECTION, headers=HEADERS)
        assert ids(search_catalog(source, AREA, PERIOD, settings=HASTY)) == days(3, 5)
        assert [request.path for request in other.requests] == ["/search"]
        for request in other.requests:
            assert not {"authorization", "x-key"} & set(request.headers)


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "OUR_TOKEN, which is not set"), ("", "not set"), ("a\nb-secret", "OUR_TOKEN.*line")],
)
def test_a_variable_that_cannot_be_sent_is_named_and_not_shown(
    value: str | None, words: str, private: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv("OUR_TOKEN", raising=False)
    else:
        monkeypatch.setenv("OUR_TOKEN", value)
    with pytest.raises(InputError, match=words) as caught:
        search_catalog(
            SourceSpec(private.url, COLLECTION, headers=HEADERS[:1]), AREA, PERIOD, settings=HASTY
        )
    assert "secret" not in str(caught.value)
    assert not private.requests


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("place", ["s3://bucket/catalog.json", "/data/catalog.json"])
def test_what_is_not_on_the_web_takes_none(place: str) -> None:
    with pytest.raises(BerthwatchError, match="not on the web"):
        search_catalog(SourceSpec(place, COLLECTION, headers=HEADERS), AREA, PERIOD)


def test_a_catalog_on_disk_needs_none(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="check the path"):
        search_catalog(SourceSpec(str(tmp_path / "none.json"), COLLECTION), AREA, PERIOD)
