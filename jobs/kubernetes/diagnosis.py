"""Diagnosis of pods that do not run, from their status and events: cause and remedy."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobs.kubernetes.pods import (
    component_of,
    condition_of,
    containers,
    ended,
    exit_of,
    index_of,
    leaving,
    made_at,
    name_of,
    node_of,
    on_silent_node,
    owner_of,
    phase_of,
    ready,
    terminated,
)
from jobs.run import ExitCode

if TYPE_CHECKING:  # only its types: the kubernetes package takes a while to load
    from jobs.kubernetes.api import Manifest

KILLED_FOR_MEMORY = "OOMKilled"
DEADLINE = (
    "the run took longer than its deadline and was ended: raise the deadline in the settings; "
    "`berthwatch resume` goes on with what is missing"
)
UNREACHABLE = re.compile(
    r"timeout|timed out|connection re|i/o|EOF|TLS handshake|too many requests|toomanyrequests"
    r"|\b(429|500|502|503|504)\b|temporar|no such host|server misbehaving",
    re.IGNORECASE,
)
"""Kubelet messages of image pulls that fail because the registry is unreachable or throttles."""


@dataclass(frozen=True)
class Trouble:
    """One cause that prevents pods from running."""

    what: str
    """A sentence: the cause, and the remedy."""
    about: str
    """Name of the pod; or the number of pods, with their components."""
    fatal: bool
    """Whether it does not pass by itself: a person has to change something."""
    count: int = 1
    """Number of pods that have it."""
    key: tuple[str, ...] = ()
    """Equal for the same cause at another time, whatever numbers and times the sentence has."""
    time: str = ""
    """Of its last occurrence; empty where that is not known. ISO 8601, UTC."""
    pause_s: float | None = None
    """Seconds from then within which Kubernetes tries again by itself; None: no such thing."""

    @property
    def sentence(self) -> str:
        """The cause and the remedy, and when Kubernetes tries again."""
        if self.pause_s is None:
            return self.what
        again = _moment(self.time) + timedelta(seconds=self.pause_s)
        return (
            f"{self.what}; Kubernetes tries again by itself, next by {again:%H:%M:%S} UTC, after "
            "pauses that double, also once nothing prevents it"
        )


@dataclass(frozen=True)
class _Finding:
    key: tuple[str, ...]
    """Equal for findings that have the same cause."""
    what: str
    fatal: bool
    time: str
    subject: str
    component: str
    pause_s: float | None = None


def events_of(
    prefix: str, events: Iterable[Manifest], owner: Manifest | None, pods: Iterable[Manifest]
) -> list[Manifest]:
    """The events of a run's present objects, among those of its namespace.

    Their names begin with ``prefix``. Events live an hour, and the objects of a resumed run bear
    the names of those before: of ``pods`` and their ``owner`` (Job or DaskCluster; None: there is
    none) the uid decides, of what lies between them (Deployments, ReplicaSets) the time, which must
    not be before the owner's creation.
    """
    known = [*pods, *([] if owner is None else [owner])]
    uids = {str(one["metadata"].get("uid", "")) for one in known}
    kinds = {"Pod", str((owner or {}).get("kind", "Pod"))}
    since = "" if owner is None else made_at(owner)

    def is_present(event: Manifest) -> bool:
        about = _object(event)
        if not about["name"].startswith(prefix):
            return False
        if about["kind"] in kinds:
            return about["uid"] in uids
        # a creation has no fraction of its second, an event may have
        return owner is not None and _time(event)[: len(since) - 1] >= since[:-1]

    return [event for event in events if is_present(event)]


def troubles(pods: list[Manifest], events: list[Manifest]) -> list[Trouble]:
    """What prevents these pods, and the controllers that create them, from running.

    ``events`` are those of one run (``events_of``). Pods that are ready, or were replaced by one
    that is, are left out. Pods with the same cause are one trouble. Fatal ones come first, then
    those of the most pods.
    """
    by_object = _by_object(events)
    failing = [pod for pod in pods if not _healthy(pod, pods)]
    found = [one for pod in failing for one in _of_pod(pod, by_object[name_of(pod)])]
    found += _of_controllers(events)
    groups: dict[tuple[str, ...], list[_Finding]] = defaultdict(list)
    for one in found:
        groups[one.key].append(one)
    summed = [_summed(group) for group in groups.values()]
    return sorted(summed, key=lambda one: (not one.fatal, -one.count, one.what))


def _summed(group: list[_Finding]) -> Trouble:
    newest = max(group, key=lambda one: one.time)
    subjects = {one.subject: one.component for one in group}
    kinds = sorted(set(subjects.values()) - {""})
    many = f"{len(subjects)} pods ({', '.join(kinds)})" if kinds else f"{len(subjects)} pods"
    return Trouble(
        newest.what,
        newest.subject if len(subjects) == 1 else many,
        any(one.fatal for one in group),
        len(subjects),
        newest.key,
        newest.time,
        newest.pause_s,
    )


def _healthy(pod: Manifest, pods: list[Manifest]) -> bool:
    """Whether it needs no diagnosis: it is ready, or another one has taken its place."""
    if ready(pod) or phase_of(pod) == "Succeeded":
        return True
    return (ended(pod) or leaving(pod)) and any(
        (owner_of(other), index_of(other)) == (owner_of(pod), index_of(pod))
        and made_at(other) > made_at(pod)
        and (ready(other) or phase_of(other) == "Succeeded")
        for other in pods
        if other is not pod and owner_of(other)
    )


def _object(event: Manifest) -> dict[str, str]:
    found = event.get("involvedObject") or {}
    return {name: str(found.get(name, "")) for name in ("kind", "name", "uid")}


def _time(event: Manifest) -> str:
    """Time of the last occurrence; the scheduler's events have no lastTimestamp."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event["metadata"].get("creationTimestamp")
        or ""
    )


