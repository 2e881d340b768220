"""Clusters that cannot do the work are refused in words that say what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster, Security, Worker

from jobs.errors import ClusterError, ClusterLostError, InputError
from jobs.run import cluster, environment
from jobs.run.events import Event, EventName
from tests.support.cluster_here import cluster_here
from tests.support.remote_cluster import remote_cluster


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", "1s")
    with (
        pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        cluster.connect("tcp://127.0.0.1:9"),
    ):
        pass


def test_a_word_that_is_no_cluster() -> None:
    with (
        pytest.raises(InputError, match="is not known; expected 'local', an address"),
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


@pytest.fixture
def of_another_code(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Gives this process another version, when it is called."""

    def change() -> None:
        monkeypatch.setattr(environment, "code_version", lambda: "0.0.1+feedbeef")
        environment.installed.cache_clear()

    yield change
    environment.installed.cache_clear()


def test_workers_of_another_version_are_refused(of_another_code: Callable[[], None]) -> None:
    with LocalCluster(n_workers=1, processes=True, dashboard_address="127.0.0.1:0") as other:
        with cluster.connect(other.scheduler_address) as client:
            counted = cluster.count_workers(client, timeout_s=10)
            assert counted.threads >= 1
            assert counted.gpus == 0
        of_another_code()
        with (
            pytest.raises(ClusterError, match=r"worker tcp://.* not 0\.0\.1.*install the same"),
            cluster.connect(other.scheduler_address),
        ):
            pass


def test_a_scheduler_without_our_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "path" / "jobs").mkdir(parents=True)
    (tmp_path / "path" / "jobs" / "__init__.py").touch()  # in the way of ours
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # nor does the present folder come first
    with remote_cluster(tmp_path, workers=0) as remote:
        monkeypatch.delenv("PYTHONPATH")
        remote.add_worker()
        with (
            pytest.raises(ClusterError, match=r"the scheduler at .* has no Berthwatch .*install"),
            cluster.connect(remote.address),
        ):
            pass


def test_what_is_installed_otherwise_is_named() -> None:
    mine = environment.installed()
    assert environment.difference(mine, mine) == ""
    theirs = tuple((name, "1.0" if name in ("numpy", "GDAL") else at) for name, at in mine)
    versions = dict(mine)
    assert environment.difference(theirs, mine) == (
        f"numpy 1.0, not {versions['numpy']}, GDAL 1.0, not {versions['GDAL']}"
    )
    old = mine[:2]  # of a version that compared no packages
    assert environment.difference(old, mine).endswith(f"and {len(mine) - 2 - 5} more")
    missing = ModuleNotFoundError("No module named 'jobs'")
    assert environment.difference(missing, mine) == "no Berthwatch (No module named 'jobs')"


@pytest.fixture
def one_worker() -> Iterator[LocalCluster]:
    """A cluster of one worker, in this process."""
    with cluster_here() as made:
        yield made


def silent(folder: Path, times: int) -> Callable[..., object]:
    """Asked what it has installed, a worker is gone the first few times."""

    def asked(dask_worker: object = None) -> object:
        before = len(list(folder.iterdir()))
        if isinstance(dask_worker, Worker) and before < times:
            (folder / str(before)).touch()
            raise OSError("Timed out trying to connect")
        return environment.installed()

    return asked


def test_workers_that_go_while_they_are_asked_are_no_lost_cluster(
    one_worker: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "installed", silent(tmp_path, times=2))
    with cluster.connect(one_worker.scheduler_address) as client:
        assert cluster.count_workers(client, timeout_s=30).threads >= 1
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cluster_whose_workers_all_go_is_lost(
    one_worker: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "installed", silent(tmp_path, times=100_000))
    with (
        pytest.raises(ClusterLostError, match="all 1 workers went as they came"),
        cluster.connect(one_worker.scheduler_address, wait_for_workers_s=1),
    ):
        pass


def test_a_performance_report_is_kept_and_its_failure_is_a_warning(tmp_path: Path) -> None:
    events: list[Event] = []
    with cluster_here() as made:
        client = Client(made)  # closed below; closed twice, it would stay Dask's default for all
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


def test_a_cluster_that_starts_workers_only_for_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "HOLD_S", 2.0)  # a worker is closed at the end of its task
    with LocalCluster(
        n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as adapting:
        adapting.adapt(minimum=0, maximum=1)
        told: list[str] = []
        with cluster.connect(adapting.scheduler_address, tell=told.append) as client:
            assert client.submit(sum, [1, 2]).result() == 3
        assert set(told) == {"waiting for workers, up to 60 s ..."}


def test_what_listens_and_says_nothing_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", "1s")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with (
            pytest.raises(ClusterError, match=f"{port} .what listens there says nothing.*tls://"),
            cluster.connect(f"tcp://127.0.0.1:{port}"),
        ):
            pass


def test_a_scheduler_behind_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", "3s")
    ours, theirs = Security.temporary(), Security.temporary()
    with (
        cluster_here(threads_per_worker=1, protocol="tls://", security=ours) as made,
        Client(made) as client,
    ):
        file = tmp_path / "scheduler.json"
        client.write_scheduler_file(str(file))
        for name in (made.scheduler_address, str(file)):
            with cluster.connect(name, security=ours) as connected:
                assert connected.submit(sum, [1, 2]).result() == 3
        with dask.config.set(tls_config(ours, tmp_path)), cluster.connect(str(file)) as connected:
            assert connected.submit(sum, [1, 2]).result() == 3
        with (
            pytest.raises(InputError, match=r"TLS.*distributed\.comm\.tls\.ca-file"),
            cluster.connect(made.scheduler_address),
        ):
            pass
        with (
            pytest.raises(InputError, match=r"certificate.*distributed\.comm\.tls\.ca-file"),
            cluster.connect(made.scheduler_address, security=theirs),
        ):
            pass
        with (
            pytest.raises(ClusterError, match="one behind TLS has a tls:// address"),
            cluster.connect(made.scheduler_address.replace("tls://", "tcp://")),
        ):
            pass


def tls_config(security: Security, folder: Path) -> dict[str, str]:
    """The certificates as files, as Dask's configuration names them."""
    parts = {
        "ca-file": security.tls_ca_file,
        "client.cert": security.tls_client_cert,
        "client.key": security.tls_client_key,
    }
    for name, text in parts.items():
        (folder / name).write_text(text)
    return {f"distributed.comm.tls.{name}": str(folder / name) for name in parts}
