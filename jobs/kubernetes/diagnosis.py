"""From what Kubernetes says of pods, in status and events, to what a person can do about it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.kubernetes.pods import (
    component_of,
    condition_of,
    containers,
    ended,
    exit_of,
    index_of,
    made_at,
    name_of,
    owner_of,
    phase_of,
    ready,
    terminated,
)

if TYPE_CHECKING:  # only its types: the kubernetes package takes a while to load
    from jobs.kubernetes.api import Manifest

KILLED_FOR_MEMORY = "OOMKilled"
OUT_OF_REACH = re.compile(
    r"timeout|timed out|connection re|i/o|EOF|TLS handshake|too many requests|toomanyrequests"
    r"|\b(429|500|502|503|504)\b|temporar|no such host|server misbehaving",
    re.IGNORECASE,
)
"""What a registry that is out of reach just now makes the kubelet say."""


@dataclass(frozen=True)
class Trouble:
    """One thing that keeps pods from working."""

    what: str
    """A sentence: what was found, and what to do."""
    about: str
    """The pod, or how many of which component."""
    fatal: bool
    """Whether waiting is of no use: a person has to change something."""
    count: int = 1
    """Pods that have it."""


@dataclass(frozen=True)
class _Finding:
    key: tuple[str, ...]
    """Equal for findings that are the same trouble."""
    what: str
    fatal: bool
    time: str
    subject: str
    component: str


def events_of(run_id: str, events: Iterable[Manifest]) -> list[Manifest]:
    """Those of a run, of all in its namespace: every object's name begins with the run's id."""
    return [event for event in events if _object(event)["name"].startswith(run_id)]


def troubles(pods: list[Manifest], events: list[Manifest]) -> list[Trouble]:
    """What keeps these pods, and the controllers that make them, from working; the worst first.

    ``events`` are those of one run (``events_of``). Pods that have become ready, or were replaced
    by one that has, are in no trouble. Pods with the same trouble are counted together.
    """
    told = _by_object(events)
    waiting = [pod for pod in pods if not _well(pod, pods)]
    found = [one for pod in waiting for one in _of_pod(pod, told[name_of(pod)])]
    found += _of_controllers(events)
    groups: dict[tuple[str, ...], list[_Finding]] = defaultdict(list)
    for one in found:
        groups[one.key].append(one)
    summed = [_summed(group) for group in groups.values()]
    return sorted(summed, key=lambda one: (not one.fatal, -one.count, one.what))


def _summed(group: list[_Finding]) -> Trouble:
    newest = max(group, key=lambda one: one.time)
    subjects = {one.subject: one.component for one in group}
    if len(subjects) == 1:
        return Trouble(newest.what, newest.subject, newest.fatal)
    kinds = sorted(set(subjects.values()) - {""})
    return Trouble(
        newest.what,
        f"{len(subjects)} pods ({', '.join(kinds)})" if kinds else f"{len(subjects)} pods",
        any(one.fatal for one in group),
        len(subjects),
    )


def _well(pod: Manifest, pods: list[Manifest]) -> bool:
    if ready(pod) or phase_of(pod) == "Succeeded":
        return True
    return ended(pod) and any(
        (owner_of(other), index_of(other)) == (owner_of(pod), index_of(pod))
        and made_at(other) > made_at(pod)
        and (ready(other) or phase_of(other) == "Succeeded")
        for other in pods
        if other is not pod and owner_of(other)
    )


# --- events -------------------------------------------------------------------------------------


def _object(event: Manifest) -> dict[str, Any]:
    found = event.get("involvedObject") or {}
    return {"kind": found.get("kind", ""), "name": found.get("name", "")}


def _time(event: Manifest) -> str:
    """When it was seen last; the scheduler's events have no lastTimestamp."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event["metadata"].get("creationTimestamp")
        or ""
    )


def _by_object(events: Iterable[Manifest]) -> defaultdict[str, list[Manifest]]:
    """The newest first."""
    found: defaultdict[str, list[Manifest]] = defaultdict(list)
    for event in sorted(events, key=_time, reverse=True):
        found[_object(event)["name"]].append(event)
    return found


def _newest(told: Iterable[Manifest], *reasons: str) -> Manifest | None:
    return next((event for event in told if event.get("reason") in reasons), None)


# --- one pod ------------------------------------------------------------------------------------


def _of_pod(pod: Manifest, told: list[Manifest]) -> Iterator[_Finding]:
    def finding(key: tuple[str, ...], what: str, fatal: bool, time: str = "") -> _Finding:
        return _Finding(key, what, fatal, time or made_at(pod), name_of(pod), component_of(pod))

    moved = _moved_away(pod)
    if moved:
        yield finding(("moved", moved), moved, False)
        return
    placed = (pod.get("spec") or {}).get("nodeName")
    if phase_of(pod) == "Pending" and not placed:
        found = _unplaced(pod, told)
        if found:
            yield finding(*found)
        return
    said = [one for container in containers(pod) if (one := _container(pod, container, told))]
    for key, what, fatal in said:
        yield finding(key, what, fatal)
    if not said and phase_of(pod) == "Pending":
        yield from (finding(*one) for one in _unprepared(told))


