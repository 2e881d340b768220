"""Who hears Ctrl-C: a terminal sends it to every process, and one of them is to answer."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Threads begun in the block, and processes that these start at any time, ignore Ctrl-C.

    Workers would end with a traceback each, before their last results are committed. A Ctrl-C in
    the block takes effect at its end.
    """
    resource_tracker.ensure_running()  # its start unblocks the signal in the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
