"""The API of Kubernetes away in every phase of a run, and in several ways.

Prints rows of the table of docs/kubernetes.md, as test_kubernetes.py does.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from tests.support.kubernetes.runs import Site
from tests.support.kubernetes.waiting import (
    end_jobs,
    end_waiting,
    only_secret,
    row,
    run_once,
    waiting,
)
from tests.support.servers.kubernetes.outages import Away, Outage

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

DAYS = (1, 3, 5)
"""Few: most phases lie before the work and behind it."""
SUBMITTER, RUNNER = "berthwatch-submitter", "berthwatch-runner"
FIRST = ("GET", "/jobs/", SUBMITTER, False)
MAKING_THE_JOB = ("POST", "/jobs$", SUBMITTER, True)
MAKING_THE_SECRET = ("POST", "/secrets$", SUBMITTER, False)
UNSUSPENDING = ("PATCH", "/jobs/", SUBMITTER, True)
WAITING = ("GET", "/pods", SUBMITTER, False)
MAKING_THE_CLUSTER = ("POST", "/daskclusters$", RUNNER, True)
STARTING_THE_WORKERS = ("GET", "/daskclusters/", RUNNER, False)
REMOVING_THE_CLUSTER = ("DELETE", "/daskclusters/", RUNNER, False)
"""Phases of a run: method, path and sender of the request at which the API goes away, and whether
that request is carried out before."""

AWAY = {
    "at every phase": (
        5,
        FIRST,
        MAKING_THE_JOB,
        MAKING_THE_SECRET,
        UNSUSPENDING,
        WAITING,
        MAKING_THE_CLUSTER,
        STARTING_THE_WORKERS,
        REMOVING_THE_CLUSTER,
    ),
    "at every request of submit": (30, FIRST, MAKING_THE_JOB, MAKING_THE_SECRET, UNSUSPENDING),
    "while the runner is waited for, makes the cluster, starts the workers and removes it": (
        30,
        WAITING,
        MAKING_THE_CLUSTER,
        STARTING_THE_WORKERS,
        REMOVING_THE_CLUSTER,
    ),
    "while the workers start and while the cluster is removed": (
        180,
        STARTING_THE_WORKERS,
        REMOVING_THE_CLUSTER,
    ),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with run_once(tmp_path_factory.mktemp("site"), DAYS) as made:
        yield made


@pytest.fixture(autouse=True)
def as_before(undisturbed: Site) -> Iterator[None]:
    """End what a test has left."""
    yield
    end_waiting()
    undisturbed.world.cluster.server.outages.expected.clear()
    end_jobs(undisturbed)


def finished(event: str, undisturbed: Site, found: Site, code: int, said: str) -> None:
    """Assert that a run ended well, with the same bytes, and that nothing is left; prints it."""
    assert code == 0, said + undisturbed.world.describe()
    undisturbed.world.wait_until(lambda: only_secret(found) == [], 90)
    equal = found.published() == undisturbed.published()
    words = " ".join(said.split())
    told = words.count("API does not answer (") + words.count("no longer accepts the login")
    row(event, code, equal, only_secret(found), f"told {told} times")
    assert equal
    assert words.count("0 failed") == 1, said


@pytest.mark.parametrize("phases", AWAY)
def test_api_away_in_every_phase(undisturbed: Site, phases: str) -> None:
    seconds, *requests = AWAY[phases]
    run = waiting(undisturbed.beside(f"away-{list(AWAY).index(phases)}"))
    for method, path, account, done in requests:
        outage = undisturbed.world.outage_at(Outage(method, path, seconds, account, done))
        assert outage.over.wait(seconds + 300), undisturbed.world.describe()
    code, said = run.end()
    finished(f"API away for {seconds} s {phases}", undisturbed, run.site, code, said)
    assert "submitted; follow and end it" in " ".join(said.split())
    assert " ".join(said.split()).count("API does not answer (") <= len(requests), said


@pytest.mark.parametrize("how", [Away.SILENT, Away.REFUSED, Away.BUSY, Away.EXPIRED])
def test_api_away_in_another_way(undisturbed: Site, how: Away) -> None:
    run = waiting(undisturbed.beside(f"how-{how.name.lower()}"))
    method, path, account, done = STARTING_THE_WORKERS
    outage = undisturbed.world.outage_at(Outage(method, path, 40, account, done, how))
    assert outage.over.wait(340), undisturbed.world.describe()
    code, said = run.end()
    finished(f"API away for 40 s while the workers start: {how}", undisturbed, run.site, code, said)
    if how is Away.EXPIRED:
        assert "Log in again as for kubectl" in said


def test_api_away_at_the_end(undisturbed: Site) -> None:
    """From the moment at which the Job is complete, while the exit code is still to be read."""
    run = waiting(undisturbed.beside("end"))
    world = undisturbed.world

    def complete() -> bool:
        jobs = {job["metadata"]["name"]: job for job in world.list("jobs")}
        done = jobs.get(run.site.run_id(), {}).get("status", {}).get("completionTime")
        return done is not None

    world.wait_until(lambda: world.list("daskclusters"), 240)
    world.wait_until(complete, 400)
    outage = Outage("", "", 30)
    world.cluster.server.go_for_a_while(outage)
    assert outage.over.wait(60)
    code, said = run.end()
    finished("API away for 30 s after the end", undisturbed, run.site, code, said)


def test_api_away_during_the_other_commands(undisturbed: Site) -> None:
    found = undisturbed.beside("commands")
    world = undisturbed.world
    run = waiting(found)
    world.wait_until(lambda: world.list("daskclusters"), 240)
    plan = str(found.plan)
    with world.outage():
        asked = {name: found.call(*name.split(), plan) for name in ("status", "runs -o json")}
    for name, done in asked.items():
        assert done.returncode == 0, done.stderr
        assert "from the archive alone" in done.stderr, name
    (listed,) = json.loads(asked["runs -o json"].stdout)
    assert listed["state"] == "unknown"

    world.outage_at(Outage("GET", "/jobs/", 30, SUBMITTER))
    followed = found.call("logs", plan, "--follow", timeout=400)
    assert followed.returncode == 0, followed.stderr
    assert "0 failed" in followed.stdout + followed.stderr
    code, said = run.end()
    finished("API away while status, runs and logs ask", undisturbed, found, code, said)


def test_api_away_during_cancel_and_resume(undisturbed: Site) -> None:
    found = undisturbed.beside("cancel")
    world = undisturbed.world
    run = waiting(found)
    world.wait_until(lambda: world.list("daskclusters"), 240)
    world.outage_at(Outage("DELETE", "/jobs/", 30, SUBMITTER, done=True))
    cancelled = found.call("cancel", str(found.plan), "--yes", timeout=400)
    assert cancelled.returncode == 0, cancelled.stdout + cancelled.stderr
    assert f"{found.run_id()} cancelled" in cancelled.stdout
    assert found.left() == []
    code, said = run.end()
    assert code == 130, said
    row("API away for 30 s during cancel", 0, False, found.left(), "told once")
    world.outage_at(Outage("POST", "/jobs$", 30, SUBMITTER, done=True))
    settings = str(found.plan.with_suffix(".settings.yaml"))
    again = found.call("resume", str(found.plan), "--settings", settings, "--wait", timeout=400)
    text = again.stdout + again.stderr
    finished("API away for 30 s during resume", undisturbed, found, again.returncode, text)


def test_a_waiting_process_that_is_stopped_meanwhile_goes_on(undisturbed: Site) -> None:
    """As on a laptop that sleeps: its connections are gone when it wakes up."""
    run = waiting(undisturbed.beside("asleep"))
    world = undisturbed.world
    world.wait_until(lambda: world.list("daskclusters"), 240)
    run.process.send_signal(signal.SIGSTOP)
    world.cluster.server.drop_connections()
    world.wait_until(lambda: not world.list("daskclusters"), 400)
    run.process.send_signal(signal.SIGCONT)
    code, said = run.end()
    finished("the laptop sleeps until the end", undisturbed, run.site, code, said)