def _by_object(events: Iterable[Manifest]) -> defaultdict[str, list[Manifest]]:
    """Events by the name of their object, the newest first."""
    found: defaultdict[str, list[Manifest]] = defaultdict(list)
    for event in sorted(events, key=_time, reverse=True):
        found[_object(event)["name"]].append(event)
    return found


def _newest(events: Iterable[Manifest], *reasons: str) -> Manifest | None:
    return next((event for event in events if event.get("reason") in reasons), None)


# --- one pod ------------------------------------------------------------------------------------


def _of_pod(pod: Manifest, events: list[Manifest]) -> Iterator[_Finding]:
    def finding(key: tuple[str, ...], what: str, fatal: bool, time: str = "") -> _Finding:
        return _Finding(key, what, fatal, time or made_at(pod), name_of(pod), component_of(pod))

    if on_silent_node(pod):
        runner = "runner" if component_of(pod) == "runner" else ""
        yield finding(("silent node", node_of(pod), runner), _silent_node(pod), False)
        return
    disrupted = _disruption(pod)
    if disrupted:
        yield finding(("disrupted", disrupted), disrupted, False)
        return
    placed = (pod.get("spec") or {}).get("nodeName")
    if phase_of(pod) == "Pending" and not placed:
        found = _unscheduled(pod, events)
        if found:
            yield finding(*found)
        return
    causes = [one for container in containers(pod) if (one := _container(pod, container, events))]
    for key, what, fatal in causes:
        yield finding(key, what, fatal)
    if not causes and phase_of(pod) == "Pending":
        yield from (finding(*one) for one in _unprepared(events))


def _silent_node(pod: Manifest) -> str:
    """A runner is not replaced before its pod is gone: two of one partition must never run."""
    node = node_of(pod)
    if component_of(pod) != "runner":
        return (
            f"node {node} does not answer; within a minute the pods of the Dask cluster that it "
            "has are made on other nodes, and what they had not finished is done again"
        )
    return (
        f"node {node} does not answer; its runner is replaced once it does, or is gone: where the "
        f"cloud does not delete a dead node by itself, and only when the machine is off, `kubectl "
        f"delete node {node}` or `kubectl taint node {node} "
        "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`"
    )


