"""The rights of infra/ are exactly those that a runner and a submitter use.

The scenarios call what both call, with an API server that enforces the Roles.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config

from jobs.cli.submit import CONFIG_MAP
from jobs.errors import KubernetesError
from jobs.kubernetes import dask_cluster_manifest
from jobs.kubernetes.absence import Absence
from jobs.kubernetes.api import CONFIG_MAPS, Api
from jobs.kubernetes.cancel import cancel_run
from jobs.kubernetes.cluster_startup import StartupMonitor
from jobs.kubernetes.dask_cluster import make_cluster, remove_cluster
from jobs.kubernetes.logs import archive_logs
from jobs.kubernetes.manifests import gpu_group, runner_job
from jobs.kubernetes.names import labels
from jobs.kubernetes.settings import ClusterSettings, Gpu, Workers
from jobs.kubernetes.spec import Run
from jobs.kubernetes.status import run_status
from jobs.kubernetes.stopping import why_over
from jobs.kubernetes.submit import submit_run
from jobs.kubernetes.wait import wait_for_run
from jobs.storage import LocalFolder
from tests.support.kubernetes.runs import NAMESPACE, rights
from tests.support.kubernetes.values import run
from tests.support.kubernetes.world import DASK, World, kubernetes_world
from tests.support.servers.kubernetes.problems import ProblemError

RUNNER, SUBMITTER = "berthwatch-runner", "berthwatch-submitter"
IMAGE = f"registry.test/shell@sha256:{'d' * 64}"
SETTINGS = ClusterSettings(
    image=IMAGE, workers=Workers(count=1), gpu=Gpu(count=1, image=IMAGE), start_timeout_s=30
)
RUN: Run = run(SETTINGS, namespace=NAMESPACE)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    images = {IMAGE: ["sh", "-c", "echo here", "--"]}
    with kubernetes_world(
        folder, namespace=NAMESPACE, roles=rights(), images={**images, "shell": DASK}
    ) as made:
        made.add_config(CONFIG_MAP, {"settings.yaml": f"image: {IMAGE}\n"})
        made.apply(_pod("somebody"))
        made.wait_until(lambda: "I am" in made.pod_log("somebody"), 30)
        yield made


def _pod(name: str) -> dict[str, Any]:
    about = {"name": name, "labels": labels(RUN.job, RUN.id, "worker", 0)}
    one = {"name": "worker", "image": "shell", "command": ["sh", "-c", "echo I am; sleep 600"]}
    spec = {"containers": [one], "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.kubernetes.dask_cluster.POLL_S", 0.1)
    monkeypatch.setattr("jobs.kubernetes.wait.POLL_S", 0.1)


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path)


def api(world: World, account: str) -> Api:
    path = world.kubeconfig(f"{NAMESPACE}/{account}")
    return Api(config.new_client_from_config(str(path)), NAMESPACE)


def quiet(text: str) -> None:
    """For what nobody has to hear."""


def as_a_runner(world: World, storage: LocalFolder) -> None:
    """Requests of a runner, and of a second one, which finds the cluster."""
    mine = api(world, RUNNER)
    owners = [world.create(runner_job(replace(RUN, id=name))) for name in ("first", "second")]
    try:
        for job in owners:
            make_cluster(mine, RUN, 0, job["metadata"]["uid"])
        assert StartupMonitor(mine, RUN, 0, quiet, Absence(quiet)).troubles() is not None
        archived = archive_logs(mine, storage, RUN, 0)
        assert archived.pods == ("somebody",), archived.notes
        assert why_over(mine, storage, RUN)  # of a Job that is not there
        remove_cluster(mine, RUN, 0)
        assert not world.list("daskclusters") + world.list("daskworkergroups")
    finally:
        clear(world)


def as_a_submitter(world: World, storage: LocalFolder) -> None:
    """Requests of the commands: settings, submit, wait, status, cancel; a cluster has no owner."""
    mine = api(world, SUBMITTER)
    kept = _pod("somebody")
    try:
        world.create(dask_cluster_manifest(RUN, 0, None))
        world.create(gpu_group(RUN, 0, None) or {})
        assert mine.find(CONFIG_MAPS, CONFIG_MAP) is not None
        said: list[str] = []
        submitted = submit_run(mine, storage, None, RUN)
        wait_for_run(mine, storage, submitted.run, said.append)
        assert "here" in said
        # waiting lists events only before a runner has started; status always does
        assert run_status(mine, storage, submitted.run, units=False).polled
        done = cancel_run(mine, storage, submitted.run, 4, poll_s=0.2)
        assert not [name for name in done.left if not name.startswith("Pod/somebody")], done
        assert not done.notes
    finally:
        clear(world)
        if world.find("pods", "somebody") is None:
            world.apply(kept)


def clear(world: World) -> None:
    for kind in ("jobs", "daskworkergroups", "daskclusters", "secrets"):
        for one in world.list(kind):
            with suppress(ProblemError):  # garbage collection may delete it first
                world.delete(kind, one["metadata"]["name"])
    kinds = ("jobs", "daskclusters", "daskworkergroups")
    world.wait_until(lambda: not any(world.list(kind) for kind in kinds), 30)


SCENARIOS = {RUNNER: as_a_runner, SUBMITTER: as_a_submitter}


def granted(account: str) -> set[tuple[str, str, str]]:
    """API group, resource and verb of every right of an account's Role."""
    roles = [r for r in rights() if r["kind"] == "Role" and r["metadata"]["name"] == account]
    return {
        (group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("account", SCENARIOS)
def test_exactly_the_granted_rights_are_used(
    world: World, storage: LocalFolder, account: str
) -> None:
    SCENARIOS[account](world, storage)
    assert world.used_by(f"{NAMESPACE}/{account}") == granted(account)


@pytest.mark.parametrize(
    ("account", "right"),
    [(account, right) for account in SCENARIOS for right in sorted(granted(account))],
    ids=lambda value: value if isinstance(value, str) else " ".join(value).strip(),
)
def test_each_right_is_needed(
    world: World, storage: LocalFolder, account: str, right: tuple[str, str, str]
) -> None:
    _, resource, verb = right
    whole = world.get("roles", account)
    world.remove_verb(account, resource, verb)
    try:
        with pytest.raises((KubernetesError, AssertionError)):
            SCENARIOS[account](world, storage)
    finally:
        world.apply({**whole, "metadata": {"name": account, "namespace": NAMESPACE}})
