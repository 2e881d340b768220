"""Whole runs against servers that fail: the result is that of an undisturbed run, byte for byte.

Each test prints one line of the fault table: fault | times injected | units lost | bytes equal.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.domain import Access
from jobs.plan import write_plan
from jobs.storage import Bucket, LocalFolder, Storage
from tests.support.fault_table import line
from tests.support.remote_worlds import COMMAND, berthwatch, environment, plan_on, published
from tests.support.servers import s3 as s3_servers
from tests.support.servers.faults import Fault, Kind
from tests.support.servers.files import FileServer, Signatures, file_server
from tests.support.servers.s3 import BUCKET, S3, Proxy, faulty_proxy, s3_server
from tests.support.servers.sas import token_server

pytestmark = pytest.mark.faults

DAYS = tuple(range(1, 13))
RUN = ("run", "plan.jsonl", "--workers", "2", "--commit-every", "1", "--json")
PASSING = (
    Fault(Kind.STATUS, status=500),
    Fault(Kind.STATUS, status=503),
    Fault(Kind.STATUS, status=429, headers={"Retry-After": "1"}),
    Fault(Kind.RESET),
    Fault(Kind.TRUNCATE),
)
"""What a server may do and be forgiven."""


def named(fault: Fault) -> str:
    return f"status {fault.status}" if fault.kind is Kind.STATUS else str(fault.kind)


def pinned(folder: Path, archive: str, base: str, access: Access | None = None) -> Path:
    """A folder with a plan of its own for the same imagery; archive and folder apart."""
    folder.mkdir(exist_ok=True)
    write_plan(plan_on(folder, base, archive, DAYS, "faults", access), folder / "plan.jsonl")
    return folder


def finish(folder: Path, extra: Mapping[str, str], *more: str) -> dict[str, object]:
    done = berthwatch(folder, extra, *RUN, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    facts: dict[str, object] = json.loads(done.stdout)
    return facts


# --- imagery over HTTP --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def imagery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServer]:
    with file_server(tmp_path_factory.mktemp("imagery")) as server:
        yield server


@pytest.fixture(scope="module")
def calm(imagery: FileServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What an undisturbed run publishes."""
    root = tmp_path_factory.mktemp("calm")
    pinned(imagery.folder, str(root / "archive"), imagery.url)
    finish(imagery.folder, {})
    return published(LocalFolder(root / "archive"))


def stormy(imagery: FileServer, root: Path) -> Path:
    plan = plan_on(imagery.folder, imagery.url, str(root / "archive"), DAYS, "faults")
    write_plan(plan, root / "plan.jsonl")
    return root


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: named(fault))
def test_a_file_server_that_stumbles(
    imagery: FileServer, calm: dict[str, str], tmp_path: Path, fault: Fault
) -> None:
    made = imagery.faults.add(replace(fault, path="*.tif", every=7, times=None))
    facts = finish(stormy(imagery, tmp_path), {})
    imagery.faults.clear()
    assert made.hits
    equal = published(LocalFolder(tmp_path / "archive")) == calm
    line(f"imagery over HTTP: {named(fault)}", made.hits, 0, equal)
    assert facts["failed"] == 0
    assert equal


def test_a_file_that_is_gone_fails_alone_until_it_is_back(
    imagery: FileServer, calm: dict[str, str], tmp_path: Path
) -> None:
    world = stormy(imagery, tmp_path)
    for status, day in ((404, 3), (403, 5)):
        imagery.faults.add(Fault(Kind.STATUS, path=f"/{day}.tif", status=status, times=None))
    done = berthwatch(world, {}, *RUN)
    imagery.faults.clear()
    assert done.returncode == 1
    facts = json.loads(done.stdout)
    assert (facts["done"], facts["failed"]) == (len(DAYS) - 2, 2)
    finish(world, {}, "--retry-failed")
    after = {k: v for k, v in published(LocalFolder(tmp_path / "archive")).items() if k in calm}
    line("imagery over HTTP: 403, 404 until mended", 2, 0, after == calm)
    assert after == calm


def test_signatures_that_run_out_in_mid_run(tmp_path: Path) -> None:
    (tmp_path / "imagery").mkdir()
    signatures = Signatures(requests=5)
    with file_server(tmp_path / "imagery") as plain:
        base = f"{plain.url}/devaccount/container"
        folder = tmp_path / "imagery" / "devaccount" / "container"
        folder.mkdir(parents=True)
        pinned(folder, str(tmp_path / "calm"), base)
        finish(folder, {})
        plain.signatures = signatures
        with token_server("devaccount", signatures=signatures) as tokens:
            pinned(folder, str(tmp_path / "signed"), base, Access.PLANETARY_COMPUTER)
            facts = finish(folder, {"PC_SDK_SAS_URL": tokens.token_url})
            asked = len(tokens.requests)
    assert facts["failed"] == 0
    calm, signed = (vessels(LocalFolder(tmp_path / name)) for name in ("calm", "signed"))
    line("signed addresses that run out", signatures.refused, 0, calm == signed)
    assert signatures.refused > 3
    assert asked > 3
    assert calm == signed
    kept = b"".join(
        path.read_bytes() for path in (tmp_path / "signed").rglob("*") if path.is_file()
    )
    assert b"sig=" not in kept