def _disruption(pod: Manifest) -> str:
    """Why its node evicted it; empty where it did not."""
    status = pod.get("status") or {}
    if status.get("reason") == "Evicted":
        why = str(status.get("message", "")).split(". ")[0].rstrip(".")
        return f"evicted by its node ({why}); another pod takes its place, finished work is kept"
    target = condition_of(pod, "DisruptionTarget")
    if target is None or target["status"] != "True":
        return ""
    reason = str(target.get("reason", ""))
    because = DISRUPTIONS.get(reason) or _one_line(target.get("message", "")) or reason
    return f"has to leave its node: {because}; another pod takes its place, finished work is kept"


DISRUPTIONS = {
    "PreemptionByScheduler": "a pod of higher priority needs the resources",
    "EvictionByEvictionAPI": "the node is being drained",
    "DeletionByTaintManager": "the node has a taint that it does not tolerate, or does not answer",
    "DeletionByPodGC": "the node is gone",
    "TerminationByKubelet": "the node is short of something, or shuts down (spot)",
}
"""Causes by the reason of the condition DisruptionTarget."""


_Cause = tuple[tuple[str, ...], str, bool]
"""Key, sentence and whether it is fatal, as in _Finding."""


def _container(pod: Manifest, container: dict[str, Any], events: list[Manifest]) -> _Cause | None:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = str(waiting.get("reason", ""))
    image = _short(str(container.get("image") or _spec_of(pod, container).get("image", "?")))
    if reason == "InvalidImageName":
        return _image_name(image)
    if reason in ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable"):
        return _image_pull(image, str(waiting.get("message", "")), events)
    if reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        return _start_refused(str(waiting.get("message", "")))
    last = terminated(pod)
    if last is None or last.get("exitCode") == 0:
        return None
    if last.get("reason") == KILLED_FOR_MEMORY:
        return _killed_for_memory(_spec_of(pod, container), component_of(pod))
    if reason == "CrashLoopBackOff":
        return _crash_loop(container, last)
    return _ended_badly(last) if exit_of(pod) is not None else None


def _spec_of(pod: Manifest, container: dict[str, Any]) -> dict[str, Any]:
    spec = pod.get("spec") or {}
    each = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return next((one for one in each if one["name"] == container["name"]), {})


def _short(image: str) -> str:
    """The image's name with its digest cut to 12 hex characters."""
    name, at, digest = image.partition("@sha256:")
    return f"{name}{at}{digest[:12]}"


def _image_name(image: str) -> _Cause:
    what = f"{image!r} is not the name of an image: correct it in the settings and submit again"
    return ("image", image), what, True


def _image_pull(image: str, message: str, events: list[Manifest]) -> _Cause:
    """The cause is in the message or, while the kubelet backs off, in an event."""
    event = _newest(
        (one for one in events if "ull image" in one.get("message", "")), "Failed", "ErrImagePull"
    )
    text = f"{message} {event['message'] if event else ''}"
    if re.search(r"not ?found|manifest unknown|does not exist", text, re.IGNORECASE) and not (
        re.search(r"unauthorized|denied|authorization failed", text, re.IGNORECASE)
    ):
        why, do = "the registry has no such image", "push it, or correct `image` in the settings"
    elif re.search(r"unauthorized|denied|forbidden|authoriz", text, re.IGNORECASE):
        why = "the registry refuses the cluster's credentials"
        do = "name a pull secret (imagePullSecrets of the ServiceAccounts), or correct `image`"
    elif UNREACHABLE.search(text):
        what = (
            f"image {image} cannot be pulled just now: the registry is unreachable or throttles; "
            "Kubernetes tries again: wait, or check the nodes' network"
        )
        return ("image", image), what, False
    else:
        why, do = _one_line(text), "correct `image` in the settings and submit again"
        return ("image", image), f"image {image} cannot be pulled ({why}): {do}", False
    return ("image", image), f"image {image} cannot be pulled ({why}): {do}", True


def _start_refused(message: str) -> _Cause:
    missing = re.search(r'(secret|configmap) "([^"]+)" not found', message, re.IGNORECASE)
    if missing:
        return _missing(missing[1].lower(), missing[2])
    key = re.search(r"find key (\S+) in (Secret|ConfigMap) (\S+)", message, re.IGNORECASE)
    if key:
        what = f"{key[2].lower()} {key[3]} has no key {key[1]}: add it; the pod then starts"
        return ("key", key[3], key[1]), what, True
    line = _one_line(message)
    return ("start", line), f"the container cannot be started: {line}", True


