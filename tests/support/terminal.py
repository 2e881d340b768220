"""A command in a terminal of its own, where Ctrl-C reaches it and every process it started."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.places import ROOT

CTRL_C = b"\x03"


class Terminal:
    """A running command, what it has printed, and its keyboard."""

    def __init__(self, command: Sequence[str], cwd: Path) -> None:
        self._mine, its = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "TERM": "xterm"}
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=its,
            stdout=its,
            stderr=its,
            env=environment,
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        os.close(its)
        self._seen = b""

    def press(self, keys: bytes) -> None:
        os.write(self._mine, keys)

    @property
    def shown(self) -> str:
        """Everything on the screen so far, without colours and cursor movements."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self._seen.decode("utf-8", "replace"))

    def until(self, pattern: str, seconds: float) -> bool:
        """Read until the screen shows the pattern; False where it does not within the time."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.shown):
            if time.monotonic() > end or not self._read(end):
                return re.search(pattern, self.shown) is not None
        return True

    def ended(self, seconds: float) -> int:
        """The exit code; TimeoutExpired where the command has not ended within the time."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        return self.process.wait(max(end - time.monotonic(), 0.1))

    def _read(self, end: float) -> bool:
        """Read what there is; False at the end of the time or of the command."""
        if not select.select([self._mine], [], [], max(end - time.monotonic(), 0))[0]:
            return False
        try:
            more = os.read(self._mine, 65536)
        except OSError:  # the last process has closed the terminal
            return False
        self._seen += more
        return bool(more)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._mine)


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
