"""Bringing the schedule's mishaps about on a site, each at its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.kubernetes.runs import Site
from tests.support.long_run.imagery import Front
from tests.support.long_run.schedule import Entry, Mishap
from tests.support.servers.faults import answers

REFUSED_EVERY = 4
LATE_S = 0.15
COMPONENTS = {
    Mishap.WORKER_LOST: "worker",
    Mishap.WORKER_EVICTED: "worker",
    Mishap.RUNNER_EVICTED: "runner",
    Mishap.SCHEDULER_LOST: "scheduler",
}
WAIT_FOR_TARGET_S = 30.0
TRY_EVERY_S = 0.5


@dataclass(frozen=True)
class Happened:
    """A mishap that was brought about, or for which nobody was there."""

    at_s: float
    what: Mishap
    whom: str
    """The pod; empty where it concerns none, or none came in time."""
    lasted_s: float
    met: bool = True


class Mishaps:
    """Brings a schedule about in threads of its own, from ``start`` until ``stop``."""

    def __init__(self, site: Site, front: Front) -> None:
        self.site = site
        self.front = front
        self.happened: list[Happened] = []
        self.refused = 0
        """Requests that were answered 503."""
        self._over = threading.Event()
        self._one_at_a_time = {what: threading.Lock() for what in Mishap}

    def stop(self) -> None:
        """Nothing more happens, and what lasts ends."""
        self._over.set()

    def run(self, entries: Iterable[Entry]) -> None:
        """Bring everything about, and return when that is over."""
        while not self.site.world.list("jobs") and not self._over.is_set():
            self._over.wait(TRY_EVERY_S)  # the day begins when the run is submitted
        began = time.monotonic()
        threads = []
        for entry in entries:
            if self._over.wait(max(0.0, began + entry.at_s - time.monotonic())):
                break
            threads.append(threading.Thread(target=self._bring_about, args=(entry, began)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _bring_about(self, entry: Entry, began: float) -> None:
        with self._one_at_a_time[entry.what]:
            at, whom = time.monotonic(), self._do(entry)
        lasted = time.monotonic() - at
        met = whom is not None
        self.happened.append(Happened(at - began, entry.what, whom or "", lasted, met))

    def _do(self, entry: Entry) -> str | None:
        """The pod that it met, or nothing; None where none came."""
        if entry.what in COMPONENTS:
            return self._pod_goes(entry)
        actions: dict[Mishap, Callable[[float], None]] = {
            Mishap.API_AWAY: self._api_away,
            Mishap.OPERATOR_RESTARTED: lambda _: self.site.world.restart_operator(),
            Mishap.S3_REFUSES: self._s3_refuses,
            Mishap.S3_SLOW: self._s3_slow,
        }
        actions[entry.what](entry.lasts_s)
        return ""

    def _pod_goes(self, entry: Entry) -> str | None:
        until = time.monotonic() + WAIT_FOR_TARGET_S
        while time.monotonic() < until and not self._over.is_set():
            pods = [pod for pod in self.site.pods(COMPONENTS[entry.what]) if _ready(pod)]
            if pods:
                name = str(pods[int(entry.chance * len(pods))]["metadata"]["name"])
                if self._gone(name, entry.what):
                    return name
            self._over.wait(TRY_EVERY_S)
        return None

    def _gone(self, name: str, what: Mishap) -> bool:
        abrupt = what in (Mishap.WORKER_LOST, Mishap.SCHEDULER_LOST)
        try:
            self.site.world.kill_pod(name, abrupt=abrupt)
        except Exception:  # it went by itself just now
            return False
        return True

    def _api_away(self, seconds: float) -> None:
        with self.site.world.outage():
            self._over.wait(seconds)

    def _s3_refuses(self, seconds: float) -> None:
        fault = self.front.faults.add(answers(503, times=None, every=REFUSED_EVERY))
        self._over.wait(seconds)
        self.front.faults.clear()
        self.refused += fault.hits

    def _s3_slow(self, seconds: float) -> None:
        self.front.link.latency_s = LATE_S
        self._over.wait(seconds)
        self.front.link.latency_s = 0.0


def _ready(pod: dict[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


@contextmanager
def mishaps(site: Site, front: Front, entries: Iterable[Entry]) -> Iterator[Mishaps]:
    """They befall the site for as long as the context lasts."""
    made = Mishaps(site, front)
    thread = threading.Thread(target=made.run, args=(entries,))
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join()
