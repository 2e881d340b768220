"""The cluster's network on loopback: an address for each pod, a table of the Services.

``site/sitecustomize.py`` applies it to Python processes; nothing in a manifest is rewritten for
it, so that ``--port 8786`` and ``tls://NAME-scheduler.NS.svc:8786`` stay as they are.
(The address that a process reports of itself has the shifted port; see there.)
"""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
from pathlib import Path

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.selectors import matches_labels
from tests.support.servers.kubernetes.store import Store

SITE = Path(__file__).parent / "site"
_CLAIM_PORT = 7000


class Network:
    """A network 127.A.B.0/24 that no other test of this machine uses."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.hosts = folder / "hosts.json"
        self._claim = _claimed()
        self.shift = _free_shift()
        self.service_address = str(self._claim.getsockname()[0])
        """Address of Services without a ready pod; nothing listens there."""
        self._numbers = itertools.cycle(range(2, 255))
        self._written = ""
        self.write_hosts()

    def new_address(self) -> str:
        """An unused address for a pod."""
        used = {pod.get("status", {}).get("podIP") for pod in self.store.list(kinds.PODS)}
        net = self.service_address.rpartition(".")[0]
        return next(ip for number in self._numbers if (ip := f"{net}.{number}") not in used)

    def environment(self, address: str = "", namespace: str = "") -> dict[str, str]:
        """Environment of a process in this network; the operator has no address."""
        return {
            "WORLD_HOSTS": str(self.hosts),
            "WORLD_POD_IP": address,
            "WORLD_PORT_SHIFT": str(self.shift),
            "WORLD_NAMESPACE": namespace,
            "WORLD_PARENT": str(os.getpid()),
        }

    def real_port(self, port: int) -> int:
        """The shifted port on which a pod listens."""
        return port + self.shift if 0 < port < 10_000 else port

    def serve(self) -> None:
        """Set the status of Services, as a cloud's controllers do, and write their table."""
        for service in self.store.list(kinds.SERVICES):
            if "status" not in service:
                self.store.set_status(kinds.SERVICES, service, {"loadBalancer": {}})
        self.write_hosts()

    def write_hosts(self) -> None:
        """Write the table of Services if it has changed."""
        services = {
            "{name}.{namespace}".format(**service["metadata"]): self._target(service)
            for service in self.store.list(kinds.SERVICES)
        }
        table = {"namespaces": sorted(self.store.namespaces()), "services": services}
        if (text := json.dumps(table)) != self._written:
            fresh = self.hosts.with_suffix(".new")
            fresh.write_text(text)
            fresh.replace(self.hosts)  # readers see the old table or the new one
            self._written = text

    def target(self, namespace: str, service: str, port: int) -> tuple[str, int]:
        """Present address and port behind a Service's port."""
        found = self._target(self.store.get(kinds.SERVICES, namespace, service))
        return found["ip"], found["ports"].get(str(port), port)

    def close(self) -> None:
        self._claim.close()

    def _target(self, service: Manifest) -> Manifest:
        pod = self._ready_pod(service)
        ports = {
            str(one["port"]): self.real_port(_number(one.get("targetPort", one["port"]), pod))
            for one in service["spec"].get("ports", ())
        }
        return {"ip": pod["status"]["podIP"] if pod else self.service_address, "ports": ports}

    def _ready_pod(self, service: Manifest) -> Manifest | None:
        selector = service["spec"].get("selector")
        for pod in self.store.list(kinds.PODS, service["metadata"]["namespace"]):
            if selector and matches_labels(selector, pod) and is_ready(pod):
                return pod
        return None


def is_ready(pod: Manifest) -> bool:
    """Whether the pod is ready for traffic."""
    conditions = pod.get("status", {}).get("conditions", ())
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def port_number(port: int | str, container: Manifest) -> int:
    """Number of a port given by number or by the container's name for it."""
    if str(port).isdigit():
        return int(port)
    named = (one["containerPort"] for one in container.get("ports", ()) if one.get("name") == port)
    return int(next(named))


def _number(port: int | str, pod: Manifest | None) -> int:
    for container in pod["spec"]["containers"] if pod else ():
        if str(port).isdigit() or port in [one.get("name") for one in container.get("ports", ())]:
            return port_number(port, container)
    return int(port) if str(port).isdigit() else 0


def _free_shift() -> int:
    """A shift after which Dask's ports are free."""
    while True:
        shift = random.randint(10_000, 22_000)
        if all(_is_free(port + shift) for port in (8786, 8787, 8788)):
            return shift


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        return trial.connect_ex(("127.0.0.1", port)) != 0


def _claimed() -> socket.socket:
    while True:
        claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            claim.bind((f"127.{random.randint(16, 250)}.{random.randint(0, 255)}.1", _CLAIM_PORT))
        except OSError:
            claim.close()  # used by another test
        else:
            return claim
