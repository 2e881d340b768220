"""What becomes of a cluster that was lost or left: kept for a runner that follows, or removed."""

from __future__ import annotations

from datetime import date
from io import StringIO
from pathlib import Path
from threading import Event
from typing import cast

import pytest
from rich.console import Console

from jobs.domain import Period
from jobs.errors import ClusterLostError
from jobs.kubernetes import runner
from jobs.kubernetes.api import CLUSTERS, Api
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.records import PartitionRecord, write_partition_record
from jobs.kubernetes.runner import Pod
from jobs.kubernetes.waiting_partitions import others_wait
from jobs.run import ExitCode
from jobs.storage import LocalFolder
from tests.support.kubernetes.objects import MADE, Objects, cluster, run

MONTHS = tuple(
    Partition(f"2024-{month:02}", Period(date(2024, month, 1), date(2024, month, 28)))
    for month in range(1, 5)
)
RUN = run(partitions=MONTHS, parallel=2)


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path)


def beside_a_cluster(storage: LocalFolder) -> tuple[Objects, runner._Runner]:
    """A runner whose predecessor left its cluster."""
    api = Objects(cluster(RUN, "Running"))
    pod = Pod("pod", "job-uid", 0, None)
    console = Console(file=StringIO())
    return api, runner._Runner(RUN, pod, storage, cast(Api, api), console, Event())


def end(storage: LocalFolder, index: int, code: ExitCode) -> None:
    """Keep the record of a partition's end."""
    record = PartitionRecord(
        *(index, int(code), 1, 0, 0, "", MADE, MADE, "code", "pod", RUN.submitted, None)
    )
    write_partition_record(storage, RUN, record)


def test_others_wait_as_long_as_they_are_more_than_places(storage: LocalFolder) -> None:
    assert others_wait(storage, RUN, 0)
    end(storage, 1, ExitCode.LOST)  # it is tried again
    assert others_wait(storage, RUN, 0)
    end(storage, 1, ExitCode.FAILED)
    assert others_wait(storage, RUN, 0)
    end(storage, 2, ExitCode.DONE)
    assert not others_wait(storage, RUN, 0)


@pytest.mark.parametrize("waiting", [True, False])
def test_a_lost_cluster_goes_where_another_partition_comes_next(
    storage: LocalFolder, monkeypatch: pytest.MonkeyPatch, waiting: bool
) -> None:
    for index in () if waiting else (1, 2):
        end(storage, index, ExitCode.DONE)
    api, made = beside_a_cluster(storage)

    def lost(folder: Path) -> PartitionRecord:
        raise ClusterLostError("the scheduler is gone")

    monkeypatch.setattr(made, "_do", lost)
    assert made.ended().exit == ExitCode.LOST
    assert (api.find(CLUSTERS, f"{RUN.id}-0") is None) is waiting


@pytest.mark.parametrize("code", [ExitCode.DONE, ExitCode.TERMINATED])
def test_a_cluster_that_an_evicted_runner_left_goes_where_nothing_is_left_to_do(
    storage: LocalFolder, monkeypatch: pytest.MonkeyPatch, code: ExitCode
) -> None:
    api, made = beside_a_cluster(storage)
    monkeypatch.setattr(made, "_do", lambda folder: made._ended(code, reason=""))
    assert made.ended().exit == code
    assert (api.find(CLUSTERS, f"{RUN.id}-0") is None) is (code == ExitCode.DONE)
