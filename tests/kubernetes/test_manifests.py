import base64
import dataclasses
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.config
import distributed
import kubernetes_validate
import pytest
from cryptography import x509
from distributed import Client, Security

from jobs.kubernetes.manifests import (
    TLS_FOLDER,
    dask_cluster_manifest,
    gpu_group,
    runner_job,
    scheduler_address,
    tls_name,
    tls_secret,
)
from jobs.kubernetes.manifests.environment import SCHEDULER_ROUTES
from jobs.kubernetes.manifests.pods import _tolerations
from jobs.kubernetes.names import JOB, PARTITION, RUN
from jobs.kubernetes.partitions import make_partitions
from jobs.kubernetes.settings import OUR_PREFIXES, OUR_VARIABLES, Group, Toleration
from jobs.kubernetes.tls import AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE, KeyPair, key_pair
from tests.support.kubernetes.crd_schemas import problems
from tests.support.kubernetes.values import CUDA_IMAGE, FULL, IMAGE, PLAIN, run
from tests.support.plans import make

VERSION = "1.32"
UID = "5f0c2a1e-0000-4000-8000-000000000000"
KEYS = KeyPair(certificate=b"certificate", key=b"key")

Json = dict[str, Any]


def security(folder: Path) -> Security:
    certificate, key = str(folder / CERTIFICATE_FILE), str(folder / KEY_FILE)
    roles = ("client", "scheduler", "worker")
    return Security(
        require_encryption=True,
        tls_ca_file=str(folder / AUTHORITY_FILE),
        **{f"tls_{role}_cert": certificate for role in roles},
        **{f"tls_{role}_key": key for role in roles},
    )


def group(of: Any = None) -> Json:
    made = gpu_group(of or run(), 0, UID)
    assert made is not None
    return made


def templates() -> dict[str, Json]:
    """Metadata and spec of every pod of a run."""
    cluster, job = dask_cluster_manifest(run(), 0, UID), runner_job(run())
    return {
        "runner": job["spec"]["template"],
        "scheduler": cluster["spec"]["scheduler"],
        "worker": cluster["spec"]["worker"],
        "gpu-worker": group()["spec"]["worker"],
    }


@pytest.fixture(params=["runner", "scheduler", "worker", "gpu-worker"])
def template(request: pytest.FixtureRequest) -> Json:
    return templates()[request.param]


def container(template: Json) -> Json:
    (found,) = template["spec"]["containers"]
    return dict(found)


def environment(template: Json) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in container(template)["env"]}


# --- schemas ------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [PLAIN, FULL], ids=["plain", "full"])
def test_built_in_kinds_are_valid(settings: Any) -> None:
    made = run(settings)
    for manifest in (
        runner_job(made),
        tls_secret(made, KEYS, UID),
        tls_secret(made, None, None),
    ):
        kubernetes_validate.validate(manifest, VERSION, strict=True)


@pytest.mark.parametrize("settings", [PLAIN, FULL], ids=["plain", "full"])
@pytest.mark.parametrize("uid", [None, UID])
def test_custom_resources_are_valid(settings: Any, uid: str | None) -> None:
    made = run(settings)
    assert problems(dask_cluster_manifest(made, 0, uid)) == []
    gpus = gpu_group(made, 0, uid)
    assert (gpus is None) == (settings is PLAIN)
    assert gpus is None or problems(gpus) == []


def test_the_schemas_refuse_what_the_server_refuses() -> None:
    numbers = group()
    numbers["spec"]["worker"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = (
        1.5
    )
    assert problems(numbers)
    misspelt = dask_cluster_manifest(run(), 0, UID)
    misspelt["spec"]["worker"]["spec"]["nodeSelecter"] = {}
    assert problems(misspelt)
    bare = dask_cluster_manifest(run(), 0, UID)
    del bare["spec"]["scheduler"]["service"]
    assert problems(bare)


def test_pods_of_the_operator_are_valid_today(template: Json) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", **template["metadata"]},
        "spec": template["spec"],
    }
    kubernetes_validate.validate(pod, VERSION, strict=True)


