"""Parts of one plan: by themselves, and two of them on one port of a bucket at the same time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from distributed import Client
from rich.console import Console

from jobs.archive import pool as archives
from jobs.domain import Period, UnitState
from jobs.plan import Plan, write_plan
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from jobs.run.events import Event, EventName
from jobs.run.pipeline import run_plan
from jobs.run.settings import settings_for
from jobs.run.status import dry_rows, stale_rows
from jobs.run.unit_state import count_states
from jobs.segment.digest import VERSION
from jobs.storage import storage_at
from jobs.tile.digest import VERSION as TILE_VERSION
from tests.support.remote_worlds import berthwatch, plan_on, published
from tests.support.servers.s3 import BUCKET, S3, s3_server
from tests.support.small_runs import a_plan, content, elsewhere, go, root_of

EARLY, LATE = (
    Period(date(2024, 5, 1), date(2024, 5, 4)),
    Period(date(2024, 5, 5), date(2024, 5, 31)),
)
"""Day n of a small plan is acquired on the (n+1)th of May."""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect("local", workers=1) as made:
        yield made


@pytest.fixture(autouse=True)
def no_land(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))


class Lent:
    """A client that a run may enter and leave without closing it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def __enter__(self) -> Client:
        return self.client

    def __exit__(self, *error: object) -> None:
        pass


def test_a_part_counts_and_does_its_own_period_only(tmp_path: Path, client: Client) -> None:
    plan = a_plan(tmp_path, 1, 2, 3, 4, 9, ports=("TESTA", "TESTB"))
    early, events, opened = go(plan, client, RunOptions(within=EARLY))
    assert (early.worked, early.done, early.pending) == (6, 6, 0)
    (started,) = [e.facts for e in events if e.name is EventName.STARTED]
    assert (started["overpasses"], started["from"], started["to"]) == (
        6,
        "2024-05-01",
        "2024-05-04",
    )
    limited, _, _ = go(plan, client, RunOptions(within=LATE, limit=1))
    assert (limited.worked, limited.done, limited.pending) == (1, 1, 3)
    counts = count_states(plan, opened, settings_for(plan))
    assert (counts[UnitState.DONE], counts[UnitState.PENDING]) == (7, 3)
    go(plan, client, RunOptions(within=LATE))
    go(elsewhere(plan, "undivided"), client)
    assert content(plan) == content(elsewhere(plan, "undivided"))


def test_the_last_part_publishes_whatever_the_order(tmp_path: Path, client: Client) -> None:
    plan = a_plan(tmp_path, 1, 2, 9)
    told: list[Event] = []
    console = Console(stderr=True)
    first = run_plan(plan, RunOptions(within=LATE), Lent(client), console, told.append)
    assert (first.code, first.folder, first.summary.done) == (0, None, 1)
    assert [event.name for event in told][-1] is EventName.ENDED
    last = run_plan(plan, RunOptions(within=EARLY), Lent(client), console, told.append)
    assert (last.code, last.summary.done) == (0, 2)
    assert last.folder is not None
    assert root_of(plan).exists(f"{last.folder}/report.html")


def test_why_something_is_stale(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1, 2)
    go(plan, client)
    assert stale_rows(plan, root_of(plan)) == []
    model = settings_for(plan).model_digest
    with monkeypatch.context() as other:
        other.setattr("jobs.run.settings.weights_digest", lambda path: "f" * 64)
        (row,) = stale_rows(plan, root_of(plan))
        assert (row["stage"], row["stale"]) == ("segment", 2)
        assert row["because"] == f"the model is {'f' * 12}, was {model[:12]}"
        other.setattr("jobs.segment.digest.VERSION", VERSION + 1)
        for dry in dry_rows(plan, root_of(plan), RunOptions()):
            assert dry["why"] == (
                f"stale: the model is {'f' * 12}, was {model[:12]} and the segment stage is "
                f"version {VERSION + 1}, was {VERSION}"
            )
    with monkeypatch.context() as other:
        other.setattr("jobs.tile.digest.VERSION", TILE_VERSION + 1)
        (tile,) = stale_rows(plan, root_of(plan))
        because = f"the tile stage is version {TILE_VERSION + 1}, was {TILE_VERSION}"
        assert (tile["stage"], tile["because"]) == ("tile", because)
    moved = replace(plan, ports=(replace(plan.ports[0], berths=()),))
    (row,) = stale_rows(moved, root_of(plan))
    assert str(row["because"]).startswith("the berths were others")


# --- on S3 --------------------------------------------------------------------------------------

DAYS = (1, 2, 5, 6)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


def part(folder: Path, s3: S3, *period: str) -> subprocess.CompletedProcess[str]:
    options = ("--workers", "1", "--commit-every", "0", "--json")
    return berthwatch(folder, s3.environment, "run", "parts.jsonl", *options, *period)


@pytest.mark.slow
def test_two_parts_on_one_port_at_once_give_what_an_undivided_run_gives(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: dict[str, Plan] = {}
    for name in ("parts", "undivided"):
        plans[name] = plan_on(
            tmp_path, f"s3://{BUCKET}/imagery", f"s3://{BUCKET}/{name}", DAYS, "x"
        )
        write_plan(plans[name], tmp_path / f"{name}.jsonl")
    s3.put(tmp_path, "imagery")
    with ThreadPoolExecutor(2) as pool:
        periods = (("--to", "2024-05-04"), ("--from", "2024-05-05"))
        ended = list(pool.map(lambda period: part(tmp_path, s3, *period), periods))
    assert [done.returncode for done in ended] == [0, 0], [done.stderr for done in ended]
    facts = [json.loads(done.stdout) for done in ended]
    assert [(f["done"], f["failed"], f["pending"]) for f in facts] == [(2, 0, 0), (2, 0, 0)]
    assert [f for f in facts if f["published"] is not None]

    calm = berthwatch(tmp_path, s3.environment, "run", "undivided.jsonl", "--workers", "1")
    assert calm.returncode == 0, calm.stderr
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    assert content(plans["parts"]) == content(plans["undivided"])
    both = [storage_at(plans[name].archive) for name in ("parts", "undivided")]
    assert published(both[0]) == published(both[1]) != {}
    assert not [name for name in both[0].names("") if name.startswith(".lock")]
