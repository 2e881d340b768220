"""The commands on runs on Kubernetes: runs, logs, cancel, and the tree of status."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from jobs.cli import app, runs
from jobs.cli.run_view import run_table, run_tree, run_values
from jobs.domain import Period
from jobs.errors import InputError, KubernetesError
from jobs.kubernetes.diagnosis import Trouble
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.records import Ended, keep_ended, keep_log, keep_run, was_cancelled
from jobs.kubernetes.spec import Run
from jobs.kubernetes.status import PartitionStanding, PodCount, RunStanding, State
from jobs.kubernetes.throughput import Pace
from jobs.kubernetes.unit_counts import PortStage
from jobs.plan import write_plan
from jobs.storage import LocalFolder
from tests.support.kubernetes.objects import Objects, event, job, pod, run, waiting
from tests.support.small_runs import a_plan

YEARS = tuple(
    Partition(str(year), Period(date(year, 1, 1), date(year, 12, 31))) for year in (2023, 2024)
)


@dataclass
class World:
    """A plan, its archive with an older and a newer run, and a cluster with the newer one."""

    plan: Path
    storage: LocalFolder
    older: Run
    newer: Run
    api: Objects

    def call(self, *arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.stdout


def record(of: Run, index: int, exit: int = 0, reason: str = "") -> Ended:
    made = of.submitted
    return Ended(index, exit, 3, exit, 0, reason, made, made, "0.1.0+abc", "p", made)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    plan = a_plan(tmp_path, 1, 3)
    path = tmp_path / "plan.jsonl"
    write_plan(plan, path)
    storage = LocalFolder(Path(plan.archive))
    older = run(
        id="bw-test-00000001",
        job="test",
        archive=storage.url,
        partitions=YEARS,
        submitted="2026-11-20T02:00:00Z",
    )
    newer = replace(older, id="bw-test-00000002", submitted="2026-11-24T02:00:00Z")
    for each in (older, newer):
        keep_run(storage, each)
        write_plan(plan, tmp_path / "pinned.jsonl.gz")
        storage.put(each.plan_name, tmp_path / "pinned.jsonl.gz")
    for index in (0, 1):
        keep_ended(storage, older, record(older, index, exit=index, reason="1 x cut off" * index))
    keep_ended(storage, newer, record(newer, 0))
    pods = [pod(newer, "runner", 1), pod(newer, "scheduler", 1), pod(newer, "worker", 1)]
    api = Objects(job(newer, active=1, completedIndexes="0"), *pods)
    api.logs = {each["metadata"]["name"]: f"words of {i}\n" for i, each in enumerate(pods)}
    monkeypatch.setattr("jobs.kubernetes.api.reach", lambda context, namespace: api)
    return World(path, storage, older, newer, api)


def no_cluster(*_: object) -> Objects:
    raise KubernetesError("no Kubernetes cluster to talk to: no configuration; set KUBECONFIG")


# --- runs ---------------------------------------------------------------------------------------


def test_runs_lists_the_newest_first_with_their_states(world: World) -> None:
    found = json.loads(world.call("runs", str(world.plan), "--output", "json"))
    assert [(one["run"], one["state"]) for one in found] == [
        (world.newer.id, "running"),
        (world.older.id, "failed"),
    ]
    assert found[1]["partitions"][1]["record"]["reason"] == "1 x cut off"
    text = world.call("runs", str(world.plan))
    assert text.index(world.newer.id) < text.index(world.older.id)
    assert "1 of 2" in text


def test_ids_are_whole_in_a_narrow_table(world: World) -> None:
    long = replace(world.newer, id="bw-" + "a" * 41 + "-00000003")
    found = [RunStanding(each, State.FINISHED, ()) for each in (world.older, long)]
    console = Console(width=60, color_system=None)
    with console.capture() as captured:
        console.print(run_table(found))
    assert "…" not in captured.get()
    assert sum(line.count("a") for line in captured.get().splitlines()[2:]) == 41


def test_a_run_that_is_settled_asks_no_cluster(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clusters = runs.Clusters()
    assert runs.standing_of(world.storage, world.older, clusters).state is State.FAILED
    assert world.api.asked == []
    monkeypatch.setattr("jobs.kubernetes.api.reach", no_cluster)
    assert runs.standing_of(world.storage, world.newer, clusters).state is State.UNKNOWN


def test_without_a_cluster_runs_are_told_from_records_and_why_once(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_run(world.storage, replace(world.newer, id="bw-test-00000003"))
    monkeypatch.setattr("jobs.kubernetes.api.reach", no_cluster)
    result = CliRunner().invoke(app, ["runs", str(world.plan), "-o", "json"])
    assert [one["state"] for one in json.loads(result.stdout)].count("unknown") == 2
    assert result.stderr.count("from the archive alone") == 1


def test_a_cluster_that_refuses_half_way_leaves_the_records(world: World) -> None:
    world.api.refused.add(("list", "events"))
    found = runs.standing_of(world.storage, world.newer, runs.Clusters())
    assert (found.state, found.asked) == (State.UNKNOWN, False)


def test_a_job_that_was_never_submitted_has_no_runs(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    write_plan(a_plan(tmp_path, 1), path)
    result = CliRunner().invoke(app, ["runs", str(path)], catch_exceptions=False)
    assert "no run on Kubernetes" in result.output
    with pytest.raises(InputError, match="berthwatch submit"):
        runs.chosen_run(str(path), None, None, None)
    assert runs.asked_standing(str(path), None, None, None) is None


# --- which run ----------------------------------------------------------------------------------


def test_a_run_is_chosen_by_job_by_id_and_by_its_jobs_notes(world: World) -> None:
    def chosen(source: str, run_id: str | None = None) -> str:
        return runs.chosen_run(source, run_id, None, None)[1].id

    assert chosen(str(world.plan)) == world.newer.id
    assert chosen(str(world.plan), world.older.id) == world.older.id
    assert chosen(world.newer.id) == world.newer.id
    with pytest.raises(InputError, match="has no run 'bw-x'"):
        chosen(str(world.plan), "bw-x")
    with pytest.raises(InputError, match="neither a file nor a run"):
        chosen(world.older.id)
    world.api.objects[0]["metadata"]["annotations"] = {}
    with pytest.raises(InputError, match="none of Berthwatch's"):
        chosen(world.newer.id)


# --- logs ---------------------------------------------------------------------------------------


def test_logs_are_the_runners_unless_others_are_asked_for(world: World) -> None:
    assert world.call("logs", world.newer.id) == "words of 0\n"
    assert world.call("logs", str(world.plan), "--component", "worker") == "words of 2\n"
    every = world.call("logs", world.newer.id, "--component", "all", "--partition", "2024")
    assert every == "words of 0\nwords of 1\nwords of 2\n"
    one = world.api.objects[2]["metadata"]["name"]
    assert world.call("logs", world.newer.id, "--pod", one) == "words of 1\n"


def test_logs_of_pods_that_are_gone_come_from_the_archive(world: World) -> None:
    keep_log(world.storage, world.older, f"{world.older.id}-1-x7k2p", "kept words")
    asked = ("logs", str(world.plan), "--run", world.older.id)
    assert world.call(*asked) == "kept words\n"
    (found,) = json.loads(world.call(*asked, "--archived", "-o", "json"))
    assert found == {
        "pod": f"{world.older.id}-1-x7k2p",
        "component": "runner",
        "index": 1,
        "live": False,
        "text": "kept words",
    }


def test_logs_that_nobody_has(world: World) -> None:
    with pytest.raises(InputError, match="no logs of gpu-worker"):
        world.call("logs", world.newer.id, "--component", "gpu-worker")
    with pytest.raises(InputError, match="2023, 2024"):
        world.call("logs", world.newer.id, "--partition", "1999")
    with pytest.raises(InputError, match="exclude"):
        world.call("logs", world.newer.id, "--follow", "--archived")


def test_following_names_the_pod_where_there_are_several(world: World) -> None:
    complete = {"type": "Complete", "status": "True"}
    world.api.objects[0]["status"]["conditions"] = [complete]
    assert world.call("logs", world.newer.id, "--follow") == "1-x7k2p: words of 0\n"
    single = world.call("logs", world.newer.id, "-f", "--partition", "2024")
    assert single == "words of 0\n"
    line = json.loads(world.call("logs", world.newer.id, "-f", "-o", "json"))
    assert line == {"pod": f"{world.newer.id}-1-x7k2p", "text": "words of 0"}


# --- cancel -------------------------------------------------------------------------------------


def test_cancel_asks_nobody_where_nobody_is(world: World) -> None:
    with pytest.raises(InputError, match="--yes"):
        world.call("cancel", world.newer.id)
    assert world.api.objects


def test_cancel_says_what_went(world: World) -> None:
    text = world.call("cancel", world.newer.id, "--yes")
    assert f"{world.newer.id} cancelled" in text
    assert "gone: 1 Job, 3 Pods" in text
    assert was_cancelled(world.storage, world.newer)
    found = json.loads(world.call("cancel", str(world.plan), "--yes", "-o", "json"))
    assert (found["gone"], found["left"], found["recorded"]) == ([], [], False)


def test_cancel_ends_with_1_where_something_stays(world: World) -> None:
    stuck = world.api.objects[1]["metadata"]["name"]
    world.api.stays.add(stuck)
    text = world.call("cancel", world.newer.id, "--yes", "--wait", "0", code=1)
    assert f"still there: Pod/{stuck}" in text


def test_cancel_needs_a_cluster(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.kubernetes.api.reach", no_cluster)
    with pytest.raises(KubernetesError, match="KUBECONFIG"):
        world.call("cancel", str(world.plan), "--yes")
    assert not was_cancelled(world.storage, world.newer)


# --- the tree -----------------------------------------------------------------------------------


def shown(found: RunStanding, width: int = 200) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(run_tree(found))
    return captured.get()


def test_the_newest_run_as_a_tree(world: World) -> None:
    broken = pod(
        world.newer, "worker", 1, number=5, phase="Pending", state=waiting("ContainerCreating")
    )
    told = event(broken, "FailedMount", 'volume "tls" : secret "x-tls" not found')
    world.api.objects += [broken, told]
    found = runs.asked_standing(str(world.plan), None, None, None)
    assert found is not None
    lines = shown(found).splitlines()
    assert f"{world.newer.id}  running" in lines[0]
    assert "secret 'x-tls' is not in the namespace" in lines[1]
    assert "2023  finished" in lines[2]
    assert "2024  running  runner 1/1, scheduler 1/1, worker 1/3, gpu-worker 0/2" in lines[3]
    assert "TESTP  tile: 2 pending; segment: 2 pending" in lines[4]
    by_id = runs.asked_standing(world.newer.id, None, None, None)
    assert by_id == found
    older = runs.asked_standing(str(world.plan), world.older.id, None, None)
    assert older is not None
    assert older.run == world.older


def part(index: int, state: State, **more: object) -> PartitionStanding:
    return PartitionStanding(index, f"{2000 + index}", state, "", **more)


def ports(number: int) -> tuple[PortStage, ...]:
    return tuple(
        PortStage(f"PRT{port:02d}", stage, done=1, pending=port)
        for port in range(number)
        for stage in ("tile", "segment")
    )


def test_of_many_ports_those_with_the_most_to_do_are_shown() -> None:
    found = RunStanding(run(), State.RUNNING, (part(0, State.RUNNING, stages=ports(20)),))
    text = shown(found)
    assert "20 ports  tile: 20 done, 190 pending; segment: 20 done, 190 pending" in text
    assert "PRT19  tile: 1 done, 19 pending" in text
    assert "PRT11" not in text
    assert "and 11 more ports" in text
    assert len(run_values(found)["partitions"][0]["stages"]) == 40


def test_of_many_partitions_the_quiet_ones_are_counted() -> None:
    states = [State.FINISHED] * 30 + [State.RUNNING, State.FAILED] + [State.SUBMITTED] * 8
    parts = tuple(part(index, state) for index, state in enumerate(states))
    made = run(partitions=tuple(Partition(one.name, None) for one in parts))
    text = shown(RunStanding(made, State.RUNNING, parts))
    assert "2030  running" in text
    assert "2031  failed" in text
    assert "38 more partitions: 30 finished, 8 submitted" in text


def test_the_time_left_is_that_of_the_last_stage() -> None:
    stages = (PortStage("A", "tile", done=90), PortStage("A", "segment", 10, 0, 20, 60))
    pace = Pace(20, 0.5, "2026-11-24T02:13:20+00:00")
    moving = part(0, State.RUNNING, stages=stages, pace=pace, pods=(PodCount("worker", 1, 2),))
    text = shown(RunStanding(run(), State.RUNNING, (moving,)))
    assert "0.5 overpasses a minute, 2 h 40 min left; last at 2026-11-24 02:13 UTC" in text
    values = run_values(RunStanding(run(), State.RUNNING, (moving,)))
    assert values["partitions"][0]["pace"]["minutes_left"] == 160


@pytest.mark.parametrize("width", [80, 140])
def test_a_tree_keeps_its_words_at_any_width(width: int) -> None:
    trouble = Trouble("no node takes it " + "and says why " * 12, "40 pods (worker)", False, 40)
    found = RunStanding(
        run(), State.STARTING, (part(0, State.STARTING, stages=ports(3)),), (trouble,), True
    )
    text = shown(found, width)
    assert max(map(len, text.splitlines())) <= width
    words = [word for word in text.split() if word not in "├──│└"]
    assert words.count("says") == 12


def test_help_names_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    for command, option in (("logs", "archived"), ("runs", "namespace"), ("cancel", "wait")):
        assert f"--{option}" in CliRunner().invoke(app, [command, "--help"]).stdout
