"""Runs killed at random moments and resumed give the same published bytes as undisturbed ones."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from jobs.simulate.settings import SimulationConfig
from jobs.simulate.simulation import simulate_archive
from tests.support.fault_table import line

pytestmark = pytest.mark.faults

KILLS = 10
COMMAND = [sys.executable, "-c", "from jobs.cli import main; main()", "run"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated archive of one port."""
    out = tmp_path_factory.mktemp("world")
    config = SimulationConfig(seed=3, ports=("RUVYP",), start=date(2024, 3, 1), days=18)
    simulate_archive(config, out, lambda _: None)
    return out


def job_in(world: Path, name: str) -> Path:
    """The world's job with an archive of its own."""
    path = world / f"{name}.yaml"
    text = (world / "job.yaml").read_text().replace("archive: archive", f"archive: {name}")
    path.write_text(text)
    assert name in text
    return path


def published(world: Path, name: str) -> dict[str, str]:
    """Digest of every published file by its path; latest.json included."""
    root = world / name / "published"
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def finish(job: Path) -> None:
    done = subprocess.run([*COMMAND, str(job)], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr


def start_and_kill(job: Path, journal: Path, lines: int, after_s: float) -> bool:
    """Kill the whole process group a while after so many more lines stand in the journal.

    False when the run came to its end before.
    """
    process = subprocess.Popen(
        [*COMMAND, str(job), "--commit-every", "1"],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    goal = length(journal) + lines
    while process.poll() is None and length(journal) < goal:
        time.sleep(0.05)
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def length(journal: Path) -> int:
    return len(journal.read_text().splitlines()) if journal.exists() else 0


def commits(world: Path, name: str) -> int:
    journal = world / name / "journal" / "demo.jsonl"
    if not journal.exists():
        return 0
    events = [json.loads(line) for line in journal.read_text().splitlines() if line.endswith("}")]
    return sum(event["event"] == "committed" for event in events)


@pytest.mark.timeout(1500)
def test_sigkill_ten_times_and_resume_gives_the_same_bytes(world: Path) -> None:
    calm = job_in(world, "calm")
    finish(calm)
    expected = published(world, "calm")
    assert any(path.endswith("vessels.parquet") for path in expected)

    stormy, journal = job_in(world, "stormy"), world / "stormy" / "journal" / "demo.jsonl"
    chance = random.Random(7)
    kills = whole = 0
    while kills < KILLS:
        # Told by the run's own journal, so that a slow machine and a quick one kill alike: while
        # the cluster starts, between units and commits, and while results are counted and written.
        if start_and_kill(stormy, journal, chance.randrange(8), chance.uniform(0, 3)):
            kills += 1
        else:  # it got to its end between two kills: a new storm from the beginning
            assert published(world, "stormy") == expected
            shutil.rmtree(world / "stormy")
            whole += 1
    survived = commits(world, "stormy")
    finish(stormy)
    equal = published(world, "stormy") == expected
    line("coordinator and workers killed (SIGKILL)", kills, 0, equal)
    print(f"{whole} runs came whole to their end between kills; {survived} commits in the last")
    assert equal


def test_ctrl_c_commits_what_is_finished_and_says_how_to_go_on(world: Path) -> None:
    job = job_in(world, "interrupted")
    process = subprocess.Popen(
        [*COMMAND, str(job)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=hear_ctrl_c,
    )
    wait_for_first_unit(world / "interrupted" / "journal" / "demo.jsonl")
    os.kill(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    finish(job)


def hear_ctrl_c() -> None:
    """A shell that runs the tests in the background makes its children deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_for_first_unit(journal: Path, limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if journal.exists() and '"unit"' in journal.read_text():
            return
        time.sleep(0.2)
    raise AssertionError(f"no unit finished within {limit_s} s")