def _missing(kind: str, name: str) -> _Cause:
    do = f"`kubectl create {'secret generic' if kind == 'secret' else kind} {name} ...`"
    what = f"{kind} {name!r} is not in the namespace: create it ({do}), or correct the settings"
    return (kind, name), what, True


def _killed_for_memory(spec: dict[str, Any], component: str) -> _Cause:
    limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
    of = f"its limit of {limit}" if limit else "what its node has"
    what = (
        f"killed for memory (exit 137): it needed more than {of}: raise the memory of the "
        f"{component or 'container'} in the settings and submit again"
    )
    return ("memory", component, str(limit)), what, False


def _crash_loop(container: dict[str, Any], last: dict[str, Any]) -> _Cause:
    code, times = last["exitCode"], int(container.get("restartCount", 0))
    message = _one_line(last.get("message", ""))
    what = (
        f"ends again and again (exit {code}, started {times + 1} times"
        f"{f': {message}' if message else ''}): read `berthwatch logs`"
    )
    return ("crash", str(code), message), what, False


def _ended_badly(last: dict[str, Any]) -> _Cause:
    """The message is what the runner wrote to /dev/termination-log."""
    code = int(last["exitCode"])
    message = _one_line(last.get("message", "")) or "read `berthwatch logs`"
    return (
        ("exit", str(code), message),
        f"ended with exit code {code}: {message}",
        code == ExitCode.REFUSED,
    )


