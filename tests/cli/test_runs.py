"""The commands on runs on Kubernetes: runs, logs, cancel, and the tree of status."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from jobs.cli import app
from jobs.cli.run_view import run_table, run_tree, run_values
from jobs.errors import InputError, KubernetesError
from jobs.kubernetes.diagnosis import Trouble
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.records import was_cancelled, write_log, write_run
from jobs.kubernetes.selection import find_status
from jobs.kubernetes.status import PartitionStatus, PodCount, RunState, RunStatus
from jobs.kubernetes.throughput import Throughput
from jobs.kubernetes.unit_counts import PortStage
from jobs.plan import write_plan
from tests.support.kubernetes.objects import event, pod, run, waiting
from tests.support.kubernetes.recorded_runs import API_FOR, RecordedRuns, no_cluster, recorded_runs
from tests.support.small_runs import a_plan


@dataclass
class World(RecordedRuns):
    """Recorded runs, and the commands called on them."""

    def call(self, *arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.stdout


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(**vars(recorded_runs(tmp_path)))
    monkeypatch.setattr(API_FOR, lambda context, namespace: made.api)
    return made


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
    found = [RunStatus(each, RunState.FINISHED, ()) for each in (world.older, long)]
    console = Console(width=60, color_system=None)
    with console.capture() as captured:
        console.print(run_table(found))
    assert "…" not in captured.get()
    assert sum(line.count("a") for line in captured.get().splitlines()[2:]) == 41


def test_without_a_cluster_runs_are_listed_from_records_with_one_warning(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(world.storage, replace(world.newer, id="bw-test-00000003"))
    monkeypatch.setattr(API_FOR, no_cluster)
    result = CliRunner().invoke(app, ["runs", str(world.plan), "-o", "json"])
    assert [one["state"] for one in json.loads(result.stdout)].count("unknown") == 2
    assert result.stderr.count("from the archive alone") == 1


def test_a_job_that_was_never_submitted_has_no_runs(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    write_plan(a_plan(tmp_path, 1), path)
    result = CliRunner().invoke(app, ["runs", str(path)], catch_exceptions=False)
    assert "no run on Kubernetes" in result.output


# --- logs ---------------------------------------------------------------------------------------


def test_logs_are_the_runners_unless_others_are_asked_for(world: World) -> None:
    assert world.call("logs", world.newer.id) == "words of 0\n"
    assert world.call("logs", str(world.plan), "--component", "worker") == "words of 2\n"
    every = world.call("logs", world.newer.id, "--component", "all", "--partition", "2024")
    assert every == "words of 0\nwords of 1\nwords of 2\n"
    one = world.api.objects[2]["metadata"]["name"]
    assert world.call("logs", world.newer.id, "--pod", one) == "words of 1\n"


def test_logs_of_pods_that_are_gone_come_from_the_archive(world: World) -> None:
    write_log(world.storage, world.older, f"{world.older.id}-1-x7k2p", "kept words")
    command = ("logs", str(world.plan), "--run", world.older.id)
    assert world.call(*command) == "kept words\n"
    (found,) = json.loads(world.call(*command, "--archived", "-o", "json"))
    assert found == {
        "pod": f"{world.older.id}-1-x7k2p",
        "component": "runner",
        "index": 1,
        "live": False,
        "text": "kept words",
    }


def test_logs_that_do_not_exist_are_refused(world: World) -> None:
    gpu = ("logs", str(world.plan), "--component", "gpu-worker")
    with pytest.raises(InputError, match=r"no logs of gpu-worker .* no such pod has started"):
        world.call(*gpu)
    with pytest.raises(InputError, match="without --archived Kubernetes is asked"):
        world.call(*gpu, "--archived")
    with pytest.raises(InputError, match="2023, 2024"):
        world.call("logs", world.newer.id, "--partition", "1999")
    with pytest.raises(InputError, match="exclude"):
        world.call("logs", world.newer.id, "--follow", "--archived")


def test_without_a_cluster_nobody_knows_whether_a_pod_has_started(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(API_FOR, no_cluster)
    with pytest.raises(InputError, match="none yet, and Kubernetes does not answer"):
        world.call("logs", str(world.plan), "--component", "gpu-worker")


def test_following_names_the_pod_where_there_are_several(world: World) -> None:
    complete = {"type": "Complete", "status": "True"}
    world.api.objects[0]["status"]["conditions"] = [complete]
    assert world.call("logs", world.newer.id, "--follow") == "1-x7k2p: words of 0\n"
    single = world.call("logs", world.newer.id, "-f", "--partition", "2024")
    assert single == "words of 0\n"
    line = json.loads(world.call("logs", world.newer.id, "-f", "-o", "json"))
    assert line == {"pod": f"{world.newer.id}-1-x7k2p", "text": "words of 0"}


# --- cancel -------------------------------------------------------------------------------------


def test_cancel_needs_yes_without_a_terminal(world: World) -> None:
    with pytest.raises(InputError, match="--yes"):
        world.call("cancel", world.newer.id)
    assert world.api.objects


def test_cancel_lists_what_is_gone(world: World) -> None:
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
    monkeypatch.setattr(API_FOR, no_cluster)
    with pytest.raises(KubernetesError, match="KUBECONFIG"):
        world.call("cancel", str(world.plan), "--yes")
    assert not was_cancelled(world.storage, world.newer)


# --- the tree -----------------------------------------------------------------------------------


def shown(found: RunStatus, width: int = 200) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(run_tree(found))
    return captured.get()


def test_a_run_as_a_tree(world: World) -> None:
    broken = pod(
        world.newer, "worker", 1, number=5, phase="Pending", state=waiting("ContainerCreating")
    )
    mount = event(broken, "FailedMount", 'volume "tls" : secret "x-tls" not found')
    world.api.objects += [broken, mount]
    found = find_status(world.plan)
    assert found is not None
    lines = shown(found).splitlines()
    assert f"{world.newer.id}  running" in lines[0]
    assert "secret 'x-tls' is not in the namespace" in lines[1]
    assert "2023  finished" in lines[2]
    assert "2024  running  runner 1/1, scheduler 1/1, worker 1/3, gpu-worker 0/2" in lines[3]
    assert "TESTP  tile: 2 pending; segment: 2 pending" in lines[4]


def part(index: int, state: RunState, **more: object) -> PartitionStatus:
    return PartitionStatus(index, f"{2000 + index}", state, "", **more)


def ports(number: int) -> tuple[PortStage, ...]:
    return tuple(
        PortStage(f"PRT{port:02d}", stage, done=1, pending=port)
        for port in range(number)
        for stage in ("tile", "segment")
    )


def test_of_many_ports_those_with_the_most_to_do_are_shown() -> None:
    found = RunStatus(run(), RunState.RUNNING, (part(0, RunState.RUNNING, stages=ports(20)),))
    text = shown(found)
    assert "20 ports  tile: 20 done, 190 pending; segment: 20 done, 190 pending" in text
    assert "PRT19  tile: 1 done, 19 pending" in text
    assert "PRT11" not in text
    assert "and 11 more ports" in text
    assert len(run_values(found)["partitions"][0]["stages"]) == 40


def test_of_many_partitions_finished_and_waiting_ones_are_counted() -> None:
    states = (
        [RunState.FINISHED] * 30 + [RunState.RUNNING, RunState.FAILED] + [RunState.SUBMITTED] * 8
    )
    parts = tuple(part(index, state) for index, state in enumerate(states))
    made = run(partitions=tuple(Partition(one.name, None) for one in parts))
    text = shown(RunStatus(made, RunState.RUNNING, parts))
    assert "2030  running" in text
    assert "2031  failed" in text
    assert "38 more partitions: 30 finished, 8 submitted" in text


def test_the_time_left_is_that_of_the_last_stage() -> None:
    stages = (PortStage("A", "tile", done=90), PortStage("A", "segment", 10, 0, 20, 60))
    rate = Throughput(20, 0.5, "2026-11-24T02:13:20+00:00")
    moving = part(
        0, RunState.RUNNING, stages=stages, throughput=rate, pods=(PodCount("worker", 1, 2),)
    )
    text = shown(RunStatus(run(), RunState.RUNNING, (moving,)))
    assert "0.5 overpasses a minute, 2 h 40 min left; last at 2026-11-24 02:13 UTC" in text
    values = run_values(RunStatus(run(), RunState.RUNNING, (moving,)))
    assert values["partitions"][0]["pace"]["minutes_left"] == 160


@pytest.mark.parametrize("width", [80, 140])
def test_a_tree_shows_its_whole_text_at_any_width(width: int) -> None:
    trouble = Trouble("no node takes it " + "and says why " * 12, "40 pods (worker)", False, 40)
    found = RunStatus(
        run(), RunState.STARTING, (part(0, RunState.STARTING, stages=ports(3)),), (trouble,), True
    )
    text = shown(found, width)
    assert max(map(len, text.splitlines())) <= width
    words = [word for word in text.split() if word not in "├──│└"]
    assert words.count("says") == 12


def test_help_names_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    for command, option in (("logs", "archived"), ("runs", "namespace"), ("cancel", "wait")):
        assert f"--{option}" in CliRunner().invoke(app, [command, "--help"]).stdout
