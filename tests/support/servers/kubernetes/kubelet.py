"""The nodes' agent: runs scheduled pods as processes of this machine."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.dead_nodes import DeadNodes
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.logs import Log, selected
from tests.support.servers.kubernetes.pods import NodeContext, Pod
from tests.support.servers.kubernetes.problems import ProblemError
from tests.support.servers.kubernetes.store import now
from tests.support.servers.kubernetes.timing import Timing


class Kubelet:
    """All pods of all nodes."""

    def __init__(self, site: NodeContext) -> None:
        self.site = site
        self.store = site.store
        self.pods: dict[str, Pod] = {}
        """By uid, including deleted ones, whose logs are kept."""
        self.names: dict[str, list[Pod]] = {}
        self.dead_nodes = DeadNodes(site.store, site.timing)

    def step(self) -> None:
        """Start, poll and end pods that are due."""
        present = set()
        self.dead_nodes.step()
        for manifest in self.store.list(kinds.PODS):
            present.add(manifest["metadata"]["uid"])
            node = manifest["spec"].get("nodeName")
            if node and not self.dead_nodes.silent(node):
                self._pod(manifest).step(manifest)
            elif not node and "deletionTimestamp" in manifest["metadata"]:
                # held by a finalizer; no node reports its end, so PodGC does
                failed = {**manifest.get("status", {}), "phase": "Failed"}
                self.store.set_status(kinds.PODS, manifest, failed)
        for uid, pod in self.pods.items():
            if uid not in present and not pod.over and not self.dead_nodes.silent(pod.node):
                pod.kill()  # deleted by force

    def close(self) -> None:
        """End everything."""
        for pod in self.pods.values():
            pod.over = True
            for container in pod.containers:
                container.send(signal.SIGKILL, whole_group=True)
        for pod in self.pods.values():
            pod.kill()

    def evict(self, namespace: str, name: str) -> None:
        """Evict a pod as a drained node does: set the condition, then delete it."""
        condition = ("EvictionByEvictionAPI", "Eviction API: evicting")
        self._disrupt(self.store.get(kinds.PODS, namespace, name), *condition)
        self.store.delete(kinds.PODS, namespace, name)

    def node_dies(self, node: str, timing: Timing | None = None) -> None:
        """End all pods of a node as its death does; its Node object stays."""
        self.dead_nodes.add(node, timing)
        for pod in self.pods.values():
            if pod.node == node:
                pod.kill()

    def delete_node(self, node: str) -> None:
        """Delete a Node object, and with it the pods there; one that is silent stays so."""
        self.store.delete(kinds.NODES, "", node)
        for manifest in self.store.list(kinds.PODS, fields=f"spec.nodeName={node}"):
            self._collect(manifest)

    def lose_node(self, namespace: str, name: str) -> None:
        """End a pod as the deletion of its Node does: no signal, no exit code, phase Failed."""
        manifest = self.store.get(kinds.PODS, namespace, name)
        if found := self.pods.get(manifest["metadata"]["uid"]):
            found.kill()
        self._collect(manifest)

    def _collect(self, manifest: Manifest) -> None:
        """Delete a pod whose Node does not exist."""
        message = "PodGC: node no longer exists"
        self._disrupt(manifest, "DeletionByPodGC", message, phase="Failed")
        about = manifest["metadata"]
        self.store.delete(kinds.PODS, about["namespace"], about["name"], grace_s=0)

    def crash(self, namespace: str, name: str, out_of_memory: bool = False) -> None:
        """Kill the first process of a pod's first container."""
        manifest = self.store.get(kinds.PODS, namespace, name)
        container = self._pod(manifest).main[0]
        container.out_of_memory = out_of_memory
        container.send(signal.SIGKILL)

    def hold(self, namespace: str, name: str, number: signal.Signals) -> None:
        """Stop a pod's processes, or let them go on: SIGSTOP, SIGCONT."""
        for container in self._pod(self.store.get(kinds.PODS, namespace, name)).main:
            container.send(number, whole_group=True)

    def log_lines(self, pod: Manifest, options: dict[str, str]) -> Iterator[str]:
        """A container's log as the API returns it; ProblemError where there is none."""
        return selected(self._log(pod, options), options)

    def text(self, name: str) -> str:
        """All that pods of a name wrote, in any namespace, including deleted ones."""
        run_logs = [
            log.text()
            for pod in self.names.get(name, ())
            for container in pod.containers
            for log in container.run_logs
        ]
        return "".join(run_logs)

    def _pod(self, manifest: Manifest) -> Pod:
        uid = manifest["metadata"]["uid"]
        if uid not in self.pods:
            self.pods[uid] = Pod(self.site, manifest)
            self.names.setdefault(manifest["metadata"]["name"], []).append(self.pods[uid])
        return self.pods[uid]

    def _disrupt(self, manifest: Manifest, reason: str, message: str, **status: str) -> None:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": now(),
        }

        def mark(draft: Manifest) -> None:
            own = draft.setdefault("status", {})
            others = [one for one in own.get("conditions", ()) if one["type"] != condition["type"]]
            own["conditions"] = [*others, condition]
            own |= status

        about = manifest["metadata"]
        self.store.change(kinds.PODS, about["namespace"], about["name"], mark, "status")

    def _log(self, manifest: Manifest, options: dict[str, str]) -> Log:
        about, spec = manifest["metadata"], manifest["spec"]
        if self.dead_nodes.silent(spec.get("nodeName", "")):
            address = "https://10.0.0.7:10250/containerLogs"
            raise ProblemError(500, f'Get "{address}": dial tcp 10.0.0.7:10250: i/o timeout')
        names = [one["name"] for one in [*spec.get("initContainers", ()), *spec["containers"]]]
        wanted = options.get("container") or names[-1]
        if len(names) > 1 and not options.get("container"):
            choice = f"choose one of: [{' '.join(names)}]"
            message = f"a container name must be specified for pod {about['name']}, {choice}"
            raise ProblemError(400, message)
        if wanted not in names:
            message = f"container {wanted} is not valid for pod {about['name']}"
            raise ProblemError(400, message)
        pod = self.pods.get(about["uid"])
        found = next((one for one in pod.containers if one.name == wanted), None) if pod else None
        run_logs = found.run_logs if found else []
        if options.get("previous", "").lower() in ("true", "1"):
            if len(run_logs) < 2:
                message = (
                    f'previous terminated container "{wanted}" in pod "{about["name"]}" not found'
                )
                raise ProblemError(400, message)
            return run_logs[-2]
        if not run_logs:
            reason = found.state["waiting"]["reason"] if found else "Pending"
            message = f'container "{wanted}" in pod "{about["name"]}" is waiting to start: {reason}'
            raise ProblemError(400, message)
        return run_logs[-1]
