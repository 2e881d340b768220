"""The log of one container, followed to its end over broken connections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from jobs.errors import KubernetesLostError
from jobs.kubernetes.absence import ABSENCE_LIMIT_S, Absence
from jobs.kubernetes.api import JOBS, PODS, Api, Manifest
from jobs.kubernetes.names import RUN
from jobs.kubernetes.pods import containers, job_over, name_of, restarts

REOPEN_S = 1.0
"""Before a stream that ended is opened again, where its container still runs."""

_Moment = tuple[datetime, str]
"""Time to microseconds, and the fraction of its second in digits: logs have nanoseconds."""


def follow_log(api: Api, pod: Manifest, limit_s: float = ABSENCE_LIMIT_S) -> Iterator[str]:
    """Lines of a container's log as they are written, each once, until the container ends.

    A stream that breaks off, or ends while the container runs (an API server that is replaced ends
    its streams), is opened again and goes on after the last line. Raises KubernetesLostError where
    the API stays away longer than ``limit_s``, KubernetesError where the log is gone.
    """
    last: _Moment | None = None
    absence = Absence(lambda _: None, limit_s, accepted=True)  # who polls the run reports it
    while True:
        before = last
        try:
            for stamp, text in api.follow(name_of(pod)):
                absence.over()
                moment = _moment(stamp)
                if before is None or moment > before:
                    last = moment
                    yield text
            if not _runs(api, pod):
                return
            time.sleep(REOPEN_S)
        except KubernetesLostError as error:
            absence.wait(error)


def _moment(stamp: str) -> _Moment:
    return datetime.fromisoformat(stamp), stamp.partition(".")[2]


def _runs(api: Api, pod: Manifest) -> bool:
    """Whether the container whose log was followed still runs, and its run goes on.

    A pod on a dead node is called running long after.
    """
    labels = {RUN: pod["metadata"]["labels"][RUN]}
    job = api.find(JOBS, labels[RUN])
    if job is None or job_over(job):
        return False
    found = [one for one in api.list(PODS, labels) if name_of(one) == name_of(pod)]
    return any(
        restarts(one) == restarts(pod) and "running" in (container.get("state") or {})
        for one in found
        for container in containers(one)
    )
