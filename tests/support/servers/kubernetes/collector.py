"""Garbage collection: deletes owned objects after their owner, or before it (foreground)."""

from __future__ import annotations

from collections import defaultdict

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.kinds import Manifest, Resource
from tests.support.servers.kubernetes.store import FOREGROUND, Store

_Owned = list[tuple[Resource, Manifest]]


def collect(store: Store) -> None:
    """Delete objects without an existing owner, and those of owners deleted in the foreground."""
    with store.changed:
        everything = store.everything()
    uids = {manifest["metadata"]["uid"] for _, manifest in everything}
    owned: dict[str, _Owned] = defaultdict(list)
    for resource, manifest in everything:
        references = manifest["metadata"].get("ownerReferences") or ()
        for reference in references:
            owned[reference["uid"]].append((resource, manifest))
        if references and not any(_exists(one, uids) for one in references):
            _delete(store, resource, manifest)
    for resource, manifest in everything:
        if FOREGROUND in manifest["metadata"].get("finalizers", ()):
            _delete_last(store, resource, manifest, owned[manifest["metadata"]["uid"]])
    _empty_namespaces(store)


def _exists(reference: Manifest, uids: set[str]) -> bool:
    # an owner of an unknown kind may exist
    known = kinds.by_kind(reference["apiVersion"], reference["kind"])
    return known is None or reference["uid"] in uids


def _delete_last(store: Store, resource: Resource, owner: Manifest, owned: _Owned) -> None:
    uid = owner["metadata"]["uid"]
    waiting = False
    for kind, manifest in owned:
        references = manifest["metadata"]["ownerReferences"]
        mine = next(one for one in references if one["uid"] == uid)
        waiting = waiting or bool(mine.get("blockOwnerDeletion"))
        _delete(store, kind, manifest, "Foreground")
    if not waiting:
        about = owner["metadata"]
        _drop(store, resource, about.get("namespace", ""), about["name"], FOREGROUND)


def _drop(store: Store, resource: Resource, namespace: str, name: str, finalizer: str) -> None:
    def drop(draft: Manifest) -> None:
        kept = [one for one in draft["metadata"].get("finalizers", ()) if one != finalizer]
        draft["metadata"].pop("finalizers", None)
        if kept:
            draft["metadata"]["finalizers"] = kept

    with store.changed:
        if store.find(resource, namespace, name) is not None:
            store.change(resource, namespace, name, drop)


def _delete(
    store: Store, resource: Resource, manifest: Manifest, policy: str = "Background"
) -> None:
    about = manifest["metadata"]
    with store.changed:
        place, name = about.get("namespace", ""), about["name"]
        now = store.find(resource, place, name)
        same = now is not None and now["metadata"]["uid"] == about["uid"]
        if same and now is not None and "deletionTimestamp" not in now["metadata"]:
            store.delete(resource, place, name, policy)


def _empty_namespaces(store: Store) -> None:
    there = store.namespaces()
    for resource, manifest in store.everything():
        place = manifest["metadata"].get("namespace", "")
        if place and place not in there:
            _delete(store, resource, manifest)
