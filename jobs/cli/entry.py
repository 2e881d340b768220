"""What the shell calls: the program, and how it ends where somebody stops it.

Imports little itself: a Ctrl-C while the rest is imported ends in one line too.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import active_children
from threading import Timer, current_thread, main_thread
from types import FrameType
from typing import NoReturn

GRACE_S = 6.5
"""Time for an orderly end; what is not committed by then is done again by the next call.

Ten seconds are what a person waits at most; a library may also have swallowed the interrupt.
"""

AT_ONCE = "stopped at once; what was committed is safe: the same command goes on from there"
EARLY = "stopped before anything was done: the same command begins"


class Stopping:
    """The signals that stop the program.

    The first raises KeyboardInterrupt, for an orderly end; the next one, or the end of
    ``GRACE_S``, ends the process: archives and files are whole whenever that happens.
    """

    def __init__(self) -> None:
        self.code = 0
        """128 and the number of the first signal; 0 where there was none."""
        self.is_ended = False
        """The orderly end came to its end: what is left is to leave."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.code:
            self._leave()
        self.code = 128 + number
        timer = Timer(GRACE_S, self._leave)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    def _leave(self) -> NoReturn:
        show_cursor = "\x1b[?25h" if os.isatty(2) else ""
        if not self.is_ended:
            with suppress(OSError):
                os.write(2, f"\n{show_cursor}berthwatch: {AT_ONCE}\n".encode())
        for process in active_children():  # they would outlive this one
            process.kill()
        os._exit(self.code)


@contextmanager
def _heard_by(stopping: Stopping) -> Iterator[None]:
    """Signals go to ``stopping``, but for those that the caller has other plans with."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    usual = (signal.default_int_handler, signal.SIG_DFL)
    ours = [number for number in numbers if before[number] in usual]
    if current_thread() is not main_thread():
        ours = []  # only that one may set handlers
    for number in ours:
        signal.signal(number, stopping)
    try:
        yield
    finally:
        stopping.is_ended = True
        for number in ours if not stopping.code else ():
            signal.signal(number, before[number])


def main() -> None:
    """Entry point: a refusal is one line and exit code 2, never a traceback."""
    stopping = Stopping()
    try:
        with _heard_by(stopping):
            from jobs.cli.program import run_program

            code = run_program()
    except KeyboardInterrupt:
        print(f"berthwatch: {EARLY}", file=sys.stderr)
        code = 128 + signal.SIGINT
    interrupted = code == 128 + signal.SIGINT
    sys.exit(stopping.code if interrupted and stopping.code else code)
