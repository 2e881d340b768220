"""A Kubernetes cluster for a test: ``with kubernetes_world(folder) as world: ...``

It is a real API server for real clients (``kubernetes``, kr8s, kopf, kubectl), with accounts and
Roles, quotas, schemas of Dask's resources, garbage collection, Deployments and Jobs, nodes, and
Dask's real operator (``operator=True``).  Pods are processes of this machine, each with an address
of its own in 127.0.0.0/8 (Linux), so that ports and names of Services are as manifests have them
(by ``servers/kubernetes/site/sitecustomize.py``; ``world.address`` is for the test itself).

    with kubernetes_world(tmp_path, images={"berthwatch:test": BERTHWATCH}, operator=True) as world:
        world.apply(*manifests)                      # as the administrator
        os.environ["KUBECONFIG"] = str(world.kubeconfig("ocean/berthwatch-submitter"))
        world.wait_until(lambda: world.job("run-1")["status"].get("succeeded") == 1, 60)

Differences from a real cluster: containers share this machine's file system (paths of mounts are
replaced in variables, commands and arguments, not inside files); only Python processes resolve
names of Services; there is no CronJob controller (``world.trigger``), no autoscaler of nodes, no
network policy, no liveness probe; fields that a custom resource's schema does not define are
refused instead of dropped; delays are shorter (``timing``); a node that dies resets its connections
where a real one is silent.  ``kubectl create`` of built-in kinds fails, because it speaks protobuf;
``kubectl apply --validate=false`` does.
"""

from __future__ import annotations

import copy
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.accounts import ADMIN, UsedRight
from tests.support.servers.kubernetes.cluster import Cluster
from tests.support.servers.kubernetes.creating import owner_reference
from tests.support.servers.kubernetes.defaults import node
from tests.support.servers.kubernetes.environment import PROGRAMS
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.operator_rights import operator_rights
from tests.support.servers.kubernetes.outages import Away, Hold, Outage, Phase
from tests.support.servers.kubernetes.store import moment
from tests.support.servers.kubernetes.timing import Timing

__all__ = [
    "BERTHWATCH",
    "DASK",
    "Away",
    "Outage",
    "Phase",
    "Timing",
    "UsedRight",
    "World",
    "kubernetes_world",
    "moment",
    "node",
]

Manifests = list[Manifest]

BERTHWATCH = PROGRAMS["berthwatch"]
"""Entry point of Berthwatch's image."""
DASK: Sequence[str] = ()
"""Entry point of an image that has none: the manifest's ``command`` or ``args`` are run."""


