"""The operator's custom resource definitions as JSON Schema, as strict as the API server.

A real API server accepted and refused the same in every case that was tried (shared/kubernetes.md).
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import yaml

Json = dict[str, Any]

_FOLDER = "operator/deployment/helm/dask-kubernetes-operator/crds"
_ANY_OBJECT: Json = {"type": "object"}


def crd_files() -> list[Path]:
    """The definitions in the wheel of the operator; the package itself is not imported."""
    spec = find_spec("dask_kubernetes")
    assert spec is not None
    assert spec.submodule_search_locations
    return sorted(Path(spec.submodule_search_locations[0], _FOLDER).glob("*.yaml"))


def crds() -> list[Json]:
    """All definitions."""
    return [yaml.load(file.read_text(), Loader=yaml.CSafeLoader) for file in crd_files()]


@cache
def crd_schema(kind: str) -> Json:
    """JSON Schema of a kind such as DaskCluster; fields without a definition are refused."""
    definition = next(crd for crd in crds() if crd["spec"]["names"]["kind"] == kind)
    found = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema = converted(found)
    group = definition["spec"]["group"]
    version = definition["spec"]["versions"][0]["name"]
    schema["properties"] |= {
        "apiVersion": {"const": f"{group}/{version}"},
        "kind": {"const": kind},
        "metadata": _ANY_OBJECT,
    }
    schema["required"] = [*schema.get("required", []), "apiVersion", "kind", "metadata"]
    return schema


def problems(manifest: Json) -> list[str]:
    """What the API server would refuse, by path; nothing where it would not."""
    validator = jsonschema.Draft202012Validator(crd_schema(manifest["kind"]))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]


def converted(schema: Json) -> Json:
    """OpenAPI v3 as Kubernetes writes it in JSON Schema: int-or-string, nullable, closed."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made = {key: value for key, value in schema.items() if not key.startswith("x-")}
    if made.pop("nullable", False) and "type" in made:
        made["type"] = [made["type"], "null"]
    if "items" in made:
        made["items"] = converted(made["items"])
    if isinstance(made.get("additionalProperties"), dict):
        made["additionalProperties"] = converted(made["additionalProperties"])
    if "properties" in made:
        made["properties"] = {name: converted(part) for name, part in made["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    return made
