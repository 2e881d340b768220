"""An archive on S3 whose server answers with errors, breaks off, or says nothing for a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.archive import pool
from jobs.errors import ArchiveError
from jobs.plan import Plan
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from tests.support.fault_table import came_through
from tests.support.servers.faults import Fault, answers, hangs, resets, truncates
from tests.support.servers.s3 import BUCKET, Proxy, environment, faulty_proxy, s3_server
from tests.support.small_runs import a_plan, go

pytestmark = pytest.mark.faults

DAYS = (1, 2, 3, 4)
OFTEN = RunOptions(commit_every_s=0)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as found:
        yield found.url


@pytest.fixture
def proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the S3 server, by which this process and its workers reach it."""
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    with faulty_proxy(server) as found:
        for name, value in environment(found.url).items():
            monkeypatch.setenv(name, value)
        yield found


def two_plans(folder: Path, name: str) -> tuple[Plan, Plan]:
    """The same plan with an archive in the bucket and with one on the disk."""
    calm = a_plan(folder, *DAYS)
    return replace(calm, archive=f"s3://{BUCKET}/{name}"), calm


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("500", answers(500, every=9, times=12)),
        ("503", answers(503, every=7, times=12)),
        ("503 to writes", answers(503, method="PUT", every=3, times=8)),
        ("reset", resets(every=9, times=8)),
        ("reset behind the write", resets(method="PUT", late=True, every=4, times=4)),
        ("truncated", truncates(method="GET", every=25, times=4)),
        ("hang", hangs(3.0, every=20, times=2)),
    ],
)
def test_s3_errors_that_pass(tmp_path: Path, proxy: Proxy, name: str, fault: Fault) -> None:
    stormy, calm = two_plans(tmp_path, f"passing-{name.replace(' ', '-')}")
    with connect("local", workers=1) as client:
        go(calm, client)
        proxy.faults.add(fault)
        summary, _, _ = go(stormy, client, OFTEN)
        proxy.faults.clear()
        came_through(f"S3 {name}", fault.hits, calm, stormy, summary)


def test_s3_refuses_writes_for_good_and_then_takes_them(tmp_path: Path, proxy: Proxy) -> None:
    stormy, calm = two_plans(tmp_path, "refused")
    with connect("local", workers=1) as client:
        go(calm, client)
        fault = proxy.faults.add(answers(403, method="PUT", after=12, times=None))
        with pytest.raises(ArchiveError, match="mend the cause"):
            go(stormy, client, OFTEN)
        proxy.faults.clear()
        summary, _, _ = go(stormy, client, OFTEN)
        came_through("S3 403 to every write, then mended", fault.hits, calm, stormy, summary)
