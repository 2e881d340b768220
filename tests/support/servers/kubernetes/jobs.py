"""Jobs: pods until enough succeed, by index or by number, with failure policies."""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.backoff import JOB, Backoff
from tests.support.servers.kubernetes.creating import (
    create_pod,
    is_going,
    is_over,
    owned_pods,
    pod_of,
)
from tests.support.servers.kubernetes.events import record_event
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.network import is_ready
from tests.support.servers.kubernetes.store import Store, moment, now
from tests.support.servers.kubernetes.timing import Timing

TRACKING = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
_NO_LIMIT = 2**31 - 1
_SOURCE = "job-controller"


@dataclass
class _JobMemory:
    """State of a Job in the controller, besides its status."""

    failures: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Counted failures by index; -1: of the whole Job."""
    not_before: dict[int, float] = field(default_factory=dict)
    deleting: bool = False


class Jobs:
    """The controller of all Jobs."""

    def __init__(self, store: Store, timing: Timing) -> None:
        self.store = store
        self.timing = timing
        self.backoff = Backoff(*JOB)
        self._memories: dict[str, _JobMemory] = defaultdict(_JobMemory)

    def step(self) -> None:
        for job in self.store.list(kinds.JOBS):
            if "deletionTimestamp" in job["metadata"]:
                self._release_all(owned_pods(self.store, job))
            else:
                memory = self._memories[job["metadata"]["uid"]]
                _JobSync(self.store, self.timing, self.backoff, job, memory).sync()
        self._release_orphans()

    def _release_all(self, pods: list[Manifest]) -> None:
        for pod in pods:
            release(self.store, pod)

    def _release_orphans(self) -> None:
        uids = {job["metadata"]["uid"] for job in self.store.list(kinds.JOBS)}
        for pod in self.store.list(kinds.PODS):
            owners = {one["uid"] for one in pod["metadata"].get("ownerReferences", ())}
            if not owners & uids:
                release(self.store, pod)


def release(store: Store, pod: Manifest) -> None:
    """Remove the finalizer of a pod that has been counted."""
    if TRACKING not in pod["metadata"].get("finalizers", ()):
        return

    def drop(draft: Manifest) -> None:
        draft["metadata"]["finalizers"].remove(TRACKING)

    about = pod["metadata"]
    with store.changed:
        found = store.find(kinds.PODS, about["namespace"], about["name"])
        if found is not None and found["metadata"]["uid"] == about["uid"]:
            store.change(kinds.PODS, about["namespace"], about["name"], drop)


class _JobSync:
    """One reconciliation of a Job."""

    def __init__(
        self, store: Store, timing: Timing, backoff: Backoff, job: Manifest, memory: _JobMemory
    ) -> None:
        self.store = store
        self.timing = timing
        self.backoff = backoff
        self.job = job
        self.spec: Manifest = job["spec"]
        self.memory = memory
        self.pods = owned_pods(store, job)
        self.indexed = self.spec["completionMode"] == "Indexed"
        self.status: Manifest = copy.deepcopy(job.get("status", {}))
        self.done = indexes(self.status.get("completedIndexes", ""))
        self.lost = indexes(self.status.get("failedIndexes", ""))

    def sync(self) -> None:
        if _holds(self.status, "Complete") or _holds(self.status, "Failed"):
            self._finished()
            return
        self._suspension()
        end = self._count()
        if self.spec["suspend"]:
            self._remove(self._active())
        elif end := end or self._settled() or self._end():
            self._finish(*end)
        else:
            self._make()
        self._report()

    def _suspension(self) -> None:
        if self.spec["suspend"]:
            if not _holds(self.status, "Suspended"):
                self._condition("Suspended", "JobSuspended", "Job suspended")
                self.status.pop("startTime", None)
                record_event(self.store, self.job, "Suspended", "Job suspended", _SOURCE)
            return
        if _holds(self.status, "Suspended"):
            self._condition("Suspended", "JobResumed", "Job resumed", "False")
            record_event(self.store, self.job, "Resumed", "Job resumed", _SOURCE)
        self.status.setdefault("startTime", now())

    def _count(self) -> tuple[str, str, str] | None:
        """Count ended pods; returns the end of the Job where a policy fails it."""
        end = None
        for pod in self.pods:
            if TRACKING not in pod["metadata"].get("finalizers", ()):
                continue
            early = is_going(pod) and self.spec["podReplacementPolicy"] != "Failed"
            if is_over(pod) or early:
                end = end or self._count_one(pod)
                release(self.store, pod)
        return end

    def _count_one(self, pod: Manifest) -> tuple[str, str, str] | None:
        index = index_of(pod)
        if pod["status"].get("phase") == "Succeeded":
            if index not in self.done or not self.indexed:
                self.status["succeeded"] = self.status.get("succeeded", 0) + 1
            self.done.add(index)
            return None
        action, rule = self._policy(pod)
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        if action == "FailJob":
            return ("Failed", "PodFailurePolicy", f"Pod {name} {rule}")
        if action != "Ignore":
            self.status["failed"] = self.status.get("failed", 0) + 1
        if action == "FailIndex":
            self.lost.add(index)
        elif action == "Count":
            self._count_failure(index)
        return None

    def _count_failure(self, index: int) -> None:
        key = index if self.spec.get("backoffLimitPerIndex") is not None else -1
        failures = self.memory.failures
        failures[key] += 1
        pause = self.timing.job_backoff_s * 2 ** (failures[key] - 1)
        self.memory.not_before[key] = time.monotonic() + min(pause, 600.0)
        if key >= 0 and failures[key] > self.spec["backoffLimitPerIndex"]:
            self.lost.add(index)

    def _policy(self, pod: Manifest) -> tuple[str, str]:
        for number, rule in enumerate((self.spec.get("podFailurePolicy") or {}).get("rules", ())):
            if matches_rule(rule, pod):
                return rule["action"], f"matched {rule['action']} rule at index {number}"
        return "Count", ""

    def _settled(self) -> tuple[str, str, str] | None:
        """The end that was decided before, while pods are still ending."""
        for early, kind in (("FailureTarget", "Failed"), ("SuccessCriteriaMet", "Complete")):
            for one in self.status.get("conditions", ()):
                if one["type"] == early:
                    return kind, one["reason"], one["message"]
        return None

    def _end(self) -> tuple[str, str, str] | None:
        """Type, reason and message of the condition that ends the Job, if it has ended."""
        limit_s = self.spec.get("activeDeadlineSeconds")
        ago = datetime.now(UTC) - moment(self.status["startTime"])
        if limit_s is not None and ago.total_seconds() >= limit_s:
            return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
        if self.memory.failures[-1] > self.spec["backoffLimit"]:
            message = "Job has reached the specified backoff limit"
            return "Failed", "BackoffLimitExceeded", message
        most = self.spec.get("maxFailedIndexes")
        if most is not None and len(self.lost) > most:
            message = "Job has exceeded the specified maximal number of failed indexes"
            return "Failed", "MaxFailedIndexesExceeded", message
        return self._completion()

    def _completion(self) -> tuple[str, str, str] | None:
        complete = ("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
        if not self.indexed:
            enough = self.status.get("succeeded", 0) >= self.spec["completions"]
            return complete if enough else None
        if len(self.done | self.lost) < self.spec["completions"]:
            return None
        return ("Failed", "FailedIndexes", "Job has failed indexes") if self.lost else complete

    def _finish(self, kind: str, reason: str, message: str) -> None:
        early = "FailureTarget" if kind == "Failed" else "SuccessCriteriaMet"
        if not _holds(self.status, early):
            self._condition(early, reason, message)
        self._remove(self._active())
        if any(not is_over(pod) for pod in owned_pods(self.store, self.job)):
            return  # the last condition is set when all pods have ended
        self._condition(kind, reason, message)
        if kind == "Complete":
            self.status["completionTime"] = now()
            record_event(self.store, self.job, "Completed", "Job completed", _SOURCE)
        else:
            record_event(self.store, self.job, reason, message, _SOURCE, warning=True)

    def _finished(self) -> None:
        ttl_s = self.spec.get("ttlSecondsAfterFinished")
        if ttl_s is None or self.memory.deleting:
            return
        ended = [
            one["lastTransitionTime"]
            for one in self.status["conditions"]
            if one["type"] in ("Complete", "Failed")
        ]
        if (datetime.now(UTC) - moment(ended[0])).total_seconds() >= ttl_s:
            self.memory.deleting = True
            about = self.job["metadata"]
            self.store.delete(kinds.JOBS, about["namespace"], about["name"], "Foreground")

    def _active(self) -> list[Manifest]:
        """Pods that have not ended, without those being deleted unless they are waited for."""
        waits = self.spec["podReplacementPolicy"] == "Failed"
        return [pod for pod in self.pods if not is_over(pod) and (waits or not is_going(pod))]

    def _remove(self, pods: list[Manifest]) -> None:
        for pod in pods:
            if not is_going(pod):
                about = pod["metadata"]
                message = f"Deleted pod: {about['name']}"
                self.store.delete(kinds.PODS, about["namespace"], about["name"])
                record_event(self.store, self.job, "SuccessfulDelete", message, _SOURCE)

    def _make(self) -> None:
        active = self._active()
        free = self.spec["parallelism"] - len(active)
        self._remove(active[free:] if free < 0 else [])
        busy = {index_of(pod) for pod in active}
        if self.indexed:
            every = range(self.spec["completions"])
            wanted = [one for one in every if one not in self.done | self.lost | busy]
        else:
            left = self.spec["completions"] - self.status.get("succeeded", 0) - len(active)
            wanted = [-1] * max(left, 0)
        uid = self.job["metadata"]["uid"]
        for index in [one for one in wanted if self._due(one)][: max(free, 0)]:
            if not self._make_one(index):
                self.backoff.refused(uid)
                return
            self.backoff.succeeded(uid)

    def _due(self, index: int) -> bool:
        if not self.backoff.due(self.job["metadata"]["uid"]):
            return False
        keys = {index, -1}  # -1: the whole Job's
        return all(time.monotonic() >= self.memory.not_before.get(key, 0.0) for key in keys)

    def _make_one(self, index: int) -> bool:
        name, template = self.job["metadata"]["name"], self.spec["template"]
        if not self.indexed:
            pod = pod_of(template, self.job, name)
        else:
            pod = self._indexed(
                pod_of(template, self.job, f"{name}-{index}", **_marks(index)), index
            )
        pod["metadata"]["finalizers"] = [TRACKING]
        return create_pod(self.store, pod, self.job, self.job, _SOURCE)

    def _indexed(self, pod: Manifest, index: int) -> Manifest:
        path = f"metadata.labels['{INDEX}']"
        variable = {
            "name": "JOB_COMPLETION_INDEX",
            "valueFrom": {"fieldRef": {"fieldPath": path}},
        }
        spec = pod["spec"]
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            container["env"] = [*(container.get("env") or ()), variable]
        spec["hostname"] = f"{self.job['metadata']['name']}-{index}"
        failures = str(self.memory.failures[index])
        pod["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"] = failures
        return pod

    def _condition(self, kind: str, reason: str, message: str, status: str = "True") -> None:
        fresh = {"type": kind, "status": status, "reason": reason, "message": message}
        fresh |= {"lastTransitionTime": now(), "lastProbeTime": now()}
        others = [one for one in self.status.get("conditions", ()) if one["type"] != kind]
        self.status["conditions"] = [*others, fresh]

    def _report(self) -> None:
        pods = [pod for pod in owned_pods(self.store, self.job) if not is_over(pod)]
        self.status["active"] = sum(not is_going(pod) for pod in pods)
        self.status["terminating"] = sum(is_going(pod) for pod in pods)
        self.status["ready"] = sum(is_ready(pod) for pod in pods)
        if self.indexed:
            self.status["completedIndexes"] = ranges(self.done)
            if self.spec.get("backoffLimitPerIndex") is not None:
                self.status["failedIndexes"] = ranges(self.lost)
        self.store.set_status(kinds.JOBS, self.job, self.status)


def _marks(index: int) -> dict[str, dict[str, str]]:
    return {"labels": {INDEX: str(index)}, "annotations": {INDEX: str(index)}}


def index_of(pod: Manifest) -> int:
    """A pod's index; -1 where it has none."""
    return int((pod["metadata"].get("annotations") or {}).get(INDEX, -1))


def matches_rule(rule: Manifest, pod: Manifest) -> bool:
    """Whether a rule of a podFailurePolicy applies to a pod that failed."""
    status = pod.get("status", {})
    if wanted := rule.get("onExitCodes"):
        codes = [
            one["state"]["terminated"]["exitCode"]
            for one in status.get("containerStatuses", ())
            if wanted.get("containerName") in (None, one["name"]) and "terminated" in one["state"]
        ]
        inside = wanted["operator"] == "In"
        return any(code and (code in wanted["values"]) == inside for code in codes)
    return any(
        pattern["type"] == one["type"] and pattern.get("status", "True") == one["status"]
        for pattern in rule.get("onPodConditions", ())
        for one in status.get("conditions", ())
    )


def indexes(text: str) -> set[int]:
    """``0,2-4`` as a set."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def ranges(found: set[int]) -> str:
    """A set as ``0,2-4``."""
    runs: list[list[int]] = []
    for index in sorted(found):
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


def _holds(status: Manifest, kind: str) -> bool:
    conditions = status.get("conditions", ())
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)
