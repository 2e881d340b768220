"""The API of Kubernetes away in every phase of a run, and in several ways.

A run meets absences one after the other; of a long one several commands have their share, each held
at another request. Prints rows of the table of docs/kubernetes.md, as test_kubernetes.py does.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.kubernetes.daily import NAME, daily
from tests.support.kubernetes.runs import CREDENTIALS, Site
from tests.support.kubernetes.waiting import (
    LIMIT_S,
    Waiting,
    cancelling,
    end_jobs,
    end_waiting,
    only_secret,
    resuming,
    row,
    run_once,
    waiting,
)
from tests.support.kubernetes.world import World
from tests.support.servers.kubernetes.outages import Away, Hold, Outage, Phase

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

DAYS = (1, 3, 33, 35)
"""Few: most phases lie before the work and behind it. Two in each of two months."""
SUBMITTER, RUNNER = "berthwatch-submitter", "berthwatch-runner"
FIRST = Phase("GET", "/jobs/", SUBMITTER)
MAKING_THE_JOB = Phase("POST", "/jobs$", SUBMITTER, done=True)
MAKING_THE_SECRET = Phase("POST", "/secrets$", SUBMITTER)
UNSUSPENDING = Phase("PATCH", "/jobs/", SUBMITTER, done=True)
WAITING = Phase("GET", "/pods", SUBMITTER)
SUBMITTING = (FIRST, MAKING_THE_JOB, MAKING_THE_SECRET, UNSUSPENDING, WAITING)
MAKING_THE_CLUSTER = Phase("POST", "/daskclusters$", RUNNER, done=True)
STARTING_THE_WORKERS = Phase("GET", "/daskclusters/", RUNNER)
REMOVING_THE_CLUSTER = Phase("DELETE", "/daskclusters/", RUNNER)
LAST_WORDS = Phase("GET", r"/pods/[\w-]+/log", RUNNER)
PATIENT = {"start_timeout_s": 600}
LONG_S = 180

AWAY: dict[str, tuple[Any, ...]] = {
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
}
"""Seconds, and the phases of one run."""


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
    row(event, code, equal, only_secret(found), f"told {told(said)} times")
    assert equal
    assert one_line(said).count("0 failed") == 1, said


def one_line(said: str) -> str:
    return " ".join(said.split())


def told(said: str) -> int:
    """How often a command said that the API is away."""
    words = one_line(said)
    return words.count("API does not answer (") + words.count("no longer accepts the login")


@pytest.mark.parametrize("phases", AWAY)
def test_api_away_in_every_phase(undisturbed: Site, phases: str) -> None:
    seconds, *requests = AWAY[phases]
    # all of them at first: the next request of a run may come as soon as the API is back
    outages = [undisturbed.world.outage_at(Outage(phase, seconds)) for phase in requests]
    run = waiting(undisturbed.beside(f"away-{list(AWAY).index(phases)}"))
    for outage in outages:
        assert outage.over.wait(seconds + 300), undisturbed.world.describe()
    code, said = run.end()
    finished(f"API away for {seconds} s {phases}", undisturbed, run.site, code, said)
    assert "submitted; follow and end it" in one_line(said)
    assert told(said) <= len(requests), said


def test_api_away_for_long_at_each_request_of_a_submission(undisturbed: Site) -> None:
    """Of five that submit the same run at once, each is held at another request; its runner starts
    meanwhile.
    """
    world, found = undisturbed.world, undisturbed.beside("held", **PATIENT)
    runs = [waiting(found) for _ in SUBMITTING]
    holds = [world.hold(phase) for phase in SUBMITTING]
    for hold in holds:
        assert hold.came.wait(LIMIT_S), f"nobody came to {hold.phase}" + world.describe()
    with world.outage():
        time.sleep(LONG_S)
    for run in runs:
        code, said = run.end(LIMIT_S)
        assert told(said) == 1, said
        event = f"API away for {LONG_S} s at each request of submit"
        finished(event, undisturbed, found, code, said)
    made = [job["metadata"]["name"] for job in world.list("jobs")]
    assert made.count(found.run_id()) == 1


NEEDED = (MAKING_THE_CLUSTER, STARTING_THE_WORKERS, REMOVING_THE_CLUSTER, LAST_WORDS)


def test_api_away_for_long_while_the_runner_needs_it(undisturbed: Site) -> None:
    """Where it makes its cluster, starts the workers, removes it, and says its last words."""
    world, found = undisturbed.world, undisturbed.beside("long", **PATIENT)
    run = waiting(found)
    absences: list[Outage] = []
    for phase in NEEDED:
        absences.append(world.outage_at(Outage(phase, LONG_S)))
        assert absences[-1].began.wait(LIMIT_S), world.describe()
        if phase is MAKING_THE_CLUSTER:
            from_the_archive(found)
        assert absences[-1].over.wait(LONG_S + 60)
    code, said = run.end(LIMIT_S)
    finished(f"API away for {LONG_S} s while the runner needs it", undisturbed, found, code, said)
    # one that begins before the runner has noticed the end of another is the same to it
    assert 1 <= one_line(said).count("does not answer the runner (") <= len(NEEDED), said


def from_the_archive(found: Site) -> None:
    """Commands that answer without the API, and say so."""
    for command in (("status",), ("runs", "-o", "json")):
        done = found.call(*command, str(found.plan))
        assert done.returncode == 0, done.stderr
        assert "from the archive alone" in done.stderr, command


OF_A_PERSON = f"{SUBMITTER}~"
"""Whose logins have issues; those of pods have none."""
CANCELLING = Phase("DELETE", "/jobs/", OF_A_PERSON, done=True)
RESUMING = Phase("POST", "/jobs$", OF_A_PERSON, done=True)
DAILY = Phase("POST", "/jobs$", SUBMITTER, done=True)
END_OF_A_PART = Phase("DELETE", r"/daskclusters/[\w-]+-0\b", RUNNER)
PARTS = ("--backfill", "2024-05..2024-06", "--by", "month", "--parallel", "2")
INTO_THE_ABSENCE_S = 30.0


def test_api_away_for_long_from_several_at_once(undisturbed: Site) -> None:
    """During `cancel`, `resume` and the CronJob's `submit`, none of which hears that its request
    was carried out; and where one part of a backfill ends, while another is at work.
    """
    world = undisturbed.world
    again, today = undisturbed.beside("again", **PATIENT), undisturbed.beside("today", **PATIENT)
    cancelled_before(again)
    end_of_a_part = world.hold(END_OF_A_PART)
    parts = waiting(undisturbed.beside("parts", **PATIENT), *PARTS)
    with world.held(worker_at_work(parts, 1)):
        came(end_of_a_part, world)
        run = waiting(undisturbed.beside("in-the-middle", **PATIENT))
        world.wait_until(lambda: run.site.run_ids() and pod_of(run.site, "scheduler"), LIMIT_S)
        holds = [world.hold(phase) for phase in (CANCELLING, RESUMING, DAILY)]
        cancel, resume, submitter = cancelling(run.site), resuming(again), triggered(today)
        for hold in holds:
            came(hold, world)
        world.cluster.server.go(Away.UNAVAILABLE)
        time.sleep(INTO_THE_ABSENCE_S)
    time.sleep(LONG_S - INTO_THE_ABSENCE_S)
    world.cluster.server.come_back()

    code, said = cancel.end(LIMIT_S)
    assert (code, told(said)) == (0, 1), said
    assert f"{run.site.run_id()} cancelled" in one_line(said)
    code, said = run.end(LIMIT_S)
    assert (code, told(said)) == (130, 1), said
    row(f"API away for {LONG_S} s during cancel", code, False, left_of(run.site), "told once")
    assert left_of(run.site) == []

    code, said = resume.end(LIMIT_S)
    assert told(said) == 1, said
    finished_beside(f"API away for {LONG_S} s during resume", undisturbed, again, code, said)

    world.wait_until(lambda: world.job(submitter)["status"].get("succeeded") == 1, LIMIT_S)
    (pod,) = world.pods(f"job-name={submitter}")
    said = world.pod_log(pod["metadata"]["name"])
    assert told(said) == 1, said
    ended = world.wait_until(today.ended, LIMIT_S)[0]
    event = f"API away for {LONG_S} s during the CronJob's submit"
    finished_beside(event, undisturbed, today, ended["exit"], said)

    code, said = parts.end(LIMIT_S)
    assert told(said) == 1, said
    assert 1 <= one_line(said).count("does not answer the runner (") <= 2, said
    event = f"API away for {LONG_S} s at the end of one part while another works"
    finished_beside(event, undisturbed, parts.site, code, said)
    assert only_secret(undisturbed) == []


def cancelled_before(found: Site) -> None:
    """Submit a run, and cancel it before it has done much."""
    submitted = found.submit(timeout=LIMIT_S)
    assert submitted.returncode == 0, submitted.stderr
    cancelled = found.call("cancel", str(found.plan), "--yes", timeout=LIMIT_S)
    assert cancelled.returncode == 0, cancelled.stdout + cancelled.stderr


def came(hold: Hold, world: World) -> None:
    """Wait until somebody is held."""
    assert hold.came.wait(LIMIT_S), f"nobody came to {hold.phase}" + world.describe()


def pod_of(found: Site, component: str, index: int = 0) -> str:
    """Name of a partition's pod of a component; empty while there is none."""
    run_id = found.run_id()
    names = [str(pod["metadata"]["name"]) for pod in found.pods(component)]
    mine = [name for name in names if name.startswith(f"{run_id}-{index}-")]
    return next(iter(mine), "")


