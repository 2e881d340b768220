"""``--dry-run`` and ``--show`` write nothing at all: neither on the disk nor in a bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jobs import cli
from tests.support.servers.s3 import BUCKET, S3, s3_server
from tests.support.small_catalogs import items_on, write_job

ANYWHERE = (
    ("run", "job.yaml", "--dry-run"),
    ("run", "job.yaml", "--dry-run", "--replan", "--json"),
    ("plan", "job.yaml", "--show"),
    ("plan", "job.yaml", "--show", "--json"),
    ("archive", "job.yaml", "--collect", "--dry-run"),
    ("archive", "job.yaml", "--expire-days", "0", "--dry-run"),
)
SUBMIT = ("submit", "job.yaml", "--dry-run", "--settings", "settings.yaml")
IN_A_BUCKET = (
    *ANYWHERE,
    SUBMIT,
    (*SUBMIT, "--replan", "-o", "yaml"),
    (*SUBMIT, "--backfill", "2024..2025"),
)


def call(*arguments: str) -> None:
    result = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Time of change, in nanoseconds, and size of a folder and of all below it."""
    facts = {path: path.stat() for path in (folder, *folder.rglob("*"))}
    return {str(path): (fact.st_mtime_ns, fact.st_size) for path, fact in facts.items()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a job over two overpasses, and cluster settings."""
    write_job(tmp_path, items_on(3, 8))
    settings = {"image": "registry.example/berthwatch@sha256:" + "a" * 64}
    (tmp_path / "settings.yaml").write_text(json.dumps(settings))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("pinned", [False, True])
def test_on_a_disk(folder: Path, pinned: bool) -> None:
    if pinned:
        call("status", "job.yaml")
    before = snapshot(folder)
    for arguments in ANYWHERE:
        call(*arguments)
        assert snapshot(folder) == before, arguments


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:  # one for all: clients are kept in the process
        yield server


@pytest.mark.parametrize("pinned", [False, True])
def test_in_a_bucket(folder: Path, s3: S3, pinned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    job = folder / "job.yaml"
    archive = f"archive: s3://{BUCKET}/{pinned}"
    job.write_text(job.read_text().replace("archive: archive", archive))
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    if pinned:
        call("status", "job.yaml")
    client = s3.client()
    before = (snapshot(folder), objects(client))
    assert bool(before[1]) == pinned
    for arguments in IN_A_BUCKET:
        call(*arguments)
        assert (snapshot(folder), objects(client)) == before, arguments


def objects(client: Any) -> list[tuple[Any, ...]]:
    """Name, time of change and digest of everything in the bucket."""
    found = client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
    return [(each["Key"], each["LastModified"], each["ETag"]) for each in found]
