"""Diagnosis of pods from their status and events."""

from __future__ import annotations

import pytest

from jobs.kubernetes.diagnosis import Trouble, events_of, troubles
from tests.support.kubernetes.objects import (
    IMAGE,
    MADE,
    event,
    job,
    on_silent_node,
    pod,
    run,
    terminated,
    unplaced,
    waiting,
)

RUN = run()
EARLIER, LATER = "2026-11-24T01:40:00Z", "2026-11-24T02:05:00Z"
ACCOUNT = 'Error creating: pods "x" is forbidden: serviceaccount "berthwatch-runner" not found'
QUOTA = (
    'Error creating: pods "bw-east-sea-0a1b2c3d-0-gpu-worker-1-abc" is forbidden: exceeded quota: '
    "gpu, requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=4, limited: "
    "requests.nvidia.com/gpu=4"
)
NO_GPU = (
    "0/5 nodes are available: 2 Insufficient nvidia.com/gpu, 3 node(s) had untolerated taint "
    "{dedicated: ml}. preemption: 0/5 nodes are available: 2 No preemption victims found for "
    "incoming pod, 3 Preemption is not helpful for scheduling."
)


def only(found: list[Trouble]) -> Trouble:
    assert len(found) == 1, found
    return found[0]


def test_pods_that_work_have_no_trouble() -> None:
    pods = [pod(RUN, "runner"), pod(RUN, "scheduler"), pod(RUN), pod(RUN, phase="Succeeded")]
    assert troubles(pods, [event(pods[2], "Pulled", "Successfully pulled image")]) == []


@pytest.mark.parametrize(
    ("reason", "message", "said", "fatal"),
    [
        (
            "ErrImagePull",
            f'failed to pull and unpack image "{IMAGE}": failed to resolve reference: not found',
            "no such image",
            True,
        ),
        (
            "ErrImagePull",
            "rpc error: code = Unknown desc = manifest for registry.example/berthwatch:x not found:"
            " manifest unknown: manifest unknown",
            "no such image",
            True,
        ),
        (
            "ImagePullBackOff",
            f'Back-off pulling image "{IMAGE}": ErrImagePull: pull access denied, repository does '
            "not exist or may require authorization: server message: insufficient_scope: "
            "authorization failed",
            "imagePullSecrets",
            True,
        ),
        (
            "ErrImagePull",
            'rpc error: code = Unknown desc = Get "https://registry.example/v2/": net/http: TLS '
            "handshake timeout",
            "unreachable",
            False,
        ),
        (
            "ErrImagePull",
            "toomanyrequests: You have reached your pull rate limit",
            "throttles",
            False,
        ),
        (
            "InvalidImageName",
            'couldn\'t parse image name "x//y"',
            "is not the name of an image",
            True,
        ),
    ],
)
def test_images(reason: str, message: str, said: str, fatal: bool) -> None:
    broken = pod(RUN, phase="Pending", state=waiting(reason, message))
    found = only(troubles([broken], []))
    assert said in found.what
    assert IMAGE[: -64 + 12] in found.what
    assert found.fatal is fatal
    assert found.about == broken["metadata"]["name"]


def test_while_the_kubelet_backs_off_the_cause_is_in_an_event() -> None:
    broken = pod(
        RUN, phase="Pending", state=waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')
    )
    events = [
        event(broken, "BackOff", f'Back-off pulling image "{IMAGE}"', LATER),
        event(broken, "Failed", f'Failed to pull image "{IMAGE}": rpc error: code = NotFound'),
    ]
    assert only(troubles([broken], events)).fatal
    assert not only(troubles([broken], [])).fatal  # unknown causes may pass


def test_forty_workers_with_one_cause_are_one_trouble() -> None:
    message = 'secret "berthwatch-s3" not found'
    pods = [
        pod(
            RUN,
            number=number,
            phase="Pending",
            state=waiting("CreateContainerConfigError", message),
        )
        for number in range(40)
    ]
    found = only(troubles(pods, []))
    assert found.count == 40
    assert found.about == "40 pods (worker)"
    assert "secret 'berthwatch-s3' is not in the namespace" in found.what
    assert found.fatal


def test_a_key_that_a_secret_lacks() -> None:
    message = "couldn't find key AWS_SECRET_ACCESS_KEY in Secret team/berthwatch-s3"
    broken = pod(RUN, phase="Pending", state=waiting("CreateContainerConfigError", message))
    what = only(troubles([broken], [])).what
    assert "secret team/berthwatch-s3 has no key AWS_SECRET_ACCESS_KEY" in what


def test_no_node_has_a_gpu() -> None:
    found = only(troubles([unplaced(RUN, NO_GPU)], []))
    assert "2 nodes with too little nvidia.com/gpu" in found.what
    assert "3 nodes with a taint {dedicated: ml}" in found.what
    assert "preemption" not in found.what.lower()
    assert "toleration" in found.what
    assert not found.fatal


