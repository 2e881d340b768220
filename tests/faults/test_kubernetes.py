"""Faults on Kubernetes: exit code, recovery, objects left behind, and output of each.

Prints the table of docs/kubernetes.md: ``event | exit code | recovered | left behind | seen``.
Bytes are compared with those of an undisturbed run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config

from jobs.domain import Overpass
from jobs.kubernetes.api import JOBS, Api
from jobs.plan import read_plan, write_plan
from jobs.storage.s3 import ATTEMPTS
from tests.support.kubernetes.counted import at_ports, kept_counts, scheduler_of
from tests.support.kubernetes.runs import (
    CREDENTIALS,
    GPU_IMAGE,
    Site,
    facts,
)
from tests.support.kubernetes.waiting import (
    Waiting,
    begun_line,
    end_jobs,
    end_waiting,
    only_secret,
    over_line,
    resuming,
    row,
    run_once,
    waiting,
)
from tests.support.kubernetes.world import Timing
from tests.support.servers.faults import answers
from tests.support.servers.kubernetes.defaults import node
from tests.support.servers.s3 import faulty_proxy

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

DAYS = tuple(range(1, 61))
GPU_NODE = node("gpu-1", gpu="1", taints=({"key": "nvidia.com/gpu", "effect": "NoSchedule"},))
GPU = {"count": 1, "cpu": "250m", "memory": "2Gi", "image": GPU_IMAGE, "wait_s": 20}
AS_REAL = Timing(not_ready_s=45.0, toleration_scale=1.0)
"""A node controller's time until it marks a node, and tolerations of half a minute."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with run_once(tmp_path_factory.mktemp("site"), DAYS) as made:
        yield made


@pytest.fixture(autouse=True)
def as_before(undisturbed: Site) -> Iterator[None]:
    """Restore the cluster after each event."""
    yield
    end_waiting()
    for one in undisturbed.world.list("nodes"):
        name = one["metadata"]["name"]
        if name != "node-1" or undisturbed.world.cluster.kubelet.dead_nodes.silent(name):
            undisturbed.world.delete_node(name)
    undisturbed.world.set_nodes(node("node-1"))
    undisturbed.world.set_quota({})
    end_jobs(undisturbed)


def line_with(said: str, word: str) -> str:
    """The last line with a text, without the display's line breaks."""
    assert word in " ".join(said.split()), said
    return next(line for line in reversed(said.splitlines()) if word.split()[-1] in line).strip()


def recovered(event: str, undisturbed: Site, run: Waiting, seen: str = "") -> None:
    """Assert that the run finished with the same bytes, and left nothing."""
    code, said = run.end()
    assert code == 0, said + undisturbed.world.describe()
    found = run.site
    found.world.wait_until(lambda: only_secret(found) == [], 60)
    equal = found.published() == undisturbed.published()
    row(event, code, equal, only_secret(found), seen or "progress goes on")
    assert equal


# --- recovered faults ---------------------------------------------------------------------------


@pytest.mark.parametrize("abrupt", [False, True], ids=["drained", "node lost"])
def test_runner_evicted(undisturbed: Site, abrupt: bool) -> None:
    name = f"runner-{int(abrupt)}"
    run = waiting(undisturbed.beside(name))
    pod = run.runner()
    (cluster,) = undisturbed.world.list("daskclusters")
    undisturbed.world.kill_pod(pod, abrupt=abrupt)
    fresh = undisturbed.world.wait_until(
        lambda: [p for p in run.site.pods("runner") if p["metadata"]["name"] != pod], 120
    )
    same = undisturbed.world.list("daskclusters")
    assert [one["metadata"]["uid"] for one in same] == [cluster["metadata"]["uid"]]
    assert fresh
    event = "runner's node lost" if abrupt else "runner evicted"
    recovered(
        event, undisturbed, run, "a second runner's log follows the first, on the same cluster"
    )


def test_scheduler_lost(undisturbed: Site) -> None:
    run = waiting(undisturbed.beside("scheduler"))
    run.runner()
    (pod,) = run.site.pods("scheduler")
    undisturbed.world.kill_pod(pod["metadata"]["name"], abrupt=True)
    recovered(
        "scheduler lost", undisturbed, run, "'the cluster was lost', exit 3 of that runner; another"
    )


