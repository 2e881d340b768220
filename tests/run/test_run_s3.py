"""A whole run on S3: imagery, plan, archive, journal and results in a bucket, through the command.

Credentials come from the environment alone and are found nowhere afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

from jobs.archive import PortArchive
from jobs.plan import write_plan
from jobs.storage import Bucket, storage_at
from jobs.storage.s3 import _client
from tests.support.remote_worlds import berthwatch, plan_on
from tests.support.scenes import noise, small_port
from tests.support.servers.s3 import BUCKET, KEY_ID, S3, SECRET, s3_server

pytestmark = pytest.mark.early

DAYS = (1, 3, 6)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def world(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan whose imagery and archive lie in the bucket, run once."""
    folder = tmp_path_factory.mktemp("world")
    plan = plan_on(folder, f"s3://{BUCKET}/imagery", f"s3://{BUCKET}/archive", DAYS, "on-s3")
    s3.put(folder, "imagery")
    write_plan(plan, folder / "plan.jsonl")
    done = berthwatch(folder, s3.environment, "run", "plan.jsonl", "--workers", "1", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "said").write_text(done.stdout + done.stderr)
    (folder / "facts").write_text(done.stdout)
    return folder


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    _client.cache_clear()
    found = storage_at(f"s3://{BUCKET}/archive")
    assert isinstance(found, Bucket)
    return found


def test_everything_is_done_and_published_in_the_bucket(world: Path, bucket: Bucket) -> None:
    facts = json.loads((world / "facts").read_text())
    assert (facts["done"], facts["failed"], facts["pending"]) == (3, 0, 0)
    latest = json.loads(bucket.read("published/on-s3/latest.json"))
    assert facts["published"] == f"{bucket.url}/published/on-s3/{latest['tag']}"
    folder = bucket.local(f"published/on-s3/{latest['tag']}")
    assert (folder / "report.html").stat().st_size > 1000
    visits = xr.open_datatree(folder / "port_visits.zarr", engine="zarr", consolidated=False)
    assert visits["day"].sizes["period"] == 31


def test_the_archive_in_the_bucket_holds_what_was_read(world: Path, bucket: Bucket) -> None:
    archive = PortArchive.create_or_open(bucket, small_port(), None)
    step = archive.steps()["TESTP-003"]
    expected = noise(seed=3) // 20 + 1200
    assert (archive.image(step).image[0] == expected).all()
    assert archive.tags() == (
        f"on-s3-{json.loads(bucket.read('published/on-s3/latest.json'))['tag']}",
    )


def test_the_journal_is_kept_in_parts_that_read_as_one(world: Path, bucket: Bucket) -> None:
    parts = bucket.names("journal/on-s3")
    lines = [json.loads(line) for name in parts for line in bucket.read(name).splitlines()]
    names = [line["event"] for line in lines]
    assert names[0] == "started"
    assert names[-1] == "ended"
    assert names.count("unit") == 2 * len(DAYS)
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)


def test_credentials_are_nowhere(world: Path, bucket: Bucket) -> None:
    secrets = (SECRET.encode(), KEY_ID.encode())
    for name in bucket.names(""):
        content = bucket.read(name)
        assert not any(secret in content for secret in secrets), name
    for path in world.iterdir():
        assert not any(secret in path.read_bytes() for secret in secrets), path


def test_the_same_command_again_does_nothing_and_the_others_read(world: Path, s3: S3) -> None:
    def call(*arguments: str) -> str:
        done = berthwatch(world, s3.environment, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    again = call("run", "plan.jsonl", "--workers", "1", "--json")
    assert json.loads(again) == json.loads((world / "facts").read_text())
    status = call("status", "plan.jsonl", "--json")
    assert {row["done"] for row in json.loads(status)} == {3}
    call("report", "plan.jsonl", "-o", "page.html")
    assert "download=" in (world / "page.html").read_text()
    call("report", "plan.jsonl", "-o", "pages/")
    assert "<html" in (world / "pages" / "index.html").read_text()
    assert (world / "pages" / "visits.csv").exists()
    verified = call("verify", "plan.jsonl", "--sample", "2", "--json")
    assert [row["result"] for row in json.loads(verified)] == ["equal", "equal"]
    (held,) = json.loads(call("archive", "plan.jsonl", "--json"))
    assert held["tags"] == 1
    assert held["commits"] >= 3
    assert held["stored_mb"] > 0
    (cleaned,) = json.loads(
        call("archive", "plan.jsonl", "--expire-days", "0", "--collect", "--json")
    )
    assert cleaned["expired"] == held["commits"] - 2  # all but the tagged tip and the first
    call("export", "plan.jsonl", "--port", "TESTP", "-o", "copy.zarr")
    tree = xr.open_datatree(world / "copy.zarr", engine="zarr", consolidated=False)
    assert tree["sentinel-2"].sizes["time"] == len(DAYS)


def test_missing_credentials_are_said_in_one_line(world: Path, s3: S3) -> None:
    bare = {k: "" if "KEY" in k else v for k, v in s3.environment.items()}
    done = berthwatch(world, bare, "run", "plan.jsonl", "--workers", "1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "redentials" in done.stderr
