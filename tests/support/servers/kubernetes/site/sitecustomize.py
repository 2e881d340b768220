"""Gives a process the cluster's network: Python imports this first if it is on PYTHONPATH.

Each pod has a loopback address of its own (Linux answers on all of 127.0.0.0/8).  A pod that
listens on every address gets its own one only, so that each may have port 8786; names of
Services resolve to a ready pod behind them, on its port, or to an address without a listener.
Ports below 10000 are shifted by a number common to the cluster: a process of this machine that
listens on every address, as a Dask dashboard does on 8787, would answer for the pods.

WORLD_HOSTS names the table of Services, WORLD_POD_IP the pod's address (none for the operator),
WORLD_PORT_SHIFT that number, WORLD_NAMESPACE the namespace of short names,
WORLD_PARENT the process of the test.
"""

import ctypes
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

HOSTS = os.environ.get("WORLD_HOSTS", "")
OWN = os.environ.get("WORLD_POD_IP", "")
SHIFT = int(os.environ.get("WORLD_PORT_SHIFT", "0"))
NAMESPACE = os.environ.get("WORLD_NAMESPACE", "")
EVERYWHERE = ("", "0.0.0.0", "::")

_resolve = socket.getaddrinfo
_bind = socket.socket.bind


def service(host: str) -> tuple[dict[str, Any], str] | None:
    """Table and NAME.NAMESPACE of a host name in the cluster; None for other names."""
    table = json.loads(Path(HOSTS).read_text())
    name, _, rest = host.partition(".")
    place = rest.removesuffix(".cluster.local").removesuffix(".svc")
    if not rest and f"{name}.{NAMESPACE}" in table["services"]:
        return table, f"{name}.{NAMESPACE}"
    if place in table["namespaces"] or rest.endswith((".svc", ".svc.cluster.local")):
        return table, f"{name}.{place}"
    return None


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[Any]:
    """Resolve as the cluster's DNS and Services do."""
    name = host.decode() if isinstance(host, bytes) else host
    if OWN and (name in EVERYWHERE or (name is None and flags & socket.AI_PASSIVE)):
        return _resolve(OWN, port, 0, type, proto, flags)
    found = service(name) if HOSTS and name and not name[0].isdigit() else None
    if found is None:
        return _resolve(host, port, family, type, proto, flags)
    table, full = found
    if full not in table["services"]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    target = table["services"][full]
    port = target["ports"].get(str(port), port)
    return _resolve(target["ip"], port, 0, type, proto, flags)


def bind(self: socket.socket, address: Any) -> None:
    """Bind to the pod's address instead of all addresses, and to the shifted port."""
    if OWN and self.family == socket.AF_INET and address[0] in (*EVERYWHERE, OWN):
        port = address[1]
        address = (OWN, port + SHIFT if 0 < port < 10_000 else port)
    _bind(self, address)


def die_with_parent() -> None:
    """A test that is killed cannot end its pods: the kernel does (PR_SET_PDEATHSIG)."""
    if os.environ.get("WORLD_PARENT") == str(os.getppid()):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


die_with_parent()
socket.getaddrinfo = getaddrinfo
socket.socket.bind = bind
