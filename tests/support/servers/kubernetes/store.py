"""The objects of the cluster in memory, with their history: what etcd and the registry do."""

from __future__ import annotations

import copy
import secrets
import string
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.kinds import Manifest, Resource
from tests.support.servers.kubernetes.patches import merged
from tests.support.servers.kubernetes.problems import already_there, conflict, invalid, not_found
from tests.support.servers.kubernetes.selectors import matches

FOREGROUND = "foregroundDeletion"
_HISTORY = 20_000
_LETTERS = "".join(sorted(set(string.ascii_lowercase + string.digits) - set("aeiou013")))

Objects = list[tuple[Resource, Manifest]]
Admission = Callable[[Resource, Manifest, Manifest | None], None]
"""Raises ProblemError where a manifest (with what it replaces) is not acceptable."""


@dataclass(frozen=True)
class Change:
    """One line of the history."""

    version: int
    resource: Resource
    before: Manifest | None
    after: Manifest | None


def now() -> str:
    """The present time in Kubernetes' format."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """A time in Kubernetes' format, with or without a fraction of its second."""
    return datetime.fromisoformat(text)


def random_name(length: int = 5) -> str:
    """Random suffix, as of generateName."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


class Store:
    """Objects by kind, namespace and name.

    What it returns is never changed afterwards and must not be changed by callers either;
    ``changed`` is its lock and is notified of each change.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.version = 1
        self.closing = False
        self.admissions: list[Admission] = []
        self.history: list[Change] = []
        self._objects: dict[Resource, dict[tuple[str, str], Manifest]] = defaultdict(dict)

    def find(self, resource: Resource, namespace: str, name: str) -> Manifest | None:
        with self.changed:
            return self._objects[resource].get((namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        found = self.find(resource, namespace, name)
        if found is None:
            raise not_found(resource, name)
        return found

    def list(
        self, resource: Resource, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[Manifest]:
        """Objects of a namespace, or of all."""
        with self.changed:
            everything = list(self._objects[resource].items())
        return [
            manifest
            for (place, _), manifest in sorted(everything, key=lambda pair: pair[0])
            if namespace in ("", place) and matches(manifest, labels, fields)
        ]

    def create(self, resource: Resource, namespace: str, manifest: Manifest) -> Manifest:
        """Store a new object, with a uid, a version and its creation time."""
        manifest = copy.deepcopy(manifest)
        about = manifest.setdefault("metadata", {})
        if not about.get("name"):
            about["name"] = about.get("generateName", "") + random_name()
        manifest |= {"apiVersion": resource.api_version, "kind": resource.kind}
        for name in ("resourceVersion", "uid", "deletionTimestamp", "managedFields"):
            about.pop(name, None)
        if resource.namespaced:
            about["namespace"] = namespace
        about |= {"uid": str(uuid.uuid4()), "creationTimestamp": now(), "generation": 1}
        if resource.has_status:
            manifest.pop("status", None)
        with self.changed:
            if (namespace, about["name"]) in self._objects[resource]:
                raise already_there(resource, about["name"])
            for admit in self.admissions:
                admit(resource, manifest, None)
            return self._keep(resource, None, manifest)

    def replace(
        self, resource: Resource, namespace: str, name: str, new: Manifest, part: str = ""
    ) -> Manifest:
        """Replace an object's status, or all but its status."""
        with self.changed:
            old = self.get(resource, namespace, name)
            version = new.get("metadata", {}).get("resourceVersion")
            if version and version != old["metadata"]["resourceVersion"]:
                raise conflict(resource, name)
            return self._update(resource, old, copy.deepcopy(new), part)

    def change(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        how: Callable[[Manifest], Manifest | None],
        part: str = "",
    ) -> Manifest:
        """Replace an object by what a function returns for a copy of it, or makes of the copy."""
        with self.changed:
            old = self.get(resource, namespace, name)
            draft = copy.deepcopy(old)
            return self._update(resource, old, how(draft) or draft, part)

    def set_status(self, resource: Resource, manifest: Manifest, status: Manifest) -> Manifest:
        """Replace the status of an object; no effect where it is deleted or equal."""
        about = manifest["metadata"]
        with self.changed:
            old = self.find(resource, about.get("namespace", ""), about["name"])
            if old is None or old["metadata"]["uid"] != about["uid"] or old.get("status") == status:
                return old or manifest
            return self._update(resource, old, {**old, "status": copy.deepcopy(status)}, "status")

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        policy: str = "Background",
        grace_s: int | None = None,
    ) -> Manifest:
        """Delete an object without finalizers at once, a pod after its grace period."""
        with self.changed:
            old = self.get(resource, namespace, name)
            if policy == "Orphan":
                self._orphan(old)
            grace_s = self._grace(resource, old, grace_s)
            finalizers = list(old["metadata"].get("finalizers", ()))
            if policy == "Foreground" and FOREGROUND not in finalizers:
                finalizers.append(FOREGROUND)
            if not finalizers and not grace_s:
                return self._forget(resource, old)
            return self._keep(resource, old, _marked_deleted(old, finalizers, grace_s))

    def namespaces(self) -> set[str]:
        return {manifest["metadata"]["name"] for manifest in self.list(kinds.NAMESPACES)}

    def everything(self) -> Objects:
        """All objects of all kinds."""
        with self.changed:
            return [
                (resource, manifest)
                for resource, objects in self._objects.items()
                for manifest in objects.values()
            ]

    def close(self) -> None:
        """End all waits."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()

    def _update(self, resource: Resource, old: Manifest, new: Manifest, part: str) -> Manifest:
        draft = _combined(resource, old, new, part)
        if draft == old:
            return old
        if part != "status":
            for admit in self.admissions:
                admit(resource, draft, old)
        if "deletionTimestamp" in draft["metadata"] and not _held(draft):
            return self._forget(resource, draft)
        return self._keep(resource, old, draft)

    def _keep(self, resource: Resource, old: Manifest | None, new: Manifest) -> Manifest:
        self.version += 1
        new["metadata"]["resourceVersion"] = str(self.version)
        about = new["metadata"]
        self._objects[resource][about.get("namespace", ""), about["name"]] = new
        self._record(Change(self.version, resource, old, new))
        return new

    def _forget(self, resource: Resource, old: Manifest) -> Manifest:
        self.version += 1
        last = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}}
        del self._objects[resource][old["metadata"].get("namespace", ""), old["metadata"]["name"]]
        self._record(Change(self.version, resource, last, None))
        return last

    def _record(self, change: Change) -> None:
        self.history.append(change)
        del self.history[:-_HISTORY]
        self.changed.notify_all()

    def _grace(self, resource: Resource, old: Manifest, grace_s: int | None) -> int:
        if resource != kinds.PODS or not old["spec"].get("nodeName"):
            return 0
        if old.get("status", {}).get("phase") in ("Succeeded", "Failed") and grace_s is None:
            return 0
        default = old["spec"].get("terminationGracePeriodSeconds", 30)
        return int(default if grace_s is None else grace_s)

    def _orphan(self, owner: Manifest) -> None:
        for resource, manifest in self.everything():
            references = manifest["metadata"].get("ownerReferences", ())
            left = [one for one in references if one["uid"] != owner["metadata"]["uid"]]
            if len(left) != len(references):
                about = {**manifest["metadata"], "ownerReferences": left}
                self._keep(resource, manifest, {**manifest, "metadata": about})


def _combined(resource: Resource, old: Manifest, new: Manifest, part: str) -> Manifest:
    """The new object, with immutable fields as they were."""
    if part == "status":
        return {**old, "metadata": dict(old["metadata"]), "status": new.get("status", {})}
    if new["metadata"].get("name") != old["metadata"]["name"]:
        raise invalid(resource, old["metadata"]["name"], "metadata.name: field is immutable")
    fixed = ("name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation")
    draft = {**new, "apiVersion": old["apiVersion"], "kind": old["kind"]}
    draft["metadata"] = {**new["metadata"]}
    for name in (*fixed, "deletionTimestamp", "deletionGracePeriodSeconds"):
        draft["metadata"].pop(name, None)
        if name in old["metadata"]:
            draft["metadata"][name] = old["metadata"][name]
    if resource.has_status:
        draft.pop("status", None)
        draft |= {"status": old["status"]} if "status" in old else {}
    if _intent(resource, draft) != _intent(resource, old):
        draft["metadata"]["generation"] = old["metadata"]["generation"] + 1
    return draft


def _intent(resource: Resource, manifest: Manifest) -> Manifest:
    hidden = ("metadata", "status") if resource.has_status else ("metadata",)
    return {name: value for name, value in manifest.items() if name not in hidden}


def _held(manifest: Manifest) -> bool:
    about = manifest["metadata"]
    return bool(about.get("finalizers")) or bool(about.get("deletionGracePeriodSeconds"))


def _marked_deleted(old: Manifest, finalizers: list[str], grace_s: int) -> Manifest:
    when = datetime.now(UTC) + timedelta(seconds=grace_s)
    about: dict[str, Any] = {
        "deletionTimestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **old["metadata"],
        "deletionGracePeriodSeconds": grace_s,
    }
    if grace_s < old["metadata"].get("deletionGracePeriodSeconds", grace_s):
        about["deletionTimestamp"] = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**old, "metadata": merged(about, {"finalizers": finalizers or None})}
