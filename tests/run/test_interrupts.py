"""Signals that come while processes are started are handled afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from jobs.run.interrupts import deaf_to_ctrl_c

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The signals that reach the program."""
    found: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        found.append(number)

    before = {number: signal.signal(number, hear) for number in SIGNALS}
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_the_block_is_heard_at_its_end(heard: list[int], number: int) -> None:
    with deaf_to_ctrl_c():
        os.kill(os.getpid(), number)
        assert heard == []
    _wait_for(heard, [number])
    os.kill(os.getpid(), number)
    _wait_for(heard, [number, number])


def _wait_for(heard: list[int], expected: list[int]) -> None:
    """A signal to a process may be taken by a library's thread, and reaches the program later."""
    latest = time.monotonic() + 10
    while heard != expected and time.monotonic() < latest:
        time.sleep(0.005)
    assert heard == expected


def test_a_process_begun_in_the_block_is_deaf_to_ctrl_c_and_ends_by_sigterm() -> None:
    program = "import time; print('begun', flush=True); time.sleep(60)"
    with deaf_to_ctrl_c():
        started = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    with started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"begun\n"
        started.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            started.wait(0.5)
        started.terminate()
        assert started.wait(10) == -signal.SIGTERM
