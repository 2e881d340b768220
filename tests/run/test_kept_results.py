"""Results that stay with a scheduler: taken by the next client, or else made again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from rich.console import Console

from jobs.archive import pool
from jobs.plan import write_plan
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from jobs.run.common_ground import ground_of
from jobs.run.events import Event, EventName
from jobs.run.kept_results import PREFIX, KeptResults
from jobs.run.parallel_map import parallel_map
from jobs.run.pipeline import run_plan
from jobs.run.settings import settings_for
from tests.support.cluster_here import cluster_here
from tests.support.places import ROOT
from tests.support.remote_cluster import remote_cluster
from tests.support.remote_worlds import published
from tests.support.small_runs import a_plan, elsewhere, root_of

pytestmark = pytest.mark.early


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    with cluster_here(threads_per_worker=1) as made:
        yield made


def square(number: int, calls: Path) -> int:
    with calls.open("a") as file:
        file.write(f"{number}\n")
    return number * number


def mapped(client: Client, folder: Path, names: list[str]) -> Iterator[tuple[int, int]]:
    calls = ((number, folder / "calls") for number in range(3))
    ground = ground_of(settings_for(a_plan(folder)))
    yield from parallel_map(client, ground, square, calls, kept=KeptResults(client, names))


def test_the_next_client_takes_what_had_ended(cluster: LocalCluster, tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    with Client(cluster, set_as_default=False) as first:
        results = mapped(first, tmp_path, names)
        ended = dict([next(results), next(results)])
        assert len(first.list_datasets()) == len(ended) == 2
        del results
    with Client(cluster, set_as_default=False) as second:
        found = dict(mapped(second, tmp_path, names))
        assert found == {0: 0, 1: 1, 2: 4}
        assert second.list_datasets() == ()
    called = (tmp_path / "calls").read_text().split()
    assert all(called.count(str(number)) == 1 for number in ended)


def test_the_next_cluster_is_spared_what_had_ended(tmp_path: Path) -> None:
    """As after the loss of a scheduler, with its workers and all that they had."""
    here: dict[str, int] = {}
    with cluster_here() as lost, Client(lost, set_as_default=False) as client:
        future = client.submit(square, 2, tmp_path / "calls")
        KeptResults(client, ["a", "b"], here).keep(1, future, future.result())
    with cluster_here() as other, Client(other, set_as_default=False) as client:
        assert KeptResults(client, ["a", "b"]).take() == {}
        assert KeptResults(client, ["a", "b"], here).take() == {1: 4}
        assert KeptResults(client, ["b", "c"], here).take() == {0: 4}


def test_results_of_other_names_are_dropped(cluster: LocalCluster, tmp_path: Path) -> None:
    with Client(cluster, set_as_default=False) as client:
        client.publish_dataset(client.submit(square, 7, tmp_path / "calls"), name="not ours")
        KeptResults(client, ["old"]).keep(0, client.submit(square, 8, tmp_path / "calls"), 64)
        assert not KeptResults(client, ["new"]).take()
        assert client.list_datasets() == ("not ours",)


def failing() -> int:
    raise ValueError("no result")


def test_what_cannot_be_had_is_left_out(cluster: LocalCluster, tmp_path: Path) -> None:
    with Client(cluster, set_as_default=False) as client:
        kept = KeptResults(client, ["a", "b", "c"])
        kept.keep(0, client.submit(failing), None)
        kept.keep(2, client.submit(square, 3, tmp_path / "calls"), 9)
        assert KeptResults(client, ["a", "b", "c"]).take() == {2: 9}


FIRST = """
import os, signal, sys
import numpy as np
from jobs.archive import pool
from jobs.plan import read_plan
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from jobs.run.events import Event, EventName
from jobs.run.pipeline import run_plan

pool.make_land_mask = lambda grid: np.zeros(grid.shape, bool)
counted = []

def killed_after_the_second_port(event: Event) -> None:
    if event.name is EventName.COUNTED:
        counted.append(event.facts["port"])
        if len(counted) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

plan = read_plan(sys.argv[1])
options = RunOptions(keep_counts={})
run_plan(plan, options, connect(sys.argv[2]), observe=killed_after_the_second_port)
"""


@pytest.mark.slow
def test_a_runner_killed_while_visits_are_counted_leaves_them_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    plan = a_plan(tmp_path, 1, 2, ports=("A", "B", "C"))
    path = tmp_path / "plan.jsonl"
    write_plan(plan, path)
    calm = elsewhere(plan, "calm")
    console = Console(stderr=True)
    seen: list[Event] = []
    with remote_cluster(tmp_path) as remote:
        command = [sys.executable, "-c", FIRST, str(path), remote.address]
        assert subprocess.run(command, cwd=ROOT, timeout=300).returncode == -9
        options = RunOptions(keep_counts={})
        second = run_plan(plan, options, connect(remote.address), console, seen.append)
        with Client(remote.address, set_as_default=False) as client:
            assert not [name for name in client.list_datasets() if name.startswith(PREFIX)]
        undisturbed = run_plan(calm, RunOptions(), connect(remote.address), console)
    assert second.code == undisturbed.code == 0
    counted = [event.facts["port"] for event in seen if event.name is EventName.COUNTED]
    assert sorted(counted) == ["A", "B", "C"]
    told = {event.facts["port"] for event in seen if event.name is EventName.COUNTING}
    assert len(told) < 3  # those that the first has counted are not counted again
    assert published(root_of(plan)) == published(root_of(calm))
