"""Waiting for the end of a run, with its runners' logs; returns its exit code."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jobs.errors import KubernetesError
from jobs.kubernetes import names
from jobs.kubernetes.absence import Absence
from jobs.kubernetes.api import EVENTS, JOBS, PODS, Api, Manifest
from jobs.kubernetes.diagnosis import DEADLINE, Trouble, events_of, troubles
from jobs.kubernetes.grace_period import GracePeriod, StartLimit, summarise
from jobs.kubernetes.log_stream import follow_log
from jobs.kubernetes.pods import (
    component_of,
    condition_of,
    exit_of,
    index_of,
    job_over,
    made_at,
    name_of,
    terminated,
)
from jobs.kubernetes.records import partition_records, read_run, was_cancelled
from jobs.kubernetes.said_once import SaidOnce
from jobs.kubernetes.spec import Run
from jobs.run import ExitCode
from jobs.storage import Storage

POLL_S = 2.0
"""Between two polls of the Job."""
TROUBLES_EVERY_S = 10.0
"""Between two looks at the events once a runner has started."""
MAX_MESSAGE = 500
"""Characters of a pod's termination message."""
LAST_LINES_LIMIT_S = 30.0
"""Limit for the last lines of all logs after the Job has ended."""
SEVERITY = (
    ExitCode.REFUSED,
    ExitCode.INTERNAL_ERROR,
    ExitCode.LOST,
    ExitCode.FAILED,
    ExitCode.DONE,
)
"""Exit codes, the worst first: the worst one of the partitions is that of the run."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class WaitResult:
    """End of a run that was waited for."""

    code: ExitCode
    """The run's exit code."""
    reason: str
    """Cause of an exit code other than 0; otherwise empty."""
    started: bool = True
    """False where no runner has started; the run still exists."""


def worst(codes: list[int]) -> ExitCode:
    """The worst of the exit codes; an unknown one, or none, counts as LOST."""
    known = [ExitCode(code) if code in SEVERITY else ExitCode.LOST for code in codes]
    return min(known, key=SEVERITY.index, default=ExitCode.LOST)


def wait_for_run(api: Api, storage: Storage, run: Run, say: Say) -> WaitResult:
    """Wait until the run's Job has ended; ``started`` is False if no runner starts in time.

    The limit of the start is ``start_timeout_s``, less where a fatal trouble lasts, more where a
    controller that was refused pauses.
    ``say`` gets the lines of the runners' logs, and what troubles the run's pods at any time.
    Ctrl-C does not affect the run. An API that is away, or a login that has expired, is waited for;
    the result is INTERRUPTED where that lasts too long, or where the API refuses what is asked.
    """
    absence = Absence(say, accepted=True)
    runners = _RunnerFollower(api, run, say, absence)
    try:
        job = absence.bear(runners.job)
        while job is not None and not job_over(job):
            failure = absence.bear(partial(runners.poll, job))
            if failure:
                return WaitResult(ExitCode.REFUSED, failure, started=False)
            time.sleep(POLL_S)
            job = absence.bear(runners.job)
        absence.bear(partial(runners.poll, job))  # a runner may have started and ended since
        runners.last_lines()
        return absence.bear(partial(_result, api, storage, run, job))
    except KubernetesError as error:
        reason = f"stopped waiting: {error}; the run goes on: berthwatch status {run.id}"
        return WaitResult(ExitCode.INTERRUPTED, reason)
    finally:
        runners.leave()


def _result(api: Api, storage: Storage, run: Run, job: Manifest | None) -> WaitResult:
    kept = read_run(storage, run.job, run.id) or run
    ended = partition_records(storage, kept)
    ends = {index: (one.exit, one.reason) for index, one in ended.items()}
    missing = [index for index in range(len(kept.partitions)) if index not in ends]
    if missing and was_cancelled(storage, kept):
        reason = "the run was cancelled; berthwatch resume goes on with it"
        return WaitResult(ExitCode.INTERRUPTED, reason)
    if missing and job is None:
        return WaitResult(ExitCode.LOST, f"the Job {run.id} was deleted")
    by_deadline = _deadline_reason(job)
    if missing and not by_deadline:
        ends |= _ends_by_pods(api, run)
    without_record = (ExitCode.LOST, by_deadline or _job_failure(job))
    ends = {index: ends.get(index, without_record) for index in range(len(kept.partitions))}
    reasons = [f"{kept.partitions[i].name}: {why}" for i, (code, why) in ends.items() if code]
    return WaitResult(worst([code for code, _ in ends.values()]), "; ".join(reasons[:3]))