class World:
    """The cluster as a test uses it, with every right; ``namespace`` is the default one."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.store = cluster.store

    @property
    def url(self) -> str:
        return self.cluster.server.url

    @property
    def used(self) -> set[UsedRight]:
        """Rights used until now, including the operator's (``dask-operator/dask-operator``)."""
        return set(self.cluster.server.used)

    @property
    def requests(self) -> list[tuple[str, str, str]]:
        """Account, verb and path of each request until now."""
        return list(self.cluster.server.requests)

    def used_by(self, account: str) -> set[tuple[str, str, str]]:
        """Group, resource and verb of the requests of an account (``NAMESPACE/NAME``)."""
        return {(one.group, one.resource, one.verb) for one in self.used if one.account == account}

    def kubeconfig(self, account: str = ADMIN, issue: str = "") -> Path:
        """File for a client: ``NAMESPACE/NAME`` of a ServiceAccount, ``user:NAME`` or ``admin``.

        ``issue`` tells its requests from those of others with the same account.
        """
        namespace = account.partition("/")[0] if "/" in account else self.namespace
        return self.cluster.kubeconfig(account, namespace, issue)

    def find(self, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """An object by its kind (``pods``, ``Pod``, ``po``) and name."""
        resource = kinds.by_name(kind)
        place = (namespace or self.namespace) if resource.namespaced else ""
        return copy.deepcopy(self.store.find(resource, place, name))

    def get(self, kind: str, name: str, namespace: str | None = None) -> Manifest:
        """As ``find``; KeyError where it does not exist."""
        found = self.find(kind, name, namespace)
        if found is None:
            there = [one["metadata"]["name"] for one in self.list(kind, namespace=namespace)]
            raise KeyError(f"there is no {kind} {name}, only {there}")
        return found

    def list(self, kind: str, labels: str = "", namespace: str | None = None) -> Manifests:
        """Objects of a kind, by a label selector."""
        resource = kinds.by_name(kind)
        place = (namespace or self.namespace) if resource.namespaced else ""
        return copy.deepcopy(self.store.list(resource, place, labels))

    def create(self, manifest: Manifest) -> Manifest:
        """Create an object; it may bring a status (nodes)."""
        resource = kinds.by_kind(manifest["apiVersion"], manifest["kind"])
        if resource is None:
            raise KeyError(f"{manifest['apiVersion']} {manifest['kind']} is not known here")
        place = manifest["metadata"].get("namespace") or self.namespace
        made = self.store.create(resource, place if resource.namespaced else "", manifest)
        return copy.deepcopy(made)

    def apply(self, *manifests: Manifest) -> None:
        """Create objects, or replace those that are there."""
        for manifest in manifests:
            resource = kinds.by_kind(manifest["apiVersion"], manifest["kind"])
            place = manifest["metadata"].get("namespace") or self.namespace
            place = place if resource is not None and resource.namespaced else ""
            name = manifest["metadata"]["name"]
            if resource is not None and self.store.find(resource, place, name) is not None:
                self.store.replace(resource, place, name, manifest)
            else:
                self.create(manifest)

    def patch(
        self, kind: str, name: str, change: Callable[[Manifest], Any], part: str = ""
    ) -> None:
        """Let a function change an object in place; ``part="status"`` changes only that."""
        resource = kinds.by_name(kind)
        place = self.namespace if resource.namespaced else ""

        def how(draft: Manifest) -> None:
            change(draft)

        self.store.change(resource, place, name, how, part)

    def delete(
        self, kind: str, name: str, policy: str = "Background", grace_s: int | None = None
    ) -> None:
        """Begin to delete an object."""
        resource = kinds.by_name(kind)
        place = self.namespace if resource.namespaced else ""
        self.store.delete(resource, place, name, policy, grace_s)

    def job(self, name: str) -> Manifest:
        return self.get("jobs", name)

    def pods(self, labels: str = "") -> Manifests:
        return self.list("pods", labels)

    def events(self, reason: str = "", about: str = "") -> Manifests:
        """Those with a reason, about an object."""
        return [
            event
            for event in self.list("events")
            if reason in ("", event.get("reason"))
            and about in ("", event["involvedObject"]["name"])
        ]

    def wait_until(self, predicate: Callable[[], Any], limit_s: float = 30.0) -> Any:
        """Poll a function until its value is true, and return it; a KeyError counts as false."""
        until = time.monotonic() + limit_s
        while True:
            if self.cluster.failure is not None:
                raise AssertionError("the cluster's loop failed") from self.cluster.failure
            try:
                value = predicate()
            except KeyError:
                value = None
            if value:
                return value
            if time.monotonic() > until:
                raise AssertionError(f"not true within {limit_s:g} s\n{self.describe()}")
            time.sleep(0.05)

    def describe(self) -> str:
        """Pods, events and operator log, for the message of a failed test."""
        pods = (_line_of(pod) for pod in self.store.list(kinds.PODS))
        events = (
            f"{one['involvedObject']['name']}: {one.get('reason')}: {one.get('message')}"
            for one in self.store.list(kinds.EVENTS)[-25:]
        )
        log = self.cluster.folder / "operator.log"
        operator = log.read_text()[-1500:] if log.exists() else ""
        return "\n".join(["pods:", *pods, "events:", *events, "operator:", operator])

    def kill_pod(self, name: str, abrupt: bool = False) -> None:
        """Evict a pod (condition, SIGTERM, grace period); ``abrupt``: its Node is deleted."""
        if abrupt:
            self.cluster.kubelet.lose_node(self.namespace, name)
        else:
            self.cluster.kubelet.evict(self.namespace, name)

    def node_of(self, pod: str) -> str:
        """Name of the node that a pod is on."""
        return str(self.get("pods", pod)["spec"]["nodeName"])

    def node_dies(self, node: str, timing: Timing | None = None) -> None:
        """A machine dies with all its pods, and its Node object stays: they are not ready, and
        after their tolerations Terminating until ``delete_node``. Connections to them are reset.
        """
        self.cluster.kubelet.node_dies(node, timing)

    def kubelet_stops(self, node: str, timing: Timing | None = None) -> None:
        """As ``node_dies`` for the control plane, while the machine's pods go on."""
        self.cluster.kubelet.dead_nodes.add(node, timing)

    def kubelet_returns(self, node: str) -> None:
        """It ends the pods that were deleted meanwhile, and reports the others."""
        self.cluster.kubelet.dead_nodes.remove(node)

    def delete_node(self, node: str) -> None:
        """Delete a Node object and its pods, as a person or the cloud does; a machine whose kubelet
        has stopped goes on.
        """
        self.cluster.kubelet.delete_node(node)

    def crash(self, name: str, out_of_memory: bool = False) -> None:
        """Kill the process of a pod's first container with SIGKILL, as the kernel does."""
        self.cluster.kubelet.crash(self.namespace, name, out_of_memory)

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """The processes of a pod stand still; its connections stay."""
        self.cluster.kubelet.hold(self.namespace, name, signal.SIGSTOP)
        try:
            yield
        finally:
            self.cluster.kubelet.hold(self.namespace, name, signal.SIGCONT)

    def pod_log(self, name: str) -> str:
        """All that a pod wrote, also after its deletion."""
        return self.cluster.kubelet.text(name)

    def address(self, service: str, port: int) -> str:
        """``host:port`` of a Service's port, for clients in the test's own process."""
        host, number = self.cluster.network.target(self.namespace, service, port)
        return f"{host}:{number}"

    def set_nodes(self, *nodes: Manifest) -> None:
        """Replace all nodes (see ``node``); they answer, whatever became of those before."""
        self.cluster.kubelet.dead_nodes.forget()
        for old in self.store.list(kinds.NODES):
            self.store.delete(kinds.NODES, "", old["metadata"]["name"])
        for one in nodes:
            made = self.store.create(kinds.NODES, "", one)
            self.store.set_status(kinds.NODES, made, one["status"])

    def add_secret(self, name: str, values: Mapping[str, str]) -> None:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
        self.apply({**secret, "stringData": dict(values)})

    def add_config(self, name: str, values: Mapping[str, str]) -> None:
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        self.apply({**config, "data": dict(values)})

    def set_quota(self, hard: Mapping[str, str], name: str = "quota") -> None:
        """``{"requests.cpu": "4", "pods": "10"}``; an empty one removes it."""
        if self.find("resourcequotas", name) is not None:
            self.delete("resourcequotas", name)
        if hard:
            quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}}
            self.create({**quota, "spec": {"hard": dict(hard)}})

    def create_role(self, account: str, *rules: tuple[str, Sequence[str], Sequence[str]]) -> None:
        """A ServiceAccount NAMESPACE/NAME with these rights: API group, resources, verbs."""
        place, _, name = account.partition("/")
        group = "rbac.authorization.k8s.io"
        about = {"name": name, "namespace": place}
        self.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about},
            {
                "apiVersion": f"{group}/v1",
                "kind": "Role",
                "metadata": about,
                "rules": [
                    {"apiGroups": [one], "resources": list(what), "verbs": list(verbs)}
                    for one, what, verbs in rules
                ],
            },
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": about,
                "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": place}],
            },
        )

    def remove_verb(self, role: str, resource: str, verb: str) -> None:
        """Remove a right from a Role: ``remove_verb("berthwatch-runner", "pods/log", "get")``."""

        def take(draft: Manifest) -> None:
            kept: Manifests = []
            for rule in draft["rules"]:
                if resource not in rule["resources"]:
                    kept.append(rule)
                    continue
                others = [one for one in rule["resources"] if one != resource]
                verbs = [one for one in rule["verbs"] if one != verb]
                kept += [{**rule, "resources": others}] if others else []
                kept += [{**rule, "resources": [resource], "verbs": verbs}] if verbs else []
            draft["rules"] = kept

        self.patch("roles", role, take)

    def trigger(self, cron_job: str, name: str) -> Manifest:
        """Create a Job from a CronJob, as its schedule does."""
        found = self.get("cronjobs", cron_job)
        template = found["spec"]["jobTemplate"]
        about = {**template.get("metadata", {}), "name": name}
        about |= {"namespace": self.namespace, "ownerReferences": [owner_reference(found)]}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": about}
        return self.create({**job, "spec": template["spec"]})

    @contextmanager
    def outage(self, how: Away = Away.UNAVAILABLE) -> Iterator[None]:
        """The API server breaks its streams and is away; pods and controllers go on."""
        self.cluster.server.go(how)
        try:
            yield
        finally:
            self.cluster.server.come_back()

    def outage_at(self, outage: Outage) -> Outage:
        """The same from a request on, for some seconds."""
        self.cluster.server.outages.expected.append(outage)
        return outage

    def hold(self, phase: Phase) -> Hold:
        """Hold the first client that comes to a phase until the next absence."""
        hold = Hold(phase)
        self.cluster.server.outages.holds.append(hold)
        return hold

    def restart_operator(self) -> None:
        self.cluster.stop_operator()
        self.cluster.start_operator()


