"""Waiting for the Dask cluster of a partition to start, and reporting what prevents it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from distributed import Client
from distributed.security import Security

from jobs.domain import CPU, GPU
from jobs.errors import ClusterError, ClusterLostError, KubernetesLostError
from jobs.kubernetes import names
from jobs.kubernetes.absence import Absence
from jobs.kubernetes.api import CLUSTERS, EVENTS, PODS, Api
from jobs.kubernetes.dask_cluster import remove_gpu_group
from jobs.kubernetes.diagnosis import Trouble, events_of, troubles
from jobs.kubernetes.grace_period import GracePeriod, StartLimit, summarise
from jobs.kubernetes.manifests import scheduler_address
from jobs.kubernetes.spec import Run
from jobs.run import WorkerCount, closing_client, connect, count_workers

POLL_S = 2.0
"""Between two polls of the scheduler."""
POLL_EVERY_S = 10.0
"""Between two polls of the pods and their events."""
RESPONSE_LIMIT_S = 20.0
"""For one response of the scheduler."""

Say = Callable[[str], None]


class StartupMonitor:
    """Polls a partition's pods at most every POLL_EVERY_S; reports each trouble once."""

    def __init__(self, api: Api, run: Run, index: int, say: Say, absence: Absence) -> None:
        self.api = api
        self.labels = {names.RUN: run.id, names.PARTITION: str(index)}
        self.prefix = run.cluster_name(index)
        self.grace_period = GracePeriod(say)
        self.found: list[Trouble] = []
        """Of the last poll."""
        self.absence = absence
        self._polled_at = float("-inf")

    def poll(self) -> None:
        """Report new troubles; raises ClusterError for one that outlasts its grace period."""
        now = time.monotonic()
        if now - self._polled_at < POLL_EVERY_S:
            return
        self._polled_at = now
        try:
            self.found = self.troubles()
        except KubernetesLostError as error:  # of the API: scheduler and workers may be up
            self.absence.note(error, now)
            return
        self.absence.over()
        lasting = self.grace_period.observe(self.found, self.absence.away_s)
        if lasting:
            raise ClusterError(f"the Dask cluster cannot start: {lasting}")

    def troubles(self) -> list[Trouble]:
        """What prevents the partition's scheduler and workers from running now."""
        pods = self.api.list(PODS, self.labels)  # a runner's pod has no partition label
        cluster = self.api.find(CLUSTERS, self.prefix)
        return troubles(pods, events_of(self.prefix, self.api.list(EVENTS), cluster, pods))


@contextmanager
def started_cluster(api: Api, run: Run, index: int, say: Say, absence: Absence) -> Iterator[Client]:
    """Client of the partition's cluster, once the workers that the run needs have started.

    A CPU worker must start within ``start_timeout_s``. Where the run has a GPU group, a GPU worker
    must start within ``gpu.wait_s``; otherwise ``gpu.otherwise`` decides between a ClusterError and
    CPU workers alone. A limit that passes while a refused controller pauses is extended to its next
    try. The TLS keys are those of Dask's configuration, which the pod's environment sets. Raises
    ClusterLostError where the scheduler does not start or no longer responds, or where the API is
    away longer than ``absence`` bears.
    """
    monitor = StartupMonitor(api, run, index, say, absence)
    address, security = scheduler_address(run, index), Security()
    _wait_for_scheduler(address, monitor, run.settings.start_timeout_s)
    with _client(address, security) as client:
        needs = _wait_for_workers(client, run, index, monitor, say)
    # the needed kinds are fixed from here on: a GPU worker that has just gone is waited for
    wait_s = run.settings.start_timeout_s
    with connect(address, security=security, wait_for_workers_s=wait_s, needs=needs) as client:
        yield client


@contextmanager
def _client(address: str, security: Security) -> Iterator[Client]:
    try:
        client = Client(address, security=security, timeout=RESPONSE_LIMIT_S)
    except (OSError, TimeoutError) as error:
        raise ClusterLostError(f"cannot connect to the scheduler at {address}: {error}") from error
    with closing_client(client):
        yield client


def _wait_for_scheduler(address: str, monitor: StartupMonitor, limit_s: float) -> None:
    """Poll the scheduler's port: a Dask client would wait without polling the pods."""
    place = urlsplit(address)
    for _ in _polls(limit_s, monitor):
        try:
            socket.create_connection((str(place.hostname), int(place.port or 0)), POLL_S).close()
            return
        except OSError:
            monitor.poll()
    raise ClusterLostError(_timeout_message("scheduler", limit_s, monitor))


def _wait_for_workers(
    client: Client, run: Run, index: int, monitor: StartupMonitor, say: Say
) -> tuple[str, ...]:
    """Wait for the workers; returns the kinds (CPU, GPU) that the run uses."""
    _wait_until(
        client, monitor, run.settings.start_timeout_s, "CPU worker", lambda found: found.cpus > 0
    )
    gpu = run.settings.gpu
    if not gpu.count:
        return (CPU,)
    try:
        _wait_until(client, monitor, gpu.wait_s, "GPU worker", lambda found: found.gpus > 0)
    except ClusterError as error:
        if isinstance(error, ClusterLostError) or gpu.otherwise != "cpu":
            raise
        say(f"{error}; going on with CPUs alone, as set by gpu.otherwise")
        monitor.absence.bear(lambda: remove_gpu_group(monitor.api, run, index))
        return (CPU,)
    return (CPU, GPU)


def _wait_until(
    client: Client,
    monitor: StartupMonitor,
    limit_s: float,
    who: str,
    enough: Callable[[WorkerCount], bool],
) -> None:
    for _ in _polls(limit_s, monitor):
        try:
            workers = count_workers(client, RESPONSE_LIMIT_S)
        except (OSError, TimeoutError) as error:
            raise ClusterLostError(f"the scheduler no longer answers ({error})") from error
        if enough(workers):
            return
        monitor.poll()
    raise ClusterError(_timeout_message(who, limit_s, monitor))


def _polls(limit_s: float, monitor: StartupMonitor) -> Iterator[None]:
    """Yield at once, then every POLL_S until the limit; a controller that pauses is awaited.

    While the API is away nothing can start.
    """
    limit, before_s = StartLimit(limit_s, then_s=limit_s), monitor.absence.away_s
    while True:
        yield
        if limit.over(monitor.found, monitor.absence.away_s - before_s):
            return
        time.sleep(POLL_S)


def _timeout_message(who: str, limit_s: float, monitor: StartupMonitor) -> str:
    try:
        cause = summarise(monitor.troubles())
    except KubernetesLostError as error:
        cause = str(error)
    return f"no {who} came within {limit_s:.0f} s: {cause}"