def test_of_scheduling_events_the_newest_counts_and_numbers_of_nodes_do_not_divide() -> None:
    pods = [unplaced(RUN, NO_GPU), unplaced(RUN, NO_GPU, number=1)]
    newer = NO_GPU.replace("0/5", "0/6").replace("3 node(s)", "4 node(s)")
    repeated = event(pods[0], "FailedScheduling", newer, new_style=True)
    repeated["series"] = {"count": 7, "lastObservedTime": LATER.replace("Z", ".000001Z")}
    events = [
        event(pods[0], "FailedScheduling", NO_GPU, "2026-11-24T02:03:00Z", new_style=True),
        repeated,
    ]
    found = only(troubles(pods, events))
    assert found.count == 2
    assert "4 nodes with a taint" in found.what


def test_a_node_that_is_being_added_is_waited_for() -> None:
    broken = unplaced(RUN, "0/1 nodes are available: 1 Insufficient cpu.")
    coming = event(broken, "TriggeredScaleUp", "pod triggered scale-up: [{pool 0->1 (max: 4)}]")
    assert "being added" in only(troubles([broken], [coming])).what
    over = event(broken, "NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max limit", LATER)
    assert "being added" not in only(troubles([broken], [coming, over])).what


def test_a_node_selector_that_fits_no_node() -> None:
    message = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
    assert "node selector" in only(troubles([unplaced(RUN, message)], [])).what


def test_a_quota_is_a_trouble_until_a_pod_is_created() -> None:
    replicas = f"{RUN.id}-0-gpu-worker-1"
    full = event(replicas, "FailedCreate", QUOTA, kind="ReplicaSet")
    found = only(troubles([], [full]))
    assert "quota 'gpu' of the namespace refused pods, last at 02:00:00 UTC" in found.what
    assert "limited to requests.nvidia.com/gpu=4" in found.what
    assert not found.fatal
    made = event(replicas, "SuccessfulCreate", "Created pod: x", LATER, kind="ReplicaSet")
    assert troubles([], [full, made]) == []


def test_after_a_refusal_the_next_try_is_told() -> None:
    """A ReplicaSet that was refused for 100 s pauses for as long, also once there is room."""
    replicas = f"{RUN.id}-0-gpu-worker-1"
    combined = event(
        replicas, "FailedCreate", f"(combined from similar events): {QUOTA}", kind="ReplicaSet"
    )
    combined |= {"count": 6, "firstTimestamp": "2026-11-24T01:58:25Z"}
    first = event(replicas, "FailedCreate", QUOTA, "2026-11-24T01:58:20Z", kind="ReplicaSet")
    found = only(troubles([], [combined, first]))
    assert (found.time, found.pause_s) == (MADE, 102)
    assert "next by 02:01:42 UTC" in found.sentence
    assert "tries again" not in found.what  # where it ends the wait
    made = event(replicas, "SuccessfulCreate", "", "2026-11-24T01:59:50Z", kind="ReplicaSet")
    later = only(troubles([], [{**combined, "firstTimestamp": MADE}, first, made]))
    assert later.pause_s == 2  # those before the success do not count
    assert later.key == found.key
    as_job = {**combined, "involvedObject": {"kind": "Job", "name": RUN.id}}
    assert only(troubles([], [{**as_job, "firstTimestamp": "2026-11-24T01:00:00Z"}])).pause_s == 60


def test_a_service_account_that_is_missing() -> None:
    message = (
        'Error creating: pods "bw-east-sea-0a1b2c3d-0-" is forbidden: error looking up service '
        'account team/berthwatch-runner: serviceaccount "berthwatch-runner" not found'
    )
    found = only(troubles([], [event(RUN.id, "FailedCreate", message, kind="Job")]))
    assert "ServiceAccount 'berthwatch-runner'" in found.what
    assert found.fatal


def test_a_worker_killed_for_memory_has_its_limit_in_the_message() -> None:
    killed = pod(
        RUN,
        ready=False,
        state=waiting("CrashLoopBackOff", "back-off 10s restarting failed container"),
        last=terminated(137, "OOMKilled"),
        restarts=1,
    )
    found = only(troubles([killed], []))
    assert "killed for memory (exit 137)" in found.what
    assert "limit of 4Gi" in found.what
    assert not found.fatal


def test_a_container_that_ends_again_and_again() -> None:
    broken = pod(
        RUN,
        "scheduler",
        ready=False,
        state=waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container"),
        last=terminated(1),
        restarts=4,
    )
    assert "exit 1, started 5 times" in only(troubles([broken], [])).what


def test_a_pod_that_has_become_ready_has_no_trouble() -> None:
    well = pod(RUN, last=terminated(137, "OOMKilled"), restarts=1)
    events = [
        event(well, "FailedScheduling", NO_GPU),
        event(well, "Failed", "Failed to pull image"),
    ]
    assert troubles([well], events) == []


def test_an_evicted_runner_is_a_trouble_until_its_successor_is_ready() -> None:
    evicted = pod(RUN, "runner", phase="Failed", state=terminated(143))
    evicted["status"]["conditions"].append(
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
        }
    )
    found = only(troubles([evicted], []))
    assert "the node is being drained" in found.what
    successor = pod(RUN, "runner", number=1, made=LATER)
    assert troubles([evicted, successor], []) == []
    of_another = pod(RUN, "runner", 1, number=1, made=LATER)
    assert only(troubles([evicted, of_another], [])) == found


