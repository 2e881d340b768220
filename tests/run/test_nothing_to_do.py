"""A run with nothing to do: it ends at the tag that is known, without a cluster or an estimate."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from distributed import Client
from rich.console import Console

from jobs.archive import Archives, PortArchive, pool
from jobs.domain import EstimateSettings
from jobs.plan import Plan
from jobs.run.backlog import RunOptions
from jobs.run.counting import STEPS
from jobs.run.events import Event, EventName
from jobs.run.pipeline import Outcome, run_plan
from jobs.run.results import collect
from jobs.run.settings import settings_for
from jobs.visits import WITHOUT_EACH
from tests.support.cluster_here import cluster_here
from tests.support.small_runs import a_plan, root_of


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with cluster_here(threads_per_worker=1) as cluster, Client(cluster) as made:
        yield made


@pytest.fixture(autouse=True)
def no_land(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))


@contextmanager
def no_cluster() -> Iterator[Client]:
    raise AssertionError("a cluster was asked for")
    yield


def told(
    plan: Plan, client: Client | None, options: RunOptions | None = None
) -> tuple[Outcome, str, list[Event]]:
    """A run, without a cluster where there is no client; and what it said and noted."""
    screen, events = io.StringIO(), list[Event]()
    cluster = no_cluster() if client is None else nullcontext(client)
    ended = run_plan(plan, options or RunOptions(), cluster, Console(file=screen), events.append)
    return ended, screen.getvalue(), events


def test_nothing_to_do_ends_at_the_known_tag_and_reads_no_overpass(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1, 2)
    first, said, events = told(plan, client)
    assert first.folder is not None
    check_that_the_count_is_told(plan, said, events)
    folder = tmp_path / "archive" / first.folder
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    monkeypatch.setattr(PortArchive, "records", lambda *_: pytest.fail("records were read"))
    again, said, events = told(plan, None)
    assert (again.code, again.folder) == (0, first.folder)
    assert (again.summary.done, again.summary.failed, again.summary.pending) == (2, 0, 0)
    assert f"nothing to do: {folder.name}" in said
    assert [event.name for event in events] == [EventName.STARTED, EventName.PORT, EventName.ENDED]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == times


def check_that_the_count_is_told(plan: Plan, said: str, events: list[Event]) -> None:
    """In plain lines and in the journal, of the run itself: what is told of a worker's count."""
    berths = sum(len(port.berths) for port in plan.ports)
    assert berths
    lines = [line for line in said.splitlines() if "visits" in line]
    assert lines[0] == "counting visits ..."
    assert lines[-1].startswith(f"counted visits at {berths} berth")
    stages = [str(e.facts["stage"]) for e in events if e.name is EventName.STAGE]
    assert stages == ["counting visits", "linking voyages", "writing results"]
    names = [event.name for event in events]
    assert EventName.COUNTED in names
    assert EventName.COUNTING not in names


def test_a_worker_tells_each_step_of_its_count(tmp_path: Path, client: Client) -> None:
    plan = a_plan(tmp_path, 1, 2)
    told(plan, client)
    opened, seen = Archives(plan.ports, root_of(plan)), list[Event]()
    arguments = (plan, opened, settings_for(plan), root_of(plan), client)
    loud = collect(*arguments, observe=seen.append)
    steps = [event.facts["step"] for event in seen if event.name is EventName.COUNTING]
    one_sensor = [step for step in STEPS if step != WITHOUT_EACH]
    assert list(dict.fromkeys(steps)) == one_sensor
    assert {event.facts["of"] for event in seen if "of" in event.facts} == {2, 1}
    quiet = collect(*arguments)
    assert loud.estimates["TESTP"].berths.equals(quiet.estimates["TESTP"].berths)


def test_older_results_become_the_newest_again(tmp_path: Path, client: Client) -> None:
    plan = a_plan(tmp_path, 1, 2)
    first, _, _ = told(plan, client)
    other = replace(plan, estimates=EstimateSettings(seed=5))
    second, said, _ = told(other, client)
    assert "nothing to do" not in said
    assert second.folder != first.folder
    again, said, _ = told(plan, None)
    assert (again.folder, "nothing to do" in said) == (first.folder, True)
    latest = tmp_path / "archive" / "published" / plan.name / "latest.json"
    assert f"published/{plan.name}/{json.loads(latest.read_text())['folder']}" == first.folder


def test_damaged_results_are_told_and_made_again_to_the_byte(
    tmp_path: Path, client: Client
) -> None:
    plan = a_plan(tmp_path, 1)
    first, _, _ = told(plan, client)
    assert first.folder is not None
    visits = tmp_path / "archive" / first.folder / "looks.csv"
    before = visits.read_bytes()
    visits.write_bytes(before[:-1])
    again, said, events = told(plan, client)
    assert again.folder == first.folder
    assert "is damaged and is made again: looks.csv: missing or changed" in " ".join(said.split())
    assert visits.read_bytes() == before
    assert EventName.WARNING in [event.name for event in events]
    assert "nothing to do" in told(plan, None)[1]


def test_failed_overpasses_are_nothing_to_do_until_they_are_tried_again(
    tmp_path: Path, client: Client
) -> None:
    plan = a_plan(tmp_path, 1, 2)
    (tmp_path / "2.tif").unlink()
    first, _, _ = told(plan, client)
    again, said, _ = told(plan, None)
    assert (first.code, again.code, again.summary.failed) == (1, 1, 1)
    assert "nothing to do" in said
    tried, said, _ = told(plan, client, RunOptions(retry_failed=True))
    assert (tried.summary.worked, tried.folder) == (1, first.folder)
    assert "are there already" in said  # it failed again: nothing is estimated anew
