"""What a person sees of a run while it runs: a live bar on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from jobs.run.events import Event, EventName, Observer

LINE_EVERY_S = 10.0


@contextmanager
def display(console: Console) -> Iterator[Observer]:
    """An observer that shows a run's events on this console, as suits it."""
    if console.is_terminal:
        with _bar(console) as progress:
            yield _Bar(progress)
    else:
        yield _Lines(console)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[facts]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


class _Tally:
    """Counts kept from events; both displays speak from it."""

    def __init__(self) -> None:
        self.overpasses = self.settled = self.ended = self.failed = self.retried = self.vessels = 0
        self.limit: int | None = None
        self.started = time.monotonic()

    @property
    def total(self) -> int:
        """Overpasses to do; ports that were not reached yet count whole."""
        left = self.overpasses - self.settled
        return left if self.limit is None else min(left, self.limit)

    def take(self, event: Event) -> None:
        facts = event.facts
        if event.name is EventName.STARTED:
            self.overpasses = int(facts["overpasses"])
            self.limit = int(facts["limit"]) if "limit" in facts else None
            self.started = time.monotonic()
        elif event.name is EventName.PORT:
            self.settled += int(facts["overpasses"]) - int(facts["todo"])
        elif event.name is EventName.RETRIED:
            self.retried += 1
        elif event.name is EventName.UNIT and facts["last"]:
            self.ended += 1
            self.failed += facts["state"] == "failed"
            self.vessels += int(facts["vessels"])

    def facts(self) -> str:
        """failed, retried, vessels and rate, in words."""
        rate = self.ended / max(time.monotonic() - self.started, 1e-9)
        failed = f"{self.failed} failed, " if self.failed else ""
        retried = f"{self.retried} retried, " if self.retried else ""
        return f"{failed}{retried}{self.vessels} vessels, {rate:.1f}/s"


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.tally = _Tally()
        self.task = progress.add_task("overpasses", total=None, facts="")

    def __call__(self, event: Event) -> None:
        self.tally.take(event)
        self.progress.update(
            self.task,
            total=self.tally.total,
            completed=self.tally.ended,
            facts=self.tally.facts(),
        )
        line = _trouble(event)
        if line:
            self.progress.console.print(line, markup=False, highlight=False)


class _Lines:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.tally = _Tally()
        self.spoke = time.monotonic()
        self.announced = False

    def __call__(self, event: Event) -> None:
        self.tally.take(event)
        if event.name is EventName.UNIT and not self.announced:
            self.announced = True
            self._say(f"{self.tally.total} of {self.tally.overpasses} overpasses to do")
        line = _trouble(event)
        if line:
            self._say(line)
        finished = self.tally.ended == self.tally.total and event.name is EventName.UNIT
        if finished or time.monotonic() - self.spoke > LINE_EVERY_S:
            self._say(f"{self.tally.ended}/{self.tally.total} overpasses, {self.tally.facts()}")

    def _say(self, line: str) -> None:
        self.spoke = time.monotonic()
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _trouble(event: Event) -> str | None:
    """One line for what went wrong; None for anything else."""
    facts = event.facts
    match event.name:
        case EventName.UNIT if facts["state"] == "failed":
            return f"failed {facts['stage']} {facts['overpass']}: {facts['reason']}"
        case EventName.QUARANTINED:
            return f"quarantined {facts['overpass']}: it killed {facts['deaths']} workers"
        case EventName.WARNING | EventName.LOST | EventName.REFUSED:
            return f"{event.name}: {facts['reason']}"
        case _:
            return None