def test_a_runner_whose_node_is_silent_is_told_until_the_node_answers() -> None:
    gone = on_silent_node(pod(RUN, "runner", node="node-7"))
    found = only(troubles([gone], []))
    assert "node node-7 does not answer; its runner is replaced once it does" in found.what
    assert "out-of-service" in found.what
    deleted = {**gone, "metadata": {**gone["metadata"], "deletionTimestamp": LATER}}
    assert only(troubles([deleted], [])) == found
    assert troubles([pod(RUN, "runner", node="node-7")], []) == []
    starting = pod(RUN, "runner", ready=False, node="node-7")
    starting["status"]["conditions"].append({"type": "ContainersReady", "status": "False"})
    assert troubles([starting], []) == []


def test_pods_of_a_cluster_on_a_silent_node_are_told_until_others_are_ready() -> None:
    pods = [on_silent_node(pod(RUN, part, node="node-7")) for part in ("scheduler", "worker")]
    for one in pods:
        one["metadata"]["deletionTimestamp"] = LATER
    found = only(troubles(pods, []))
    assert "are made on other nodes" in found.what
    assert "kubectl" not in found.what
    others = [pod(RUN, part, node="node-8", made=LATER) for part in ("scheduler", "worker")]
    for old, new in zip(pods, others, strict=True):
        new["metadata"]["ownerReferences"] = old["metadata"]["ownerReferences"]
    assert troubles([*pods, *others], []) == []


def test_a_node_short_of_memory_evicts() -> None:
    evicted = pod(RUN, phase="Failed", ready=False)
    evicted["status"] |= {
        "reason": "Evicted",
        "message": "The node was low on resource: memory. Threshold quantity: 100Mi",
    }
    assert "low on resource: memory)" in only(troubles([evicted], [])).what


def test_a_runner_that_refused_has_its_termination_message() -> None:
    line = "exit 2: 0 done, 0 failed; the image holds Berthwatch 0.2"
    ended = pod(RUN, "runner", phase="Failed", ready=False, state=terminated(2, message=line))
    found = only(troubles([ended], []))
    assert line in found.what
    assert found.fatal


def test_a_volume_that_cannot_be_mounted() -> None:
    broken = pod(RUN, phase="Pending", state=waiting("ContainerCreating"))
    message = f'MountVolume.SetUp failed for volume "tls" : secret "{RUN.id}-tls" not found'
    found = only(troubles([broken], [event(broken, "FailedMount", message)]))
    assert f"secret '{RUN.id}-tls'" in found.what
    slow = event(broken, "FailedMount", 'Unable to mount "cache": timed out', LATER)
    assert "cannot be mounted yet" in only(troubles([broken], [slow])).what


def test_a_run_past_its_deadline() -> None:
    events = event(RUN.id, "DeadlineExceeded", "Job was active longer than specified", kind="Job")
    assert only(troubles([], [events])).fatal


def test_fatal_troubles_come_first() -> None:
    pods = [
        *(unplaced(RUN, NO_GPU, number=number) for number in range(3)),
        pod(RUN, phase="Pending", state=waiting("InvalidImageName")),
    ]
    assert [found.fatal for found in troubles(pods, [])] == [True, False]


def test_events_of_other_runs_are_left_out() -> None:
    mine = event(f"{RUN.id}-0-scheduler", "FailedCreate", QUOTA, kind="ReplicaSet")
    other = event("bw-other-00000000-0-scheduler", "FailedCreate", QUOTA, kind="ReplicaSet")
    assert events_of(RUN.id, [mine, other], job(RUN), []) == [mine]


@pytest.mark.parametrize("new_style", [False, True])
def test_events_of_an_earlier_submission_are_left_out(new_style: bool) -> None:
    now, runner = job(RUN), pod(RUN, "runner", uid="runner-uid")
    before = {"kind": "Job", "metadata": {"name": RUN.id, "uid": "earlier"}}
    gone = pod(RUN, "runner", uid="gone")
    earlier = [
        event(before, "DeadlineExceeded", "", EARLIER, kind="Job", new_style=new_style),
        event(before, "FailedCreate", ACCOUNT, kind="Job", new_style=new_style),
        event(gone, "FailedMount", "", new_style=new_style),
        event(f"{RUN.id}-0-scheduler", "FailedCreate", QUOTA, EARLIER, kind="ReplicaSet"),
    ]
    present = [
        event(now, "FailedCreate", ACCOUNT, kind="Job", new_style=new_style),
        event(runner, "FailedMount", "", new_style=new_style),
        event(f"{RUN.id}-0-scheduler", "FailedCreate", QUOTA, kind="ReplicaSet", new_style=True),
    ]
    assert events_of(RUN.id, [*earlier, *present], now, [runner]) == present


def test_without_its_job_a_run_has_only_the_events_of_its_pods() -> None:
    left = pod(RUN, uid="left")
    events = [event(RUN.id, "DeadlineExceeded", "", kind="Job"), event(left, "Killing", "")]
    assert events_of(RUN.id, events, None, [left]) == events[1:]
