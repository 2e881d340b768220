"""Settings of the platform team: which images run, on which nodes, how large and for how long.

They lie in the ConfigMap ``berthwatch`` of a namespace, key ``settings.yaml``, or in a file::

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

from jobs.domain import Json
from jobs.domain.yaml_reader import Fields, YamlReader
from jobs.kubernetes.names import checked_label_key, checked_label_value, checked_name
from jobs.kubernetes.quantities import quantity, size_bytes

LONGEST_S = 28 * 86_400
"""The run's certificate is valid for 30 days."""

LEAST_IDLE_S = 120
"""A runner that was evicted is back after some 15 s; 20 s of patience was too short."""

OPERATORS = ("Exists", "Equal")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
OTHERWISE = ("refuse", "cpu")

OUR_PREFIXES = ("DASK_", "BERTHWATCH_", "POD_", "KUBERNETES_")
OUR_VARIABLES = ("JOB_COMPLETION_INDEX", "HOME", "NUMBA_CACHE_DIR")
"""Environment variables that are set for the pods, and not by the settings."""

_PINNED = re.compile(r"\S+@sha256:[0-9a-f]{64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Toleration:
    """A taint of nodes that pods may be put on all the same."""

    key: str | None = None
    """None, with the operator ``Exists``: any taint."""
    operator: str = "Equal"
    value: str | None = None
    effect: str | None = None
    """None for all of them."""


@dataclass(frozen=True)
class Group:
    """Pods of one kind: how large they are, and on which nodes they may run."""

    cpu: str = "1"
    """Quantity of cores requested; there is no limit, for throttling helps nobody."""
    memory: str = "2Gi"
    """Quantity of bytes, requested and limit."""
    scratch: str = "4Gi"
    """Largest size of the pod's temporary files."""
    nodes: Mapping[str, str] = field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: tuple[Toleration, ...] = ()


@dataclass(frozen=True)
class Workers(Group):
    """CPU workers of each partition's cluster."""

    memory: str = "4Gi"
    count: int | None = None
    """None for as many as the plan's estimate asks for (``auto``)."""
    at_most: int = 20
    """Limit of what the estimate may ask for."""
    threads: int = 1
    """Tasks that one worker does at once."""


@dataclass(frozen=True)
class Gpu(Group):
    """GPU workers of each partition's cluster; none unless there is a count."""

    cpu: str = "2"
    memory: str = "8Gi"
    count: int = 0
    image: str = ""
    """With CUDA; given wherever the count is above zero."""
    resource: str = "nvidia.com/gpu"
    """What the nodes call a GPU; also the key of the taint that is always tolerated."""
    per_worker: int = 1
    wait_s: int = 900
    """How long a run waits for the first GPU worker."""
    otherwise: str = "refuse"
    """What then: ``refuse`` or ``cpu``, to segment on the CPU workers."""


@dataclass(frozen=True)
class ClusterSettings:
    """All that a platform team decides about runs in a namespace."""

    image: str
    """Of the runner, the scheduler and the CPU workers."""
    code: str | None = None
    """Code version that the image must have, as ``berthwatch --version`` says it."""
    credentials: tuple[str, ...] = ()
    """Names of Secrets whose entries the runner and the workers get as environment."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the runner and the workers; nothing secret."""
    image_pull_secrets: tuple[str, ...] = ()
    runner_account: str = "berthwatch-runner"
    """ServiceAccount that may make Dask clusters."""
    dask_account: str = "berthwatch-dask"
    """ServiceAccount of the scheduler and the workers: without rights, its token not mounted."""
    deadline_s: int = 86_400
    """A run that takes longer is ended, with all of its partitions."""
    keep_finished_s: int = 3_600
    """A finished Job is deleted after so long; the records in the archive stay."""
    retries: int = 6
    """Of a partition whose cluster was lost; evictions do not count."""
    idle_timeout_s: int = 1_800
    """The operator deletes a cluster that had no task for so long: the last resort."""
    start_timeout_s: int = 900
    """How long a runner waits for the scheduler and the first worker."""
    runner: Group = field(default_factory=Group)
    scheduler: Group = field(default_factory=Group)
    workers: Workers = field(default_factory=Workers)
    gpu: Gpu = field(default_factory=Gpu)

    @property
    def images(self) -> tuple[str, ...]:
        """That pods of a run are made of: one, or two where there are GPU workers."""
        return (self.image, self.gpu.image) if self.gpu.count else (self.image,)


def unpinned_images(settings: ClusterSettings) -> tuple[str, ...]:
    """Images that name no digest, so that tomorrow other code may run under the same name."""
    return tuple(image for image in settings.images if not _PINNED.fullmatch(image))


def read_settings(text: str, source: str) -> ClusterSettings:
    """Settings from YAML; InputError with ``source``, line and nearest key for what is unknown."""
    return _Settings(source).settings(text)


def settings_json(settings: ClusterSettings) -> dict[str, Json]:
    """All settings as plain JSON values."""
    values: dict[str, Json] = _plain(asdict(settings))
    return values


def settings_from_json(values: Mapping[str, Any]) -> ClusterSettings:
    """The settings that ``settings_json`` gave."""
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
    """With lists for tuples, as JSON would give it back."""
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
        if re.search(r"\s", image):
            raise self.error(node, f"image is {image!r}; expected no spaces in it")
        return image

    def _cpu(self, node: yaml.Node, what: str) -> str:
        return self.checked(node, what, quantity)

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
        return self.checked(node, what, checked_label_key)

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