def worker_at_work(run: Waiting, index: int) -> str:
    """Name of the worker of a partition that has begun with its overpasses."""
    found = run.site
    world = found.world
    runner = world.wait_until(lambda: found.run_ids() and pod_of(found, "runner", index), LIMIT_S)
    world.wait_until(lambda: "overpasses to do" in world.pod_log(runner), LIMIT_S)
    return pod_of(found, "worker", index)


def triggered(found: Site) -> str:
    """Let the CronJob's schedule come, for a plan; returns the name of the Job that submits it."""
    world = found.world
    world.add_secret(CREDENTIALS, found.s3.environment)  # with the endpoint, since it is not AWS
    world.add_config("berthwatch", {"settings.yaml": yaml.safe_dump(found.settings)})
    world.apply(*daily(found.plan.read_text(), file="plan.jsonl"))
    world.trigger(NAME, "submits")
    return "submits"


def left_of(found: Site) -> list[str]:
    """Objects of a site's run that are left, without a finished Job's Secret."""
    return [name for name in only_secret(found) if found.run_id() in name]


def finished_beside(event: str, undisturbed: Site, found: Site, code: int, said: str) -> None:
    """As ``finished``, while other runs go on."""
    assert code == 0, said + undisturbed.world.describe()
    undisturbed.world.wait_until(lambda: left_of(found) == [], 90)
    equal = found.published() == undisturbed.published()
    row(event, code, equal, left_of(found), f"told {told(said)} times")
    assert equal


