"""What a container's process is started with: its variables, command, and where its paths lie."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.quantities import quantity
from tests.support.servers.kubernetes.store import Store
from tests.support.servers.kubernetes.volumes import MissingError, config_values, secret_values

PROGRAMS: Mapping[str, Sequence[str]] = {
    "python": [sys.executable],
    "python3": [sys.executable],
    "dask": [sys.executable, "-m", "dask"],
    "berthwatch": [sys.executable, "-c", "from jobs.cli import main; main()"],
    "tini": [],
    "/usr/bin/tini": [],
}
"""Commands in images, and what stands for them here."""

_REFERENCE = re.compile(r"\$(\$|\(([A-Za-z_][\w.-]*)\))")
_FIELD = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
_Rewrite = Callable[[str], str]


def base_environment(home: Path) -> dict[str, str]:
    """What every process of this machine needs; nothing else of the test's own is handed on."""
    folder = str(Path(sys.executable).parent)
    return {
        "PATH": f"{folder}:{os.environ.get('PATH', '')}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def field_value(pod: Manifest, path: str) -> str:
    """A value of the downward API."""
    if found := _FIELD.fullmatch(path):
        return str((pod["metadata"].get(found[1]) or {}).get(found[2], ""))
    known = {
        "status.hostIP": "127.0.0.1",
        "status.podIP": pod.get("status", {}).get("podIP", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        **{f"metadata.{name}": pod["metadata"][name] for name in ("name", "namespace", "uid")},
    }
    return str(known[path])


def resource_value(pod: Manifest, container: Manifest, wish: Manifest) -> str:
    """A limit or request, in units of its divisor, rounded up."""
    name = wish.get("containerName", container["name"])
    chosen = next(one for one in pod["spec"]["containers"] if one["name"] == name)
    kind, _, what = wish["resource"].partition(".")
    value = chosen.get("resources", {}).get(kind, {}).get(what, "0")
    divisor = wish.get("divisor") or "1"
    return str(math.ceil(quantity(value) / (quantity(divisor) or 1)))


def variables(store: Store, pod: Manifest, container: Manifest) -> dict[str, str]:
    """``envFrom`` and ``env`` with all that they refer to; MissingError where it is not there."""
    values: dict[str, str] = {}
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom", ()):
        values |= _many(store, namespace, source)
    for entry in container.get("env", ()):
        if "valueFrom" in entry:
            value = _one(store, pod, container, entry["valueFrom"])
            values |= {} if value is None else {entry["name"]: value}
        else:
            values[entry["name"]] = expanded(str(entry.get("value") or ""), values)
    return values


def expanded(text: str, values: Mapping[str, str]) -> str:
    """``$(NAME)`` replaced where the variable is known, ``$$`` as ``$``."""

    def replace(found: re.Match[str]) -> str:
        return "$" if found[1] == "$" else values.get(found[2], found[0])

    return _REFERENCE.sub(replace, text)


def rewriting(paths: Mapping[str, str]) -> _Rewrite:
    """Replaces paths as the container sees them by those of this machine."""

    if not paths:
        return lambda text: text
    # in one pass: a path of this machine may hold one of the container's, such as /tmp
    longest_first = "|".join(re.escape(path) for path in sorted(paths, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w./-])({longest_first})(?![\w.-])")

    def rewrite(text: str) -> str:
        return pattern.sub(lambda found: paths[found[1]], text)

    return rewrite


def command_line(
    container: Manifest, entry: Sequence[str], values: Mapping[str, str], rewrite: _Rewrite
) -> list[str]:
    """The process's arguments: the image's entry point, unless a command stands for it."""
    written = [expanded(str(word), values) for word in container.get("command") or ()]
    words = [rewrite(word) for word in written]
    while words and words[0] in PROGRAMS:
        stands = list(PROGRAMS[words[0]])
        words = [*stands, *words[1:]]
        if stands:
            break
        words = words[words[:1] == ["--"] :]
    arguments = [rewrite(expanded(str(word), values)) for word in container.get("args") or ()]
    return [*(words or entry), *arguments]


def _many(store: Store, namespace: str, source: Manifest) -> dict[str, str]:
    reader = secret_values if "secretRef" in source else config_values
    reference = source.get("secretRef") or source["configMapRef"]
    try:
        values = reader(store, namespace, reference["name"])
    except MissingError:
        if not reference.get("optional"):
            raise
        values = {}
    prefix = source.get("prefix", "")
    return {f"{prefix}{key}": value.decode() for key, value in values.items()}


def _one(store: Store, pod: Manifest, container: Manifest, source: Manifest) -> str | None:
    if field := source.get("fieldRef"):
        return field_value(pod, field["fieldPath"])
    if wish := source.get("resourceFieldRef"):
        return resource_value(pod, container, wish)
    reader = secret_values if "secretKeyRef" in source else config_values
    reference = source.get("secretKeyRef") or source["configMapKeyRef"]
    try:
        values = reader(store, pod["metadata"]["namespace"], reference["name"])
        if reference["key"] not in values:
            raise MissingError(f"couldn't find key {reference['key']} in {reference['name']}")
    except MissingError:
        if reference.get("optional"):
            return None
        raise
    return values[reference["key"]].decode()