def _moved_away(pod: Manifest) -> str:
    """Why its node gave it up; empty where it did not."""
    status = pod.get("status") or {}
    if status.get("reason") == "Evicted":
        why = str(status.get("message", "")).split(". ")[0].rstrip(".")
        return f"evicted by its node ({why}); another pod takes its place, finished work is kept"
    target = condition_of(pod, "DisruptionTarget")
    if target is None or target["status"] != "True":
        return ""
    reason = str(target.get("reason", ""))
    because = DISRUPTIONS.get(reason) or _words(target.get("message", "")) or reason
    return f"told to leave its node: {because}; another pod takes its place, finished work is kept"


DISRUPTIONS = {
    "PreemptionByScheduler": "a pod of higher priority needs the room",
    "EvictionByEvictionAPI": "the node is being drained",
    "DeletionByTaintManager": "the node has a taint that it does not tolerate, or is gone",
    "DeletionByPodGC": "the node is gone",
    "TerminationByKubelet": "the node is short of something, or shuts down (spot)",
}


_Said = tuple[tuple[str, ...], str, bool]
"""Key, sentence, fatal."""


def _container(pod: Manifest, container: dict[str, Any], told: list[Manifest]) -> _Said | None:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = str(waiting.get("reason", ""))
    image = _short(str(container.get("image") or _spec_of(pod, container).get("image", "?")))
    if reason == "InvalidImageName":
        return _image_name(image)
    if reason in ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable"):
        return _image_pull(image, str(waiting.get("message", "")), told)
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
    """With 12 digits of its digest, which are enough to find it."""
    name, at, digest = image.partition("@sha256:")
    return f"{name}{at}{digest[:12]}"


def _image_name(image: str) -> _Said:
    what = f"{image!r} is no name of an image: correct it in the settings, and submit again"
    return ("image", image), what, True


def _image_pull(image: str, message: str, told: list[Manifest]) -> _Said:
    """Why a pull failed stands in the message, or, while the kubelet backs off, in an event."""
    event = _newest(
        (one for one in told if "ull image" in one.get("message", "")), "Failed", "ErrImagePull"
    )
    said = f"{message} {event['message'] if event else ''}"
    if re.search(r"not ?found|manifest unknown|does not exist", said, re.IGNORECASE) and not (
        re.search(r"unauthorized|denied|authorization failed", said, re.IGNORECASE)
    ):
        why, do = "the registry has no such image", "push it, or correct `image` in the settings"
    elif re.search(r"unauthorized|denied|forbidden|authoriz", said, re.IGNORECASE):
        why = "the registry does not let the cluster in"
        do = "name a pull secret (imagePullSecrets of the ServiceAccounts), or correct `image`"
    elif OUT_OF_REACH.search(said):
        what = (
            f"image {image} cannot be pulled just now: the registry is out of reach or limits; "
            "Kubernetes tries again: wait, or check the nodes' way to the registry"
        )
        return ("image", image), what, False
    else:
        why, do = _words(said), "correct `image` in the settings, and submit again"
        return ("image", image), f"image {image} cannot be pulled ({why}): {do}", False
    return ("image", image), f"image {image} cannot be pulled ({why}): {do}", True


def _start_refused(message: str) -> _Said:
    missing = re.search(r'(secret|configmap) "([^"]+)" not found', message, re.IGNORECASE)
    if missing:
        return _missing(missing[1].lower(), missing[2])
    key = re.search(r"find key (\S+) in (Secret|ConfigMap) (\S+)", message, re.IGNORECASE)
    if key:
        what = f"{key[2].lower()} {key[3]} has no key {key[1]}: add it; the pod then starts"
        return ("key", key[3], key[1]), what, True
    words = _words(message)
    return ("start", words), f"the container cannot be started: {words}", True


def _missing(kind: str, name: str) -> _Said:
    do = f"`kubectl create {'secret generic' if kind == 'secret' else kind} {name} ...`"
    what = f"{kind} {name!r} is not in the namespace: make it ({do}), or correct the settings"
    return (kind, name), what, True


def _killed_for_memory(spec: dict[str, Any], component: str) -> _Said:
    limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
    of = f"its limit of {limit}" if limit else "what its node has"
    what = (
        f"killed for memory (exit 137): it needed more than {of}: raise the memory of the "
        f"{component or 'container'} in the settings, and submit again"
    )
    return ("memory", component, str(limit)), what, False


def _crash_loop(container: dict[str, Any], last: dict[str, Any]) -> _Said:
    code, times = last["exitCode"], int(container.get("restartCount", 0))
    said = _words(last.get("message", ""))
    what = (
        f"ends again and again (exit {code}, started {times + 1} times"
        f"{f': {said}' if said else ''}): read `berthwatch logs`"
    )
    return ("crash", str(code), said), what, False


