"""Counts of a run's events: how far its stage is, in numbers and in words."""

from __future__ import annotations

import time

from jobs.run.counting import READING, STEPS, STRUCTURE
from jobs.run.events import Event, EventName
from jobs.visits import WITHOUT_EACH

OVERPASSES = "overpasses"
"""The stage in which overpasses are tiled and segmented."""
LEAST_SHARE = 0.03
"""Share of a stage that has to be done before the time left is told."""


class Tally:
    """Counts of a run's events so far."""

    def __init__(self) -> None:
        self.stage = ""
        """The stage that goes on; empty between stages."""
        self.started = time.monotonic()
        """When it began."""
        self.overpasses = self.not_to_do = 0
        self.ended = self.failed = self.retried = self.vessels = 0
        self.limit: int | None = None
        self.ports = self.berths = 0
        """Where visits are counted."""
        self._counting: dict[str, Event] = {}
        """The newest event of each port whose visits are counted."""
        self._newest: Event | None = None

    @property
    def total(self) -> int:
        """Overpasses to do; of ports not reached yet, all of them."""
        left = self.overpasses - self.not_to_do
        return left if self.limit is None else min(left, self.limit)

    @property
    def elapsed_s(self) -> float:
        """Since the stage began."""
        return time.monotonic() - self.started

    @property
    def is_full(self) -> bool:
        """Whether every overpass to do has ended."""
        return self.stage == OVERPASSES and self.ended == self.total

    def add(self, event: Event) -> None:
        """Take up an event."""
        facts = event.facts
        match event.name:
            case EventName.STARTED:
                self.overpasses = int(facts["overpasses"])
                self.limit = int(facts["limit"]) if "limit" in facts else None
                self._begin(OVERPASSES)
            case EventName.PORT:
                self.not_to_do += int(facts["overpasses"]) - int(facts["todo"])
            case EventName.RETRIED:
                self.retried += 1
            case EventName.UNIT if facts["last"]:
                self.ended += 1
                self.failed += facts["state"] == "failed"
                self.vessels += int(facts["vessels"])
            case EventName.STAGE:
                self.ports = int(facts.get("ports", 0))
                self.berths = int(facts.get("berths", 0))
                self._begin(str(facts["stage"]))
            case EventName.COUNTING | EventName.COUNTED:
                self._counting[str(facts["port"])] = event
                self._newest = event

    def _begin(self, stage: str) -> None:
        self.stage, self.started = stage, time.monotonic()

    def forget_stage(self) -> None:
        """The stage is over."""
        self.stage = ""

    def share(self) -> float | None:
        """The part of the stage that is done, 0 to 1; None where that cannot be told."""
        if self.stage == OVERPASSES:
            return self.ended / self.total if self.total else None
        if self.ports:
            return sum(_steps(event) for event in self._counting.values()) / self.ports
        return None

    def left_s(self) -> float | None:
        """Seconds until the stage is done, at its pace so far; None where that cannot be told."""
        done = self.share()
        if done is None or not LEAST_SHARE <= done < 1:
            return None
        return self.elapsed_s * (1 - done) / done

    def count(self) -> str:
        """How many of how many are done, in words."""
        if self.stage == OVERPASSES:
            return f"{self.ended}/{self.total}"
        if self.ports:
            return f"{self._berths_done()} of {plural(self.berths, 'berth', 'berths')}"
        return ""

    def facts(self) -> str:
        """What else there is to say of the stage, in words."""
        if self.stage == OVERPASSES:
            return self._outcome()
        return "" if self._newest is None or not self.ports else _doing(self._newest)

    def summary(self) -> str:
        """A line about the stage at its end; empty where it did nothing worth a line."""
        if self.stage == OVERPASSES and self.ended:
            return f"{self.ended}/{self.total} overpasses, {self._outcome()}"
        if self.ports and self.stage:
            berths = plural(self.berths, "berth", "berths")
            ports = plural(self.ports, "port", "ports")
            return f"counted visits at {berths} of {ports} in {clock(self.elapsed_s)}"
        return ""

    def _outcome(self) -> str:
        per_minute = 60 * self.ended / max(self.elapsed_s, 1e-9)
        failed = f"{self.failed} failed, " if self.failed else ""
        retried = f"{self.retried} retried, " if self.retried else ""
        return f"{failed}{retried}{plural(self.vessels, 'vessel', 'vessels')}, {per_minute:.1f}/min"

    def _berths_done(self) -> int:
        return sum(int(event.facts["berths_done"]) for event in self._counting.values())


def _steps(event: Event) -> float:
    """The part of a port's count that is done, 0 to 1."""
    if event.name is EventName.COUNTED:
        return 1.0
    facts = event.facts
    of = max(int(facts["of"]), 1)
    before = sum(list(STEPS.values())[: list(STEPS).index(str(facts["step"]))])
    return (before + STEPS[str(facts["step"])] * int(facts["done"]) / of) / sum(STEPS.values())


def _doing(event: Event) -> str:
    facts = event.facts
    if event.name is EventName.COUNTED:
        return f"{facts['port']}: {plural(int(facts['berths_done']), 'berth', 'berths')} done"
    of_step = {READING: "looks", STRUCTURE: "looks", WITHOUT_EACH: "fits"}
    things = of_step.get(str(facts["step"]), "berths")
    return f"{facts['port']}: {facts['step']}, {facts['done']} of {facts['of']} {things}"


def plural(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many}"


def clock(seconds: float) -> str:
    """Such as 0:01:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
