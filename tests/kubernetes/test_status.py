"""Status of a run: by records, then Job and pods, never by the operator's phase."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.archive import PortArchive
from jobs.domain import Period, StageName, UnitState
from jobs.kubernetes.api import Manifest
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.pods import role_by_name
from jobs.kubernetes.records import (
    PartitionRecord,
    write_cancellation,
    write_partition_record,
    write_run,
)
from jobs.kubernetes.spec import Identity, Run
from jobs.kubernetes.status import (
    PodCount,
    RunObjects,
    RunState,
    RunStatus,
    indexes,
    run_status,
    status_from,
)
from jobs.kubernetes.throughput import throughputs
from jobs.kubernetes.unit_counts import PortStage, partition_finder, stage_counts
from jobs.plan import write_plan
from jobs.run.settings import settings_for
from jobs.run.task import STAGES
from jobs.storage import LocalFolder
from tests.support.kubernetes.objects import (
    IMAGE,
    MADE,
    Objects,
    cluster,
    event,
    job,
    on_silent_node,
    pod,
    run,
    terminated,
    unplaced,
    waiting,
)
from tests.support.small_runs import a_plan

RUN = run()
YEARS = tuple(
    Partition(str(year), Period(date(year, 1, 1), date(year, 12, 31)))
    for year in (2022, 2023, 2024)
)
BACKFILL = run(partitions=YEARS, parallel=2)
LATER = "2026-11-24T02:05:00Z"


def ended(index: int = 0, exit: int = 0, of: Run = RUN, **change: Any) -> PartitionRecord:
    values: dict[str, Any] = {
        "index": index,
        "exit": exit,
        "done": 3,
        "failed": 0,
        "pending": 0,
        "reason": "",
        "began": MADE,
        "ended": LATER,
        "code": "0.1.0+abc",
        "pod": f"{of.id}-{index}-x7k2p",
        "submitted": of.submitted,
    }
    return PartitionRecord(**{**values, **change})


def whole(of: Run = RUN, index: int = 0) -> list[Manifest]:
    """All pods of a partition, ready."""
    workers = [pod(of, "worker", index, number=number) for number in range(of.workers)]
    gpus = [pod(of, "gpu-worker", index, number=number) for number in range(2)]
    return [pod(of, "runner", index), pod(of, "scheduler", index), *workers, *gpus]


def seen(
    pods: list[Manifest], the_job: Manifest | None = None, of: Run = RUN, *records: PartitionRecord
) -> RunStatus:
    found = {record.index: record for record in records}
    live = RunObjects(the_job or job(of, active=1), tuple(pods))
    return status_from(of, found, False, live)


def states(found: RunStatus) -> list[RunState]:
    return [part.state for part in found.partitions]


# --- from Kubernetes --------------------------------------------------------------------------


def test_a_run_with_all_its_pods_runs() -> None:
    found = seen(whole())
    assert found.state is RunState.RUNNING
    assert found.partitions[0].pods == (
        PodCount("runner", 1, 1),
        PodCount("scheduler", 1, 1),
        PodCount("worker", 3, 3),
        PodCount("gpu-worker", 2, 2),
    )


@pytest.mark.parametrize(
    ("phase", "pods", "expected"),
    [("Pending", whole(), RunState.RUNNING), ("Running", [pod(RUN, "runner")], RunState.STARTING)],
)
def test_the_operators_phase_does_not_matter(
    phase: str, pods: list[Manifest], expected: RunState, tmp_path: Path
) -> None:
    storage = LocalFolder(tmp_path)
    write_run(storage, RUN)
    api = Objects(job(RUN, active=1), cluster(RUN, phase), *pods)
    found = run_status(api, storage, RUN, units=False)
    assert found.state is expected


def test_without_workers_it_is_still_starting() -> None:
    found = seen([pod(RUN, "runner"), pod(RUN, "scheduler")])
    assert found.state is RunState.STARTING
    assert found.partitions[0].why == "no worker is ready yet"


@pytest.mark.parametrize(
    ("where", "state", "why"),
    [
        ({"runner"}, RunState.STALLED, "node-7, the node of its runner, does not answer"),
        ({"runner", "worker"}, RunState.STALLED, "node-7, the node of its runner"),
        ({"scheduler"}, RunState.STALLED, "node-7, the node of its scheduler, does not answer"),
        ({"worker", "gpu-worker"}, RunState.STALLED, "node-7, the node of its workers"),
        ({"gpu-worker"}, RunState.RUNNING, "node-7, the node of some workers"),
    ],
)
@pytest.mark.parametrize("deleted", [False, True])
def test_a_run_with_pods_on_a_silent_node_is_not_starting(
    where: set[str], state: RunState, why: str, deleted: bool
) -> None:
    pods = whole()
    for position, one in enumerate(pods):
        if one["metadata"]["labels"]["app.kubernetes.io/component"] in where:
            pods[position] = on_silent_node(one)
            pods[position]["spec"]["nodeName"] = "node-7"
            if deleted:
                pods[position]["metadata"]["deletionTimestamp"] = LATER
    found = seen(pods)
    assert found.partitions[0].state is state
    assert found.partitions[0].why.startswith(why)
    assert any("node node-7 does not answer" in one.what for one in found.troubles)


def test_a_run_whose_scheduler_was_made_elsewhere_runs() -> None:
    gone = on_silent_node(pod(RUN, "scheduler", node="node-7"))
    gone["metadata"]["deletionTimestamp"] = LATER
    anew = pod(RUN, "scheduler", made=LATER, number=1)
    anew["metadata"]["ownerReferences"] = gone["metadata"]["ownerReferences"]
    found = seen([gone, anew, *(one for one in whole() if "scheduler" not in str(one))])
    assert found.state is RunState.RUNNING
    assert found.troubles == ()


def test_without_pods_of_the_cluster_the_operator_is_named() -> None:
    found = seen([pod(RUN, "runner")])
    assert found.state is RunState.STARTING
    assert "operator" in found.partitions[0].why


def test_workers_of_another_partition_do_not_count() -> None:
    pods = [*whole(BACKFILL, 1), pod(BACKFILL, "runner", 0)]
    assert states(seen(pods, job(BACKFILL, active=2), BACKFILL)) == [
        RunState.STARTING,
        RunState.RUNNING,
        RunState.SUBMITTED,
    ]


def test_a_suspended_job_is_submitted() -> None:
    assert seen([], job(RUN, suspend=True)).state is RunState.SUBMITTED


def test_a_job_without_a_pod_yet_is_starting() -> None:
    assert seen([], job(RUN)).state is RunState.STARTING


def test_a_runner_that_ended_early_is_started_again() -> None:
    lost = pod(RUN, "runner", phase="Failed", ready=False, state=terminated(3))
    found = seen([lost], None, RUN, ended(exit=3))
    assert found.state is RunState.STARTING
    assert "exit code 3" in found.partitions[0].why
    again = pod(RUN, "runner", number=1, made=LATER)
    rest = [one for one in whole()[1:]]
    assert seen([lost, again, *rest], None, RUN, ended(exit=3)).state is RunState.RUNNING


def test_a_runner_that_is_being_deleted_is_stopping() -> None:
    leaving = pod(RUN, "runner", deletionTimestamp=LATER)
    assert seen([leaving, *whole()[1:]]).state is RunState.STOPPING


def test_a_job_being_deleted_is_stopping_also_while_its_pods_work() -> None:
    going = job(RUN, active=1)
    going["metadata"]["deletionTimestamp"] = LATER
    assert seen(whole(), going).state is RunState.STOPPING


def test_an_index_that_the_job_has_settled_has_its_state() -> None:
    settled = job(BACKFILL, completedIndexes="0,2", failedIndexes="1")
    refused = pod(
        BACKFILL,
        "runner",
        1,
        phase="Failed",
        ready=False,
        state=terminated(2, message="exit 2: no GPU came"),
    )
    found = seen([refused], settled, BACKFILL)
    assert states(found) == [RunState.FINISHED, RunState.FAILED, RunState.FINISHED]
    assert "no GPU came" in found.partitions[1].why
    assert found.state is RunState.FAILED


def test_a_job_past_its_deadline_has_failed() -> None:
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "DeadlineExceeded",
        "message": "too long",
    }
    found = seen([], job(RUN, conditions=[failed]))
    assert (found.state, found.partitions[0].why) == (RunState.FAILED, "too long")


def test_a_record_takes_precedence_over_pods() -> None:
    """The runner has written its record, and its pods are ending."""
    found = seen(whole(), None, RUN, ended())
    assert found.state is RunState.FINISHED
    assert found.partitions[0].pods == ()
    assert seen(whole(), None, RUN, ended(exit=1)).state is RunState.FAILED


def test_between_two_partitions_the_run_goes_on() -> None:
    found = seen([], job(BACKFILL), BACKFILL, ended(0, of=BACKFILL), ended(1, of=BACKFILL))
    assert found.state is RunState.STARTING
    waiting_turn = seen([], job(BACKFILL, active=2), BACKFILL)
    assert waiting_turn.state is RunState.SUBMITTED
    assert "waits for its turn" in waiting_turn.partitions[2].why


def test_troubles_are_those_of_active_partitions() -> None:
    refused = pod(BACKFILL, "runner", 0, phase="Failed", ready=False, state=terminated(2))
    stuck = unplaced(BACKFILL, "0/1 nodes are available: 1 Insufficient cpu.", "runner")
    stuck["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] = "1"
    found = seen([refused, stuck], job(BACKFILL, failedIndexes="0", active=1), BACKFILL)
    assert [trouble.about for trouble in found.troubles] == [stuck["metadata"]["name"]]


# --- from records -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("polled", "record", "cancelled", "expected"),
    [
        (False, ended(), False, RunState.FINISHED),
        (False, ended(exit=1, reason="2 x cut off"), False, RunState.FAILED),
        (False, ended(exit=3), False, RunState.UNKNOWN),
        (False, None, True, RunState.CANCELLED),
        (False, None, False, RunState.UNKNOWN),
        (True, ended(), True, RunState.FINISHED),
        (True, ended(exit=3), False, RunState.FAILED),
        (True, ended(exit=3), True, RunState.CANCELLED),
        (True, None, True, RunState.CANCELLED),
        (True, None, False, RunState.LOST),
    ],
)
def test_without_a_job(
    polled: bool, record: PartitionRecord | None, cancelled: bool, expected: RunState
) -> None:
    records = {} if record is None else {0: record}
    live = RunObjects(None, ()) if polled else None
    assert status_from(RUN, records, cancelled, live).state is expected


def test_one_partition_lost_among_finished_ones_is_a_lost_run() -> None:
    records = {0: ended(0, of=BACKFILL), 1: ended(1, 1, BACKFILL)}
    found = status_from(BACKFILL, records, False, RunObjects(None, ()))
    assert states(found) == [RunState.FINISHED, RunState.FAILED, RunState.LOST]
    assert found.state is RunState.LOST


def test_records_of_an_earlier_submission_do_not_count(tmp_path: Path) -> None:
    storage = LocalFolder(tmp_path)
    write_partition_record(storage, RUN, ended(exit=1))
    write_cancellation(storage, RUN)
    again = run(submitted=LATER)
    api = Objects(job(again, active=1), *whole(again))
    assert run_status(api, storage, again, units=False).state is RunState.RUNNING
    assert run_status(None, storage, RUN, units=False).state is RunState.FAILED


def test_events_of_the_run_are_read(tmp_path: Path) -> None:
    broken = pod(RUN, "runner", phase="Pending", state=waiting("ContainerCreating"))
    missing = 'MountVolume.SetUp failed for volume "tls" : secret "x" not found'
    api = Objects(job(RUN, active=1), broken, event(broken, "FailedMount", missing))
    found = run_status(api, LocalFolder(tmp_path), RUN, units=False)
    assert found.state is RunState.STARTING
    assert "secret 'x'" in found.troubles[0].what


def test_indexes() -> None:
    assert indexes("") == set()
    assert indexes("0,2-4,7") == {0, 2, 3, 4, 7}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bw-a-0a1b2c3d-11-x7k2p", ("runner", 11)),
        ("bw-a-0a1b2c3d-0-scheduler-6d4cf56db6-2jx8q", ("scheduler", 0)),
        ("bw-a-0a1b2c3d-2-default-worker-4fbd1c2a3e-7d9c5b8f6d-m2v4c", ("worker", 2)),
        ("bw-a-0a1b2c3d-2-gpu-worker-4fbd1c2a3e-7d9c5b8f6d-m2v4c", ("gpu-worker", 2)),
    ],
)
def test_component_and_partition_of_a_pod_follow_from_its_name(
    name: str, expected: tuple[str, int]
) -> None:
    assert role_by_name(name, "bw-a-0a1b2c3d") == expected


# --- counts of overpasses -----------------------------------------------------------------------


@pytest.fixture
def archived(tmp_path: Path) -> tuple[LocalFolder, Run]:
    """A run of two halves of May whose archive holds one done, one failed overpass."""
    plan = a_plan(tmp_path, 1, 3, 20, ports=("TESTP", "OTHER"))
    storage = LocalFolder(Path(plan.archive))
    settings = settings_for(plan)
    halves = (
        Partition("early", Period(date(2024, 5, 1), date(2024, 5, 15))),
        Partition("late", Period(date(2024, 5, 16), date(2024, 5, 31))),
    )
    identity = Identity(plan.hash, settings.code_version, settings.model_digest, (IMAGE,), "w")
    made = run(archive=storage.url, partitions=halves, identity=identity, settings=RUN.settings)
    path = tmp_path / "plan.jsonl.gz"
    write_plan(plan, path)
    storage.put(made.plan_name, path)
    write_run(storage, made)
    return storage, made


def test_units_are_counted_per_partition_port_and_stage(
    archived: tuple[LocalFolder, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, made = archived
    by_day = {2: UnitState.DONE, 4: UnitState.FAILED}
    monkeypatch.setattr(
        "jobs.kubernetes.unit_counts.state_of",
        lambda stage, unit, step, settings: (
            by_day.get(unit.overpass.acquired.day, UnitState.PENDING)
            if stage.name is StageName.TILE
            else UnitState.STALE
        ),
    )
    found = stage_counts(storage, made)
    early = (PortStage("TESTP", "tile", 1, 1), PortStage("TESTP", "segment", stale=2))
    assert tuple(row for row in found[0] if row.port == "TESTP") == early
    late = (PortStage("OTHER", "tile", pending=1), PortStage("OTHER", "segment", stale=1))
    assert tuple(row for row in found[1] if row.port == "OTHER") == late


def test_in_an_empty_archive_every_overpass_is_pending(
    archived: tuple[LocalFolder, Run],
) -> None:
    storage, made = archived
    found = run_status(None, storage, made)
    rows = {row for part in found.partitions for row in part.stages}
    assert {(row.done, row.failed, row.stale) for row in rows} == {(0, 0, 0)}
    assert sum(row.pending for part in found.partitions for row in part.stages) == 6 * len(STAGES)
    assert not PortArchive.exists(storage, a_plan(storage.path.parent, 1).ports[0])


def test_a_slice_leaves_acquisitions_out() -> None:
    find = partition_finder(run(partitions=(YEARS[2], YEARS[0])))
    assert [find(datetime(year, 6, 1, tzinfo=UTC)) for year in (2022, 2023, 2024)] == [1, -1, 0]
    assert partition_finder(RUN)(datetime(1999, 1, 1, tzinfo=UTC)) == 0


# --- throughput ---------------------------------------------------------------------------------

BEGAN = datetime(2026, 11, 24, 2, 1, tzinfo=UTC)


def unit(minute: float, acquired: str = "2024-05-02T02:10:00+00:00", **change: Any) -> str:
    line = {
        "time": (BEGAN + timedelta(minutes=minute)).isoformat(timespec="milliseconds"),
        "event": "unit",
        "acquired": acquired,
        "state": "done",
        "last": True,
    }
    return json.dumps({**line, **change})


def journal_of(folder: Path, *lines: str) -> LocalFolder:
    path = folder / "journal" / f"{RUN.job}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines) + "\n")
    return LocalFolder(folder)


def test_throughput_is_that_of_the_last_minutes(tmp_path: Path) -> None:
    slow = [unit(minute) for minute in range(0, 60, 10)]
    fast = [unit(60 + minute / 2) for minute in range(61)]
    storage = journal_of(tmp_path, *slow, *fast, '{"time": "2026-11-')
    found = throughputs(storage, RUN, [0])[0]
    assert found.per_minute == pytest.approx(2.0)
    assert found.newest == "2026-11-24T03:31:00+00:00"


def test_throughput_is_of_each_partition_and_of_this_run(tmp_path: Path) -> None:
    before = unit(-30, "2023-05-02T02:10:00+00:00")
    first_stage = unit(3, last=False)
    storage = journal_of(tmp_path, before, unit(0), first_stage, unit(4))
    found = throughputs(storage, BACKFILL, [1, 2])
    assert list(found) == [2]
    assert found[2].per_minute == pytest.approx(0.25)
    assert found[2].units == 2


def test_one_overpass_gives_no_throughput(tmp_path: Path) -> None:
    storage = journal_of(tmp_path, unit(0))
    assert throughputs(storage, RUN, [0])[0].per_minute == 0.0


def test_of_a_journal_in_parts_only_the_newest_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.kubernetes.throughput.LocalFolder", Path)  # as in a bucket: no file
    storage = LocalFolder(tmp_path)
    for session in ("20261123T010000-aaaa", "20261124T020100-bbbb", "20261124T020200-cccc"):
        for number in range(10):
            name = f"journal/{RUN.job}/{session}-{number:05d}.jsonl"
            storage.write(name, unit(number).encode() + b"\n")
    read: list[str] = []
    plain = LocalFolder.read
    monkeypatch.setattr(
        LocalFolder, "read", lambda self, name: (read.append(name), plain(self, name))[1]
    )
    assert throughputs(storage, RUN, [0])[0].units == 8
    assert len(read) == 8
    assert not any("aaaa" in name for name in read)
