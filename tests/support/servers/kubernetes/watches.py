"""What a watch sees: objects that come into a selection, change in it, and leave it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from tests.support.servers.kubernetes.kinds import Resource
from tests.support.servers.kubernetes.problems import ProblemError
from tests.support.servers.kubernetes.selectors import matches
from tests.support.servers.kubernetes.store import Change, Store


def watched(
    store: Store,
    resource: Resource,
    namespace: str,
    selectors: tuple[str, str],
    since: str,
    limit_s: float,
) -> Iterator[dict[str, Any]]:
    """Watch events from a version on, or from the existing objects, for ``limit_s``."""
    with store.changed:
        version = int(since or 0)
        existing = [] if version else store.list(resource, namespace, *selectors)
        version = version or store.version
        oldest = store.history[0].version if store.history else 0
    if since not in ("", "0") and store.history and version < oldest - 1:
        problem = ProblemError(410, f"too old resource version: {version} ({oldest})")
        yield {"type": "ERROR", "object": problem.status()}
        return
    for manifest in existing:
        yield {"type": "ADDED", "object": manifest}
    until = time.monotonic() + limit_s
    while not store.closing and (left := until - time.monotonic()) > 0:
        with store.changed:
            if store.version <= version:
                store.changed.wait(min(left, 1.0))
            fresh = _since(store.history, version)
            version = store.version
        for change in fresh:
            event = _event(change, resource, namespace, selectors)
            if event is not None:
                yield event


def _since(history: list[Change], version: int) -> list[Change]:
    fresh: list[Change] = []
    for change in reversed(history):
        if change.version <= version:
            break
        fresh.append(change)
    return fresh[::-1]


def _event(
    change: Change, resource: Resource, namespace: str, selectors: tuple[str, str]
) -> dict[str, Any] | None:
    if change.resource != resource:
        return None
    before, after = (
        manifest is not None
        and namespace in ("", manifest["metadata"].get("namespace", ""))
        and matches(manifest, *selectors)
        for manifest in (change.before, change.after)
    )
    if after:
        return {"type": "MODIFIED" if before else "ADDED", "object": change.after}
    if not before:
        return None
    last = change.after or change.before
    return {"type": "DELETED", "object": last}
