"""Discovery: version, groups and kinds of the API server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.servers.kubernetes.kinds import Resource, resources

VERSION = {"major": "1", "minor": "33", "gitVersion": "v1.33.1", "platform": "linux/amd64"}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_PARTS = {"pods": ["log", "eviction"]}


def described(steps: Sequence[str]) -> dict[str, Any] | None:
    """The answer for a path without objects, None where there is none."""
    match list(steps):
        case ["version"]:
            return VERSION
        case []:
            return {"paths": ["/api", "/apis", "/version"]}
        case ["api"]:
            return {"kind": "APIVersions", "apiVersion": "v1", "versions": ["v1"]}
        case ["api", version]:
            return _kinds("", version)
        case ["apis"]:
            groups = sorted({one.group for one in resources()} - {""})
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(group) for group in groups],
            }
        case ["apis", group]:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
        case ["apis", group, version]:
            return _kinds(group, version)
    return None


def _group(group: str) -> dict[str, Any]:
    versions = [
        {"groupVersion": f"{group}/{version}", "version": version}
        for version in sorted({one.version for one in resources() if one.group == group})
    ]
    return {"name": group, "versions": versions, "preferredVersion": (versions or [{}])[0]}


def _kinds(group: str, version: str) -> dict[str, Any] | None:
    found = [one for one in resources() if (one.group, one.version) == (group, version)]
    if not found:
        return None
    listed = [_kind(one, part) for one in found for part in ("", *_parts(one))]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].api_version,
        "resources": listed,
    }


def _parts(resource: Resource) -> list[str]:
    return [*(["status"] if resource.has_status else []), *_PARTS.get(resource.plural, ())]


def _kind(resource: Resource, part: str) -> dict[str, Any]:
    return {
        "name": f"{resource.plural}/{part}" if part else resource.plural,
        "singularName": "" if part else resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": ["get", "patch", "update"] if part else _VERBS,
        "shortNames": [] if part else list(resource.short),
        "categories": [],
    }