@contextmanager
def kubernetes_world(
    folder: Path,
    *,
    namespace: str = "ocean",
    roles: Sequence[Manifest] = (),
    images: Mapping[str, Sequence[str]] | None = None,
    nodes: Sequence[Manifest] | None = None,
    variables: Mapping[str, str] | None = None,
    operator: bool = False,
    timing: Timing | None = None,
) -> Iterator[World]:
    """A cluster with one namespace, for as long as the context lasts.

    ``roles`` are manifests of any kind that are there from the start (those that ``kubectl
    kustomize infra`` prints); ``images`` are entry points by image, others cannot be pulled;
    ``variables`` go to every process; ``operator`` runs Dask's.
    """
    if sys.platform != "linux":
        pytest.skip("pods need addresses of their own in 127.0.0.0/8, which only Linux has")
    cluster = Cluster(folder / "kubernetes", images or {}, variables or {}, timing or Timing())
    world = World(cluster, namespace)
    cluster.start()
    try:
        for name in dict.fromkeys(("default", "kube-system", namespace)):
            about = {"name": name, "labels": {"kubernetes.io/metadata.name": name}}
            world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": about})
        world.apply(*kinds.dask_definitions())
        world.set_nodes(*([node("node-1")] if nodes is None else nodes))
        world.apply(*roles)
        if operator:
            world.apply(*operator_rights())
            cluster.start_operator()
        yield world
    finally:
        cluster.close()


def _line_of(pod: Manifest) -> str:
    status = pod.get("status", {})
    states = [one["state"] for one in status.get("containerStatuses", ())]
    going = " going" if "deletionTimestamp" in pod["metadata"] else ""
    return f"{pod['metadata']['name']}: {status.get('phase')}{going} {states}"
