"""Waiting for the Dask cluster of a partition, with an eye on what keeps it from coming."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from distributed import Client
from distributed.security import Security

from jobs.domain.types import CPU, GPU
from jobs.errors import ClusterError, ClusterLostError
from jobs.kubernetes import names
from jobs.kubernetes.api import EVENTS, PODS, Api
from jobs.kubernetes.dask_cluster import remove_gpu_group
from jobs.kubernetes.diagnosis import Trouble, events_of, troubles
from jobs.kubernetes.grace_period import GracePeriod, summarise
from jobs.kubernetes.manifests import scheduler_address
from jobs.kubernetes.spec import Run
from jobs.run.cluster import Roll, connect, roll_call

POLL_S = 2.0
POLL_EVERY_S = 10.0
"""Between two looks at the pods and their events."""
ASK_S = 20.0
"""For one answer of the scheduler."""

Say = Callable[[str], None]


class StartupMonitor:
    """Looks at a partition's pods now and then; tells each trouble once."""

    def __init__(self, api: Api, run: Run, index: int, say: Say) -> None:
        self.api = api
        self.labels = {names.RUN: run.id, names.PARTITION: str(index)}
        self.prefix = run.cluster_name(index)
        self.grace_period = GracePeriod(say)
        self._polled_at = float("-inf")

    def poll(self) -> None:
        """Tell what is new. ClusterError for what will not pass by itself."""
        now = time.monotonic()
        if now - self._polled_at < POLL_EVERY_S:
            return
        self._polled_at = now
        hopeless = self.grace_period.observe(self.troubles())
        if hopeless:
            raise ClusterError(f"the Dask cluster cannot start: {hopeless}")

    def troubles(self) -> list[Trouble]:
        """What keeps the partition's scheduler and workers from running now."""
        pods = self.api.list(PODS, self.labels)  # a runner's pod carries no partition
        return troubles(pods, events_of(self.prefix, self.api.list(EVENTS)))


@contextmanager
def started_cluster(api: Api, run: Run, index: int, say: Say) -> Iterator[Client]:
    """A client of the partition's cluster, once it has what it needs.

    A CPU worker within ``start_timeout_s``; where the run has a GPU group, a GPU worker within
    ``gpu.wait_s``, or else, as the settings say, a ClusterError or CPUs alone. The keys are those
    that Dask's own configuration names, which the pod's environment sets.
    """
    monitor = StartupMonitor(api, run, index, say)
    address, security = scheduler_address(run, index), Security()
    _scheduler(address, monitor, run.settings.start_timeout_s)
    with _asking(address, security) as client:
        needs = _workers(client, run, index, monitor, say)
    # what a run counts on is settled here: a GPU worker that has just gone is waited for
    wait_s = run.settings.start_timeout_s
    with connect(address, security=security, wait_for_workers_s=wait_s, needs=needs) as client:
        yield client


@contextmanager
def _asking(address: str, security: Security) -> Iterator[Client]:
    try:
        client = Client(address, security=security, timeout=ASK_S)
    except (OSError, TimeoutError) as error:
        raise ClusterLostError(f"the scheduler at {address} broke off: {error}") from error
    with client:
        yield client


def _scheduler(address: str, monitor: StartupMonitor, limit_s: float) -> None:
    """Until its port answers: asking Dask itself would wait without looking at the pods."""
    place = urlsplit(address)
    for _ in _until(limit_s):
        try:
            socket.create_connection((str(place.hostname), int(place.port or 0)), POLL_S).close()
            return
        except OSError:
            monitor.poll()
    raise ClusterLostError(_late("scheduler", limit_s, monitor))


def _workers(
    client: Client, run: Run, index: int, monitor: StartupMonitor, say: Say
) -> tuple[str, ...]:
    """Which kinds of workers are there and are counted on."""
    _await(client, monitor, run.settings.start_timeout_s, "CPU worker", lambda roll: roll.cpus > 0)
    gpu = run.settings.gpu
    if not gpu.count:
        return (CPU,)
    try:
        _await(client, monitor, gpu.wait_s, "GPU worker", lambda roll: roll.gpus > 0)
    except ClusterError as error:
        if isinstance(error, ClusterLostError) or gpu.otherwise != "cpu":
            raise
        say(f"{error}; going on with CPUs alone, as the settings say")
        remove_gpu_group(monitor.api, run, index)
        return (CPU,)
    return (CPU, GPU)


def _await(
    client: Client,
    monitor: StartupMonitor,
    limit_s: float,
    who: str,
    enough: Callable[[Roll], bool],
) -> None:
    for _ in _until(limit_s):
        try:
            roll = roll_call(client, ASK_S)
        except (OSError, TimeoutError) as error:
            raise ClusterLostError(f"the scheduler does not answer any more ({error})") from error
        if enough(roll):
            return
        monitor.poll()
    raise ClusterError(_late(who, limit_s, monitor))


def _until(limit_s: float) -> Iterator[None]:
    """Once at least, then every POLL_S until the limit."""
    deadline = time.monotonic() + limit_s
    while True:
        yield
        if time.monotonic() > deadline:
            return
        time.sleep(POLL_S)


def _late(who: str, limit_s: float, monitor: StartupMonitor) -> str:
    return f"no {who} came within {limit_s:.0f} s: {summarise(monitor.troubles())}"
