"""Logs of containers by line and time, kept until the test ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO


class Log:
    """Log of one run of a container; a thread reads it from the process."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str]] = []
        """Seconds since 1970, and the line with its end."""
        self.ended = False
        self._grown = threading.Condition()

    def read_from(self, stream: IO[bytes]) -> threading.Thread:
        """Start to read a process's output."""
        thread = threading.Thread(target=self._take, args=(stream,), daemon=True)
        thread.start()
        return thread

    def write(self, line: str) -> None:
        with self._grown:
            self.lines.append((time.time(), line))
            self._grown.notify_all()

    def end(self) -> None:
        with self._grown:
            self.ended = True
            self._grown.notify_all()

    def text(self) -> str:
        return "".join(line for _, line in self.lines)

    def follow(self, start: int) -> Iterator[tuple[float, str]]:
        """Lines from index ``start`` on, until the container ends."""
        while True:
            with self._grown:
                while not self.ended and len(self.lines) <= start:
                    self._grown.wait(1.0)
                fresh = self.lines[start:]
            yield from fresh
            start += len(fresh)
            if not fresh and self.ended:
                return

    def _take(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self.write(line.decode(errors="replace"))
        self.end()


def selected(log: Log, options: dict[str, str]) -> Iterator[str]:
    """A log by the options ``follow``, ``tailLines``, ``sinceSeconds`` and ``timestamps``."""
    start, lines = 0, list(log.lines)
    if "sinceSeconds" in options:
        since = time.time() - float(options["sinceSeconds"])
        start = sum(1 for written, _ in lines if written < since)
    if "tailLines" in options:
        start = max(start, len(lines) - int(options["tailLines"]))
    following = options.get("follow", "").lower() in ("true", "1")
    for written, line in log.follow(start) if following else iter(lines[start:]):
        yield _stamp(written) + line if options.get("timestamps", "").lower() == "true" else line


def _stamp(written: float) -> str:
    return datetime.fromtimestamp(written, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z ")
