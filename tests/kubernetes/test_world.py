"""The cluster for tests behaves as Kubernetes, as far as Berthwatch depends on it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

from tests.support.kubernetes.world import DASK, World, kubernetes_world
from tests.support.servers.kubernetes.backoff import REPLICA_SET, Backoff
from tests.support.servers.kubernetes.defaults import node
from tests.support.servers.kubernetes.events import last_time
from tests.support.servers.kubernetes.network import is_ready
from tests.support.servers.kubernetes.operator_rights import ACCOUNT, operator_rights
from tests.support.servers.kubernetes.timing import Timing

FAST = Timing(job_backoff_s=0.2, crash_backoff_s=0.2, retry_s=0.3)
IMAGES = {"shell": DASK}
UNREACHABLE = {
    "key": "node.kubernetes.io/unreachable",
    "operator": "Exists",
    "effect": "NoExecute",
    "tolerationSeconds": 30,
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with kubernetes_world(tmp_path, images=IMAGES, timing=FAST) as running:
        yield running


def _client(world: World, account: str = "admin") -> client.ApiClient:
    return config.new_client_from_config(str(world.kubeconfig(account)))


def _pod(name: str, script: str = "sleep 60", **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "shell", "command": ["sh", "-c", script]}
    container |= spec.pop("container", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": spec.pop("labels", {})},
        "spec": {"restartPolicy": "Never", "containers": [container], **spec},
    }


def _job(name: str, script: str, **spec: Any) -> dict[str, Any]:
    template = {"spec": _pod(name, script)["spec"]}
    about = {"name": name}
    spec = {"completionMode": "Indexed", "completions": 1, **spec, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": about, "spec": spec}


def _deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": _pod(name, restartPolicy="Always")["spec"]}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    about = {"name": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": spec}


def _phase(world: World, name: str) -> str:
    return str(world.get("pods", name)["status"].get("phase"))


def _ends(world: World, name: str, phase: str = "Succeeded") -> dict[str, Any]:
    world.wait_until(lambda: _phase(world, name) == phase)
    return world.get("pods", name)


def _condition(manifest: dict[str, Any], kind: str) -> dict[str, Any] | None:
    conditions = manifest.get("status", {}).get("conditions", ())
    return next((one for one in conditions if one["type"] == kind), None)


def test_a_real_client_creates_changes_and_deletes(world: World) -> None:
    with _client(world) as api:
        core = client.CoreV1Api(api)
        body = {"metadata": {"name": "one", "labels": {"a": "b"}}, "data": {"x": "1"}}
        made = core.create_namespaced_config_map("ocean", body)
        assert made.metadata.uid
        with pytest.raises(ApiException, match="AlreadyExists"):
            core.create_namespaced_config_map("ocean", body)
        patched = core.patch_namespaced_config_map("one", "ocean", {"data": {"x": None, "y": "2"}})
        assert patched.data == {"y": "2"}
        assert int(patched.metadata.resource_version) > int(made.metadata.resource_version)
        with pytest.raises(ApiException) as stale:
            core.replace_namespaced_config_map("one", "ocean", made)
        assert json.loads(stale.value.body)["reason"] == "Conflict"
        core.delete_namespaced_config_map("one", "ocean")
        with pytest.raises(ApiException) as gone:
            core.read_namespaced_config_map("one", "ocean")
        assert json.loads(gone.value.body)["message"] == 'configmaps "one" not found'


def test_selectors_choose_by_labels_and_fields(world: World) -> None:
    for name, labels in (("a", {"k": "1"}), ("b", {"k": "2", "l": ""}), ("c", {})):
        world.create(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "labels": labels},
            }
        )
    with _client(world) as api:
        core = client.CoreV1Api(api)

        def names(**selectors: str) -> list[str]:
            found = core.list_namespaced_config_map("ocean", **selectors).items
            return [one.metadata.name for one in found]

        assert names(label_selector="k=1") == ["a"]
        assert names(label_selector="k!=1") == ["b", "c"]
        assert names(label_selector="k in (1,2),l") == ["b"]
        assert names(label_selector="!k") == ["c"]
        assert names(field_selector="metadata.name=b") == ["b"]


def test_a_watch_reports_added_modified_and_deleted_objects(world: World) -> None:
    seen: list[tuple[str, str]] = []
    with _client(world) as api:
        core = client.CoreV1Api(api)
        start = core.list_namespaced_config_map("ocean").metadata.resource_version

        def follow() -> None:
            for event in watch.Watch().stream(
                core.list_namespaced_config_map,
                "ocean",
                label_selector="k=1",
                resource_version=start,
                timeout_seconds=5,
            ):
                seen.append((event["type"], event["object"].metadata.name))
                if len(seen) == 3:
                    return

        thread = threading.Thread(target=follow)
        thread.start()
        world.add_config("other", {})
        world.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "mine", "labels": {"k": "1"}},
            }
        )
        world.patch("configmaps", "mine", lambda one: one.update(data={"x": "y"}))
        world.patch("configmaps", "mine", lambda one: one["metadata"].update(labels={}))
        thread.join()
    assert seen == [("ADDED", "mine"), ("MODIFIED", "mine"), ("DELETED", "mine")]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")
def test_kubectl_lists_and_applies(world: World, tmp_path: Path) -> None:
    file = tmp_path / "it.json"
    file.write_text(json.dumps(_pod("greeting", "echo hello")))
    environment = {**os.environ, "KUBECONFIG": str(world.kubeconfig())}

    def kubectl(*words: str) -> str:
        done = subprocess.run(
            ["kubectl", *words], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    kubectl("apply", "--validate=false", "-f", str(file))
    _ends(world, "greeting")
    assert kubectl("logs", "greeting") == "hello\n"
    assert "greeting" in kubectl("get", "pods", "--no-headers")


def _owned(name: str, owner: dict[str, Any]) -> dict[str, Any]:
    reference = {key: owner[key] for key in ("apiVersion", "kind")}
    reference |= {key: owner["metadata"][key] for key in ("name", "uid")}
    about = {"name": name, "ownerReferences": [reference | {"blockOwnerDeletion": True}]}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about}


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_owned_objects_are_deleted_with_their_owner(world: World, policy: str) -> None:
    world.add_config("owner", {})
    owner = world.get("configmaps", "owner")
    child = world.create(_owned("child", owner))
    world.create(_owned("grandchild", child))
    world.delete("configmaps", "owner", policy)
    assert (world.find("configmaps", "owner") is not None) == (policy == "Foreground")
    world.wait_until(lambda: not world.list("secrets"))
    world.wait_until(lambda: world.find("configmaps", "owner") is None)
    changes = [one for one in world.store.history if one.before and one.after is None]
    gone = [one.before["metadata"]["name"] for one in changes if one.before]
    order = ["owner", "child", "grandchild"]
    assert gone == (order if policy == "Background" else order[::-1])


def test_an_owner_of_another_uid_is_no_owner(world: World) -> None:
    world.add_config("owner", {})
    owner = world.get("configmaps", "owner")
    owner["metadata"]["uid"] = "of-an-earlier-one"
    world.create(_owned("child", owner))
    world.wait_until(lambda: not world.list("secrets"))


def test_a_job_deleted_without_a_policy_leaves_its_pods(world: World) -> None:
    world.create(_job("left", "sleep 60"))
    world.wait_until(lambda: world.pods())
    with _client(world) as api:
        client.BatchV1Api(api).delete_namespaced_job("left", "ocean")
    world.wait_until(lambda: world.find("jobs", "left") is None)
    (pod,) = world.pods()
    assert "ownerReferences" not in pod["metadata"] or not pod["metadata"]["ownerReferences"]


def test_a_finalizer_keeps_an_object_until_it_is_removed(world: World) -> None:
    world.add_config("held", {})
    world.patch("configmaps", "held", lambda one: one["metadata"].update(finalizers=["x/y"]))
    world.delete("configmaps", "held")
    assert "deletionTimestamp" in world.get("configmaps", "held")["metadata"]
    world.patch("configmaps", "held", lambda one: one["metadata"].pop("finalizers"))
    assert world.find("configmaps", "held") is None


def test_requests_succeed_again_after_an_outage(world: World) -> None:
    with _client(world) as api:
        core = client.CoreV1Api(api)
        with world.outage(), pytest.raises(ApiException) as refused:
            core.list_namespaced_pod("ocean")
        assert refused.value.status == 503
        assert core.list_namespaced_pod("ocean").items == []


def test_an_account_has_exactly_the_rights_of_its_role(world: World) -> None:
    world.create_role("ocean/reader", ("", ["pods", "pods/log"], ["list", "get"]))
    with _client(world, "ocean/reader") as api:
        core = client.CoreV1Api(api)
        assert core.list_namespaced_pod("ocean").items == []
        with pytest.raises(ApiException) as refused:
            core.list_namespaced_secret("ocean")
        assert refused.value.status == 403
        assert json.loads(refused.value.body)["message"] == (
            'secrets is forbidden: User "system:serviceaccount:ocean:reader" cannot list resource '
            '"secrets" in API group "" in the namespace "ocean"'
        )
        world.remove_verb("reader", "pods", "list")
        with pytest.raises(ApiException, match="pods is forbidden"):
            core.list_namespaced_pod("ocean")
        with pytest.raises(ApiException, match="not found"):
            core.read_namespaced_pod_log("none", "ocean")
    assert world.used_by("ocean/reader") == {
        ("", "pods", "list"),
        ("", "secrets", "list"),
        ("", "pods/log", "get"),
    }


def test_a_name_can_narrow_a_right(world: World) -> None:
    world.create_role("ocean/one", ("", ["configmaps"], ["get"]))
    world.patch("roles", "one", lambda role: role["rules"][0].update(resourceNames=["this"]))
    world.add_config("this", {"a": "b"})
    with _client(world, "ocean/one") as api:
        core = client.CoreV1Api(api)
        assert core.read_namespaced_config_map("this", "ocean").data == {"a": "b"}
        with pytest.raises(ApiException, match='configmaps \\\\"that\\\\" is forbidden'):
            core.read_namespaced_config_map("that", "ocean")


def test_a_pod_becomes_a_process_with_its_environment(world: World) -> None:
    world.add_secret("keys", {"TOKEN": "abc", "file.txt": "inside"})
    world.add_config("greeting", {"COLOUR": "blue"})
    script = (
        "echo $WHO $TOKEN $COLOUR $SUM $CORES; cat $(PLACE)/file.txt; "
        "cat /etc/berthwatch/keys/file.txt; echo over > /dev/termination-log"
    )
    container = {
        "env": [
            {"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['who']"}}},
            {"name": "SUM", "value": "$(WHO)-$(NOBODY)-$$(WHO)"},
            {"name": "PLACE", "value": "/etc/berthwatch/keys"},
            {"name": "CORES", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ],
        "envFrom": [{"secretRef": {"name": "keys"}}, {"configMapRef": {"name": "greeting"}}],
        "resources": {"limits": {"cpu": "1500m"}},
        "volumeMounts": [{"name": "keys", "mountPath": "/etc/berthwatch/keys"}],
    }
    volumes = [{"name": "keys", "secret": {"secretName": "keys"}}]
    labels = {"who": "me"}
    world.create(_pod("a", script, container=container, volumes=volumes, labels=labels))
    pod = _ends(world, "a")
    assert world.pod_log("a") == "me abc blue me-$(NOBODY)-$(WHO) 2\ninsideinside"
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"] == "over\n"


def test_a_pod_that_cannot_start_has_the_reason(world: World) -> None:
    world.create(_pod("image", container={"image": "nowhere/it:1"}))
    env = {"envFrom": [{"secretRef": {"name": "absent"}}]}
    world.create(_pod("secret", container=env))
    wish = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
    world.create(_pod("gpu", container=wish))

    def waits(name: str) -> dict[str, Any]:
        return dict(world.get("pods", name)["status"]["containerStatuses"][0]["state"]["waiting"])

    world.wait_until(lambda: waits("image")["reason"] == "ImagePullBackOff")
    world.wait_until(lambda: waits("secret")["reason"] == "CreateContainerConfigError")
    assert waits("secret")["message"] == 'secret "absent" not found'
    world.wait_until(lambda: world.events("FailedScheduling", "gpu"))
    condition = _condition(world.get("pods", "gpu"), "PodScheduled")
    assert condition is not None
    assert condition["reason"] == "Unschedulable"
    assert condition["message"].startswith("0/1 nodes are available: 1 Insufficient nvidia.com/gpu")
    world.add_secret("absent", {"A": "b"})
    world.wait_until(lambda: _phase(world, "secret") == "Running")


def test_a_taint_excludes_pods_that_do_not_tolerate_it(world: World) -> None:
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    world.set_nodes(node("gpu-1", gpu="1", taints=(taint,)))
    world.create(_pod("plain", "true"))
    (event,) = world.wait_until(lambda: world.events("FailedScheduling", "plain"))
    assert "1 node(s) had untolerated taint {nvidia.com/gpu: present}" in event["message"]
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists"}
    world.create(_pod("patient", "true", tolerations=[toleration]))
    assert _ends(world, "patient")["spec"]["nodeName"] == "gpu-1"


def test_a_deleted_pod_gets_sigterm_and_then_sigkill(world: World) -> None:
    polite = "trap 'echo asked; exit 7' TERM; echo up; while true; do sleep 0.05; done"
    stubborn = "trap '' TERM; echo up; while true; do sleep 0.05; done"
    world.create(_pod("polite", polite))
    world.create(_pod("stubborn", stubborn, terminationGracePeriodSeconds=1))
    for name in ("polite", "stubborn"):
        world.wait_until(lambda name=name: "up" in world.pod_log(name))
        world.delete("pods", name)
    world.wait_until(lambda: not world.pods())
    assert world.pod_log("polite") == "up\nasked\n"


def test_a_container_that_crashes_starts_again_and_keeps_its_previous_log(world: World) -> None:
    world.create(_pod("again", "echo life; exit 1", restartPolicy="Always"))

    def backs_off() -> bool:
        (status,) = world.get("pods", "again")["status"]["containerStatuses"]
        waiting = status["state"].get("waiting", {})
        return status["restartCount"] >= 2 and waiting.get("reason") == "CrashLoopBackOff"

    world.wait_until(backs_off)
    with _client(world) as api:
        core = client.CoreV1Api(api)
        assert core.read_namespaced_pod_log("again", "ocean", previous=True) == "life\n"


def test_a_log_can_be_followed_to_its_end(world: World) -> None:
    world.create(_pod("slow", "for i in 1 2 3; do echo $i; sleep 0.2; done"))
    world.wait_until(lambda: world.pod_log("slow"))
    with _client(world) as api:
        core = client.CoreV1Api(api)
        stream = core.read_namespaced_pod_log("slow", "ocean", follow=True, _preload_content=False)
        assert b"".join(stream.stream()) == b"1\n2\n3\n"
        assert core.read_namespaced_pod_log("slow", "ocean", tail_lines=1) == "3\n"


def test_an_indexed_job_does_each_index_once(world: World) -> None:
    world.create(_job("all", "echo $JOB_COMPLETION_INDEX", completions=3, parallelism=2))
    world.wait_until(lambda: _condition(world.job("all"), "Complete"))
    job = world.job("all")
    assert job["status"]["completedIndexes"] == "0-2"
    assert job["status"]["succeeded"] == 3
    written = sorted(world.pod_log(pod["metadata"]["name"]) for pod in world.pods())
    assert written == ["0\n", "1\n", "2\n"]


def test_an_index_fails_by_its_exit_code_or_after_its_tries(world: World) -> None:
    script = "case $JOB_COMPLETION_INDEX in 0) exit 0;; 1) exit 2;; *) echo try; exit 3;; esac"
    rule = {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [1, 2]}}
    world.create(
        _job(
            "mixed",
            script,
            completions=3,
            parallelism=3,
            backoffLimitPerIndex=2,
            podFailurePolicy={"rules": [rule]},
        )
    )
    world.wait_until(lambda: _condition(world.job("mixed"), "Failed"))
    status = world.job("mixed")["status"]
    assert (status["completedIndexes"], status["failedIndexes"]) == ("0", "1-2")
    # the refused index once, the failing one with both retries
    assert (status["succeeded"], status["failed"]) == (1, 4)
    failed = _condition(world.job("mixed"), "Failed")
    assert failed is not None
    assert failed["reason"] == "FailedIndexes"


def test_a_pod_on_a_dead_node_is_terminating_until_the_node_is_deleted(world: World) -> None:
    """As on a real cluster: meanwhile a Job with this policy makes no second pod."""
    job = _job("alone", "echo up; exec sleep 60", podReplacementPolicy="Failed")
    job["spec"]["template"]["spec"]["tolerations"] = [UNREACHABLE]
    world.create(job)
    (pod,) = world.wait_until(lambda: _running(world))
    world.set_nodes(node("node-1"), node("node-2"))
    world.node_dies(world.node_of(pod))
    world.wait_until(lambda: "deletionTimestamp" in world.get("pods", pod)["metadata"], 20)
    reasons = [one["reason"] for one in world.list("events")]
    assert "NodeNotReady" in reasons
    time.sleep(2)
    assert [one["metadata"]["name"] for one in world.pods()] == [pod]
    world.delete_node("node-1")
    world.wait_until(lambda: _running(world) not in ([], [pod]))


def test_a_pod_without_tolerations_stays_longer_on_a_dead_node(world: World) -> None:
    world.create(_job("patient", "echo up; exec sleep 60"))
    (pod,) = world.wait_until(lambda: _running(world))
    world.node_dies(world.node_of(pod))
    world.wait_until(lambda: any(e["reason"] == "NodeNotReady" for e in world.list("events")))
    time.sleep(2)  # one that tolerates it for 30 s, which is 1.5 s here, would be gone
    assert "deletionTimestamp" not in world.get("pods", pod)["metadata"]
    assert world.get("pods", pod)["status"]["phase"] == "Running"


def test_a_node_that_answers_again_keeps_the_pods_that_it_still_has(world: World) -> None:
    world.create(_pod("here", "echo up; exec sleep 60"))
    world.wait_until(lambda: _running(world))
    world.kubelet_stops("node-1")
    world.wait_until(lambda: world.events("NodeNotReady", "here"))
    assert not is_ready(world.get("pods", "here"))
    assert _condition(world.get("pods", "here"), "ContainersReady")["status"] == "True"
    world.create(_pod("later"))
    world.wait_until(lambda: world.events("FailedScheduling", "later"))
    world.kubelet_returns("node-1")
    world.wait_until(lambda: is_ready(world.get("pods", "here")))
    world.wait_until(lambda: _phase(world, "later") == "Running")
    assert world.pod_log("here") == "up\n"


def test_a_node_that_answers_again_ends_the_pods_that_were_deleted(world: World) -> None:
    spec = {"terminationGracePeriodSeconds": 5, "tolerations": [UNREACHABLE]}
    world.create(_pod("here", "trap 'echo ended; exit' TERM; while :; do sleep .1; done", **spec))
    world.wait_until(lambda: _running(world))
    world.kubelet_stops("node-1")
    world.wait_until(lambda: "deletionTimestamp" in world.get("pods", "here")["metadata"], 20)
    time.sleep(1)
    assert world.pod_log("here") == ""
    world.kubelet_returns("node-1")
    world.wait_until(lambda: world.find("pods", "here") is None)
    assert world.pod_log("here") == "ended\n"


def test_pods_of_a_deleted_node_go_on_until_its_kubelet_returns(world: World) -> None:
    world.set_nodes(node("node-1"), node("node-2"))
    world.create(_job("alone", "echo up; sleep 60", podReplacementPolicy="Failed"))
    (pod,) = world.wait_until(lambda: _running(world))
    there = world.node_of(pod)
    world.kubelet_stops(there)
    world.delete_node(there)
    (second,) = world.wait_until(lambda: [one for one in _running(world) if one != pod])
    assert world.node_of(second) != there
    (first,) = world.cluster.kubelet.names[pod]
    assert not first.over
    world.kubelet_returns(there)
    world.wait_until(lambda: first.over)


def test_a_disruption_does_not_count_where_the_policy_ignores_it(world: World) -> None:
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}},
    ]
    script = "echo up; exec sleep 60"
    policy = {"podFailurePolicy": {"rules": rules}, "backoffLimitPerIndex": 0}
    world.create(_job("calm", script, **policy))
    for abrupt in (False, True):
        (pod,) = world.wait_until(lambda: _running(world))
        world.kill_pod(pod, abrupt=abrupt)
        world.wait_until(lambda pod=pod: _running(world) not in ([], [pod]))
    assert world.job("calm")["status"].get("failed", 0) == 0
    (pod,) = _running(world)
    world.crash(pod)
    world.wait_until(lambda: _condition(world.job("calm"), "Failed"))
    failed = _condition(world.job("calm"), "Failed")
    assert failed is not None
    assert failed["reason"] == "PodFailurePolicy"


def test_an_unscheduled_pod_of_a_job_is_replaced(world: World) -> None:
    world.set_nodes()
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [9]}}
    policy = {"podFailurePolicy": {"rules": [rule]}, "backoffLimitPerIndex": 1}
    world.create(_job("homeless", "true", **policy))
    (pod,) = world.wait_until(lambda: world.pods())
    world.delete("pods", pod["metadata"]["name"])
    world.wait_until(lambda: world.find("pods", pod["metadata"]["name"]) is None)
    world.set_nodes(node("late"))
    world.wait_until(lambda: _condition(world.job("homeless"), "Complete"))


def _running(world: World) -> list[str]:
    return [
        pod["metadata"]["name"]
        for pod in world.pods()
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    ]


def test_a_suspended_job_waits_and_one_suspended_again_stops(world: World) -> None:
    world.create(_job("later", "sleep 60", suspend=True))
    world.wait_until(lambda: _condition(world.job("later"), "Suspended"))
    assert world.pods() == []
    world.patch("jobs", "later", lambda job: job["spec"].update(suspend=False))
    world.wait_until(lambda: _running(world))
    world.patch("jobs", "later", lambda job: job["spec"].update(suspend=True))
    world.wait_until(lambda: not world.pods())


def test_a_job_ends_at_its_deadline_and_is_deleted_after_its_ttl(world: World) -> None:
    world.create(_job("late", "sleep 60", activeDeadlineSeconds=1, ttlSecondsAfterFinished=1))
    failed = world.wait_until(lambda: _condition(world.job("late"), "Failed"))
    assert failed["reason"] == "DeadlineExceeded"
    world.wait_until(lambda: world.find("jobs", "late") is None)
    assert world.pods() == []


def test_a_jobs_specification_is_immutable(world: World) -> None:
    world.create(_job("fixed", "true", suspend=True))
    with _client(world) as api:
        batch = client.BatchV1Api(api)
        with pytest.raises(ApiException, match="field is immutable"):
            batch.patch_namespaced_job("fixed", "ocean", {"spec": {"completions": 5}})


@pytest.mark.parametrize(
    ("container", "complaint"),
    [
        ({"volumeMounts": [{"name": "no", "mountPath": "/x"}]}, r'volumeMounts.*Not found: \\"no'),
        ({"resources": {"requests": {"nvidia.com/gpu": "1"}}}, "Limit must be set for non overcom"),
        (
            {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}},
            "must be less than or equal to cpu limit",
        ),
        ({"resources": {"limits": {"memory": "2 GB"}}}, "quantities must match"),
    ],
)
def test_an_invalid_pod_is_refused(world: World, container: dict[str, Any], complaint: str) -> None:
    job = _job("senseless", "true")
    job["spec"]["template"]["spec"]["containers"][0] |= container
    with _client(world) as api, pytest.raises(ApiException, match=complaint) as refused:
        client.BatchV1Api(api).create_namespaced_job("ocean", job)
    assert refused.value.status == 422


def test_a_quota_refuses_pods_with_an_event_of_the_job(world: World) -> None:
    world.set_quota({"requests.cpu": "1"})
    job = _job("big", "true", completions=2, parallelism=2)
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"cpu": "2"}}
    world.create(job)
    (event,) = world.wait_until(lambda: world.events("FailedCreate", "big"))[:1]
    assert (
        "exceeded quota: quota, requested: requests.cpu=2, used: requests.cpu=0, limited: "
        in (event["message"])
    )
    world.set_quota({})
    world.wait_until(lambda: _condition(world.job("big"), "Complete"))


def test_a_refused_replica_set_idles_after_the_quota_was_lifted(world: World) -> None:
    """As measured: pauses double, and no change of the quota ends one."""
    world.set_quota({"pods": "0"})
    world.create(_deployment("web"))
    world.wait_until(lambda: len(world.events("FailedCreate")) >= 9)  # by then it pauses for 1.3 s
    refusals = sum(event["count"] for event in world.events("FailedCreate"))
    world.set_quota({})
    time.sleep(0.3)
    assert sum(event["count"] for event in world.events("FailedCreate")) == refusals
    assert world.pods() == []
    world.wait_until(lambda: world.pods())


def test_the_pauses_of_a_replica_set_are_those_of_the_real_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    backoff, tries = Backoff(*REPLICA_SET), []
    while now <= 100:
        assert backoff.due("web")
        tries.append(now)
        backoff.refused("web")
        now = backoff._not_before["web"]
    assert now - 100 == pytest.approx(63.8, abs=0.1)  # of idling after 100 s of refusal
    for _ in range(10):
        backoff.refused("web")
    assert backoff._not_before["web"] - now == 1000
    backoff.succeeded("web")
    assert backoff.due("web")


def test_events_that_differ_in_their_message_alone_are_combined(world: World) -> None:
    world.set_quota({"pods": "0"})
    world.create(_deployment("web"))

    def combined() -> list[dict[str, Any]]:
        found = world.events("FailedCreate")
        return [one for one in found if one["message"].startswith("(combined")]

    (event,) = world.wait_until(lambda: [one for one in combined() if one["count"] == 2])
    assert "exceeded quota: quota" in event["message"]
    assert len(world.events("FailedCreate")) == 10
    assert last_time(event) >= max(last_time(one) for one in world.events("FailedCreate"))


def test_the_schedulers_events_are_of_the_newer_form(world: World) -> None:
    world.set_nodes()
    world.create(_pod("nowhere"))
    (event,) = world.wait_until(lambda: world.events("FailedScheduling", "nowhere"))
    assert (event["lastTimestamp"], event["source"]) == (None, {})
    assert "count" not in event
    assert event["reportingComponent"] == "default-scheduler"


def test_events_outlive_their_objects_for_an_hour(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create(_pod("short", "true"))
    _ends(world, "short")
    world.delete("pods", "short", grace_s=0)
    time.sleep(0.5)
    assert world.events("Started", "short")
    monkeypatch.setattr("tests.support.servers.kubernetes.events.KEPT_S", -60.0)
    world.wait_until(lambda: not world.events("Started", "short"))


def test_the_operator_has_the_rights_of_its_chart(world: World) -> None:
    world.apply(*operator_rights())
    with _client(world, ACCOUNT) as api:
        core, batch = client.CoreV1Api(api), client.BatchV1Api(api)
        core.list_namespaced_pod("ocean")
        core.create_namespaced_pod("ocean", _pod("made"))
        client.AppsV1Api(api).list_deployment_for_all_namespaces()
        for refused in (batch.list_namespaced_job, core.list_namespaced_secret):
            with pytest.raises(ApiException, match="dask-operator:dask-operator"):
                refused("ocean")
        portforward = core.connect_get_namespaced_pod_portforward
        with pytest.raises(ApiException, match="pods/portforward"):
            portforward("made", "ocean")


def test_a_deployment_replaces_its_pods(world: World) -> None:
    world.create(_deployment("web"))
    (first,) = world.wait_until(lambda: _running(world))
    world.kill_pod(first, abrupt=True)
    world.wait_until(lambda: _running(world) not in ([], [first]))
    world.delete("deployments", "web")
    world.wait_until(lambda: not world.pods())


def test_a_pod_listens_on_ports_of_its_own(world: World) -> None:
    # another process of this machine, as a Dask dashboard, listens on every address
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("0.0.0.0", 8642))
        other.listen()
        for name in ("one", "two"):
            script = f"mkdir {name}; exec python -m http.server 8642"
            container = {
                "ports": [{"name": "web", "containerPort": 8642}],
                "readinessProbe": {"httpGet": {"port": "web", "path": f"/{name}/"}},
            }
            world.create(_pod(name, script, container=container, labels={"app": name}))
            world.create(_service(name, 80, "web"))
        world.wait_until(lambda: _ready(world.pods()))
        ask = "from urllib.request import urlopen as u; print(u('http://{0}/{0}/').status)"
        for name in ("one", "two"):
            world.create(_pod(f"ask-{name}", f'python -c "{ask.format(name)}"'))
            _ends(world, f"ask-{name}")
            assert world.pod_log(f"ask-{name}") == "200\n"


def _service(name: str, port: int, target: str) -> dict[str, Any]:
    ports = [{"port": port, "targetPort": target}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": ports},
    }


def _cluster(name: str, owner: dict[str, Any] | None = None) -> dict[str, Any]:
    ports = [("tcp-comm", 8786), ("http-dashboard", 8787)]
    scheduler = {
        "name": "scheduler",
        "image": "dask",
        "args": ["dask", "scheduler", "--port", "8786", "--dashboard-address", ":8787"],
        "ports": [{"name": port, "containerPort": number} for port, number in ports],
        "readinessProbe": {"httpGet": {"port": "http-dashboard", "path": "/health"}},
    }
    worker = {"name": "worker", "image": "dask", "args": ["dask", "worker", "--nthreads", "1"]}
    service = {
        "type": "ClusterIP",
        "selector": {"dask.org/cluster-name": name, "dask.org/component": "scheduler"},
        "ports": [
            {"name": port, "port": number, "protocol": "TCP", "targetPort": port}
            for port, number in ports
        ],
    }
    return {
        "apiVersion": "kubernetes.dask.org/v1",
        "kind": "DaskCluster",
        "metadata": {"name": name} | (_owned(name, owner)["metadata"] if owner else {}),
        "spec": {
            "scheduler": {"spec": {"containers": [scheduler]}, "service": service},
            "worker": {"replicas": 1, "spec": {"containers": [worker]}},
        },
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda spec: spec["worker"].update(replicas="two"), 422),
        (lambda spec: spec.pop("scheduler"), 422),
        (lambda spec: spec["worker"].update(replica=2), 400),
    ],
)
def test_a_cluster_against_its_schema_is_refused(world: World, change: Any, code: int) -> None:
    cluster = _cluster("wrong")
    change(cluster["spec"])
    with _client(world) as api:
        custom = client.CustomObjectsApi(api)
        place = ("kubernetes.dask.org", "v1", "ocean", "daskclusters")
        with pytest.raises(ApiException) as refused:
            custom.create_namespaced_custom_object(*place, cluster)
        assert refused.value.status == code


@pytest.mark.slow
def test_the_real_operator_starts_two_clusters_that_are_deleted_with_their_owner(
    tmp_path: Path,
) -> None:
    from distributed import Client

    with kubernetes_world(tmp_path, images={"dask": DASK}, operator=True) as world:
        world.add_config("owner", {})
        for name in ("one", "two"):
            world.create(_cluster(name, world.get("configmaps", "owner")))
        for name in ("one", "two"):
            selector = f"dask.org/cluster-name={name},dask.org/component=scheduler"
            world.wait_until(lambda s=selector: _ready(world.pods(s)), 90)
            address = world.address(f"{name}-scheduler", 8786)
            with Client(f"tcp://{address}", timeout=30) as dask:
                assert dask.submit(lambda: 1 + 1).result(timeout=60) == 2
        world.delete("configmaps", "owner")
        world.wait_until(lambda: not world.pods() and not world.list("daskworkergroups"), 60)


def _ready(pods: list[dict[str, Any]]) -> bool:
    conditions = [_condition(pod, "Ready") or {} for pod in pods]
    return bool(conditions) and all(one.get("status") == "True" for one in conditions)
