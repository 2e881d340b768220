"""How far the count of a port's visits is, told by the worker that counts to the client.

By Dask's own events: what a worker logs under a topic reaches the clients that subscribe to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from distributed import Client, get_worker

from jobs.run.events import Event, EventName, Observer
from jobs.visits import FITTING, HISTORIES, OTHER_DWELLS, WITHOUT_EACH

READING = "reading looks"
STRUCTURE = "fixed structure"

STEPS: Mapping[str, float] = {
    READING: 1.0,
    STRUCTURE: 1.0,
    FITTING: 3.0,
    HISTORIES: 1.0,
    WITHOUT_EACH: 3.0,
    OTHER_DWELLS: 4.0,
}
"""The steps of a port's count in their order, and about how long each takes beside the others;
that without each sensor takes no time with one sensor, and with three twice as long as with two."""

TELL_EVERY_S = 1.0
"""Between two messages about one step."""

Tell = Callable[[str, int, int], None]
"""Called with a step, how many of its parts are done, and of how many."""


@contextmanager
def heard(client: Client, observe: Observer) -> Iterator[str]:
    """A topic; what workers tell under it meanwhile is handed to the observer, from a thread of
    the client.
    """
    topic = f"berthwatch-counting-{uuid4().hex}"
    client.subscribe_topic(topic, lambda message: observe(_event(message)))
    try:
        yield topic
    finally:
        if client.status == "running":
            client.unsubscribe_topic(topic)


def _event(message: tuple[float, dict[str, Any]]) -> Event:
    return Event(EventName.COUNTING, message[1])


def teller(topic: str | None, port: str) -> Tell:
    """A function that tells how far the count of a port is; it tells nobody where there is no
    topic, or outside of a worker.
    """
    if topic is None:
        return tell_nobody
    try:
        worker = get_worker()
    except ValueError:
        return tell_nobody
    told: dict[str, float] = {}

    def tell(step: str, done: int, of: int) -> None:
        now = time.monotonic()
        if step in told and now - told[step] < TELL_EVERY_S:
            return
        told[step] = now
        finished = done if step == OTHER_DWELLS else 0
        facts = {"step": step, "done": done, "of": of, "berths_done": finished}
        worker.log_event(topic, {"port": port, **facts})

    return tell


def tell_nobody(step: str, done: int, of: int) -> None:
    """Where nobody asked."""
