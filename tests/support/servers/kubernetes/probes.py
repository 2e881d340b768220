"""Readiness probes, in their own threads."""

from __future__ import annotations

import http.client
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor

from tests.support.servers.kubernetes.containers import Container
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.network import Network, port_number
from tests.support.servers.kubernetes.timing import Timing


class Probes:
    """Sets containers ready; one without a probe is ready when it runs."""

    def __init__(self, network: Network, timing: Timing) -> None:
        self.network = network
        self.timing = timing
        self._threads = ThreadPoolExecutor(4, "probe")
        self._probed: dict[int, tuple[float, Future[bool]]] = {}

    def poll(self, container: Container, address: str) -> None:
        """Probe where it is due, and set the last result."""
        probe = container.spec.get("readinessProbe")
        if not container.running or probe is None:
            container.ready = container.running
            return
        when, answer = self._probed.get(id(container), (0.0, None))
        if answer is not None and answer.done():
            container.ready = answer.result()
        due = time.monotonic() - when > self.timing.probe_s
        if due and (answer is None or answer.done()):
            port = self.network.real_port(_port_of(probe, container.spec))
            fresh = self._threads.submit(_passes, probe, address, port)
            self._probed[id(container)] = (time.monotonic(), fresh)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)


def _port_of(probe: Manifest, container: Manifest) -> int:
    return port_number((probe.get("httpGet") or probe["tcpSocket"])["port"], container)


def _passes(probe: Manifest, address: str, port: int) -> bool:
    try:
        if found := probe.get("httpGet"):
            return _answers(address, port, found.get("path", "/"))
        socket.create_connection((address, port), 2).close()
    except (OSError, http.client.HTTPException):
        return False
    return True


def _answers(address: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 400
    finally:
        connection.close()