def _ended_badly(last: dict[str, Any]) -> _Said:
    """The runner writes its last line to /dev/termination-log, which becomes the message."""
    code = int(last["exitCode"])
    said = _words(last.get("message", "")) or "read `berthwatch logs`"
    return ("exit", str(code), said), f"ended with exit code {code}: {said}", code == 2


def _unprepared(told: list[Manifest]) -> Iterator[_Said]:
    """What keeps a placed pod's containers from being made: volumes, sandboxes."""
    event = _newest(told, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
    started = _newest(told, "Started")
    if event is None or (started is not None and _time(started) > _time(event)):
        return
    message = event.get("message", "")
    missing = re.search(r'(secret|configmap) "([^"]+)" not found', message, re.IGNORECASE)
    if missing:
        yield _missing(missing[1].lower(), missing[2])
        return
    volume = re.search(r'volume "([^"]+)"', message)
    if event["reason"] == "FailedCreatePodSandBox":
        yield ("sandbox",), f"its node cannot prepare it yet: {_words(message)}", False
        return
    named = volume[1] if volume else "?"
    yield ("volume", named), f"volume {named!r} cannot be mounted yet: {_words(message)}", False


# --- no node ------------------------------------------------------------------------------------


def _unplaced(pod: Manifest, told: list[Manifest]) -> tuple[tuple[str, ...], str, bool, str] | None:
    """Why no node takes it: the newest event, or the pod's own condition where events are gone."""
    event = _newest(told, "FailedScheduling")
    condition = condition_of(pod, "PodScheduled") or {}
    message = event["message"] if event else condition.get("message", "")
    if not message or condition.get("status") == "True":
        return None
    reasons = list(_placing(message.split(" preemption:")[0]))
    scaled = _newest(told, "TriggeredScaleUp")
    refused = _newest(told, "NotTriggerScaleUp")
    coming = scaled is not None and (refused is None or _time(scaled) >= _time(refused))
    do = (
        "a new node is on its way: wait"
        if coming
        else ", or ".join(dict.fromkeys(do for _, _, do in reasons))
        or "see `kubectl describe pod`, and whether nodes can come"
    )
    found = ", ".join(said for _, said, _ in reasons) or _words(message)
    key = ("node", *sorted({kind for kind, _, _ in reasons}), *(() if reasons else (found,)))
    time = _time(event) if event else str(condition.get("lastTransitionTime", ""))
    return key, f"no node takes it ({found}): {do}", False, time


_PLACING = (
    (
        r"(\d+) Insufficient ([^,. ]+(?:\.[^,. ]+)*)",
        "{0} with too little {1}",
        "wait for room or a new node, or ask for less {1} in the settings",
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
        "wait for room or a new node",
    ),
    (
        r"(\d+) node\(s\) were unschedulable()",
        "{0} closed to new pods",
        "wait, or have them opened (`kubectl uncordon`)",
    ),
)
"""Clauses of the scheduler's message, as we say them, and what helps."""


def _placing(message: str) -> Iterator[tuple[str, str, str]]:
    for pattern, said, do in _PLACING:
        for found in re.finditer(pattern, message):
            number, name = found[1], found[2] or ""
            nodes = f"{number} node{'' if number == '1' else 's'}"
            words = " ".join(said.format(nodes, name).split())
            yield f"{said} {name}", words, do.format(number, name)


# --- controllers --------------------------------------------------------------------------------


def _of_controllers(events: list[Manifest]) -> Iterator[_Finding]:
    """What keeps a Job or ReplicaSet from making its pods; over once it made one."""
    for name, told in _by_object(events).items():
        if _object(told[0])["kind"] == "Pod":
            continue
        deadline = _newest(told, "DeadlineExceeded")
        if deadline is not None:
            what = (
                "the run took longer than its deadline and was ended: raise the deadline in the "
                "settings; `berthwatch resume` goes on with what is missing"
            )
            yield _Finding(("deadline",), what, True, _time(deadline), name, "")
        failed, made = _newest(told, "FailedCreate"), _newest(told, "SuccessfulCreate")
        if failed is not None and (made is None or _time(made) < _time(failed)):
            key, what, fatal = _not_made(failed.get("message", ""))
            yield _Finding(key, what, fatal, _time(failed), name, "")


def _not_made(message: str) -> _Said:
    quota = re.search(
        r"exceeded quota: ([^,]+), requested: (.+?), used: (.+?), limited: (.+?)$", message
    )
    if quota:
        what = (
            f"quota {quota[1]!r} of the namespace is used up (requested {quota[2]}, used "
            f"{quota[3]}, limited to {quota[4]}): wait until other runs end, ask for fewer "
            "workers, or for a larger quota"
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
        what = f"the namespace's rules ({security[1]}) do not admit the pod: {_words(security[2])}"
        return ("security", security[1]), what, True
    words = _words(message)
    return ("create", re.sub(r'"[^"]*"', '""', words)), f"pods cannot be made: {words}", False


def _words(message: str, most: int = 240) -> str:
    """A message on one line, not too long."""
    line = " ".join(str(message).split()).rstrip(".")
    return line if len(line) <= most else f"{line[: most - 3]}..."
