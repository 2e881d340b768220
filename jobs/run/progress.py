"""The display of a run's progress: a live bar on a terminal, plain lines elsewhere."""

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
    """An observer that shows events on this console: as a bar on a terminal, else as lines."""
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
    """Counts of a run's events."""

    def __init__(self) -> None:
        self.overpasses = self.not_to_do = 0
        self.ended = self.failed = self.retried = self.vessels = 0
        self.limit: int | None = None
        self.started = time.monotonic()

    @property
    def total(self) -> int:
        """Overpasses to do; of ports not reached yet, all of them."""
        left = self.overpasses - self.not_to_do
        return left if self.limit is None else min(left, self.limit)

    def add(self, event: Event) -> None:
        facts = event.facts
        if event.name is EventName.STARTED:
            self.overpasses = int(facts["overpasses"])
            self.limit = int(facts["limit"]) if "limit" in facts else None
            self.started = time.monotonic()
        elif event.name is EventName.PORT:
            self.not_to_do += int(facts["overpasses"]) - int(facts["todo"])
        elif event.name is EventName.RETRIED:
            self.retried += 1
        elif event.name is EventName.UNIT and facts["last"]:
            self.ended += 1
            self.failed += facts["state"] == "failed"
            self.vessels += int(facts["vessels"])

    def facts(self) -> str:
        """Failed, retried, vessels and rate (overpasses per second), in words."""
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
        self.tally.add(event)
        self.progress.update(
            self.task,
            total=self.tally.total,
            completed=self.tally.ended,
            facts=self.tally.facts(),
        )
        line = _problem(event)
        if line:
            self.progress.console.print(line, markup=False, highlight=False)


class _Lines:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.tally = _Tally()
        self.printed_at = time.monotonic()
        self.announced = False

    def __call__(self, event: Event) -> None:
        self.tally.add(event)
        if event.name is EventName.UNIT and not self.announced:
            self.announced = True
            self._print(f"{self.tally.total} of {self.tally.overpasses} overpasses to do")
        line = _problem(event)
        if line:
            self._print(line)
        finished = self.tally.ended == self.tally.total and event.name is EventName.UNIT
        if finished or time.monotonic() - self.printed_at > LINE_EVERY_S:
            self._print(f"{self.tally.ended}/{self.tally.total} overpasses, {self.tally.facts()}")

    def _print(self, line: str) -> None:
        self.printed_at = time.monotonic()
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _problem(event: Event) -> str | None:
    """One line for an event about a failure or about stale pixels; None for any other event."""
    facts = event.facts
    match event.name:
        case EventName.UNIT if facts["state"] == "failed":
            return f"failed {facts['stage']} {facts['overpass']}: {facts['reason']}"
        case EventName.STALE:
            count = int(facts["overpasses"])
            overpasses = "1 overpass" if count == 1 else f"{count} overpasses"
            return f"stale {facts['port']}: {overpasses}, tiled again: {facts['because']}"
        case EventName.QUARANTINED:
            return f"quarantined {facts['overpass']}: it killed {facts['deaths']} workers"
        case EventName.WARNING | EventName.LOST | EventName.REFUSED:
            return f"{event.name}: {facts['reason']}"
        case _:
            return None