def _unprepared(events: list[Manifest]) -> Iterator[_Cause]:
    """What prevents a scheduled pod's containers from being created: volumes, sandboxes."""
    event = _newest(events, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
    started = _newest(events, "Started")
    if event is None or (started is not None and _time(started) > _time(event)):
        return
    message = event.get("message", "")
    missing = re.search(r'(secret|configmap) "([^"]+)" not found', message, re.IGNORECASE)
    if missing:
        yield _missing(missing[1].lower(), missing[2])
        return
    volume = re.search(r'volume "([^"]+)"', message)
    if event["reason"] == "FailedCreatePodSandBox":
        yield ("sandbox",), f"its node cannot prepare it yet: {_one_line(message)}", False
        return
    named = volume[1] if volume else "?"
    yield ("volume", named), f"volume {named!r} cannot be mounted yet: {_one_line(message)}", False


# --- scheduling ---------------------------------------------------------------------------------


def _unscheduled(
    pod: Manifest, events: list[Manifest]
) -> tuple[tuple[str, ...], str, bool, str] | None:
    """Why no node takes it: by the newest event, or by the pod's condition without events."""
    event = _newest(events, "FailedScheduling")
    condition = condition_of(pod, "PodScheduled") or {}
    message = event["message"] if event else condition.get("message", "")
    if not message or condition.get("status") == "True":
        return None
    reasons = list(_reasons(message.split(" preemption:")[0]))
    scaled = _newest(events, "TriggeredScaleUp")
    refused = _newest(events, "NotTriggerScaleUp")
    scaling_up = scaled is not None and (refused is None or _time(scaled) >= _time(refused))
    do = (
        "a new node is being added: wait"
        if scaling_up
        else ", or ".join(dict.fromkeys(do for _, _, do in reasons))
        or "see `kubectl describe pod`, and whether nodes can come"
    )
    found = ", ".join(clause for _, clause, _ in reasons) or _one_line(message)
    key = ("node", *sorted({kind for kind, _, _ in reasons}), *(() if reasons else (found,)))
    time = _time(event) if event else str(condition.get("lastTransitionTime", ""))
    return key, f"no node takes it ({found}): {do}", False, time


_SCHEDULING = (
    (
        r"(\d+) Insufficient ([^,. ]+(?:\.[^,. ]+)*)",
        "{0} with too little {1}",
        "wait for free resources or a new node, or ask for less {1} in the settings",
    ),
    (
        r"(\d+) node\(s\) had untolerated taints?(?:\(s\))? ?(\{[^}]*\})?",
        "{0} with a taint {1} that it does not tolerate",
        "add the toleration to the settings",
    ),
    (
        r"(\d+) node\(s\) didn't match Pod's node affinity/selector()",
        "{0} that its node selector leaves out",
        "correct the node selector in the settings",
    ),
    (
        r"(\d+) Too many pods()",
        "{0} full of pods",
        "wait for free resources or a new node",
    ),
    (
        r"(\d+) node\(s\) were unschedulable()",
        "{0} closed to new pods",
        "wait, or have them opened (`kubectl uncordon`)",
    ),
)
"""Clauses of the scheduler's message: pattern, clause of the diagnosis, and remedy."""


def _reasons(message: str) -> Iterator[tuple[str, str, str]]:
    """Key, clause and remedy for each reason in the scheduler's message."""
    for pattern, clause, do in _SCHEDULING:
        for found in re.finditer(pattern, message):
            number, name = found[1], found[2] or ""
            nodes = f"{number} node{'' if number == '1' else 's'}"
            text = " ".join(clause.format(nodes, name).split())
            yield f"{clause} {name}", text, do.format(number, name)


# --- controllers --------------------------------------------------------------------------------


def _of_controllers(events: list[Manifest]) -> Iterator[_Finding]:
    """What prevents a Job or ReplicaSet from creating pods, unless it created one since."""
    for name, of_object in _by_object(events).items():
        if _object(of_object[0])["kind"] == "Pod":
            continue
        deadline = _newest(of_object, "DeadlineExceeded")
        if deadline is not None:
            yield _Finding(("deadline",), DEADLINE, True, _time(deadline), name, "")
        made = _newest(of_object, "SuccessfulCreate")
        since = "" if made is None else _time(made)
        refused = [e for e in of_object if e.get("reason") == "FailedCreate" and _time(e) > since]
        if refused:
            pause_s = _pause_s(refused)
            key, what, fatal = _not_made(refused[0])
            yield _Finding(key, what, fatal, _time(refused[0]), name, "", pause_s)


LONGEST_PAUSE_S = {"Job": 60.0}
"""Between two tries of a controller; of the others, 1000 s."""


def _pause_s(refused: list[Manifest]) -> float:
    """Seconds after the last refusal within which its controller tries again.

    Each pause is twice as long as the one before, so it lasts about as long as all of them, whether
    or not the cause has gone.
    """
    last = _moment(_time(refused[0]))
    first = min(_moment(str(e.get("firstTimestamp") or _time(e))) for e in refused)
    longest_s = LONGEST_PAUSE_S.get(_object(refused[0])["kind"], 1000.0)
    return min((last - first).total_seconds() + 2.0, longest_s)  # times are to the second


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time)


def _not_made(refusal: Manifest) -> _Cause:
    message = str(refusal.get("message", ""))
    quota = re.search(
        r"exceeded quota: ([^,]+), requested: (.+?), used: (.+?), limited: (.+?)$", message
    )
    if quota:
        what = (
            f"quota {quota[1]!r} of the namespace refused pods, last at "
            f"{_moment(_time(refusal)):%H:%M:%S} UTC (requested {quota[2]}, used {quota[3]}, "
            f"limited to {quota[4]}): wait until other runs end, ask for fewer workers, or for a "
            "larger quota"
        )
        return ("quota", quota[1]), what, False
    account = re.search(r'serviceaccount "([^"]+)" not found', message, re.IGNORECASE)
    if account:
        what = (
            f"ServiceAccount {account[1]!r} is not in the namespace: apply infra/kubernetes "
            "there, or choose the right --namespace"
        )
        return ("account", account[1]), what, True
    security = re.search(r'violates PodSecurity "([^"]+)": (.*)', message)
    if security:
        what = (
            f"the namespace's rules ({security[1]}) do not admit the pod: {_one_line(security[2])}"
        )
        return ("security", security[1]), what, True
    line = _one_line(message)
    return ("create", re.sub(r'"[^"]*"', '""', line)), f"pods cannot be made: {line}", False


def _one_line(message: str, most: int = 240) -> str:
    """A message on one line of at most ``most`` characters."""
    line = " ".join(str(message).split()).rstrip(".")
    return line if len(line) <= most else f"{line[: most - 3]}..."