def _ends_by_pods(api: Api, run: Run) -> dict[int, tuple[int, str]]:
    """Exit code and message, by index, of runners that could not write their record."""
    pods = api.list(PODS, {names.RUN: run.id, names.COMPONENT: "runner"})
    found = {}
    for pod in sorted(pods, key=made_at):
        index, code, last = index_of(pod), exit_of(pod), terminated(pod)
        if index is not None and code is not None and last is not None:
            message = str(last.get("message") or last.get("reason") or "").strip()
            found[index] = (code, " ".join(message.split())[-MAX_MESSAGE:])
    return found


def _deadline_reason(job: Manifest | None) -> str:
    """DEADLINE where the Job ended by its deadline; otherwise empty."""
    failed = None if job is None else condition_of(job, "Failed")
    return DEADLINE if failed is not None and failed.get("reason") == "DeadlineExceeded" else ""


def _job_failure(job: Manifest | None) -> str:
    failed = None if job is None else condition_of(job, "Failed")
    return f"the Job failed: {(failed or {}).get('message', 'no message')}"


class _RunnerFollower:
    """Follows the logs of a run's runners, and diagnoses why none has started."""

    def __init__(self, api: Api, run: Run, say: Say, absence: Absence) -> None:
        self.api = api
        self.run = run
        self.say = say
        self.absence = absence
        self._followed: dict[str, threading.Thread] = {}
        self._saying = threading.Lock()
        self._left = False
        self._said = SaidOnce(self._say_unless_left)
        self._grace_period = GracePeriod(self._said.trouble)
        limit_s = run.settings.start_timeout_s
        self._limit = StartLimit(limit_s, then_s=limit_s)
        self._looked_at = float("-inf")

    def job(self) -> Manifest | None:
        return self.api.find(JOBS, self.run.id)

    def poll(self, job: Manifest | None) -> str:
        """Follow new runners and report troubles; returns why none can start, or ''."""
        labels = {names.RUN: self.run.id}
        pods = self.api.list(PODS, labels)
        for pod in pods:
            name = name_of(pod)
            if component_of(pod) != "runner" or name in self._followed:
                continue
            if pod["status"].get("phase") != "Pending":
                self._follow(name, pod)
        if not self._followed:
            return self._start_failure(self._troubles(job, pods))
        if time.monotonic() - self._looked_at > TROUBLES_EVERY_S:
            self._grace_period.observe(self._troubles(job, pods), self.absence.away_s)
        return ""

    def _start_failure(self, found: list[Trouble]) -> str:
        # while the API is away nothing can start, and nothing can be mended
        lasting = self._grace_period.observe(found, self.absence.away_s)
        if lasting:
            return f"no runner starts: {lasting}"
        if self._limit.over(found, self.absence.away_s):
            limit_s = self.run.settings.start_timeout_s
            return f"no runner started within {limit_s} s: {summarise(found)}"
        return ""

    def _troubles(self, job: Manifest | None, pods: list[Manifest]) -> list[Trouble]:
        self._looked_at = time.monotonic()
        return troubles(pods, events_of(self.run.id, self.api.list(EVENTS), job, pods))

    def _follow(self, name: str, pod: Manifest) -> None:
        index = index_of(pod) or 0
        parts = self.run.partitions
        prefix = f"{parts[index].name}: " if len(parts) > 1 else ""
        thread = threading.Thread(target=self._read, args=(pod, prefix), daemon=True)
        self._followed[name] = thread
        thread.start()

    def _read(self, pod: Manifest, prefix: str) -> None:
        try:
            for line in follow_log(self.api, pod):
                self._said.line(line, prefix)
        except KubernetesError as error:
            self._say_unless_left(f"{prefix}{error}")

    def _say_unless_left(self, text: str) -> None:
        with self._saying:
            if not self._left:
                self.say(text)

    def leave(self) -> None:
        """No log is shown any further: a thread that writes while Python ends would abort it."""
        with self._saying:
            self._left = True

    def last_lines(self) -> None:
        """Wait for the ends of the logs; says so where one is not read to its end in time."""
        until = time.monotonic() + LAST_LINES_LIMIT_S
        for name, thread in self._followed.items():
            thread.join(max(until - time.monotonic(), 0.0))
            if thread.is_alive():
                self.say(f"the last lines of {name} are missing: berthwatch logs {self.run.id}")
