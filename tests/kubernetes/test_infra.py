import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jobs.domain.job import read_job
from jobs.kubernetes.manifests import dask_cluster_manifest, gpu_group, runner_job
from jobs.kubernetes.manifests.pods import USER
from jobs.kubernetes.names import COMPONENT, labels
from jobs.kubernetes.quantities import size_bytes
from jobs.kubernetes.settings import read_settings, unpinned_images
from jobs.tile.raster import GDAL_SETTINGS
from tests.support.kubernetes.values import FULL, run
from tests.support.places import ROOT

Json = dict[str, Any]

MANIFESTS = ROOT / "infra" / "kubernetes"
DOCKER = ROOT / "infra" / "docker"
FOLDERS = ("base", "overlays/local", "overlays/cloud")
VERSION = "1.32"
PLACEHOLDER = "@sha256:" + "0" * 64
"""The placeholder digest, which has to be replaced."""

kustomized = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
every_folder = pytest.mark.parametrize("folder", FOLDERS)


@cache
def built(folder: str) -> tuple[Json, ...]:
    done = subprocess.run(
        ["kubectl", "kustomize", str(MANIFESTS / folder)], capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    assert not done.stderr, "kustomize warns of what is deprecated"
    return tuple(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


def of_kind(folder: str, kind: str) -> dict[str, Json]:
    return {m["metadata"]["name"]: m for m in built(folder) if m["kind"] == kind}


def settings_in(folder: str) -> str:
    return str(of_kind(folder, "ConfigMap")["berthwatch"]["data"]["settings.yaml"])


def pod_specs(folder: str) -> dict[str, Json]:
    deployments = of_kind(folder, "Deployment").values()
    found = {m["metadata"]["name"]: m["spec"]["template"]["spec"] for m in deployments}
    for name, made in of_kind(folder, "CronJob").items():
        found[name] = made["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


# --- kustomize ----------------------------------------------------------------------------------


@kustomized
@every_folder
def test_the_output_of_kustomize_is_valid(folder: str) -> None:
    for manifest in built(folder):
        kubernetes_validate.validate(manifest, VERSION, strict=True)


@kustomized
@every_folder
def test_objects_are_in_the_namespace_with_distinct_names(folder: str) -> None:
    names = Counter((m["kind"], m["metadata"]["name"]) for m in built(folder))
    assert set(names.values()) == {1}
    places = {m["metadata"].get("namespace") for m in built(folder) if m["kind"] != "Namespace"}
    assert places == {"berthwatch"}
    assert not [m for m in built(folder) if m["kind"].startswith("Cluster")]


@kustomized
@every_folder
def test_the_namespace_refuses_what_is_not_restricted(folder: str) -> None:
    (space,) = of_kind(folder, "Namespace").values()
    for mode in ("enforce", "warn", "audit"):
        assert space["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"


# --- settings -----------------------------------------------------------------------------------


@kustomized
@every_folder
def test_settings_are_read_and_their_images_have_digests(folder: str) -> None:
    settings = read_settings(settings_in(folder), folder)
    assert not unpinned_images(settings)
    assert settings.image.endswith(PLACEHOLDER)
    assert settings.gpu.count == 0, "the packaged network has no CUDA path"


@kustomized
def test_the_base_has_the_defaults() -> None:
    written = yaml.safe_load(settings_in("base"))
    least = read_settings(f"image: {written['image']}", "least")
    stated = read_settings(settings_in("base"), "base")
    chosen = {"credentials", "environment"}
    for name in least.__dataclass_fields__:
        if name not in chosen:
            assert getattr(stated, name) == getattr(least, name), name


@kustomized
@every_folder
def test_the_cron_job_submits_with_the_image_of_the_settings(folder: str) -> None:
    image = pod_specs(folder)["berthwatch-daily"]["containers"][0]["image"]
    assert image == read_settings(settings_in(folder), folder).image


@kustomized
@every_folder
def test_accounts_and_secrets_of_the_settings_exist(folder: str) -> None:
    settings = read_settings(settings_in(folder), folder)
    accounts = of_kind(folder, "ServiceAccount")
    assert {settings.runner_account, settings.dask_account} < set(accounts)
    if folder == "overlays/local":
        assert set(settings.credentials) <= set(of_kind(folder, "Secret"))


def test_the_daily_job_file_is_a_job_file(tmp_path: Path) -> None:
    text = (MANIFESTS / "base" / "daily-job.yaml").read_text()
    assert "end: yesterday}" in text
    (tmp_path / "daily.yaml").write_text(text)
    job = read_job(tmp_path / "daily.yaml")
    assert job.name == "daily"


# --- policies for pods --------------------------------------------------------------------------


@kustomized
@every_folder
def test_every_pod_complies_with_the_policies(folder: str) -> None:
    assert pod_specs(folder)
    for name, spec in pod_specs(folder).items():
        assert not set(spec) & {"hostNetwork", "hostPID", "hostIPC"}, name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == USER
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not [v for v in spec["volumes"] if "hostPath" in v]
        for container in spec["containers"]:
            check_container(container)


def check_container(container: Json) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]
    assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"])
    assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert "HOME" in {variable["name"] for variable in container["env"]}


@kustomized
@every_folder
def test_tokens_are_mounted_only_where_the_api_is_used(folder: str) -> None:
    for name, account in of_kind(folder, "ServiceAccount").items():
        assert account["automountServiceAccountToken"] is False, name
    assert "default" in of_kind(folder, "ServiceAccount")
    mounted = {
        name: spec["serviceAccountName"]
        for name, spec in pod_specs(folder).items()
        if spec.get("automountServiceAccountToken", True)
    }
    assert mounted == {"berthwatch-daily": "berthwatch-submitter"}


@kustomized
def test_pods_of_runs_are_given_their_tokens_in_spite_of_their_accounts() -> None:
    spec = runner_job(run())["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] in of_kind("base", "ServiceAccount")
    assert spec["automountServiceAccountToken"] is True


@kustomized
@every_folder
def test_the_daily_run_is_suspended_at_first_and_never_concurrent(folder: str) -> None:
    spec = of_kind(folder, "CronJob")["berthwatch-daily"]["spec"]
    assert spec["suspend"] is True
    assert spec["concurrencyPolicy"] == "Forbid"
    container = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["submit", "/etc/berthwatch/jobs/daily.yaml"]
    assert "daily.yaml" in of_kind(folder, "ConfigMap")["berthwatch-jobs"]["data"]


# --- rights -------------------------------------------------------------------------------------

RUNNER = {
    "batch/jobs": {"get"},
    "kubernetes.dask.org/daskclusters": {"create", "get", "patch", "delete"},
    "kubernetes.dask.org/daskworkergroups": {"create", "get", "patch", "delete"},
    "/pods": {"list"},
    "/pods/log": {"get"},
    "/events": {"list"},
}
SUBMITTER = {
    "batch/jobs": {"create", "get", "list", "patch", "delete"},
    "/secrets": {"create"},
    "/configmaps": {"get"},
    "/pods": {"list"},
    "/pods/log": {"get"},
    "/events": {"list"},
    "kubernetes.dask.org/daskclusters": {"list", "delete"},
    "kubernetes.dask.org/daskworkergroups": {"list", "delete"},
}


@kustomized
@every_folder
def test_roles_have_exactly_the_verbs_that_are_used(folder: str) -> None:
    roles = of_kind(folder, "Role")
    assert {name: rights(role) for name, role in roles.items()} == {
        "berthwatch-runner": RUNNER,
        "berthwatch-submitter": SUBMITTER,
    }
    named = [rule for rule in roles["berthwatch-submitter"]["rules"] if "resourceNames" in rule]
    assert [(rule["resources"], rule["resourceNames"]) for rule in named] == [
        (["configmaps"], ["berthwatch"])
    ]


def rights(role: Json) -> dict[str, set[str]]:
    return {
        f"{group}/{resource}": set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


@kustomized
@every_folder
def test_roles_have_no_other_subjects(folder: str) -> None:
    bound = {
        (binding["roleRef"]["name"], subject["kind"], subject["name"])
        for binding in of_kind(folder, "RoleBinding").values()
        for subject in binding["subjects"]
    }
    people = {("berthwatch-submitter", "Group", "example-port-analysts")}
    assert bound - people == {
        ("berthwatch-runner", "ServiceAccount", "berthwatch-runner"),
        ("berthwatch-submitter", "ServiceAccount", "berthwatch-submitter"),
    }
    assert bool(bound & people) == (folder == "overlays/cloud")


# --- network policies ---------------------------------------------------------------------------

OURS = {"kubernetes.io/metadata.name": "berthwatch"}

Place = tuple[dict[str, str], dict[str, str]] | str
"""A pod, by labels of its namespace and its own; or an address outside the cluster."""


def pod(component: str) -> Place:
    return OURS, labels("east-sea", "bw-east-sea-0a1b2c3d", component, 0)


PLACES: dict[str, Place] = {
    **{name: pod(name) for name in ("runner", "scheduler", "worker", "gpu-worker", "submitter")},
    "stranger": (OURS, {"app": "stranger"}),
    "operator": ({"kubernetes.io/metadata.name": "dask-operator"}, {}),
    "prometheus": ({"kubernetes.io/metadata.name": "any", "berthwatch/prometheus": "true"}, {}),
    "elsewhere": ({"kubernetes.io/metadata.name": "elsewhere"}, {}),
    "dns": ({"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "kube-dns"}),
    "internet": "203.0.113.7",
    "metadata": "169.254.169.254",
    "pod identity": "169.254.170.23",
}

PORTS = (53, 80, 443, 6443, 8786, 8787, 8788, 40000)
DASK = ("scheduler", "worker", "gpu-worker")
FILES = ("runner", "worker", "gpu-worker", "submitter")
"""Components that read and write files."""
API = ("runner", "submitter")
OUTSIDE = ("internet", "metadata", "pod identity", "operator", "prometheus", "elsewhere", "dns")

ALLOWED = {
    *((source, "scheduler", 8786) for source in ("runner", "worker", "gpu-worker")),
    *((source, "scheduler", 8787) for source in ("operator", "prometheus")),
    *(("prometheus", target, 8788) for target in ("worker", "gpu-worker")),
    *((source, to, port) for source in DASK for to in ("worker", "gpu-worker") for port in PORTS),
    *((source, "internet", 443) for source in FILES),
    # the API's address is not known, so that its ports are open to any address
    *((source, target, port) for source in API for target in OUTSIDE for port in (443, 6443)),
    *((source, "dns", 53) for source in (*FILES, "scheduler", "stranger")),
}
MORE = {"overlays/cloud": {(source, "pod identity", 80) for source in FILES}}


@kustomized
@every_folder
def test_only_needed_connections_are_allowed(folder: str) -> None:
    policies = list(of_kind(folder, "NetworkPolicy").values())
    found = {
        (source, target, port)
        for source in PLACES
        for target in PLACES
        for port in PORTS
        if ours(source) or ours(target)
        if may_talk(policies, PLACES[source], PLACES[target], port)
    }
    assert found == ALLOWED | MORE.get(folder, set())


def ours(name: str) -> bool:
    place = PLACES[name]
    return not isinstance(place, str) and place[0] == OURS


def may_talk(policies: list[Json], source: Place, target: Place, port: int) -> bool:
    leaves = _direction(policies, "Egress", source, target, port)
    return leaves and _direction(policies, "Ingress", target, source, port)


def _direction(policies: list[Json], kind: str, held: Place, other: Place, port: int) -> bool:
    """Whether the policies that select a pod allow it; without any, all is allowed."""
    if isinstance(held, str) or held[0] != OURS:
        return True
    rules = [
        policy["spec"]
        for policy in policies
        if kind in policy["spec"]["policyTypes"] and _fits(policy["spec"]["podSelector"], held[1])
    ]
    peers = "from" if kind == "Ingress" else "to"
    return not rules or any(
        _peer(rule.get(peers), other) and _port(rule.get("ports"), port)
        for spec in rules
        for rule in spec.get(kind.lower(), [])
    )


def _peer(peers: list[Json] | None, other: Place) -> bool:
    return peers is None or any(_is(peer, other) for peer in peers)


def _is(peer: Json, other: Place) -> bool:
    if isinstance(other, str) or "ipBlock" in peer:
        return isinstance(other, str) and "ipBlock" in peer and _in_block(peer["ipBlock"], other)
    space, own = other
    if "namespaceSelector" not in peer:
        return space == OURS and _fits(peer["podSelector"], own)
    return _fits(peer["namespaceSelector"], space) and _fits(peer.get("podSelector", {}), own)


def _in_block(block: Json, address: str) -> bool:
    place = ip_address(address)
    inside = place in ip_network(block["cidr"])
    return inside and not any(place in ip_network(part) for part in block.get("except", ()))


def _port(ports: list[Json] | None, port: int) -> bool:
    return ports is None or port in {entry["port"] for entry in ports}


def _fits(selector: Json, found: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In"
        if found.get(expression["key"]) not in expression["values"]:
            return False
    return all(found.get(key) == value for key, value in wanted)


@kustomized
def test_pods_of_runs_and_of_the_cron_job_have_the_labels_that_policies_select() -> None:
    cluster, group = dask_cluster_manifest(run(), 0, None)["spec"], gpu_group(run(), 0, None)
    assert group is not None
    daily = of_kind("base", "CronJob")["berthwatch-daily"]["spec"]["jobTemplate"]["spec"]
    found = [
        runner_job(run())["spec"]["template"]["metadata"]["labels"],
        *(cluster[part]["metadata"]["labels"] for part in ("scheduler", "worker")),
        group["spec"]["worker"]["metadata"]["labels"],
        daily["template"]["metadata"]["labels"],
    ]
    components = [entry[COMPONENT] for entry in found]
    assert components == ["runner", "scheduler", "worker", "gpu-worker", "submitter"]
    assert {entry["app.kubernetes.io/name"] for entry in found} == {"berthwatch"}


@kustomized
def test_the_local_s3_server_is_open_to_components_that_read_and_write() -> None:
    policies = list(of_kind("overlays/local", "NetworkPolicy").values())
    server: Place = (OURS, {"app.kubernetes.io/name": "s3"})
    reached = {name for name in PLACES if may_talk(policies, PLACES[name], server, 5000)}
    assert reached == {"runner", "worker", "gpu-worker", "submitter"}


# --- budgets and quotas -------------------------------------------------------------------------


@kustomized
@every_folder
def test_no_budget_blocks_a_drain_or_selects_pods_of_a_job(folder: str) -> None:
    for name, budget in of_kind(folder, "PodDisruptionBudget").items():
        chosen = budget["spec"]["selector"]["matchLabels"]
        assert chosen[COMPONENT] == "scheduler", f"{name}: pods of Jobs know no maxUnavailable"
        assert budget["spec"]["maxUnavailable"] >= 1
        assert _fits(budget["spec"]["selector"], labels("job", "run", "scheduler", 0))


@kustomized
def test_the_quota_counts_only_what_every_pod_states() -> None:
    (quota,) = of_kind("overlays/cloud", "ResourceQuota").values()
    counted = {key for key in quota["spec"]["hard"] if key.startswith(("requests.", "limits."))}
    for resources in resources_of_a_run():
        stated = {f"{part}.{name}" for part in resources for name in resources[part]}
        assert counted - {"requests.nvidia.com/gpu"} <= stated


def resources_of_a_run() -> list[Json]:
    cluster, group = (
        dask_cluster_manifest(run(FULL), 0, None)["spec"],
        gpu_group(run(FULL), 0, None),
    )
    assert group is not None
    specs = [
        runner_job(run(FULL))["spec"]["template"]["spec"],
        cluster["scheduler"]["spec"],
        cluster["worker"]["spec"],
        group["spec"]["worker"]["spec"],
    ]
    return [spec["containers"][0]["resources"] for spec in specs]


@kustomized
def test_the_quota_suffices_for_two_partitions() -> None:
    (quota,) = of_kind("overlays/cloud", "ResourceQuota").values()
    room = quota["spec"]["hard"]
    settings = read_settings(settings_in("overlays/cloud"), "cloud")
    workers = [settings.workers] * settings.workers.at_most
    pods = 2 * [settings.runner, settings.scheduler, *workers]
    assert len(pods) <= int(room["pods"])
    assert sum(float(pod.cpu) for pod in pods) <= float(room["requests.cpu"])
    needed = sum(size_bytes(pod.memory) for pod in pods)
    assert needed <= size_bytes(room["limits.memory"])
    assert needed <= size_bytes(room["requests.memory"])


# --- local S3 server ----------------------------------------------------------------------------


@kustomized
def test_the_local_s3_server_makes_its_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    container = pod_specs("overlays/local")["s3"]["containers"][0]
    assert container["command"][0] == "moto_server"
    hook = container["lifecycle"]["postStart"]["exec"]["command"]
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for variable in container["env"]:
            if variable["name"].startswith("AWS_"):
                monkeypatch.setenv(variable["name"], variable["value"])
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        subprocess.run([sys.executable, *hook[1:]], check=True, timeout=60)
        buckets = boto3.client("s3", region_name="us-east-1").list_buckets()["Buckets"]
    finally:
        server.stop()
    assert [bucket["Name"] for bucket in buckets] == ["berthwatch"]


# --- images -------------------------------------------------------------------------------------


def dockerfile() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile and their arguments, without comments, lines joined."""
    text = "\n".join(
        line for line in (DOCKER / "Dockerfile").read_text().splitlines() if line[:1] != "#"
    )
    lines = re.sub(r"\\\n", " ", text).splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return [(word.upper(), rest) for word, rest in pairs]


def stages() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Base and instructions of each stage, by name."""
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    name = ""
    for word, rest in dockerfile():
        if word == "FROM":
            base, _, name = rest.split()
            found[name] = (base, [])
        elif name:
            found[name][1].append((word, rest))
    return found


def lineage(name: str) -> list[tuple[str, str]]:
    base, instructions = stages()[name]
    return (lineage(base) if base in stages() else []) + instructions


def environment(name: str) -> dict[str, str]:
    text = " ".join(rest for word, rest in lineage(name) if word == "ENV")
    return dict(re.findall(r"(\S+?)=(\S+)", text))


def test_the_base_image_is_pinned_by_digest_and_nothing_else_is_pulled() -> None:
    (pinned,) = [rest for word, rest in dockerfile() if word == "ARG" and "PYTHON_IMAGE" in rest]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", pinned)
    assert PLACEHOLDER not in pinned
    assert {base for base, _ in stages().values()} - set(stages()) == {"${PYTHON_IMAGE}"}
    copied = [re.search(r"--from=(\S+)", rest) for word, rest in dockerfile() if word == "COPY"]
    assert {found[1] for found in copied if found} <= set(stages())


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_the_command_runs_as_a_user_with_only_tmp_writable(target: str) -> None:
    last = dict(lineage(target))
    assert last["USER"] == f"{USER}:{USER}"
    assert last["ENTRYPOINT"] == '["berthwatch"]'
    found = environment(target)
    assert found["HOME"] == "/tmp"
    assert found["NUMBA_CACHE_DIR"].startswith("/tmp/")
    assert found["PYTHONSAFEPATH"] == "1"
    assert (DOCKER / f"torch-{target}.txt").name in str(lineage(f"packages-{target}"))
    assert f"installed-{target}" in last["COPY"]


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_the_runtime_image_has_no_tools_and_no_cache(target: str) -> None:
    for word, rest in lineage(target):
        if word == "RUN":
            assert "pip" not in rest
            assert "apt-get" not in rest or "rm -rf /var/lib/apt/lists/*" in rest
    for word, rest in lineage(f"installed-{target}"):
        if word == "RUN" and "pip install" in rest:
            assert "--no-deps" in rest
            assert "--require-hashes" in rest or "/wheel/*.whl" in rest


def test_gdal_is_set_in_the_image_as_in_the_code() -> None:
    found = environment("cpu")
    assert GDAL_SETTINGS.items() <= found.items()
    beyond = {name for name in found if name.startswith(("GDAL_", "CPL_"))} - set(GDAL_SETTINGS)
    assert beyond == {"GDAL_CACHEMAX"}


def locked(*names: str) -> dict[str, str]:
    """Versions by name, each with at least one digest."""
    found: dict[str, str] = {}
    for name in names:
        text = re.sub(r"\\\n", " ", (DOCKER / name).read_text())
        for line in text.splitlines():
            match = re.fullmatch(
                r"([a-z0-9-]+)==(\S+)((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*", line
            )
            assert match, f"{name}: {line[:80]!r} is no version with its digests"
            assert match[1] not in found
            found[match[1]] = match[2]
    return found


@pytest.mark.parametrize("torch", ["torch-cpu.txt", "torch-gpu.txt"])
def test_locked_versions_satisfy_the_package(torch: str) -> None:
    versions = locked("constraints.txt", torch)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in (*project["dependencies"], *project["optional-dependencies"]["openvino"]):
        wanted = Requirement(text)
        found = versions[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(found.split("+")[0]), f"{text}: {found} is locked"


def test_no_development_tools_are_locked() -> None:
    assert not {"pytest", "hypothesis", "mypy", "ruff", "moto", "flask", "hatchling"} & set(
        locked("constraints.txt")
    )
    assert "hatchling" in locked("build.txt")


def test_the_build_context_has_only_the_inputs_of_the_image() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    sent = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = [
        part
        for word, rest in dockerfile()
        if word == "COPY" and "--from" not in rest
        for part in rest.split()[:-1]
    ]
    assert copied
    for part in copied:
        assert any(Path(part).match(rule) for rule in sent), part
        assert (ROOT / part).exists(), part
    assert not [rule for rule in sent if not list(ROOT.glob(rule))]
