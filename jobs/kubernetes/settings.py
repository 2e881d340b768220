"""Cluster settings: images, nodes, sizes and time limits of runs, set by the platform team.

They are read from the ConfigMap ``berthwatch`` of a namespace, key ``settings.yaml``, or a file::

    image: registry.example/berthwatch@sha256:...
    credentials: [berthwatch-s3]
    workers: {count: auto, at_most: 40, cpu: 1, memory: 4Gi}
    gpu:
      count: 2
      image: registry.example/berthwatch-cuda@sha256:...
      tolerations: [{key: spot, operator: Exists}]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import yaml

from jobs.domain import Fields, Json, YamlReader
from jobs.errors import InputError
from jobs.kubernetes.image_reference import checked_image, digest_of
from jobs.kubernetes.names import (
    checked_label_key,
    checked_label_value,
    checked_name,
    checked_resource,
)
from jobs.kubernetes.quantities import cores, size_bytes

LONGEST_S = 28 * 86_400
"""Longest deadline: the run's certificate is valid for 30 days (``tls.VALID_DAYS``)."""

LEAST_IDLE_S = 120
"""Shortest idle timeout: an evicted runner is replaced after some 15 s; 20 s were too short."""

OPERATORS = ("Exists", "Equal")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
OTHERWISE = ("refuse", "cpu")

OUR_PREFIXES = ("DASK_", "BERTHWATCH_", "POD_", "KUBERNETES_")
OUR_VARIABLES = ("JOB_COMPLETION_INDEX", "HOME", "NUMBA_CACHE_DIR")
"""Environment variables that manifests set, so that settings must not."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Toleration:
    """A toleration of pods for a taint of nodes, as Kubernetes defines it."""

    key: str | None = None
    """None, with the operator ``Exists``: any taint."""
    operator: str = "Equal"
    value: str | None = None
    effect: str | None = None
    """None for all effects."""


@dataclass(frozen=True)
class Group:
    """Sizes and nodes of the pods of one component."""

    cpu: str = "1"
    """Quantity of cores, requested; there is no limit, so that pods are not throttled."""
    memory: str = "2Gi"
    """Quantity of bytes, requested and limit."""
    scratch: str = "4Gi"
    """Quantity of bytes: size limit of the pod's temporary files."""
    nodes: Mapping[str, str] = field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: tuple[Toleration, ...] = ()


@dataclass(frozen=True)
class Workers(Group):
    """CPU workers of each partition's cluster."""

    memory: str = "4Gi"
    count: int | None = None
    """None (``auto``) for the number that ``sizing.workers_for`` derives from the plan."""
    at_most: int = 20
    """Limit of that number."""
    threads: int = 1
    """Tasks that one worker runs at once."""


@dataclass(frozen=True)
class Gpu(Group):
    """GPU workers of each partition's cluster."""

    cpu: str = "2"
    memory: str = "8Gi"
    count: int = 0
    """0 for none."""
    image: str = ""
    """Image with CUDA; required where the count is above zero."""
    resource: str = "nvidia.com/gpu"
    """Resource name of a GPU; also the key of a taint that is always tolerated."""
    per_worker: int = 1
    """GPUs of a worker."""
    wait_s: int = 900
    """Limit for the start of the first GPU worker, seconds."""
    otherwise: str = "refuse"
    """After that limit: ``refuse`` ends the run, ``cpu`` segments on the CPU workers."""


@dataclass(frozen=True)
class ClusterSettings:
    """Settings of runs in a namespace."""

    image: str
    """Image of the runner, the scheduler and the CPU workers."""
    code: str | None = None
    """Code version that the image must have, as printed by ``berthwatch --version``."""
    credentials: tuple[str, ...] = ()
    """Secrets whose entries become environment variables of the runner and the workers."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the runner and the workers; nothing secret."""
    image_pull_secrets: tuple[str, ...] = ()
    runner_account: str = "berthwatch-runner"
    """ServiceAccount that may create Dask clusters."""
    dask_account: str = "berthwatch-dask"
    """ServiceAccount of the scheduler and the workers: without rights, its token not mounted."""
    deadline_s: int = 86_400
    """Limit of a run with all its partitions, seconds; then it fails."""
    keep_finished_s: int = 3_600
    """Seconds until a finished Job is deleted; the records in the archive stay."""
    retries: int = 6
    """Retries of a partition whose cluster was lost; evictions do not count."""
    idle_timeout_s: int = 1_800
    """Seconds without a task after which the operator deletes a cluster that was left behind."""
    start_timeout_s: int = 900
    """Limit for the start of the scheduler and of the first worker, seconds."""
    runner: Group = field(default_factory=Group)
    scheduler: Group = field(default_factory=Group)
    workers: Workers = field(default_factory=Workers)
    gpu: Gpu = field(default_factory=Gpu)

    @property
    def images(self) -> tuple[str, ...]:
        """The images of a run: one, or two where there are GPU workers."""
        return (self.image, self.gpu.image) if self.gpu.count else (self.image,)


