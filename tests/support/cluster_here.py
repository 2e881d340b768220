"""A Dask cluster in the test's own process, on loopback alone."""

from __future__ import annotations

from typing import Any

from distributed import LocalCluster, Scheduler, SpecCluster, Worker


def cluster_here(**options: Any) -> LocalCluster:
    """One worker as threads of this process, unless ``options`` of LocalCluster say otherwise.

    Without an address of its own Dask asks a route to the internet which one to take.
    """
    usual: dict[str, Any] = {
        "n_workers": 1,
        "processes": False,
        "protocol": "tcp://",
        "host": "127.0.0.1",
        "dashboard_address": "127.0.0.1:0",
    }
    return LocalCluster(**(usual | options))


def kinds_here(*kinds: str) -> SpecCluster:
    """One worker for each kind, which offers one of that resource; all in this process."""
    here = {"host": "127.0.0.1", "protocol": "tcp://", "dashboard_address": "127.0.0.1:0"}
    workers = {
        kind: {
            "cls": Worker,
            "options": {"host": "127.0.0.1", "nthreads": 1, "resources": {kind: 1}},
        }
        for kind in kinds
    }
    return SpecCluster(workers, {"cls": Scheduler, "options": here})