def vessels(storage: Storage) -> list[str]:
    """Digests of the tables, whose plan differs in nothing but how files are reached."""
    found = published(storage)
    return sorted(digest for name, digest in found.items() if name.endswith(".csv"))


# --- the archive on S3 --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def calm_s3(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("calm")
    pinned(folder, f"s3://{BUCKET}/calm", f"s3://{BUCKET}/imagery")
    s3.put(folder, "imagery")
    finish(folder, s3.environment)
    return in_bucket(s3, "calm")


def in_bucket(s3: S3, prefix: str) -> dict[str, str]:
    return published(bucket(s3, prefix))


def bucket(s3: S3, prefix: str) -> Bucket:
    os.environ.update(s3.environment)
    return Bucket(BUCKET, prefix)


def world_on_s3(tmp_path: Path) -> Path:
    return pinned(tmp_path, f"s3://{BUCKET}/{tmp_path.name}", f"s3://{BUCKET}/imagery")


@pytest.fixture
def proxy(s3: S3, calm_s3: dict[str, str]) -> Iterator[Proxy]:
    with faulty_proxy(s3.url) as server:
        yield server


def test_an_s3_server_that_does_everything_wrong_now_and_then(
    s3: S3, proxy: Proxy, calm_s3: dict[str, str], tmp_path: Path
) -> None:
    storm = [*PASSING, Fault(Kind.HANG, seconds=5), Fault(Kind.RESET, late=True)]
    made = [
        proxy.faults.add(replace(fault, every=101, after=10 * number, times=None))
        for number, fault in enumerate(storm, start=2)
    ]
    facts = finish(world_on_s3(tmp_path), s3_servers.environment(proxy.url))
    equal = in_bucket(s3, tmp_path.name) == calm_s3
    hits = sum(fault.hits for fault in made)
    line("imagery, archive and results on S3: seven kinds of fault", hits, 0, equal)
    assert all(fault.hits for fault in made)
    assert facts["failed"] == 0
    assert equal


def test_writes_that_s3_forbids_in_mid_run(
    s3: S3, proxy: Proxy, calm_s3: dict[str, str], tmp_path: Path
) -> None:
    world = world_on_s3(tmp_path)
    extra = s3_servers.environment(proxy.url)
    made = proxy.faults.add(
        Fault(Kind.STATUS, path="*/ports/*", method="PUT", status=403, after=25, times=None)
    )
    done = berthwatch(world, extra, *RUN)
    proxy.faults.clear()
    assert made.hits
    assert done.returncode == 2, done.stdout + done.stderr
    assert "what was committed is safe" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    finish(world, extra)
    equal = in_bucket(s3, tmp_path.name) == calm_s3
    line("S3 forbids writes in mid-run", made.hits, 0, equal)
    assert equal


def test_two_runs_at_once_on_s3(s3: S3, calm_s3: dict[str, str], tmp_path: Path) -> None:
    world = world_on_s3(tmp_path)
    first = subprocess.Popen(
        [*COMMAND, *RUN],
        cwd=world,
        env=environment(s3.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_object(s3, f"{tmp_path.name}/.lock")
    second = berthwatch(world, s3.environment, *RUN)
    said, _ = first.communicate(timeout=300)
    assert first.returncode == 0, said
    assert second.returncode == 2
    assert "is being written by another run" in " ".join(second.stderr.split())
    equal = in_bucket(s3, tmp_path.name) == calm_s3
    line("two runs at once on S3, the second refused", 1, 0, equal)
    assert equal


@pytest.mark.timeout(900)
def test_a_coordinator_killed_on_s3(s3: S3, calm_s3: dict[str, str], tmp_path: Path) -> None:
    world = world_on_s3(tmp_path)
    chance, kills = random.Random(4), 0
    for _ in range(3):
        process = subprocess.Popen(
            [*COMMAND, *RUN],
            cwd=world,
            env=environment(s3.environment),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_object(s3, f"{tmp_path.name}/.lock", changed=True)
        try:
            process.wait(timeout=chance.uniform(3, 9))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
    finish(world, s3.environment)
    equal = in_bucket(s3, tmp_path.name) == calm_s3
    line("coordinator and workers killed, archive on S3", kills, 0, equal)
    assert kills
    assert equal


def wait_for_object(s3: S3, key: str, *, changed: bool = False, limit_s: float = 120) -> None:
    """Until an object is there or, where it was left by a dead run, has changed."""
    before = mark(s3, key) if changed else None
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if mark(s3, key) not in (None, before):
            return
        time.sleep(0.2)
    raise AssertionError(f"no {key} within {limit_s} s")


def mark(s3: S3, key: str) -> str | None:
    found = s3.client().list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", [])
    return str(found[0]["ETag"]) if found else None