COUNTED = ("A", "B", "C", "D", "E")
PATIENT = {"start_timeout_s": 600}


@pytest.mark.timeout(3600)
def test_scheduler_lost_while_visits_are_counted(undisturbed: Site, tmp_path: Path) -> None:
    """The same runner goes on, with the ports that were counted, on the cluster made again."""
    world = undisturbed.world
    calm, found = (
        at_ports(undisturbed.beside(name, **PATIENT), COUNTED, most=3)
        for name in ("counting-undisturbed", "counting")
    )
    done = calm.submit("--wait", timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    run = waiting(found)
    runner = world.wait_until(lambda: found.run_ids() and found.pods("runner"), 240)
    runner_name = runner[0]["metadata"]["name"]
    world.wait_until(lambda: begun_line(found) in world.pod_log(runner_name), 600)
    (scheduler,) = found.pods("scheduler")
    with scheduler_of(found, tmp_path) as client:
        kept = world.wait_until(lambda: kept_counts(client), 600)
        world.kill_pod(scheduler["metadata"]["name"], abrupt=True)
    code, said = run.end(900)
    assert code == 0, said + world.describe()
    told = " ".join(said.split())
    words = re.findall(r"the visits of (\d) of 5 ports are counted and kept", told)
    assert len(words) == 1, said
    assert len(kept) <= int(words[0]) < len(COUNTED)
    runners = world.pods(f"app.kubernetes.io/component=runner,berthwatch/run={found.run_id()}")
    assert [one["metadata"]["name"] for one in runners] == [runner_name]
    world.wait_until(lambda: only_secret(found) == [], 60)
    equal = found.published() == calm.published()
    seen = f"'the visits of {words[0]} of 5 ports are counted and kept'; the same runner goes on"
    row("scheduler lost while visits are counted", code, equal, only_secret(found), seen)
    assert equal


@pytest.mark.parametrize("seconds", [5, 30, 180])
def test_api_away(undisturbed: Site, seconds: int) -> None:
    run = waiting(undisturbed.beside(f"api-{seconds}"))
    run.runner()
    with undisturbed.world.outage():
        time.sleep(seconds)
    code, said = run.end()
    assert code == 0, said + undisturbed.world.describe()
    assert said.count("0 failed") == 1, said  # no line of the log twice
    undisturbed.world.wait_until(lambda: only_secret(run.site) == [], 60)
    equal = run.site.published() == undisturbed.published()
    row(
        f"API away for {seconds} s",
        code,
        equal,
        only_secret(run.site),
        "'the Kubernetes API does not answer', once; then the log goes on",
    )
    assert equal


def test_cpu_worker_lost(undisturbed: Site) -> None:
    run = waiting(undisturbed.beside("worker"))
    run.runner()
    (pod,) = run.site.pods("worker")
    undisturbed.world.kill_pod(pod["metadata"]["name"], abrupt=True)
    recovered("CPU worker lost", undisturbed, run)


def test_gpu_worker_lost(undisturbed: Site) -> None:
    undisturbed.world.set_nodes(node("node-1"), GPU_NODE)
    run = waiting(undisturbed.beside("gpu-worker", gpu={**GPU, "wait_s": 120}))
    run.runner()
    (pod,) = run.site.pods("gpu-worker")
    undisturbed.world.kill_pod(pod["metadata"]["name"], abrupt=True)
    recovered("GPU worker lost", undisturbed, run)


def test_without_a_gpu_worker_the_run_goes_on_with_cpus(undisturbed: Site) -> None:
    run = waiting(undisturbed.beside("gpu-cpu", gpu={**GPU, "otherwise": "cpu"}))
    recovered("GPU never scheduled, otherwise: cpu", undisturbed, run, "'going on with CPUs alone'")


def test_submitted_twice_at_once(undisturbed: Site) -> None:
    twice = undisturbed.beside("twice")
    runs = [waiting(twice), waiting(twice)]
    ends = [run.end() for run in runs]
    assert [code for code, _ in ends] == [0, 0], ends
    jobs = [
        job for job in undisturbed.world.list("jobs") if job["metadata"]["name"] == twice.run_id()
    ]
    assert len(jobs) == 1
    undisturbed.world.wait_until(lambda: only_secret(twice) == [], 60)
    equal = twice.published() == undisturbed.published()
    row("submitted twice at once", 0, equal, only_secret(twice), "both follow the same run")
    assert equal


def test_cancelled_in_the_middle_and_resumed(undisturbed: Site) -> None:
    found = undisturbed.beside("cancelled")
    run = waiting(found)
    run.runner()
    ended = found.call("cancel", str(found.plan), "--yes")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    code, said = run.end()
    assert code == 130, said
    assert found.left() == []
    row("cancelled in the middle", code, False, found.left(), line_with(said, "was cancelled"))
    again = found.call(
        *("resume", str(found.plan), "--settings", str(found.plan.with_suffix(".settings.yaml"))),
        "--wait",
    )
    assert again.returncode == 0, again.stdout + again.stderr
    found.world.wait_until(lambda: only_secret(found) == [], 60)
    equal = found.published() == undisturbed.published()
    row("and resumed", again.returncode, equal, only_secret(found), "only what was missing")
    assert equal


# --- nodes that die, and some that do not --------------------------------------------------------


def several_nodes(found: Site) -> None:
    """Each pod of a run gets one of its own, and there is one more."""
    found.world.set_nodes(*(node(f"node-{number}") for number in range(1, 5)))


def state_of(found: Site) -> tuple[str, str]:
    """State of the run and its cause, as `status` has them."""
    said = facts(found.call("status", str(found.plan), "--output", "json"))["run"]
    return said["state"], said["partitions"][0]["why"]


def test_the_runners_node_dies(undisturbed: Site) -> None:
    several_nodes(undisturbed)
    run = waiting(undisturbed.beside("dead-node"))
    pod = run.runner()
    there = undisturbed.world.node_of(pod)
    undisturbed.world.node_dies(there)
    undisturbed.world.wait_until(
        lambda: "deletionTimestamp" in undisturbed.world.get("pods", pod)["metadata"], 60
    )
    stalled = f"{there}, the node of its runner, does not answer"
    assert state_of(run.site) == ("stalled", stalled)
    time.sleep(15)  # it is told within two looks at the events
    undisturbed.world.delete_node(there)
    code, said = run.end()
    assert code == 0, said
    assert " ".join(said.split()).count(f"node {there} does not answer") == 1
    assert "out-of-service" in " ".join(said.split())
    undisturbed.world.wait_until(lambda: only_secret(run.site) == [], 60)
    equal = run.site.published() == undisturbed.published()
    seen = "'node ... does not answer; its runner is replaced once it does, or is gone'; then both"
    row("runner's node dies, is deleted later", code, equal, only_secret(run.site), seen)
    assert equal


@pytest.mark.parametrize("component", ["scheduler", "worker"])
def test_a_node_of_the_cluster_dies(undisturbed: Site, component: str) -> None:
    """The Node object stays; the row says how long after the death the run was at its end."""
    several_nodes(undisturbed)
    world = undisturbed.world
    run = waiting(undisturbed.beside(f"node-of-{component}"))
    run.runner()
    (pod,) = run.site.pods(component)
    there, began = world.node_of(pod["metadata"]["name"]), time.monotonic()
    world.node_dies(there, AS_REAL)
    world.wait_until(lambda: world.events("NodeNotReady", pod["metadata"]["name"]), 60)
    state, why = state_of(run.site)
    assert (state, there in why) == ("stalled", True), (state, why)
    code, said = run.end()
    took_s = time.monotonic() - began
    assert code == 0, said
    assert " ".join(said.split()).count(f"node {there} does not answer") == 1, said
    world.wait_until(lambda: len(only_secret(run.site)) == 1, 60)  # the pod there is Terminating
    left = only_secret(run.site)
    equal = run.site.published() == undisturbed.published()
    row(
        f"{component}'s node dies, its Node stays",
        code,
        equal,
        left,
        f"'node ... does not answer', then progress; at its end {took_s:.0f} s after the death",
    )
    assert left == [f"pods/{pod['metadata']['name']}"]
    assert equal


def test_the_runners_node_answers_again(undisturbed: Site) -> None:
    several_nodes(undisturbed)
    world = undisturbed.world
    run = waiting(undisturbed.beside("back"))
    pod = run.runner()
    there = world.node_of(pod)
    world.kubelet_stops(there)
    world.wait_until(lambda: "deletionTimestamp" in world.get("pods", pod)["metadata"], 60)
    world.kubelet_returns(there)
    world.wait_until(lambda: world.find("pods", pod) is None, 60)
    recovered(
        "runner's node answers again", undisturbed, run, "the first runner ends, a second follows"
    )


def test_the_runners_node_is_deleted_while_it_works(undisturbed: Site) -> None:
    """A second runner comes beside the first; it waits, and does not write."""
    several_nodes(undisturbed)
    world = undisturbed.world
    run = waiting(undisturbed.beside("undead"))
    pod = run.runner()
    there = world.node_of(pod)
    (worker,) = run.site.pods("worker")
    with world.held(worker["metadata"]["name"]):  # so that the first is not done too soon
        world.kubelet_stops(there)
        world.delete_node(there)
        (second,) = world.wait_until(
            lambda: [p for p in run.site.pods("runner") if p["metadata"]["name"] != pod], 120
        )
        name = second["metadata"]["name"]
        world.wait_until(lambda: f"pod {pod}, still works" in world.pod_log(name), 120)
    code, said = run.end()
    assert code == 0, said + world.describe()
    assert over_line(run.site) in world.pod_log(pod)
    assert begun_line(run.site) not in world.pod_log(name)
    world.wait_until(lambda: only_secret(run.site) == [], 60)
    equal = run.site.published() == undisturbed.published()
    seen = "'another runner of this partition ... still works: waiting for its end'"
    row("runner's Node deleted while it works", code, equal, only_secret(run.site), seen)
    assert equal


# --- quotas and events --------------------------------------------------------------------------


def refusals(found: Site) -> int:
    """How often pods were refused."""
    return sum(event["count"] for event in found.world.events("FailedCreate"))


def test_quota_lifted_later(undisturbed: Site) -> None:
    """The worker is refused until after 41 s, and tried again after 82 s; the limit is 60 s."""
    found = undisturbed.beside("lifted", start_timeout_s=60)
    before = refusals(found)
    found.world.set_quota({"pods": "2"})
    run = waiting(found)
    found.world.wait_until(lambda: refusals(found) - before >= 14, 180)
    found.world.set_quota({})
    code, said = run.end()
    assert code == 0, said + found.world.describe()
    assert " ".join(said.split()).count("Kubernetes tries again by itself") == 1
    found.world.wait_until(lambda: only_secret(found) == [], 60)
    equal = found.published() == undisturbed.published()
    row("quota lifted after 41 s", code, equal, only_secret(found), line_with(said, "refused pods"))
    assert equal


def test_resumed_under_the_events_of_an_earlier_submission(undisturbed: Site) -> None:
    """Its Job was past its deadline; the new one has no runner for a minute, as a quota is full."""
    found = undisturbed.beside("events", start_timeout_s=90)
    run = waiting(found)
    run.runner()
    patch_job(found, {"spec": {"activeDeadlineSeconds": 1}})
    assert run.end()[0] == 3
    found.world.wait_until(lambda: found.world.events("DeadlineExceeded", found.run_id()), 30)
    found.world.set_quota({"pods": "0"})
    before = refusals(found)
    again = resuming(found)
    found.world.wait_until(lambda: refusals(found) - before >= 6, 120)  # after 31 s
    time.sleep(30)
    found.world.set_quota({})
    code, said = again.end()
    assert code == 0, said + found.world.describe()
    assert "deadline" not in said
    found.world.wait_until(lambda: only_secret(found) == [], 60)
    equal = found.published() == undisturbed.published()
    row("resumed, with events of its first Job", code, equal, only_secret(found), "goes on")
    assert equal


# --- failed runs ---------------------------------------------------------------------------------


def refused(event: str, found: Site, word: str, *more: str, code: int = 2) -> str:
    """Assert that the run ends with an exit code and a message, and leaves nothing."""
    run = waiting(found, *more)
    ended, said = run.end()
    assert ended == code, said + found.world.describe()
    found.world.wait_until(lambda: only_secret(found) == [], 90)
    row(event, ended, False, only_secret(found), line_with(said, word))
    return said


def test_past_its_deadline(undisturbed: Site) -> None:
    run = waiting(undisturbed.beside("deadline"))
    run.runner()
    patch_job(run.site, {"spec": {"activeDeadlineSeconds": 1}})
    code, said = run.end()
    assert code == 3, said
    assert "another runner" not in said
    undisturbed.world.wait_until(lambda: only_secret(run.site) == [], 30)
    row("past its deadline", code, False, only_secret(run.site), line_with(said, "deadline"))
    settings = str(run.site.plan.with_suffix(".settings.yaml"))
    again = run.site.call("resume", str(run.site.plan), "--settings", settings, "--wait")
    assert again.returncode == 0, again.stderr
    assert run.site.published() == undisturbed.published()


def patch_job(found: Site, body: dict[str, Any]) -> None:
    """Change the run's Job, as its administrator."""
    made = config.new_client_from_config(str(found.world.kubeconfig()))
    Api(made, found.world.namespace).patch(JOBS, found.run_id(), body)


def test_image_missing(undisturbed: Site) -> None:
    found = undisturbed.beside("image", start_timeout_s=15)
    missing = f"registry.test/nobody@sha256:{'c' * 64}"
    refused("image missing", found, "cannot be pulled", "--image", missing)


def test_gpu_never_scheduled(undisturbed: Site) -> None:
    refused("GPU never scheduled", undisturbed.beside("no-gpu", gpu=GPU), "no GPU worker came")


def test_quota_exceeded(undisturbed: Site) -> None:
    found = undisturbed.beside("quota", start_timeout_s=20)
    undisturbed.world.set_quota({"pods": "2"})
    refused("quota exceeded", found, "quota")


def test_secret_missing(undisturbed: Site) -> None:
    found = undisturbed.beside("secret", credentials=[CREDENTIALS, "nobody"], start_timeout_s=15)
    refused("secret missing", found, "nobody")


def test_s3_denied(undisturbed: Site) -> None:
    with faulty_proxy(undisturbed.s3.url) as proxy:
        proxy.faults.add(answers(403, path="*/denied/ports/*", method="PUT", times=None))
        found = undisturbed.beside("denied", environment=_through(undisturbed, proxy.url))
        refused("S3 denied", found, "cannot be read or written")


def test_no_right_to_write_at_all(undisturbed: Site) -> None:
    with faulty_proxy(undisturbed.s3.url) as proxy:
        proxy.faults.add(answers(403, times=None))
        found = undisturbed.beside("shut", environment=_through(undisturbed, proxy.url))
        refused("S3 denied to pods, not to the submitter", found, "access is denied")


def test_the_bucket_is_out_of_reach_as_a_runner_starts(undisturbed: Site) -> None:
    """For as long as one runner asks for the archive's lease; the next one gets it."""
    with faulty_proxy(undisturbed.s3.url) as proxy:
        fault = proxy.faults.add(answers(503, path="*.lock*", method="PUT", times=ATTEMPTS))
        environment = _through(undisturbed, proxy.url)
        run = waiting(undisturbed.beside("out-of-reach", environment=environment))
        recovered("bucket out of reach", undisturbed, run, "'the server says ...', exit 3; another")
        assert fault.hits == ATTEMPTS


def _through(undisturbed: Site, url: str) -> dict[str, str]:
    """The pods' environment, with another address of S3."""
    return {**undisturbed.settings["environment"], "AWS_ENDPOINT_URL": url}


def test_an_image_that_is_missing(undisturbed: Site) -> None:
    found = undisturbed.beside("failing")
    plan = read_plan(found.plan)
    overpasses = tuple(_without_file(o) if i == 3 else o for i, o in enumerate(plan.overpasses))
    write_plan(replace(plan, overpasses=overpasses), found.plan)
    run = waiting(found)
    code, said = run.end()
    assert code == 1, said
    found.world.wait_until(lambda: only_secret(found) == [], 60)
    row("an image of the plan is gone", code, False, only_secret(found), line_with(said, "exit 1"))


def _without_file(overpass: Overpass) -> Overpass:
    (scene,) = overpass.scenes
    gone = {n: replace(b, href=f"{b.href}.gone") for n, b in scene.bands.items()}
    return replace(overpass, scenes=(replace(scene, bands=gone),))