def unpinned_images(settings: ClusterSettings) -> tuple[str, ...]:
    """Images named without a digest, whose content may change."""
    return tuple(image for image in settings.images if digest_of(image) is None)


def read_settings(text: str, source: str) -> ClusterSettings:
    """Settings from YAML; InputError with ``source``, line and, for an unknown key, the nearest."""
    return _Settings(source).settings(text)


def settings_json(settings: ClusterSettings) -> dict[str, Json]:
    """All settings as plain JSON values."""
    values: dict[str, Json] = _plain(asdict(settings))
    return values


def settings_from_json(values: Mapping[str, Any]) -> ClusterSettings:
    """The inverse of ``settings_json``."""
    groups = {"runner": Group, "scheduler": Group, "workers": Workers, "gpu": Gpu}
    return ClusterSettings(
        **{
            **values,
            **{name: tuple(values[name]) for name in ("credentials", "image_pull_secrets")},
            **{name: _group_from(made, values[name]) for name, made in groups.items()},
        }
    )


def _group_from(made: type[Group], values: Mapping[str, Any]) -> Group:
    tolerations = tuple(Toleration(**entry) for entry in values["tolerations"])
    return made(**{**values, "tolerations": tolerations})


def _plain(value: Any) -> Any:
    """With lists in place of tuples, as JSON returns them."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


# --- reading ------------------------------------------------------------------------------------

_NAMES = ("credentials", "image_pull_secrets")
_ACCOUNTS = ("runner_account", "dask_account")
_LEAST = {
    "keep_finished_s": 60,
    "retries": 0,
    "idle_timeout_s": LEAST_IDLE_S,
    "start_timeout_s": 1,
}
_GROUP = ("cpu", "memory", "scratch", "nodes", "tolerations")


class _Settings(YamlReader):
    """Settings being read."""

    def settings(self, text: str) -> ClusterSettings:
        known = tuple(name for name in ClusterSettings.__dataclass_fields__ if name != "image")
        root = self.root(text, "settings, image: at least")
        fields = self.fields(root, "the settings", required=("image",), optional=known)
        return ClusterSettings(
            image=self._image(fields["image"]),
            **self.given(fields, ("code",), self.text),
            **self.given(fields, _NAMES, self._names),
            **self.given(fields, ("environment",), self._environment),
            **self.given(fields, _ACCOUNTS, self._name),
            **self.given(fields, ("deadline_s",), self._deadline),
            **self._numbers(fields, _LEAST),
            runner=Group(**self._group(fields.get("runner"), "runner")),
            scheduler=Group(**self._group(fields.get("scheduler"), "scheduler")),
            workers=self._workers(fields.get("workers")),
            gpu=self._gpu(fields.get("gpu")),
        )

    # groups of pods

    def _workers(self, node: yaml.Node | None) -> Workers:
        least = {"at_most": 1, "threads": 1}
        fields = self.fields(node, "workers", optional=(*_GROUP, "count", *least))
        return Workers(
            **self._sizes(fields),
            **self._numbers(fields, least),
            **self.given(fields, ("count",), self._count),
        )

    def _gpu(self, node: yaml.Node | None) -> Gpu:
        least = {"count": 0, "per_worker": 1, "wait_s": 1}
        fields = self.fields(
            node, "gpu", optional=(*_GROUP, *least, "image", "resource", "otherwise")
        )
        gpu = Gpu(
            **self._sizes(fields),
            **self._numbers(fields, least),
            **self.given(fields, ("image",), lambda found, _: self._image(found)),
            **self.given(fields, ("resource",), self._resource),
            **self.given(fields, ("otherwise",), self._otherwise),
        )
        if gpu.count and not gpu.image:
            raise self.error(
                node, f"gpu has count {gpu.count} and no image; add the image that has CUDA"
            )
        return gpu

    def _group(self, node: yaml.Node | None, what: str) -> dict[str, Any]:
        return self._sizes(self.fields(node, what, optional=_GROUP))

    def _sizes(self, fields: Fields) -> dict[str, Any]:
        return {
            **self.given(fields, ("cpu",), self._cpu),
            **self.given(fields, ("memory", "scratch"), self._size),
            **self.given(fields, ("nodes",), self._nodes),
            **self.given(fields, ("tolerations",), self._tolerations),
        }

    def _tolerations(self, node: yaml.Node, what: str) -> tuple[Toleration, ...]:
        return tuple(self._toleration(entry) for entry in self.entries(node, what))

    def _toleration(self, node: yaml.Node) -> Toleration:
        names = ("key", "operator", "value", "effect")
        fields = self.fields(node, "a toleration", optional=names)
        found = Toleration(
            **self.given(fields, ("key",), self._label_key),
            **self.given(fields, ("operator",), lambda n, w: self.one_of(n, w, OPERATORS)),
            **self.given(fields, ("value",), self._label_value),
            **self.given(fields, ("effect",), lambda n, w: self.one_of(n, w, EFFECTS)),
        )
        if found.operator == "Exists" and found.value is not None:
            raise self.error(node, "a toleration that Exists has a value; leave one of them out")
        if found.operator == "Equal" and found.key is None:
            raise self.error(node, "a toleration lacks its key; add it, or operator: Exists")
        return found

    # values

    def _numbers(self, fields: Fields, least: Mapping[str, int]) -> dict[str, Any]:
        return {
            name: self.whole(fields[name], name, bound)
            for name, bound in least.items()
            if name in fields
        }

    def _deadline(self, node: yaml.Node, what: str) -> int:
        deadline_s = self.whole(node, what, least=60)
        if deadline_s > LONGEST_S:
            raise self.error(
                node, f"{what} is {deadline_s}; expected {LONGEST_S} at most, for keys expire"
            )
        return deadline_s

    def _count(self, node: yaml.Node, what: str) -> int | None:
        if isinstance(node, yaml.ScalarNode) and node.value == "auto":
            return None
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":str"):
            raise self.error(node, f"{what} is {node.value!r}; expected a whole number or auto")
        return self.whole(node, what, least=1)

    def _image(self, node: yaml.Node) -> str:
        image = self.text(node, "image")
        try:
            return checked_image(image)
        except InputError as error:
            raise self.error(node, str(error)) from error

    def _cpu(self, node: yaml.Node, what: str) -> str:
        return self.checked(node, what, cores)

    def _size(self, node: yaml.Node, what: str) -> str:
        return self.checked(node, what, size_bytes)

    def _name(self, node: yaml.Node, what: str) -> str:
        return self.checked(node, what, lambda found: checked_name(found, what))

    def _names(self, node: yaml.Node, what: str) -> tuple[str, ...]:
        return tuple(self._name(entry, what) for entry in self.entries(node, what))

    def _label_key(self, node: yaml.Node, what: str) -> str:
        return self.checked(node, what, checked_label_key)

    def _label_value(self, node: yaml.Node, what: str) -> str:
        return self.checked(node, what, checked_label_value)

    def _resource(self, node: yaml.Node, what: str) -> str:
        return self.checked(node, what, checked_resource)

    def _otherwise(self, node: yaml.Node, what: str) -> str:
        return self.one_of(node, what, OTHERWISE)

    def _nodes(self, node: yaml.Node, what: str) -> dict[str, str]:
        labels = self.texts(node, what)
        for key, value in labels.items():
            try:
                checked_label_key(key)
                checked_label_value(value)
            except ValueError as error:
                raise self.error(node, f"{what}: {error}") from error
        return labels

    def _environment(self, node: yaml.Node, what: str) -> dict[str, str]:
        found = self.texts(node, what)
        for name in found:
            if not _VARIABLE.fullmatch(name):
                raise self.error(node, f"{what} has {name!r}, which is no variable's name")
            if name.startswith(OUR_PREFIXES) or name in OUR_VARIABLES:
                raise self.error(
                    node, f"{what} has {name}, which Berthwatch sets itself; leave it out"
                )
        return found
