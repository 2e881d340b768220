"""Who hears Ctrl-C: a terminal sends it to every process, and one of them is to answer."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from threading import current_thread, main_thread


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Threads begun in the block, and processes that these start at any time, ignore Ctrl-C.

    Workers would end with a traceback each, before their last results are committed. A Ctrl-C or
    SIGTERM in the block takes effect at its end.
    """
    resource_tracker.ensure_running()  # its start unblocks the signal in the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        # blocked in this thread alone, Ctrl-C reaches those that libraries began before
        with _later(signal.SIGINT), _later(signal.SIGTERM):
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _later(number: signal.Signals) -> Iterator[None]:
    """A signal in the block is handled at its end. Processes begun in it inherit nothing of that:
    by SIGTERM workers are ended.
    """
    before = signal.getsignal(number)
    if before is None or current_thread() is not main_thread():
        yield  # not ours to handle
        return
    heard: list[int] = []
    signal.signal(number, lambda number, frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(number, before)
        if heard:
            signal.raise_signal(number)
