"""Decisions in a bucket: written beside each other, read back in order."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobs.review.store import read_decisions, write_decisions
from jobs.storage import storage_at
from jobs.storage.s3 import _client
from tests.review.test_decisions import made
from tests.support.servers.s3 import BUCKET, S3, s3_server

pytestmark = pytest.mark.early


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


def test_reviewers_may_write_at_the_same_time(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    _client.cache_clear()
    root = storage_at(f"s3://{BUCKET}/archive")
    batches = [[made("ship", f"o-{n:03d}", who=w, at=n)] for n in range(8) for w in ("a", "b")]
    with ThreadPoolExecutor(4) as pool:
        written = [
            each
            for batch in pool.map(lambda b: write_decisions(root, b), batches)
            for each in batch
        ]
    found = read_decisions(root, "P")
    assert sorted(found, key=lambda each: each.id) == sorted(written, key=lambda each: each.id)
    assert [each.when for each in found] == sorted(each.when for each in found)
