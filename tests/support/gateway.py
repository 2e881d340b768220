"""A Dask Gateway whose clusters are processes of this machine, as a hub would offer it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from typing import Any

PASSWORD = "of-the-tests"
LIMIT_S = 120.0

CONFIG = """
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.SimpleAuthenticator.password = "{password}"
c.DaskGateway.address = "127.0.0.1:{api}"
c.Proxy.address = "127.0.0.1:{proxy}"
c.LocalBackend.clusters_directory = "{folder}"
c.LocalBackend.inherited_environment = ["PATH", "PYTHONPATH", "VIRTUAL_ENV"]
c.ClusterConfig.worker_memory = "3 G"
c.ClusterConfig.scheduler_cmd = ["{python}", "-m", "dask", "scheduler"]
c.ClusterConfig.worker_cmd = ["{python}", "-m", "dask", "worker"]
"""
"""The commands that the server has by itself, dask-scheduler and dask-worker, are no more."""


@contextmanager
def gateway(folder: Path) -> Iterator[Any]:
    """A client of a gateway that lives as long as the block."""
    import dask_gateway

    api, proxy = _free_port(), _free_port()
    config = folder / "dask_gateway_config.py"
    config.write_text(
        CONFIG.format(password=PASSWORD, api=api, proxy=proxy, folder=folder, python=sys.executable)
    )
    server = subprocess.Popen(
        [sys.executable, "-m", "dask_gateway_server", "-f", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=folder,
    )
    try:
        with dask_gateway.Gateway(
            f"http://127.0.0.1:{api}",
            proxy_address=f"tls://127.0.0.1:{proxy}",
            auth=dask_gateway.BasicAuth("analyst", PASSWORD),
        ) as client:
            _await(client)
            yield client
    finally:
        _end(server)


def _await(client: Any) -> None:
    until = time.monotonic() + LIMIT_S
    while True:
        try:
            client.list_clusters()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _end(server: subprocess.Popen[bytes]) -> None:
    """Let the server stop its clusters and its proxy; what is left of it is killed."""
    server.terminate()
    try:
        server.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _free_port() -> int:
    with create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