def test_the_same_run_gives_the_same_bytes() -> None:
    def written() -> str:
        made = [
            runner_job(run()),
            dask_cluster_manifest(run(), 0, UID),
            group(),
            tls_secret(run(), KEYS, UID),
        ]
        return json.dumps(made)

    assert written() == written()


def test_the_order_of_settings_does_not_matter() -> None:
    turned = dict(reversed(FULL.environment.items()))
    settings = dataclasses.replace(FULL, environment=turned)
    assert json.dumps(runner_job(run(settings))) == json.dumps(runner_job(run()))


# --- hardening ----------------------------------------------------------------------------------


def test_pods_pass_the_restricted_standard(template: Json) -> None:
    spec, one = template["spec"], container(template)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert all(set(volume) - {"name"} <= {"emptyDir", "secret"} for volume in spec["volumes"])


def test_memory_is_guaranteed_and_bounded(template: Json) -> None:
    resources = container(template)["resources"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    assert resources["requests"]["cpu"]
    assert "cpu" not in resources["limits"]
    assert all(isinstance(value, str) for value in resources["limits"].values())
    (scratch,) = [v for v in template["spec"]["volumes"] if v["name"] == "scratch"]
    assert scratch["emptyDir"]["sizeLimit"]


def test_only_the_runner_has_access_to_kubernetes() -> None:
    for name, template in templates().items():
        runner = name == "runner"
        assert template["spec"]["automountServiceAccountToken"] is runner
        account = "berthwatch-runner" if runner else "berthwatch-dask"
        assert template["spec"]["serviceAccountName"] == account


def test_secrets_are_used_by_reference() -> None:
    for name, template in templates().items():
        secrets = container(template).get("envFrom", [])
        expected = [] if name == "scheduler" else [{"secretRef": {"name": "berthwatch-s3"}}]
        assert secrets == expected
        assert template["spec"]["imagePullSecrets"] == [{"name": "registry"}]


def test_the_key_is_for_the_pods_group_only(template: Json) -> None:
    (volume,) = [v for v in template["spec"]["volumes"] if v["name"] == "tls"]
    assert volume["secret"] == {"secretName": tls_name(run()), "defaultMode": 0o440}
    mounts = {m["mountPath"]: m for m in container(template)["volumeMounts"]}
    assert mounts[TLS_FOLDER]["readOnly"] is True


# --- the parts ----------------------------------------------------------------------------------


def test_the_job_does_each_partition_and_waits_for_its_secret() -> None:
    parts = make_partitions("2024-03..2024-11", "month", make().period)
    spec = runner_job(run(partitions=parts, parallel=4))["spec"]
    assert (spec["completions"], spec["parallelism"]) == (9, 4)
    assert spec["completionMode"] == "Indexed"
    assert spec["suspend"] is True
    assert spec["backoffLimitPerIndex"] == FULL.retries
    assert spec["podReplacementPolicy"] == "Failed"
    assert "maxFailedIndexes" not in spec
    assert runner_job(run(parallel=4))["spec"]["parallelism"] == 1


def action(job: Json, code: int | None) -> str:
    """Action of the Job controller for a pod with an exit code, or an evicted one."""
    for rule in job["spec"]["podFailurePolicy"]["rules"]:
        if code is None and "onPodConditions" in rule:
            return str(rule["action"])
        codes = rule.get("onExitCodes")
        if codes and code in codes["values"]:
            assert codes["containerName"] == "runner"
            return str(rule["action"])
    return "Count"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (None, "Ignore"),
        (1, "FailIndex"),
        (2, "FailIndex"),
        (3, "Count"),
        (137, "Count"),
        (130, "Ignore"),
        (143, "Ignore"),
    ],
)
def test_the_failure_policy_of_runners(code: int | None, expected: str) -> None:
    assert action(runner_job(run()), code) == expected


