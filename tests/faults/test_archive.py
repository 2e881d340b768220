"""Archives that cannot be written, coordinators that die while writing, two that write at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.archive import pool, retry
from jobs.archive.pool import Archives
from jobs.errors import ArchiveError
from jobs.plan import Plan, write_plan
from jobs.run import task
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from jobs.run.events import EventName
from tests.support.fault_table import came_through, line
from tests.support.small_runs import a_plan, content, elsewhere, go, root_of

pytestmark = pytest.mark.faults

DAYS = tuple(range(1, 9))
RUN = "import sys; sys.argv[0] = 'berthwatch'; from jobs.cli import main; main()"
KILLED_AT_COMMIT = """
import os, signal, sys
from icechunk.session import Session
import jobs.archive.pool
import numpy as np

jobs.archive.pool.make_land_mask = lambda grid: np.zeros(grid.shape, bool)
left, commit = int(os.environ["COMMITS"]), Session.commit

def killed(self, message, *arguments, **options):
    global left
    if message.endswith(" overpasses") and not message.startswith("Add "):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return commit(self, message, *arguments, **options)

Session.commit = killed
"""


@pytest.fixture(autouse=True)
def no_land(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))


def command(plan: Plan, before: str = "", commits: int = 0) -> subprocess.Popen[str]:
    """The command line in a process of its own, on a plan file beside the plan's archive."""
    path = Path(plan.archive).with_suffix(".jsonl")
    if not path.exists():
        write_plan(plan, path)
    options = ["run", str(path), "--stage", "tile", "--workers", "1", "--commit-every", "0"]
    return subprocess.Popen(
        [sys.executable, "-c", before + RUN, *options],
        env={**__import__("os").environ, "COMMITS": str(commits)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )


def test_the_coordinator_killed_between_merge_and_commit(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, *DAYS)
    calm = elsewhere(plan, "calm")
    kills = 0
    for commits in (0, 1, 2):
        process = command(plan, KILLED_AT_COMMIT, commits)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == -9, said
        kills += 1
    with connect("local", workers=1) as client:
        options = RunOptions(last_stage=task.StageName.TILE)
        go(calm, client, options)
        summary, _, _ = go(plan, client, options)
    summary = replace(summary, pending=0)  # only tiled, here and there
    came_through("coordinator killed between merge and commit", kills, calm, plan, summary)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own that fills up; the test is skipped where none can be mounted."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def grow(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)


@pytest.mark.parametrize("free", [300, 500, 700])
def test_a_disk_that_is_full(tmp_path: Path, free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "WAITS_S", (0.01, 0.01))
    with small_disk(tmp_path / "disk", f"{free}k") as disk:
        plan = replace(a_plan(tmp_path, *DAYS), archive=str(disk / "archive"))
        calm = replace(plan, archive=str(tmp_path / "calm"))
        with connect("local", workers=1) as client:
            go(calm, client)
            with pytest.raises(ArchiveError, match="mend the cause") as refusal:
                go(plan, client, RunOptions(commit_every_s=0))
            assert "No space left" in str(refusal.value)
            readable(plan)
            grow(disk, "50m")
            summary, events, _ = go(plan, client)
            assert not [e for e in events if e.name is EventName.REFUSED]
        came_through(f"disk full at {free} KiB", 1, calm, plan, summary)


def readable(plan: Plan) -> None:
    """Whatever is there can be read, and nothing of it is called failed."""
    for archive in Archives(plan.ports, root_of(plan)).values():
        assert "failed" not in {s for step in archive.steps().values() for s in step.state.values()}
    content(plan)


def test_two_runs_at_once_on_one_archive(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, *DAYS)
    calm = elsewhere(plan, "calm")
    first = command(plan)
    journal = Path(plan.archive) / "journal" / "test.jsonl"
    refused = 0
    while first.poll() is None:
        if journal.exists():
            second = command(plan)
            said, _ = second.communicate(timeout=120)
            if second.returncode == 2:
                assert "is being written by another run" in " ".join(said.split())
                refused += 1
    said, _ = first.communicate()
    assert first.returncode == 0, said
    events = [json.loads(text)["event"] for text in journal.read_text().splitlines()]
    assert events.count("unit") == len(DAYS)
    with connect("local", workers=1) as client:
        go(calm, client, RunOptions(last_stage=task.StageName.TILE))
    same = content(plan)
    expected = content(calm)
    del same["TESTP/land"], expected["TESTP/land"]  # the command asked the real shoreline
    line("two runs at once on one archive", refused, 0, same == expected)
    assert refused
    assert same == expected
