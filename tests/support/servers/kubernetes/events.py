"""Kubernetes events about objects."""

from __future__ import annotations

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.store import Store, now, random_name


def record_event(
    store: Store, about: Manifest, reason: str, message: str, source: str, warning: bool = False
) -> None:
    """Record an event about an object; the count of an equal one is increased."""
    meta = about["metadata"]
    place = meta.get("namespace", "default")
    if place not in store.namespaces():
        return
    with store.changed:
        for event in store.list(kinds.EVENTS, place):
            same = event.get("reason") == reason and event.get("message") == message
            if same and event["involvedObject"].get("uid") == meta["uid"]:
                repeated = {**event, "count": event.get("count", 1) + 1, "lastTimestamp": now()}
                store.replace(kinds.EVENTS, place, event["metadata"]["name"], repeated)
                return
        store.create(kinds.EVENTS, place, _event(about, reason, message, source, warning))


def _event(about: Manifest, reason: str, message: str, source: str, warning: bool) -> Manifest:
    meta = about["metadata"]
    return {
        "metadata": {"name": f"{meta['name']}.{random_name(16)}"},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": meta["name"],
            "namespace": meta.get("namespace", ""),
            "uid": meta["uid"],
        },
        "reason": reason,
        "message": message,
        "type": "Warning" if warning else "Normal",
        "source": {"component": source},
        "reportingComponent": source,
        "count": 1,
        "firstTimestamp": now(),
        "lastTimestamp": now(),
        "eventTime": None,
    }
