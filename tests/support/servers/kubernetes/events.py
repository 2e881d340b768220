"""Kubernetes events about objects, as client-go writes them: counted, combined, kept for an hour.

The scheduler writes the newer form, without count and last time, with a series of repetitions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.store import Store, moment, now, random_name

KEPT_S = 3600.0
"""An event outlives its object, and the next object of that name."""
COMBINED_FROM = 10
"""Number of messages that differ, from which on they are combined into one event."""
COMBINED_WITHIN = timedelta(minutes=10)
COMBINED = "(combined from similar events): "
_NEW_FORM = ("default-scheduler",)


def record_event(
    store: Store, about: Manifest, reason: str, message: str, source: str, warning: bool = False
) -> None:
    """Record an event about an object; the count of an equal one is increased."""
    place = about["metadata"].get("namespace", "default")
    if place not in store.namespaces():
        return
    with store.changed:
        similar = [one for one in store.list(kinds.EVENTS, place) if _like(one, about, reason)]
        if _are_many(similar, message):
            message = f"{COMBINED}{message}"
            same = [one for one in similar if one["message"].startswith(COMBINED)]
        else:
            same = [one for one in similar if one["message"] == message]
        if not same:
            store.create(kinds.EVENTS, place, _event(about, reason, message, source, warning))
            return
        repeated = {**_repeated(same[0]), "message": message}
        store.replace(kinds.EVENTS, place, same[0]["metadata"]["name"], repeated)


def expire_events(store: Store) -> None:
    """Delete the events that nothing has repeated for an hour."""
    oldest = datetime.now(UTC) - timedelta(seconds=KEPT_S)
    with store.changed:
        for event in store.list(kinds.EVENTS):
            if last_time(event) < oldest:
                about = event["metadata"]
                store.delete(kinds.EVENTS, about["namespace"], about["name"])


def last_time(event: Manifest) -> datetime:
    """When it was last recorded."""
    series = event.get("series") or {}
    found = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return moment(found or event["metadata"]["creationTimestamp"])


def _like(event: Manifest, about: Manifest, reason: str) -> bool:
    same = event["involvedObject"].get("uid") == about["metadata"]["uid"]
    return same and event.get("reason") == reason


def _are_many(similar: list[Manifest], message: str) -> bool:
    recent = datetime.now(UTC) - COMBINED_WITHIN
    found = {one["message"] for one in similar if last_time(one) > recent} | {message}
    return len(found) >= COMBINED_FROM


def _repeated(event: Manifest) -> Manifest:
    if event.get("count"):
        return {**event, "count": event["count"] + 1, "lastTimestamp": now()}
    times = (event.get("series") or {}).get("count", 1) + 1
    return {**event, "series": {"count": times, "lastObservedTime": _precise_now()}}


def _event(about: Manifest, reason: str, message: str, source: str, warning: bool) -> Manifest:
    meta = about["metadata"]
    new_form = source in _NEW_FORM
    times = {"count": 1, "firstTimestamp": now(), "lastTimestamp": now(), "eventTime": None}
    precise = {"firstTimestamp": None, "lastTimestamp": None, "eventTime": _precise_now()}
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
        "source": {} if new_form else {"component": source},
        "reportingComponent": source,
        **(precise if new_form else times),
    }


def _precise_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