def test_the_runners_arguments_name_archive_job_and_run() -> None:
    template = templates()["runner"]
    assert container(template)["args"] == [
        "runner",
        "s3://bucket/prefix",
        "east-sea",
        "bw-east-sea-0a1b2c3d",
    ]
    assert "command" not in container(template)
    sources = {
        entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"]
        for entry in container(template)["env"]
        if "valueFrom" in entry
    }
    assert sources == {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "BERTHWATCH_JOB_UID": "metadata.labels['batch.kubernetes.io/controller-uid']",
    }
    assert environment(template)["BERTHWATCH_TERMINATION_LOG"] == "/dev/termination-log"
    assert container(template)["terminationMessagePath"] == "/dev/termination-log"
    assert template["spec"]["restartPolicy"] == "Never"
    assert template["spec"]["terminationGracePeriodSeconds"] == 120
    assert template["metadata"]["annotations"]["berthwatch/archive"] == "s3://bucket/prefix"


def test_the_runners_objects_are_owned_by_the_job() -> None:
    for made in (dask_cluster_manifest(run(), 0, UID), group(), tls_secret(run(), KEYS, UID)):
        (owner,) = made["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Job", run().id, UID)
        assert owner["controller"] is False
        assert "blockOwnerDeletion" not in owner
    assert "ownerReferences" not in dask_cluster_manifest(run(), 0, None)["metadata"]


def test_every_object_and_pod_is_found_by_its_labels() -> None:
    objects = [
        runner_job(run()),
        tls_secret(run(), KEYS, UID),
        dask_cluster_manifest(run(), 2, UID),
    ]
    for made in [*objects, *templates().values()]:
        found = made["metadata"]["labels"]
        assert found["app.kubernetes.io/name"] == "berthwatch"
        assert (found[JOB], found[RUN]) == ("east-sea", "bw-east-sea-0a1b2c3d")
    for name, template in templates().items():
        assert template["metadata"]["labels"]["app.kubernetes.io/component"] == name
    worker = dask_cluster_manifest(run(), 2, UID)["spec"]["worker"]
    assert worker["metadata"]["labels"][PARTITION] == "2"


def test_the_service_selects_the_scheduler_of_its_partition() -> None:
    service = dask_cluster_manifest(run(), 1, UID)["spec"]["scheduler"]["service"]
    assert service["selector"] == {
        "dask.org/cluster-name": "bw-east-sea-0a1b2c3d-1",
        "dask.org/component": "scheduler",
    }
    assert {port["name"]: port["port"] for port in service["ports"]} == {
        "tcp-comm": 8786,
        "http-dashboard": 8787,
    }
    names = {port["name"] for port in container(templates()["scheduler"])["ports"]}
    assert {port["targetPort"] for port in service["ports"]} == names
    address = scheduler_address(run(), 1)
    assert address == "tls://bw-east-sea-0a1b2c3d-1-scheduler.team.svc:8786"
    worker = dask_cluster_manifest(run(), 1, UID)["spec"]["worker"]
    assert environment(worker)["DASK_SCHEDULER_ADDRESS"] == address


def test_pods_have_prometheus_annotations() -> None:
    for name, port in {"scheduler": 8787, "worker": 8788, "gpu-worker": 8788}.items():
        assert templates()[name]["metadata"]["annotations"] == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(port),
            "prometheus.io/path": "/metrics",
        }
        (listening,) = [
            p for p in container(templates()[name])["ports"] if p["name"] == "http-dashboard"
        ]
        assert listening["containerPort"] == port


def option(template: Json, name: str) -> str:
    args = container(template)["args"]
    return str(args[args.index(name) + 1])


