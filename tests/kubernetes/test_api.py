"""The Kubernetes client: objects, refusals, servers without a response."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kubernetes import client, config
from kubernetes.config import incluster_config

from jobs.errors import AlreadyThereError, KubernetesError, KubernetesLostError
from jobs.kubernetes import api as module
from jobs.kubernetes import connection
from jobs.kubernetes.api import CLUSTERS, CONFIG_MAPS, JOBS, PODS, SECRETS, Api, Manifest, api_for
from jobs.kubernetes.names import RUN
from tests.support.kubernetes.values import run
from tests.support.kubernetes.world import Away, World, kubernetes_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with kubernetes_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def api(world: World) -> Api:
    return Api(config.new_client_from_config(str(world.kubeconfig())), world.namespace)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cluster is configured."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none")
    )


def secret(name: str) -> Manifest:
    about = {"name": name, "labels": {RUN: run().id}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": {"a": "b"}}


def test_an_object_is_found_listed_patched_and_deleted(api: Api, world: World) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "one", "labels": {RUN: "here"}},
        "spec": {
            "suspend": True,
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}
            },
        },
    }
    made = api.create(job)
    found = api.find(JOBS, "one")
    assert found is not None
    assert found["metadata"]["uid"] == made["metadata"]["uid"]
    assert [one["metadata"]["name"] for one in api.list(JOBS, {RUN: "here"})] == ["one"]
    assert api.list(JOBS, {RUN: "there"}) == []
    assert api.patch(JOBS, "one", {"spec": {"parallelism": 0}})["spec"]["parallelism"] == 0
    assert api.delete(JOBS, "one", foreground=True)
    world.wait_until(lambda: api.find(JOBS, "one") is None, 10)
    assert not api.delete(JOBS, "one")


def test_core_kinds_are_found_too(api: Api, world: World) -> None:
    world.add_config("settings", {"a": "b"})
    found = api.find(CONFIG_MAPS, "settings")
    assert found is not None
    assert found["data"] == {"a": "b"}
    assert api.find(CONFIG_MAPS, "nobody") is None
    assert api.list(PODS) == []


def test_an_existing_name_is_refused(api: Api) -> None:
    api.create(secret("taken"))
    with pytest.raises(AlreadyThereError, match="create secrets taken: exists already"):
        api.create(secret("taken"))


def test_a_refusal_names_the_missing_right(world: World) -> None:
    world.create_role(f"{world.namespace}/nobody", ("", ["pods"], ["list"]))
    path = world.kubeconfig(f"{world.namespace}/nobody")
    weak = Api(config.new_client_from_config(str(path)), world.namespace)
    assert weak.list(PODS) == []
    with pytest.raises(KubernetesError, match=r"does not allow: list daskclusters .*rights\.yaml"):
        weak.list(CLUSTERS)


def test_an_error_has_the_servers_message(api: Api) -> None:
    wrong = {"apiVersion": CLUSTERS.api_version, "kind": "DaskCluster", "metadata": {"name": "x"}}
    with pytest.raises(KubernetesError, match=r"refuses: create daskclusters x .*spec"):
        api.create({**wrong, "spec": {}})


def test_a_log_of_no_pod_is_refused(api: Api) -> None:
    with pytest.raises(KubernetesError, match="get pods/log nobody"):
        api.log("nobody")


def test_a_login_that_has_expired_is_told_from_a_missing_right(world: World) -> None:
    login = yaml.safe_load(world.kubeconfig().read_text())
    login["users"][0]["user"]["token"] = "expired"
    expired = Api(config.new_client_from_config_dict(login), world.namespace)
    with pytest.raises(KubernetesError, match="does not accept this login"):
        expired.list(PODS)


def test_a_request_is_repeated_while_the_server_does_not_respond(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    outage = world.outage()
    outage.__enter__()

    def over(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            outage.__exit__(None, None, None)

    monkeypatch.setattr(module.time, "sleep", over)
    assert api.list(SECRETS) is not None
    assert waited == [0.5, 1.0]


def test_an_api_that_is_busy_is_left_alone_for_as_long_as_it_asks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = client.Configuration()
    settings.retries = False  # as api_for has it
    config.load_kube_config(str(world.kubeconfig()), client_configuration=settings)
    api = Api(client.ApiClient(settings), world.namespace)
    waited: list[float] = []
    outages = world.cluster.server.outages
    monkeypatch.setattr(outages, "retry_after_s", 1)
    monkeypatch.setattr(outages, "now", Away.BUSY)

    def over(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            outages.now = None

    monkeypatch.setattr(module.time, "sleep", over)
    assert api.list(SECRETS) is not None
    assert waited == [1.0, 1.0]


def test_a_server_that_never_responds_is_lost(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    with world.outage(), pytest.raises(KubernetesLostError, match="503"):
        api.list(PODS)


def test_the_namespace_is_the_contexts_unless_given(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(world.kubeconfig()))
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(world.kubeconfig())
    )
    assert api_for().namespace == world.namespace
    assert api_for(namespace="other").namespace == "other"
    assert api_for().list(PODS) == []


@pytest.mark.usefixtures("alone")
def test_without_a_cluster_the_error_names_the_setting() -> None:
    with pytest.raises(KubernetesError, match="set KUBECONFIG"):
        api_for()


@pytest.mark.usefixtures("alone")
def test_a_pod_finds_its_own_cluster(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = yaml.safe_load(world.kubeconfig().read_text())
    (tmp_path / "token").write_text(mine["users"][0]["user"]["token"])
    authority = Path(mine["clusters"][0]["cluster"]["certificate-authority"])
    (tmp_path / "namespace").write_text(world.namespace)
    host, port = world.url.removeprefix("https://").split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setattr(connection, "POD_NAMESPACE", tmp_path / "namespace")
    found = api_for()
    assert found.namespace == world.namespace
    assert found.list(PODS) == []
