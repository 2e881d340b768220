"""Ctrl-C in a real terminal, SIGTERM and closed pipes: one line, in time, and it goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.terminal import CTRL_C, Terminal

COMMAND = [sys.executable, "-c", "from jobs.cli import main; main()"]
MOST_S = 10.0


@contextmanager
def terminal(folder: Path, *arguments: str) -> Iterator[Terminal]:
    shown = Terminal([*COMMAND, *arguments], folder)
    try:
        yield shown
    finally:
        shown.close()


def said(shown: Terminal) -> list[str]:
    """The lines about the stop; never a traceback."""
    assert "Traceback" not in shown.shown
    assert "KeyboardInterrupt" not in shown.shown
    return [line for line in shown.shown.splitlines() if "stopped" in line]


def stopped(shown: Terminal) -> list[str]:
    """Press Ctrl-C: exit code 130 in time; gives the lines about it."""
    shown.press(CTRL_C)
    assert shown.ended(MOST_S) == 130
    return said(shown)


def test_ctrl_c_ends_in_one_line_and_the_same_command_begins_anew(tmp_path: Path) -> None:
    with terminal(tmp_path, "simulate", "-o", "made", "--days", "30") as shown:
        assert shown.until("simulating|drawing|cloud", 60)
        (line,) = stopped(shown)
        assert "the same command begins anew" in line


def process(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_sigterm_is_an_orderly_end_with_its_own_code(tmp_path: Path) -> None:
    running = process(tmp_path, "simulate", "-o", "made", "--days", "300")
    assert running.stderr is not None
    assert b"drawing" in running.stderr.readline()
    running.send_signal(signal.SIGTERM)
    _, told = running.communicate(timeout=MOST_S)
    assert running.returncode == 143
    assert b"Traceback" not in told
    assert told.count(b"stopped") == 1


@pytest.mark.parametrize("arguments", [["ports"], ["sensors"], ["search", "nowhere.yaml"]])
def test_a_reader_that_is_gone_is_no_error_of_ours(arguments: list[str], tmp_path: Path) -> None:
    mine, its = os.pipe()
    os.close(mine)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [*COMMAND, *arguments], cwd=tmp_path, stdout=its, stderr=subprocess.PIPE, env=env
    )
    os.close(its)
    assert ended.returncode == (2 if arguments[0] == "search" else 128 + signal.SIGPIPE)
    assert b"Traceback" not in ended.stderr
    assert b"BrokenPipe" not in ended.stderr


# --- runs -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated catalog and its job."""
    folder = tmp_path_factory.mktemp("world")
    made = [*COMMAND, "simulate", "-o", ".", "--days", "14", "--port", "KPCHO"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(made, cwd=folder, check=True, capture_output=True, env=env)
    return folder


MOMENTS = {
    "while it searches": ("", 1.5),
    "as the cluster starts": ("pinned", 0.0),
    "with the cluster there": ("dashboard", 0.0),
    "while the port is made": ("dashboard", 2.0),
    "while it works": (r"overpasses +[1-9]\d*/\d+ ", 0.0),
    "while it publishes": ("counting visits", 0.3),
}


@pytest.mark.slow
def test_a_run_stopped_at_any_moment_goes_on(world: Path) -> None:
    for pattern, after_s in MOMENTS.values():
        with terminal(world, "run", "job.yaml", "--commit-every", "0") as shown:
            shown.until(pattern, 120)
            shown.until("\0", after_s)
            shown.press(CTRL_C)
            assert shown.ended(2 * MOST_S) == 130  # time for other tests on the same machine
            assert len(said(shown)) == 1
    with terminal(world, "run", "job.yaml") as shown:
        assert shown.until("dashboard", 120)
        shown.until("\0", 1.0)
        shown.press(CTRL_C)
        shown.until("\0", 0.2)
        begun = time.monotonic()
        shown.press(CTRL_C)
        assert shown.ended(MOST_S) == 130
        assert time.monotonic() - begun < 3
        assert len(said(shown)) == 1
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [*COMMAND, "run", "job.yaml", "--json"], cwd=world, capture_output=True, env=env
    )
    assert ended.returncode == 0, ended.stderr
    facts = json.loads(ended.stdout)
    assert (facts["failed"], facts["pending"]) == (0, 0)
    verified = subprocess.run(
        [*COMMAND, "verify", "job.yaml", "--sample", "3"], cwd=world, capture_output=True, env=env
    )
    assert verified.returncode == 0, verified.stdout