def test_workers_offer_the_resource_of_their_kind() -> None:
    worker, gpu = templates()["worker"], templates()["gpu-worker"]
    assert (option(worker, "--nthreads"), option(worker, "--resources")) == ("2", "CPU=2")
    assert (option(gpu, "--nthreads"), option(gpu, "--resources")) == ("1", "GPU=1")
    assert (container(worker)["image"], container(gpu)["image"]) == (IMAGE, CUDA_IMAGE)
    for template in (worker, gpu):
        assert 0 < int(option(template, "--memory-limit")) < 2**33


def test_gpu_workers_are_scheduled_to_gpu_nodes() -> None:
    spec = templates()["gpu-worker"]["spec"]
    assert container(templates()["gpu-worker"])["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert spec["tolerations"][0] == {
        "key": "nvidia.com/gpu",
        "operator": "Exists",
        "effect": "NoSchedule",
    }
    assert spec["nodeSelector"] == {"pool": "gpu"}
    assert "nvidia.com/gpu" not in container(templates()["worker"])["resources"]["limits"]
    assert templates()["worker"]["spec"]["tolerations"][0] == {
        "key": "spot",
        "operator": "Equal",
        "value": "true",
        "effect": "NoSchedule",
    }


def test_pods_leave_a_node_that_does_not_answer_after_half_a_minute() -> None:
    for made in templates().values():
        found = {one["key"]: one for one in made["spec"]["tolerations"] if "key" in one}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
            assert found[key]["tolerationSeconds"] == 30
            assert (found[key]["operator"], found[key]["effect"]) == ("Exists", "NoExecute")


def test_tolerations_of_dead_nodes_that_were_given_stay() -> None:
    own = Toleration(key="node.kubernetes.io/unreachable", operator="Exists", effect="NoExecute")
    keys = [one["key"] for one in _tolerations(Group(tolerations=(own,)))["tolerations"]]
    assert keys == ["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"]
    everything = Toleration(operator="Exists")
    assert _tolerations(Group(tolerations=(everything,)))["tolerations"] == [{"operator": "Exists"}]


def test_settings_cannot_override_our_variables(template: Json) -> None:
    given = set(FULL.environment)
    names = [entry["name"] for entry in container(template)["env"]]
    assert len(names) == len(set(names))
    for name in set(names) - given:
        assert name.startswith(OUR_PREFIXES) or name in OUR_VARIABLES


def test_the_routes_are_those_of_dask_and_the_api() -> None:
    known = dask.config.get("distributed.scheduler.http.routes")
    assert set(SCHEDULER_ROUTES) == {*known, "distributed.http.scheduler.api"}
    assert distributed.__version__


# --- TLS ----------------------------------------------------------------------------------------


def test_a_secret_has_the_key_and_its_certificate() -> None:
    data = tls_secret(run(), KEYS, UID)["data"]
    decoded = {name: base64.b64decode(text) for name, text in data.items()}
    assert decoded == {"tls.crt": b"certificate", "tls.key": b"key", "ca.crt": b"certificate"}
    assert "data" not in tls_secret(run(), None, None)


def test_keys_are_new_each_time_and_not_in_their_repr() -> None:
    one, other = key_pair("bw-x"), key_pair("bw-x")
    assert one.key != other.key
    assert "PRIVATE" not in repr(one)
    certificate = x509.load_pem_x509_certificate(one.certificate)
    days = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert days.days == 30
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["bw-x"]


def mounted(folder: Path, pair: KeyPair) -> Path:
    """The Secret as pods mount it."""
    folder.mkdir()
    for name, text in tls_secret(run(), pair, UID)["data"].items():
        (folder / name).write_bytes(base64.b64decode(text))
    return folder


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return numbers