@pytest.mark.parametrize("how", [Away.SILENT, Away.REFUSED, Away.BUSY, Away.EXPIRED])
def test_api_away_in_another_way(undisturbed: Site, how: Away) -> None:
    run = waiting(undisturbed.beside(f"how-{how.name.lower()}"))
    outage = undisturbed.world.outage_at(Outage(STARTING_THE_WORKERS, 40, how))
    assert outage.over.wait(340), undisturbed.world.describe()
    code, said = run.end()
    finished(f"API away for 40 s while the workers start: {how}", undisturbed, run.site, code, said)
    if how is Away.EXPIRED:
        assert "Log in again as for kubectl" in said


@pytest.mark.parametrize("seconds", [30, LONG_S])
def test_api_away_at_the_end(undisturbed: Site, seconds: int) -> None:
    """From the moment at which the Job is complete, while the exit code is still to be read."""
    run = waiting(undisturbed.beside(f"end-{seconds}"))
    world = undisturbed.world

    def complete() -> bool:
        jobs = {job["metadata"]["name"]: job for job in world.list("jobs")}
        done = jobs.get(run.site.run_id(), {}).get("status", {}).get("completionTime")
        return done is not None

    world.wait_until(lambda: world.list("daskclusters"), 240)
    world.wait_until(complete, 400)
    with world.outage():
        time.sleep(seconds)
    code, said = run.end()
    finished(f"API away for {seconds} s after the end", undisturbed, run.site, code, said)
    assert told(said) == 1, said


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

    world.outage_at(Outage(FIRST, 30))
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
    world.outage_at(Outage(Phase("DELETE", "/jobs/", SUBMITTER, done=True), 30))
    cancelled = found.call("cancel", str(found.plan), "--yes", timeout=400)
    assert cancelled.returncode == 0, cancelled.stdout + cancelled.stderr
    assert f"{found.run_id()} cancelled" in cancelled.stdout
    assert found.left() == []
    code, said = run.end()
    assert code == 130, said
    row("API away for 30 s during cancel", 0, False, found.left(), "told once")
    world.outage_at(Outage(MAKING_THE_JOB, 30))
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
