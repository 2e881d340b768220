"""Validation of manifests: names and labels, schemas of custom resources, Jobs, quotas."""

from __future__ import annotations

import copy
import functools
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.kinds import Manifest, Resource
from tests.support.servers.kubernetes.pod_checks import check_containers, check_unchanged
from tests.support.servers.kubernetes.problems import ProblemError, invalid
from tests.support.servers.kubernetes.quantities import demand, quantity, shown
from tests.support.servers.kubernetes.store import Store, moment

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_DOTLESS = ("Service", "Namespace")
_LONGEST = {"Service": 63, "Namespace": 63, "CronJob": 52}


def check_names(resource: Resource, manifest: Manifest, old: Manifest | None) -> None:
    """Names are DNS names, labels are valid."""
    name = manifest["metadata"]["name"]
    free = resource.group.startswith("rbac")
    too_long = len(name) > _LONGEST.get(resource.kind, 253)
    dotted = resource.kind in _DOTLESS and "." in name
    if not free and (too_long or dotted or not _NAME.fullmatch(name)):
        raise invalid(resource, name, f'metadata.name: Invalid value: "{name}"')
    for where, labels in _all_labels(manifest):
        for key, value in labels.items():
            good = isinstance(value, str) and len(value) <= 63 and _LABEL.fullmatch(value)
            if not good or not _KEY.fullmatch(key):
                raise invalid(resource, name, f'{where}.labels: Invalid value: "{key}: {value}"')


