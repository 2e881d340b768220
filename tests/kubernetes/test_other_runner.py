"""A runner whose partition another runner works on: one whose node was declared gone, and lives."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from rich.console import Console

from jobs.domain import code_version
from jobs.errors import ArchiveError, ArchiveInUseError, ArchiveTakenOverError
from jobs.kubernetes import runner as module
from jobs.kubernetes.records import PartitionRecord, write_partition_record, write_run
from jobs.kubernetes.runner import Pod, _Runner
from jobs.kubernetes.spec import Run
from jobs.plan import write_plan
from jobs.run import ExitCode, settings_for
from jobs.storage import LocalFolder
from tests.support.kubernetes.objects import MADE, Objects, cluster, job, run
from tests.support.small_runs import a_plan


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "archive")


@pytest.fixture
def begun(tmp_path: Path, storage: LocalFolder) -> Run:
    """A run whose plan and record are in the archive."""
    plan = a_plan(tmp_path)
    made = run()
    identity = replace(
        made.identity, code=code_version(), model=str(settings_for(plan).model_digest)
    )
    made = replace(made, job=plan.name, archive=str(tmp_path / "archive"), identity=identity)
    write_run(storage, made)
    written = tmp_path / "plan.jsonl.gz"
    write_plan(plan, written)
    storage.put(made.plan_name, written)
    return made


class Second:
    """A runner beside a cluster, whose run of the plan ends in an error."""

    def __init__(
        self, begun: Run, storage: LocalFolder, monkeypatch: pytest.MonkeyPatch, error: ArchiveError
    ) -> None:
        self.run, self.storage, self.error = begun, storage, error
        self.api = Objects(job(begun, active=1), cluster(begun, "Running"))
        self.said = io.StringIO()
        self.tries = 0
        monkeypatch.setattr(module, "run_plan", self._run_plan)
        monkeypatch.setattr(module, "OTHER_RUNNER_POLL_S", 0.01)

    def ended(self) -> PartitionRecord:
        pod = Pod(f"{self.run.id}-0-later", "job-uid", 0, None)
        console = Console(file=self.said, width=80)
        made = _Runner(self.run, pod, self.storage, self.api, console, Event())  # type: ignore[arg-type]
        return made.ended()

    @property
    def cluster_stands(self) -> bool:
        return any(one["kind"] == "DaskCluster" for one in self.api.objects)

    def _run_plan(self, *given: Any) -> None:
        self.tries += 1
        if self.tries == 3:  # the first runner has done its work
            write_partition_record(self.storage, self.run, done(self.run))
        raise self.error


def done(of: Run) -> PartitionRecord:
    counts = {"done": 5, "failed": 0, "pending": 0, "reason": "", "began": MADE, "ended": MADE}
    pod = f"{of.id}-0-first"
    return PartitionRecord(0, 0, **counts, code="", pod=pod, submitted=of.submitted)  # type: ignore[arg-type]


def test_it_waits_for_the_other_and_takes_its_end(
    begun: Run, storage: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ArchiveInUseError("in use", f"pod {begun.id}-0-first")
    second = Second(begun, storage, monkeypatch, error)
    assert second.ended() == done(begun)
    (line,) = second.said.getvalue().splitlines()  # one line, however long
    assert line.startswith("another runner of this partition")
    assert line.endswith("waiting for its end")
    assert second.cluster_stands


def test_a_run_of_another_kind_refuses_it(
    begun: Run, storage: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Second(begun, storage, monkeypatch, ArchiveInUseError("in use", "process 7 on desk"))
    assert second.ended().exit == ExitCode.REFUSED
    assert second.tries == 1


def test_one_that_was_taken_over_leaves_cluster_and_record_to_the_other(
    begun: Run, storage: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Second(begun, storage, monkeypatch, ArchiveTakenOverError("another run took it over"))
    assert first.ended().exit == ExitCode.TERMINATED  # for which no record is written
    assert first.cluster_stands
