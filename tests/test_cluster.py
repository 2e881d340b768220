"""Clusters that cannot do the work are refused in words that say what to do."""

from __future__ import annotations

import pytest
from distributed import LocalCluster

from jobs import cluster
from jobs.errors import ClusterError, InputError


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", "1s")
    with (
        pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        cluster.connect("tcp://127.0.0.1:9"),
    ):
        pass


def test_a_word_that_is_no_cluster() -> None:
    with (
        pytest.raises(InputError, match="neither 'local' nor an address"),
        cluster.connect("kubernets"),
    ):
        pass


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "WAIT_FOR_WORKERS_S", 0.2)
    with (
        LocalCluster(n_workers=0, dashboard_address=None) as empty,
        pytest.raises(ClusterError, match="no worker after"),
        cluster.connect(empty.scheduler_address),
    ):
        pass


def test_workers_of_another_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalCluster(n_workers=1, processes=True, dashboard_address=None) as other:
        with cluster.connect(other.scheduler_address) as client:
            assert cluster.slots(client) >= 1
            assert not cluster.has_gpu(client)
        monkeypatch.setattr(cluster, "code_version", lambda: "0.0.1+feedbeef")
        with (
            pytest.raises(ClusterError, match="install the same Berthwatch"),
            cluster.connect(other.scheduler_address),
        ):
            pass
