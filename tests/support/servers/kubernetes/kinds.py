"""The kinds of objects in the cluster."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import yaml

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A kind of objects, and its address in the API."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    has_status: bool = True
    """The status is a subresource: the main address cannot change it."""
    short: tuple[str, ...] = ()
    schema: Manifest | None = field(default=None, compare=False, hash=False)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def long_name(self) -> str:
        """Name in refusals."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def kind_name(self) -> str:
        """Name in validation errors."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


def _core(kind: str, plural: str, *short: str, **rest: Any) -> Resource:
    return Resource("", "v1", kind, plural, short=short, **rest)


NAMESPACES = _core("Namespace", "namespaces", "ns", namespaced=False)
NODES = _core("Node", "nodes", "no", namespaced=False)
PODS = _core("Pod", "pods", "po")
SERVICES = _core("Service", "services", "svc")
SECRETS = _core("Secret", "secrets", has_status=False)
CONFIG_MAPS = _core("ConfigMap", "configmaps", "cm", has_status=False)
EVENTS = _core("Event", "events", "ev", has_status=False)
SERVICE_ACCOUNTS = _core("ServiceAccount", "serviceaccounts", "sa", has_status=False)
QUOTAS = _core("ResourceQuota", "resourcequotas", "quota")
CLAIMS = _core("PersistentVolumeClaim", "persistentvolumeclaims", "pvc")
DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments", short=("deploy",))
JOBS = Resource("batch", "v1", "Job", "jobs")
CRON_JOBS = Resource("batch", "v1", "CronJob", "cronjobs", short=("cj",))
_RBAC = ("rbac.authorization.k8s.io", "v1")
ROLES = Resource(*_RBAC, "Role", "roles", has_status=False)
BINDINGS = Resource(*_RBAC, "RoleBinding", "rolebindings", has_status=False)
CLUSTER_ROLES = Resource(*_RBAC, "ClusterRole", "clusterroles", False, False)
CLUSTER_BINDINGS = Resource(*_RBAC, "ClusterRoleBinding", "clusterrolebindings", False, False)
DEFINITIONS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    False,
    short=("crd",),
)
_PLAIN = (
    Resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", short=("pdb",)),
    Resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", has_status=False),
    Resource("networking.k8s.io", "v1", "Ingress", "ingresses"),
    Resource("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", False, False),
    _core("LimitRange", "limitranges", has_status=False),
)


@functools.cache
def dask_definitions() -> tuple[Manifest, ...]:
    """The operator's CustomResourceDefinitions, from its wheel."""
    folder = files("dask_kubernetes") / "operator/deployment/helm/dask-kubernetes-operator/crds"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    texts = sorted(path.read_text() for path in folder.iterdir() if path.name.endswith(".yaml"))
    return tuple(yaml.load(text, loader) for text in texts)


def _custom(definition: Manifest) -> Resource:
    names, version = definition["spec"]["names"], definition["spec"]["versions"][0]
    return Resource(
        definition["spec"]["group"],
        version["name"],
        names["kind"],
        names["plural"],
        has_status="status" in version.get("subresources", {}),
        short=tuple(names.get("shortNames", ())),
        schema=version["schema"]["openAPIV3Schema"],
    )


@functools.cache
def resources() -> tuple[Resource, ...]:
    """Every kind, the operator's included."""
    own = [value for value in globals().values() if isinstance(value, Resource)]
    return (*own, *_PLAIN, *(_custom(definition) for definition in dask_definitions()))


def by_plural(group: str, version: str, plural: str) -> Resource | None:
    """The kind at an address."""
    for resource in resources():
        if (resource.group, resource.version, resource.plural) == (group, version, plural):
            return resource
    return None


def by_kind(api_version: str, kind: str) -> Resource | None:
    """The kind that a manifest or a reference to an owner names."""
    for resource in resources():
        if (resource.api_version, resource.kind) == (api_version, kind):
            return resource
    return None


def by_name(name: str) -> Resource:
    """The kind of a plural, kind or short name."""
    for resource in resources():
        if name.lower() in (resource.plural, resource.kind.lower(), *resource.short):
            return resource
    raise KeyError(name)