def _all_labels(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    yield "metadata", manifest["metadata"].get("labels") or {}
    template = (manifest.get("spec") or {}).get("template")
    if isinstance(template, dict):
        yield "spec.template", template.get("metadata", {}).get("labels") or {}


def check_schema(resource: Resource, manifest: Manifest, old: Manifest | None) -> None:
    """Custom resources against the schema of their definition.

    The API server would drop fields that the schema does not define; here they are refused, as
    ``kubectl`` refuses them, because they are always a mistake.
    """
    if resource.schema is None:
        return
    _fill(resource.schema, manifest)
    name = manifest["metadata"]["name"]
    for error in _validator(resource.plural).iter_errors(manifest):
        path = ".".join(str(step) for step in error.absolute_path)
        if error.validator == "additionalProperties":
            message = f'strict decoding error: unknown field in "{path}": {error.message}'
            raise ProblemError(400, message)
        what = f"{path}: Invalid value: {path} in body must be valid: {error.message[-300:]}"
        raise invalid(resource, name, what)


@functools.cache
def _validator(plural: str) -> Any:
    schema = next(one.schema for one in kinds.resources() if one.plural == plural)
    return jsonschema.Draft202012Validator(_converted(schema, root=True))


def _converted(schema: Any, root: bool = False) -> Any:
    """An OpenAPI v3 schema of Kubernetes as a JSON schema."""
    result = {key: value for key, value in schema.items() if key not in ("default", "description")}
    if "properties" in schema:
        result["properties"] = {
            name: _converted(value) for name, value in schema["properties"].items()
        }
        if root:
            result["properties"] |= {"metadata": {}, "apiVersion": {}, "kind": {}, "status": {}}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result.setdefault("additionalProperties", False)
    for name in ("items", "additionalProperties"):
        if isinstance(result.get(name), dict):
            result[name] = _converted(result[name])
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        result["type"] = ["integer", "string"]
        result.pop("anyOf", None)
    elif schema.get("nullable") and isinstance(schema.get("type"), str):
        result["type"] = [schema["type"], "null"]
    return result


def _fill(schema: Any, value: Any) -> None:
    """Set the schema's defaults for fields that a manifest leaves out."""
    if isinstance(value, list) and "items" in schema:
        for item in value:
            _fill(schema["items"], item)
    if not isinstance(value, dict):
        return
    for name, inner in schema.get("properties", {}).items():
        if name not in value and "default" in inner:
            value[name] = copy.deepcopy(inner["default"])
        if name in value:
            _fill(inner, value[name])


def check_job(resource: Resource, manifest: Manifest, old: Manifest | None) -> None:
    """Validate a Job, and its immutable fields."""
    if resource != kinds.JOBS:
        return
    name, spec = manifest["metadata"]["name"], manifest["spec"]
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy not in ("Never", "OnFailure"):
        what = (
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
        )
        raise invalid(resource, name, what)
    if policy != "Never" and spec.get("podFailurePolicy"):
        what = f'spec.template.spec.restartPolicy: Invalid value: "{policy}": only "Never" is '
        raise invalid(resource, name, what + "supported when podFailurePolicy is specified")
    indexed = spec.get("completionMode") == "Indexed"
    if indexed and spec.get("completions") is None:
        what = "spec.completions: Required value: when completion mode is Indexed"
        raise invalid(resource, name, what)
    if not indexed and spec.get("backoffLimitPerIndex") is not None:
        what = "spec.backoffLimitPerIndex: Invalid value: requires indexed completion mode"
        raise invalid(resource, name, what)
    if indexed and len(name) + len(str(spec["completions"])) + 1 > 63:
        raise invalid(resource, name, f'metadata.name: Invalid value: "{name}": must be no more')
    if old is not None:
        _check_unchanged(resource, name, old["spec"], spec)


def _check_unchanged(resource: Resource, name: str, old: Manifest, new: Manifest) -> None:
    for field in (
        "template",
        "selector",
        "completions",
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
    ):
        if old.get(field) != new.get(field):
            raise invalid(resource, name, f"spec.{field}: field is immutable")


class Quotas:
    """Refuses pods beyond what the ResourceQuotas of their namespace allow."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def check(self, resource: Resource, manifest: Manifest, old: Manifest | None) -> None:
        if resource != kinds.PODS or old is not None:
            return
        about = manifest["metadata"]
        for quota in self.store.list(kinds.QUOTAS, about["namespace"]):
            self._check(quota, manifest)

    def used(self, namespace: str) -> Counter[str]:
        """Sum of the resources of a namespace's pods that have not ended.

        One that is deleted counts until its grace period is over, also on a dead node.
        """
        total: Counter[str] = Counter()
        for pod in self.store.list(kinds.PODS, namespace):
            ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
            if not ended and not _overdue(pod):
                total += _charged(pod)
        return total

    def _check(self, quota: Manifest, pod: Manifest) -> None:
        hard = quota["spec"].get("hard", {})
        used, asked = self.used(pod["metadata"]["namespace"]), _charged(pod)
        subject = f'pods "{pod["metadata"]["name"]}" is forbidden'
        named = quota["metadata"]["name"]
        for name in ("requests.cpu", "requests.memory", "cpu", "memory"):
            if name in hard and name not in asked:
                container = pod["spec"]["containers"][0]["name"]
                message = f"{subject}: failed quota: {named}: must specify {name} for: {container}"
                raise ProblemError(403, message)
        over = [
            name
            for name in sorted(hard)
            if asked[name] and used[name] + asked[name] > quantity(hard[name])
        ]
        if over:
            raise ProblemError(
                403,
                f"{subject}: exceeded quota: {named}, "
                f"requested: {_listed(over, asked)}, used: {_listed(over, used)}, "
                f"limited: {','.join(f'{name}={hard[name]}' for name in over)}",
            )


def _overdue(pod: Manifest) -> bool:
    about = pod["metadata"]
    if "deletionTimestamp" not in about:
        return False
    grace = timedelta(seconds=about.get("deletionGracePeriodSeconds", 0))
    return datetime.now(UTC) > moment(about["deletionTimestamp"]) + grace


def _listed(names: list[str], values: Counter[str]) -> str:
    return ",".join(f"{name}={shown(values[name])}" for name in names)  # type: ignore[arg-type]


def _charged(pod: Manifest) -> Counter[str]:
    requests, limits = demand(pod), demand(pod, "limits")
    total = Counter({"pods": 1, "count/pods": 1})
    for name, value in requests.items():
        total[f"requests.{name}"] = total[name] = value
    for name, value in limits.items():
        total[f"limits.{name}"] = value
    return total


def admissions(store: Store) -> list[Any]:
    """All of the above, for a store."""
    return [
        check_names,
        check_job,
        check_containers,
        check_unchanged,
        check_schema,
        Quotas(store).check,
    ]
