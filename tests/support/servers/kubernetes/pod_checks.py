"""Validation of pods and pod templates."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.kinds import Manifest, Resource
from tests.support.servers.kubernetes.problems import invalid
from tests.support.servers.kubernetes.quantities import quantity

_OVERCOMMITABLE = ("cpu", "memory", "ephemeral-storage")


def check_unchanged(resource: Resource, manifest: Manifest, old: Manifest | None) -> None:
    """A pod's specification may not change, except its node."""
    if resource != kinds.PODS or old is None:
        return
    free = ("nodeName", "activeDeadlineSeconds", "tolerations")
    before, after = (
        {key: value for key, value in one["spec"].items() if key not in free}
        for one in (old, manifest)
    )
    if before != after:
        what = "spec: Forbidden: pod updates may not change fields other than `image`"
        raise invalid(resource, manifest["metadata"]["name"], what)


def check_containers(resource: Resource, manifest: Manifest, old: Manifest | None) -> None:
    """Mounts refer to volumes, resources are quantities, requests are within limits."""
    if old is not None or resource not in (kinds.PODS, kinds.JOBS, kinds.DEPLOYMENTS):
        return
    spec = manifest["spec"] if resource == kinds.PODS else manifest["spec"]["template"]["spec"]
    where = "spec" if resource == kinds.PODS else "spec.template.spec"
    volumes = {volume["name"] for volume in spec.get("volumes") or ()}
    for kind in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(kind) or ()):
            complaints = [*_bad_mounts(container, volumes), *_bad_resources(container)]
            if complaints:
                what = f"{where}.{kind}[{number}].{complaints[0]}"
                raise invalid(resource, manifest["metadata"]["name"], what)


def _bad_mounts(container: Manifest, volumes: set[str]) -> Iterator[str]:
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        if mount["name"] not in volumes:
            yield f'volumeMounts[{number}].name: Not found: "{mount["name"]}"'


def _bad_resources(container: Manifest) -> Iterator[str]:
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for kind, values in (("limits", limits), ("requests", requests)):
        for name, text in values.items():
            if _number(text) is None:
                yield f'resources.{kind}.{name}: Invalid value: "{text}": quantities must match'
                return
    for name, text in requests.items():
        hard = name not in _OVERCOMMITABLE
        if name not in limits and hard:
            message = "Limit must be set for non overcommitable resources"
            yield f"resources.limits: Required value: {message}: {name}"
        elif name in limits and quantity(text) > quantity(limits[name]):
            message = f"must be less than or equal to {name} limit of {limits[name]}"
            yield f'resources.requests: Invalid value: "{text}": {message}'


def _number(text: object) -> object:
    try:
        return quantity(text)
    except ValueError:
        return None
