"""Logs of a run's pods: archived before the pods are deleted, read from pods or archive."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from jobs.errors import BerthwatchError, KubernetesError, KubernetesLostError
from jobs.kubernetes.absence import Absence
from jobs.kubernetes.api import JOBS, PODS, Api, Manifest
from jobs.kubernetes.log_stream import follow_log
from jobs.kubernetes.names import RUN
from jobs.kubernetes.pods import (
    COMPONENTS,
    component_of,
    containers,
    index_of,
    job_over,
    made_at,
    name_of,
    on_silent_node,
    restarts,
    role_by_name,
)
from jobs.kubernetes.records import log_names, write_log
from jobs.kubernetes.spec import Run
from jobs.storage import Storage

MAX_LOG_BYTES = 5_000_000
"""Bytes archived of one pod's log: the last ones."""
ARCHIVE_EVERY_S = 60.0
FIRST_ARCHIVING_S = 4.0
"""After the start; each pause is twice the one before it, up to ARCHIVE_EVERY_S."""
LAST_ARCHIVING_S = 60.0
"""Limit for the last archiving, at the end of a runner."""
LAST_LINE_S = 5.0
"""Limit for a runner's own last line to reach its log."""
LAST_LINE_POLL_S = 0.1
POLL_EVERY_S = 3.0
"""Between two polls for new pods while logs are followed."""
MAX_FOLLOWED = 50
"""Pods whose logs are followed at once."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class PodFilter:
    """Selects pods of a run; None matches all."""

    component: str | None = None
    index: int | None = None
    pod: str | None = None

    def matches(self, component: str, index: int | None, pod: str) -> bool:
        """Whether a pod is selected."""
        return (
            self.component in (None, component)
            and self.index in (None, index)
            and self.pod in (None, pod)
        )


ALL_PODS = PodFilter()


@dataclass(frozen=True)
class Log:
    """Log of one pod."""

    pod: str
    component: str
    index: int | None
    live: bool
    """Read from the pod, rather than from the archive."""
    text: str


@dataclass(frozen=True)
class Line:
    """One line of a followed log."""

    pod: str
    text: str


# --- archiving -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ArchivedLogs:
    """Pods whose logs were written to the archive, and notes on those that could not be read."""

    pods: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass
class LogArchiver:
    """Archives logs that have changed since it archived them last."""

    api: Api
    storage: Storage
    run: Run
    index: int | None
    """Partition; None for all."""
    _kept: dict[str, int] = field(default_factory=dict)

    def archive(self) -> ArchivedLogs:
        """Archive changed logs. Raises KubernetesError where pods cannot be listed, any more."""
        pods, notes = [], []
        for pod in _pods(self.api, self.run, PodFilter(index=self.index)):
            name = name_of(pod)
            if not has_started(pod):
                continue
            if on_silent_node(pod):  # the API would try for half a minute to reach it
                notes.append(f"no log of {name}: its node does not answer")
                continue
            try:
                text = last_bytes(log_text(self.api, pod))
            except KubernetesError as error:
                if isinstance(error, KubernetesLostError):
                    _pods(self.api, self.run, ALL_PODS)  # else it is the pod's node that is away
                notes.append(f"no log of {name}: {error}")
                continue
            if self._kept.get(name) != hash(text):
                write_log(self.storage, self.run, name, text)
                self._kept[name] = hash(text)
                pods.append(name)
        return ArchivedLogs(tuple(pods), tuple(notes))


def archive_logs(api: Api, storage: Storage, run: Run, index: int | None = None) -> ArchivedLogs:
    """Archive the logs of all pods of a partition, or of all partitions."""
    return LogArchiver(api, storage, run, index).archive()


@contextmanager
def archiving_logs(
    api: Api,
    storage: Storage,
    run: Run,
    index: int | None,
    every_s: float = ARCHIVE_EVERY_S,
    say: Say | None = None,
) -> Iterator[None]:
    """Archive the logs every ``every_s``, at first more often, and once at the end, in a thread.

    Failures are passed to ``say`` and do not end the run. A pod's log is deleted with the pod: call
    ``archive_logs`` before deleting pods.
    """
    over = threading.Event()
    archiver = LogArchiver(api, storage, run, index)

    def repeat() -> None:
        pause_s = min(FIRST_ARCHIVING_S, every_s)
        while not over.wait(pause_s):
            _archive_or_report(archiver, say)
            pause_s = min(2 * pause_s, every_s)
        _archive_or_report(archiver, say)

    thread = threading.Thread(target=repeat, name="logs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(LAST_ARCHIVING_S)


def wait_for_text(api: Api, pod: str, text: str, at_most_s: float = LAST_LINE_S) -> None:
    """Wait until a pod's log holds a text, at most ``at_most_s``.

    What a process writes reaches its log through a pipe that the container runtime reads: a log
    read at once may lack the last lines.
    """
    until = time.monotonic() + at_most_s
    while time.monotonic() < until:
        with suppress(KubernetesError):  # archiving reports what cannot be read
            if text in api.log(pod):
                return
        time.sleep(LAST_LINE_POLL_S)


def _archive_or_report(archiver: LogArchiver, say: Say | None) -> None:
    try:
        notes = archiver.archive().notes
    except (BerthwatchError, OSError) as error:
        notes = (f"logs could not be archived: {error}",)
    for note in notes:
        if say is not None:
            say(note)


def has_started(pod: Manifest) -> bool:
    """Whether a container of the pod has started, so that it has a log."""
    states = [
        state for one in containers(pod) for state in (one.get("state"), one.get("lastState"))
    ]
    return any(state and ("running" in state or "terminated" in state) for state in states)


def log_text(api: Api, pod: Manifest) -> str:
    """Log of a pod: of the container before the last restart, then of the current one."""
    name, times = name_of(pod), restarts(pod)
    if not times:
        return api.log(name)
    try:
        before = api.log(name, previous=True)
    except KubernetesLostError:
        raise
    except KubernetesError as error:
        before = f"(not readable any more: {error})\n"
    now = f"==== {name} after restart {times} ====\n"
    return f"==== {name} before restart {times} ====\n{_whole_lines(before)}{now}{api.log(name)}"


def _whole_lines(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def last_bytes(text: str, most: int = MAX_LOG_BYTES) -> str:
    """The last ``most`` bytes from the start of a line, after a line with the size of the rest."""
    content = text.encode()
    if len(content) <= most:
        return text
    kept = content[-most:].partition(b"\n")[2]
    left = len(content) - len(kept)
    return f"(the first {left:,} bytes are left out)\n{kept.decode('utf-8', 'replace')}"


# --- reading -------------------------------------------------------------------------------------


def read_logs(
    api: Api | None, storage: Storage, run: Run, chosen: PodFilter = ALL_PODS
) -> Iterator[Log]:
    """Logs by partition and component: from the pod where it exists, otherwise from the archive."""
    live = {} if api is None else {name_of(pod): pod for pod in _pods(api, run, chosen)}
    kept = set(_kept(storage, run, chosen))
    roles = {name: role_by_name(name, run.id) for name in kept}
    roles |= {name: (component_of(pod), index_of(pod)) for name, pod in live.items()}
    for name in sorted(roles, key=lambda name: _order(roles[name], live.get(name), name)):
        component, index = roles[name]
        text = None if api is None or name not in live else _read(api, live[name], name in kept)
        if text is not None:
            yield Log(name, component, index, True, text)
        elif name in kept:
            content = storage.read(f"{run.folder}/logs/{name}.log")
            yield Log(name, component, index, False, content.decode("utf-8", "replace"))


def _read(api: Api, pod: Manifest, kept: bool) -> str | None:
    """None where the pod has no log, or is gone, or where what is ``kept`` of it has to do."""
    try:
        return log_text(api, pod) if has_started(pod) else None
    except KubernetesLostError as error:  # the API's absence, or that of the pod's node
        return None if kept else f"(the log cannot be read just now: {error})\n"
    except KubernetesError:
        return None


def _kept(storage: Storage, run: Run, chosen: PodFilter) -> list[str]:
    return [
        name
        for name in log_names(storage, run)
        if chosen.matches(*role_by_name(name, run.id), name)
    ]


def _order(
    role: tuple[str, int | None], pod: Manifest | None, name: str
) -> tuple[int, int, str, str]:
    component, index = role
    place = COMPONENTS.index(component) if component in COMPONENTS else len(COMPONENTS)
    return (-1 if index is None else index, place, "" if pod is None else made_at(pod), name)


def _pods(api: Api, run: Run, chosen: PodFilter) -> list[Manifest]:
    return [
        pod
        for pod in api.list(PODS, {RUN: run.id})
        if chosen.matches(component_of(pod), index_of(pod), name_of(pod))
    ]


# --- following -----------------------------------------------------------------------------------


def follow(
    api: Api,
    run: Run,
    chosen: PodFilter = ALL_PODS,
    every_s: float = POLL_EVERY_S,
    say: Say = lambda _: None,
) -> Iterator[Line]:
    """Lines of the chosen pods as they are written, including pods created later.

    An API that is away for minutes is waited for, which ``say`` hears.
    Ends when the run's Job has ended or is deleted, and every log has been read to its end.
    """
    lines: queue.Queue[Line] = queue.Queue()
    readers: dict[tuple[str, int], threading.Thread] = {}
    polled_at = float("-inf")
    over = False
    absence = Absence(say, accepted=True)
    while True:
        if time.monotonic() - polled_at >= every_s:
            over = absence.bear(lambda: _over(api, run))
            absence.bear(lambda: _read_new(api, run, chosen, readers, lines))
            polled_at = time.monotonic()
        try:
            yield lines.get(timeout=min(every_s, 0.5))
        except queue.Empty:
            if over and not any(thread.is_alive() for thread in readers.values()) and lines.empty():
                return


def _over(api: Api, run: Run) -> bool:
    job = api.find(JOBS, run.id)
    return job is None or job_over(job)


def _read_new(
    api: Api,
    run: Run,
    chosen: PodFilter,
    readers: dict[tuple[str, int], threading.Thread],
    lines: queue.Queue[Line],
) -> None:
    """Start a thread for each container that has started since the last poll."""
    started = [pod for pod in _pods(api, run, chosen) if has_started(pod)]
    new = [pod for pod in started if (name_of(pod), restarts(pod)) not in readers]
    alive = sum(thread.is_alive() for thread in readers.values())
    for pod in sorted(new, key=made_at)[: max(MAX_FOLLOWED - alive, 0)]:
        reader = threading.Thread(target=_read_lines, args=(api, pod, lines), daemon=True)
        readers[name_of(pod), restarts(pod)] = reader
        reader.start()


def _read_lines(api: Api, pod: Manifest, lines: queue.Queue[Line]) -> None:
    try:
        for text in follow_log(api, pod):
            lines.put(Line(name_of(pod), text))
    except KubernetesError as error:
        lines.put(Line(name_of(pod), f"(the log cannot be followed further: {error})"))