@contextmanager
def started(template: Json, here: dict[str, str], log: Path) -> Iterator[None]:
    """The container as a process, with its command and environment alone."""
    one = container(template)

    def local(text: str) -> str:
        return here.get(text, text.replace(TLS_FOLDER, here[TLS_FOLDER]))

    given = {name: local(value) for name, value in environment(template).items()}
    command = [local(word) for word in [*one["command"], *one["args"]]]
    command[0] = str(Path(sys.executable).parent / command[0])
    given["PATH"] = os.environ["PATH"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=given, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def answer(url: str, limit_s: float = 40.0) -> bytes:
    end = time.monotonic() + limit_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return bytes(response.read())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def worker_environment() -> dict[str, str]:
    return dict(os.environ)


def test_real_processes_connect_only_with_the_key(tmp_path: Path) -> None:
    folder = mounted(tmp_path / "tls", key_pair("bw-x"))
    comm, dashboard, worker_dashboard = free_ports(3)
    address = f"tls://127.0.0.1:{comm}"
    here = {
        scheduler_address(run(), 0): address,
        TLS_FOLDER: str(folder),
        "8786": str(comm),
        ":8787": f"127.0.0.1:{dashboard}",
        ":8788": f"127.0.0.1:{worker_dashboard}",
        "$(DASK_WORKER_NAME)": "bw-worker-1",
    }
    log = tmp_path / "scheduler.log"
    try:
        with (
            started(templates()["scheduler"], here, log),
            started(templates()["worker"], here, tmp_path / "worker.log"),
            Client(address, security=security(folder), timeout="40s") as client,
        ):
            client.wait_for_workers(1, timeout=40)
            (worker,) = client.scheduler_info(n_workers=-1)["workers"].values()
            assert worker["name"] == "bw-worker-1"
            assert worker["resources"] == {"CPU": 2}
            assert worker["memory_limit"] == int(option(templates()["worker"], "--memory-limit"))
            (found,) = client.run(worker_environment).values()
            assert found["MALLOC_TRIM_THRESHOLD_"] == "268435456"
            assert found["OMP_NUM_THREADS"] == "1"
            assert client.submit(sum, [1, 2], resources={"CPU": 1}).result(timeout=20) == 3
            assert answer(f"http://127.0.0.1:{dashboard}/health") == b"ok"
            assert b"dask_scheduler_workers" in answer(f"http://127.0.0.1:{dashboard}/metrics")
            idle = json.loads(answer(f"http://127.0.0.1:{dashboard}/api/v1/check_idle"))
            assert "idle_since" in idle
            assert b"dask_worker" in answer(f"http://127.0.0.1:{worker_dashboard}/metrics")
            refuses_strangers(address, mounted(tmp_path / "stranger", key_pair("bw-x")), folder)
    except BaseException:
        print(log.read_text(), (tmp_path / "worker.log").read_text())
        raise


def refuses_strangers(address: str, stranger: Path, folder: Path) -> None:
    """Without a key, or with another run's, no connection succeeds."""
    with pytest.raises(OSError, match=r"reset|closed|Timed out"):
        Client(address.replace("tls", "tcp"), timeout="3s")
    assert handshake(address, folder / "tls.crt", folder / "tls.key", folder)
    assert not handshake(address, stranger / "tls.crt", stranger / "tls.key", folder)
    assert not handshake(address, None, None, folder)


def handshake(address: str, certificate: Path | None, key: Path | None, trusted: Path) -> bool:
    """Whether the scheduler answers a client with this key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(trusted / "ca.crt")
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    host, port = address.removeprefix("tls://").split(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as raw,
        context.wrap_socket(raw) as secured,
    ):
        try:
            return bool(secured.recv(1))
        except ssl.SSLError:
            return False


def test_encryption_is_required_by_all_components(tmp_path: Path) -> None:
    made = security(mounted(tmp_path / "tls", key_pair("bw-x")))
    assert isinstance(made, Security)
    assert made.require_encryption is True
    context = made.get_listen_args("scheduler")["ssl_context"]
    assert context.verify_mode == ssl.CERT_REQUIRED
