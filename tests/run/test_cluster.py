"""Clusters that cannot do the work are refused in words that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from jobs.errors import ClusterError, InputError
from jobs.run import cluster
from jobs.run.events import Event, EventName


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


@pytest.mark.parametrize("address", ["tcp://", "tcp://x:y", "tcp://::", "tls://host"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with (
        pytest.raises(InputError, match=r"expected an address such as (tcp|tls)://host:8786"),
        cluster.connect(address),
    ):
        pass


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "WAIT_FOR_WORKERS_S", 0.2)
    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(ClusterError, match="no worker after"),
        cluster.connect(empty.scheduler_address),
    ):
        pass


def test_workers_of_another_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalCluster(n_workers=1, processes=True, dashboard_address="127.0.0.1:0") as other:
        with cluster.connect(other.scheduler_address) as client:
            counted = cluster.count_workers(client, timeout_s=10)
            assert counted.threads >= 1
            assert counted.gpus == 0
        monkeypatch.setattr(cluster, "code_version", lambda: "0.0.1+feedbeef")
        with (
            pytest.raises(ClusterError, match="install the same Berthwatch"),
            cluster.connect(other.scheduler_address),
        ):
            pass


def test_a_performance_report_is_kept_and_its_failure_is_a_warning(tmp_path: Path) -> None:
    events: list[Event] = []
    with (
        LocalCluster(
            n_workers=1,
            processes=False,
            protocol="tcp://",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as made,
        Client(made) as client,
    ):
        with cluster.performance(client, tmp_path / "new" / "report.html", events.append):
            client.submit(sum, [1, 2]).result()
        assert "<html" in (tmp_path / "new" / "report.html").read_text()[:200]
        assert events == []
        with cluster.performance(client, tmp_path, events.append):  # a folder stands there
            pass
        (warning,) = events
        assert warning.name is EventName.WARNING
        assert "no performance report" in str(warning.facts["reason"])
        with cluster.performance(client, tmp_path / "late.html", events.append):
            client.close()
    assert not (tmp_path / "late.html").exists()
