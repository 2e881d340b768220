"""One pod on its node: volumes, containers in order, and its status."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.places import ROOT
from tests.support.servers.kubernetes import environment, kinds
from tests.support.servers.kubernetes.containers import Container
from tests.support.servers.kubernetes.events import record_event
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.network import SITE, Network
from tests.support.servers.kubernetes.probes import Probes
from tests.support.servers.kubernetes.store import Store, now
from tests.support.servers.kubernetes.timing import Timing
from tests.support.servers.kubernetes.volumes import MissingError, Volumes

_OWN_CONDITIONS = ("PodScheduled", "Initialized", "ContainersReady", "Ready")


@dataclass(frozen=True)
class NodeContext:
    """Shared by all pods of a cluster."""

    store: Store
    network: Network
    probes: Probes
    timing: Timing
    folder: Path
    images: Mapping[str, Sequence[str]]
    """Entry point by image; others cannot be pulled."""
    variables: Mapping[str, str]
    """Environment variables of every process."""
    kubeconfig: Callable[[str, str], Path]
    """File for a ServiceAccount, by namespace and name."""


class Pod:
    """A scheduled pod."""

    def __init__(self, site: NodeContext, pod: Manifest) -> None:
        self.site = site
        self.uid: str = pod["metadata"]["uid"]
        self.node: str = pod["spec"]["nodeName"]
        self.folder = site.folder / "pods" / self.uid
        self.address = site.network.new_address()
        self.began = now()
        self.kill_at = 0.0
        self.stopping = False
        self.over = False
        self.initial = self._containers(pod["spec"].get("initContainers") or (), pod)
        self.main = self._containers(pod["spec"]["containers"], pod)
        self.volumes = Volumes(site.store, pod, self.folder, lambda item: self._item(pod, item))

    @property
    def containers(self) -> list[Container]:
        return [*self.initial, *self.main]

    def step(self, pod: Manifest) -> None:
        """Do what is due, and update the status."""
        if self.over:
            return
        if "deletionTimestamp" in pod["metadata"]:
            self._stop(pod)
        for container in self.containers:
            if container.poll() and not self.stopping:
                self._ended(pod, container)
            self.site.probes.poll(container, self.address)
        if not self.stopping:
            self._start(pod)
        self._report(pod)
        if self.stopping and not any(one.running for one in self.containers):
            self._leave(pod)

    def kill(self) -> None:
        """Kill all processes and update no status: the node is lost."""
        self.over = True
        for container in self.containers:
            container.kill_all()

    def _containers(self, specs: Sequence[Manifest], pod: Manifest) -> list[Container]:
        folder = self.folder / "containers"
        return [Container(spec, folder / spec["name"], self.site.timing) for spec in specs]

    def _item(self, pod: Manifest, item: Manifest) -> str:
        if "fieldRef" in item:
            return environment.field_value(self._placed(pod), item["fieldRef"]["fieldPath"])
        wish = item["resourceFieldRef"]
        return environment.resource_value(pod, pod["spec"]["containers"][0], wish)

    def _placed(self, pod: Manifest) -> Manifest:
        return {**pod, "status": {**pod.get("status", {}), "podIP": self.address}}

    def _stop(self, pod: Manifest) -> None:
        grace = min(pod["metadata"]["deletionGracePeriodSeconds"], self.site.timing.grace_limit_s)
        if not self.stopping:
            self.stopping = True
            self.kill_at = time.monotonic() + grace
            for container in self.containers:
                if container.running:
                    message = f"Stopping container {container.name}"
                    record_event(self.site.store, pod, "Killing", message, "kubelet")
                container.send(signal.SIGTERM)
        if time.monotonic() >= min(self.kill_at, time.monotonic() + grace):
            for container in self.containers:
                container.send(signal.SIGKILL, whole_group=True)

    def _ended(self, pod: Manifest, container: Container) -> None:
        policy = pod["spec"].get("restartPolicy", "Always")
        failed = container.exit_code != 0
        restart = failed and policy != "Never"
        if container in self.main:
            restart = restart or policy == "Always"
        if restart:
            container.restart()
            if "waiting" in container.state:
                message = f"Back-off restarting failed container {container.name}"
                record_event(self.site.store, pod, "BackOff", message, "kubelet", warning=True)

    def _start(self, pod: Manifest) -> None:
        if any(one.exit_code for one in self.initial):
            return
        waiting = [one for one in self.initial if one.exit_code is None][:1] or self.main
        for container in waiting:
            due = len(container.run_logs) == container.restarts
            if due and time.monotonic() >= container.not_before:
                self._begin(pod, container)

    def _begin(self, pod: Manifest, container: Container) -> None:
        image = container.spec.get("image", "")
        if image not in self.site.images:
            self._not_pulled(pod, container, image)
            return
        try:
            self.volumes.fill()
        except MissingError as missing:
            message = (
                f'MountVolume.SetUp failed for volume "{self._volume_of(missing)}" : {missing}'
            )
            container.wait_for("ContainerCreating")
            record_event(self.site.store, pod, "FailedMount", message, "kubelet", warning=True)
            return
        try:
            values = environment.variables(self.site.store, self._placed(pod), container.spec)
        except MissingError as missing:
            container.wait_for("CreateContainerConfigError", str(missing))
            record_event(
                self.site.store, pod, "Failed", f"Error: {missing}", "kubelet", warning=True
            )
            return
        self._launch(pod, container, values)

    def _launch(self, pod: Manifest, container: Container, values: dict[str, str]) -> None:
        spec = container.spec
        messages = spec.get("terminationMessagePath", "/dev/termination-log")
        paths = {**self.volumes.mounts(spec), messages: str(container.message_file)}
        rewrite = environment.rewriting(paths)
        entry = self.site.images[spec["image"]]
        command = environment.command_line(spec, entry, values, rewrite)
        own = {name: rewrite(value) for name, value in values.items()}
        everything = self._base(pod, container) | own
        everything["PYTHONPATH"] = ":".join(
            filter(None, (str(SITE), own.get("PYTHONPATH"), str(ROOT)))
        )
        container.start(command, everything, container.folder)
        record_event(
            self.site.store, pod, "Started", f"Started container {container.name}", "kubelet"
        )

    def _base(self, pod: Manifest, container: Container) -> dict[str, str]:
        about, spec = pod["metadata"], pod["spec"]
        account = spec.get("serviceAccountName", "default")
        values = {
            **environment.base_environment(container.folder),
            **self.site.network.environment(self.address, about["namespace"]),
            **self.site.variables,
            "DASK_TEMPORARY_DIRECTORY": str(container.folder),
            "HOSTNAME": spec.get("hostname", about["name"]),
        }
        if self._mounts_token(pod, account):
            values["KUBECONFIG"] = str(self.site.kubeconfig(about["namespace"], account))
        return values

    def _mounts_token(self, pod: Manifest, account: str) -> bool:
        place = pod["metadata"]["namespace"]
        owner = self.site.store.find(kinds.SERVICE_ACCOUNTS, place, account) or {}
        default = owner.get("automountServiceAccountToken", True)
        return bool(pod["spec"].get("automountServiceAccountToken", default))

    def _not_pulled(self, pod: Manifest, container: Container, image: str) -> None:
        store, before = self.site.store, container.state["waiting"]["reason"]
        if before in ("ErrImagePull", "ImagePullBackOff"):
            container.wait_for("ImagePullBackOff", f'Back-off pulling image "{image}"')
            record_event(store, pod, "BackOff", f'Back-off pulling image "{image}"', "kubelet")
            record_event(store, pod, "Failed", "Error: ImagePullBackOff", "kubelet", warning=True)
            return
        message = (
            f"rpc error: code = NotFound desc = failed to pull and unpack image "
            f'"{image}": failed to resolve reference "{image}": {image}: not found'
        )
        container.wait_for("ErrImagePull", message)
        record_event(store, pod, "Pulling", f'Pulling image "{image}"', "kubelet")
        failed = f'Failed to pull image "{image}": {message}'
        record_event(store, pod, "Failed", failed, "kubelet", warning=True)
        record_event(store, pod, "Failed", "Error: ErrImagePull", "kubelet", warning=True)

    def _volume_of(self, missing: MissingError) -> str:
        for volume in self.volumes.pod["spec"].get("volumes", ()):
            named = (volume.get("secret") or {}).get("secretName") or (
                volume.get("configMap") or {}
            ).get("name")
            if named and f'"{named}"' in str(missing):
                return str(volume["name"])
        return "projected"

    def _phase(self) -> str:
        if any(one.exit_code for one in self.initial):
            return "Failed"
        codes = [one.exit_code for one in self.main]
        if None in codes:
            if self.stopping and not any(one.running for one in self.containers):
                return "Failed"  # it ends before it started
            begun = any(one.run_logs for one in self.main)
            return "Running" if begun else "Pending"
        final = all("terminated" in one.state for one in self.main)
        restart = any(len(one.run_logs) == one.restarts for one in self.main)
        if not final or (restart and not self.stopping):
            return "Running"
        return "Failed" if any(codes) else "Succeeded"

    def _report(self, pod: Manifest) -> None:
        store, about = self.site.store, pod["metadata"]
        with store.changed:
            current = store.find(kinds.PODS, about["namespace"], about["name"])
            if current is None or current["metadata"]["uid"] != self.uid:
                return
            store.set_status(kinds.PODS, current, self._status(current.get("status", {})))

    def _status(self, old: Manifest) -> Manifest:
        phase = self._phase()
        self.over = self.over or (phase in ("Failed", "Succeeded") and not self.stopping)
        status = {
            **old,
            "phase": phase,
            "startTime": self.began,
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "hostIP": "127.0.0.1",
            "qosClass": "Burstable",
            "conditions": self._conditions(old.get("conditions", ()), phase),
            "containerStatuses": [one.status() for one in self.main],
        }
        if self.initial:
            status["initContainerStatuses"] = [one.status() for one in self.initial]
        return status

    def _conditions(self, old: Sequence[Manifest], phase: str) -> list[Manifest]:
        ready = phase == "Running" and all(one.ready for one in self.main)
        initialised = all(one.exit_code == 0 for one in self.initial)
        reason = "PodCompleted" if phase == "Succeeded" else "ContainersNotReady"
        values = dict(zip(_OWN_CONDITIONS, (True, initialised, ready, ready), strict=True))
        kept = {one["type"]: one for one in old}
        fresh = [one for one in old if one["type"] not in _OWN_CONDITIONS]
        for kind, holds in values.items():
            status = "True" if holds else "False"
            since = kept.get(kind, {}).get("lastTransitionTime", self.began)
            if kept.get(kind, {}).get("status") not in (None, status):
                since = now()
            condition = {"type": kind, "status": status, "lastTransitionTime": since}
            fresh.append(condition | ({} if holds else {"reason": reason}))
        return fresh

    def _leave(self, pod: Manifest) -> None:
        self.over = True
        about = pod["metadata"]
        store = self.site.store
        with store.changed:
            current = store.find(kinds.PODS, about["namespace"], about["name"])
            if current is not None and current["metadata"]["uid"] == self.uid:
                store.delete(kinds.PODS, about["namespace"], about["name"], grace_s=0)
