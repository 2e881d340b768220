"""The display of a run's progress: two live lines on a terminal, plain lines elsewhere.

They name the stage, how far it is, failures, the pace and the workers' memory. Work that tells
nothing for a while is shown to go on all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Signal
from threading import RLock, Thread

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jobs.run.events import Event, EventName, Observer
from jobs.run.tally import Tally, clock, plural

LINE_EVERY_S = 10.0
"""Between plain lines of work that tells something."""
SIGN_EVERY_S = 30.0
"""Between plain lines of work that tells nothing."""
LOOK_EVERY_S = 2.0
"""Between looks at the workers' memory."""
LEAST_BAR, MOST_BAR = 10, 40
"""Columns of the bar; a narrower one is left out."""

Memory = Callable[[], str]
"""The memory that workers use, in words; empty where it is not known."""


def _unknown() -> str:
    return ""


@contextmanager
def display(console: Console, memory: Memory = _unknown) -> Iterator[Observer]:
    """An observer that shows events on this console; from whichever thread they come.

    ``memory`` is asked now and then, from a thread of its own.
    """
    shown: _Live | _Lines = _Live(console) if console.is_terminal else _Lines(console)
    with shown.open(), _looking(shown, memory):
        yield shown
        shown.end_stage()


@contextmanager
def _looking(shown: _Live | _Lines, memory: Memory) -> Iterator[None]:
    """Meanwhile look at the memory and have plain lines say that work goes on."""
    over = Signal()

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            shown.tick(memory())

    thread = Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


class _Live:
    """Two lines at the bottom of a terminal; above them what stays."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.tally = Tally()
        self.lock = RLock()
        self.memory = ""

    @contextmanager
    def open(self) -> Iterator[None]:
        live = Live(
            console=self.console,
            get_renderable=self._rendered,
            refresh_per_second=4,
            transient=True,
        )
        with live:
            yield

    def __call__(self, event: Event) -> None:
        with self.lock:
            if event.name is EventName.STAGE:
                self.end_stage()
            self.tally.add(event)
            line = problem(event)
        if line:
            self._print(line)

    def tick(self, memory: str) -> None:
        self.memory = memory

    def end_stage(self) -> None:
        """Leave a line about a stage that is over."""
        with self.lock:
            line = self.tally.summary()
            self.tally.forget_stage()
        if line:
            self._print(line)

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False)

    def _rendered(self) -> Group:
        with self.lock:
            tally = self.tally
            if not tally.stage:
                return Group()
            facts = ", ".join(part for part in (tally.facts(), self.memory) if part)
            left = tally.left_s()
            times = clock(tally.elapsed_s) + ("" if left is None else f", about {clock(left)} left")
            head = f"{tally.stage}  {tally.count()}".rstrip()
            done = tally.share()
        return Group(self._head(head, done, times), Text(f"  {facts}", style="dim"))

    def _head(self, head: str, done: float | None, times: str) -> Table | Text:
        room = self.console.width - len(head) - len(times) - 4
        if room < LEAST_BAR:
            return Text(f"{head}  {times}", overflow="fold")
        bar = ProgressBar(1.0, done or 0.0, width=min(room, MOST_BAR), pulse=done is None)
        grid = Table.grid(padding=(0, 2))
        grid.add_row(Text(head), bar, Text(times))
        return grid


class _Lines:
    """Plain lines, at most one every LINE_EVERY_S but for what has to be said at once."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.tally = Tally()
        self.lock = RLock()
        self.memory = ""
        self.printed_at = self.told_at = time.monotonic()
        self.announced = False

    @contextmanager
    def open(self) -> Iterator[None]:
        yield

    def __call__(self, event: Event) -> None:
        with self.lock:
            if event.name is EventName.STAGE:
                self.end_stage()
            self.tally.add(event)
            self.told_at = time.monotonic()
            for line in (self._announcement(event), problem(event)):
                if line:
                    self._print(line)
            if self.tally.is_full and event.name is EventName.UNIT:
                self.end_stage()
            elif self.tally.stage and time.monotonic() - self.printed_at > LINE_EVERY_S:
                self._print(self._line())

    def tick(self, memory: str) -> None:
        with self.lock:
            self.memory = memory
            silent = time.monotonic() - max(self.printed_at, self.told_at) > SIGN_EVERY_S
            if self.tally.stage and silent:
                self._print(self._line())

    def end_stage(self) -> None:
        """A line about a stage that is over."""
        with self.lock:
            line = self.tally.summary()
            self.tally.forget_stage()
            if line:
                self._print(line)

    def _announcement(self, event: Event) -> str | None:
        if event.name is EventName.STAGE:
            return f"{self.tally.stage} ..."
        if event.name is EventName.UNIT and not self.announced:
            self.announced = True
            return f"{self.tally.total} of {self.tally.overpasses} overpasses to do"
        return None

    def _line(self) -> str:
        tally, left = self.tally, self.tally.left_s()
        times = clock(tally.elapsed_s) + ("" if left is None else f", about {clock(left)} left")
        facts = (tally.facts(), self.memory, times)
        head = f"{tally.stage} {tally.count()}".strip()
        return ", ".join(part for part in (head, *facts) if part)

    def _print(self, line: str) -> None:
        self.printed_at = time.monotonic()
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def problem(event: Event) -> str | None:
    """One line for an event about a failure or about stale pixels; None for any other event."""
    facts = event.facts
    match event.name:
        case EventName.UNIT if facts["state"] == "failed":
            return f"failed {facts['stage']} {facts['overpass']}: {facts['reason']}"
        case EventName.STALE:
            overpasses = plural(int(facts["overpasses"]), "overpass", "overpasses")
            return f"stale {facts['port']}: {overpasses}, tiled again: {facts['because']}"
        case EventName.QUARANTINED:
            return f"quarantined {facts['overpass']}: it killed {facts['deaths']} workers"
        case EventName.WARNING | EventName.LOST | EventName.REFUSED:
            return f"{event.name}: {facts['reason']}"
        case _:
            return None
