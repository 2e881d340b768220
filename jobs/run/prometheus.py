"""Metrics of a run for Prometheus, on the endpoint that Dask's scheduler serves (/metrics).

    berthwatch_units_total{job, stage, state}   units that ended in a stage: done, failed
    berthwatch_retries_total{job, stage}        attempts that failed and were repeated
    berthwatch_quarantined_total{job}           units that killed every worker that ran them
    berthwatch_vessels_total{job}               vessels found
    berthwatch_commits_total{job}               commits to port archives
    berthwatch_commit_seconds_total{job}        seconds spent in them
    berthwatch_units_left{job}                  units still to do in the ports reached so far

The run counts its own events and sends the increments to the scheduler every SEND_EVERY_S seconds;
a plugin there adds them up. Counters live as long as the scheduler's process.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import prometheus_client
from distributed import Client, SchedulerPlugin

from jobs.run.events import Event, EventName, Observer

TOPIC = "berthwatch"
SEND_EVERY_S = 2.0
TIMEOUT_S = 10.0

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "berthwatch_units": ("Units that ended in a stage", ("stage", "state")),
    "berthwatch_retries": ("Attempts given up and made again", ("stage",)),
    "berthwatch_quarantined": ("Units that killed every worker that took them up", ()),
    "berthwatch_vessels": ("Vessels found", ()),
    "berthwatch_commits": ("Commits to port archives", ()),
    "berthwatch_commit_seconds": ("Seconds spent in commits", ()),
}
UNITS_LEFT = "berthwatch_units_left"

_Added = Counter[tuple[str, ...]]
"""Increments since the last message, by (counter, label values...)."""


@cache
def _registered() -> Mapping[str, Any]:
    """The process's counters and its gauge, registered once whatever the number of plugins."""
    counters = {
        name: prometheus_client.Counter(name, text, ("job", *labels))
        for name, (text, labels) in COUNTERS.items()
    }
    gauge = prometheus_client.Gauge(UNITS_LEFT, "Units still to do", ("job",))
    return {**counters, UNITS_LEFT: gauge}


class Metrics(SchedulerPlugin):
    """A plugin that adds the increments runs send to the scheduler's Prometheus counters."""

    name = "berthwatch-metrics"
    idempotent = True

    def log_event(self, topic: str, msg: Any) -> None:
        """One message of a run: its job, what was added, and how many units are left."""
        if topic != TOPIC:
            return
        known = _registered()
        for (name, *labels), amount in msg["added"]:
            known[name].labels(msg["job"], *labels).inc(amount)
        known[UNITS_LEFT].labels(msg["job"]).set(msg["left"])


@contextmanager
def metrics(client: Client, job: str) -> Iterator[Observer]:
    """An observer that feeds the scheduler's metrics; what it cannot send is dropped silently.

    On a scheduler without this package there are no such metrics, and the run proceeds.
    """
    sender = _Sender(client, job)
    try:
        client.register_plugin(Metrics())
    except (OSError, TimeoutError, ImportError) as error:
        sender.error = str(error) or type(error).__name__
    yield sender
    sender.send()


class _Sender:
    def __init__(self, client: Client, job: str) -> None:
        self.client = client
        self.job = job
        self.added: _Added = Counter()
        self.left = 0
        self.error = ""
        self.sent_at = time.monotonic()

    def __call__(self, event: Event) -> None:
        self.added.update(_added(event))
        if event.name is EventName.PORT:
            self.left += int(event.facts["todo"])
        elif event.name is EventName.UNIT and event.facts["last"]:
            self.left -= 1
        if time.monotonic() - self.sent_at > SEND_EVERY_S:
            self.send()

    def send(self) -> None:
        """Send the increments since the last time."""
        scheduler = self.client.scheduler
        if self.error or self.client.status != "running" or scheduler is None:
            return
        message = {
            "job": self.job,
            "left": self.left,
            "added": [[list(key), amount] for key, amount in self.added.items()],
        }
        self.added.clear()
        self.sent_at = time.monotonic()
        try:
            self.client.sync(
                scheduler.log_event, topic=TOPIC, msg=message, callback_timeout=TIMEOUT_S
            )
        except (OSError, TimeoutError) as error:
            self.error = str(error)


def _added(event: Event) -> Mapping[tuple[str, ...], Any]:
    facts = event.facts
    match event.name:
        case EventName.UNIT:
            ended = ("berthwatch_units", str(facts["stage"]), str(facts["state"]))
            return {ended: 1, ("berthwatch_vessels",): facts["vessels"]}
        case EventName.RETRIED:
            return {("berthwatch_retries", str(facts["stage"])): 1}
        case EventName.QUARANTINED:
            return {("berthwatch_quarantined",): 1}
        case EventName.COMMITTED:
            seconds = facts["seconds"]
            return {("berthwatch_commits",): 1, ("berthwatch_commit_seconds",): seconds}
        case _:
            return {}
