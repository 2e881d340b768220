"""Decisions of reviewers in runs on Kubernetes: they count, unless they are left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.plan import read_plan
from jobs.review import Decision, What
from jobs.review.decision import Seen
from jobs.review.store import write_decisions
from jobs.run import settings_for
from tests.support.kubernetes.runs import JOB, Site, facts, seen_from_here, site

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


def test_a_run_counts_the_decisions_unless_they_are_left_out(tmp_path: Path) -> None:
    with site(tmp_path, (1, 3), berths=False) as found, seen_from_here(found.s3):
        submitted(found)
        machine = tag(found)
        draw_a_ship(found)
        finished = found.submit()
        assert "nothing to do" in finished.stdout
        assert "1 made since the newest results" in " ".join(finished.stderr.split())
        said = submitted(found, "--again")
        reviewed = tag(found)
        assert reviewed != machine
        assert "decisions of reviewers" in said
        said = submitted(found, "--without-reviews")
        assert tag(found) == machine
        assert "decisions of reviewers are left out" in " ".join(said.split())
        listed = json.loads(found.call("runs", str(found.plan), "-o", "json").stdout)
        assert sorted(run["use_reviews"] for run in listed) == [False, True]


def submitted(found: Site, *more: str) -> str:
    """What a run to its end says."""
    done = found.submit("--wait", *more)
    assert done.returncode == 0, done.stdout + done.stderr + found.world.describe()
    return done.stdout + done.stderr


def tag(found: Site) -> str:
    return str(json.loads(found.storage.read(f"published/{JOB}/latest.json"))["tag"])


def draw_a_ship(found: Site) -> None:
    """A decision about the first overpass: a ship that the network missed."""
    plan = read_plan(found.plan)
    overpass, grid = plan.overpasses[0], plan.ports[0].grid
    x, y = grid.left + 300, grid.top - 300
    hull = [[x, y], [x + 100, y], [x + 100, y - 20], [x, y - 20]]
    drawn = Decision(
        who="anna",
        when=datetime.now(UTC).isoformat(timespec="microseconds"),
        what=What.DRAWN,
        port=overpass.port,
        overpass=overpass.id,
        berth="",
        vessel=f"{overpass.id}-d00000001",
        seen=Seen(JOB, tag(found), settings_for(plan).model_digest),
        value={"corners": hull},
    )
    write_decisions(found.storage, [drawn])


def test_both_at_once_are_refused(tmp_path: Path) -> None:
    with site(tmp_path, (1,), berths=False) as found:
        done = found.submit("--without-reviews", "--verify", "1", "--dry-run")
        assert done.returncode == 2
        assert "leave --without-reviews out" in " ".join(done.stderr.split())
        shown = facts(found.submit("--without-reviews", "--dry-run", "-o", "json"))
        plain = facts(found.submit("--dry-run", "-o", "json"))
        assert (shown["use_reviews"], plain["use_reviews"]) == (False, True)
        assert shown["run"] != plain["run"]
