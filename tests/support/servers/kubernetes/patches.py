"""Merge patches (RFC 7386) and JSON patches (RFC 6902); strategic patches are merged."""

from __future__ import annotations

import copy
from typing import Any

from tests.support.servers.kubernetes.problems import ProblemError


def patched(manifest: Any, patch: Any, content_type: str) -> Any:
    """The object with a patch applied; neither is changed."""
    if "json-patch" in content_type:
        result = copy.deepcopy(manifest)
        for step in patch:
            result = _stepped(result, step)
        return result
    return merged(manifest, patch)


def merged(value: Any, patch: Any) -> Any:
    """RFC 7386: null removes, mappings merge, all else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(value) if isinstance(value, dict) else {}
    for name, new in patch.items():
        if new is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), new)
    return result


def _stepped(manifest: Any, step: dict[str, Any]) -> Any:
    keys = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:]]
    if not keys:
        return copy.deepcopy(step["value"])
    parent = manifest
    for key in keys[:-1]:
        parent = _inside(parent, key)
    _put(parent, keys[-1], step)
    return manifest


def _inside(parent: Any, key: str) -> Any:
    try:
        return parent[int(key)] if isinstance(parent, list) else parent[key]
    except (KeyError, IndexError) as error:
        raise ProblemError(422, f"the server rejected our request: no {key} to patch") from error


def _put(parent: Any, key: str, step: dict[str, Any]) -> None:
    if step["op"] == "test":
        if _inside(parent, key) != step["value"]:
            raise ProblemError(422, f"testing path {step['path']} value failed")
        return
    if isinstance(parent, list):
        place = len(parent) if key == "-" else int(key)
        parent[place : place + (step["op"] != "add")] = (
            [] if step["op"] == "remove" else [step["value"]]
        )
    elif step["op"] == "remove":
        _inside(parent, key)
        del parent[key]
    else:
        parent[key] = step["value"]
