"""An API that is away in several ways is borne and told once; what can never be is refused."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from kubernetes import config
from kubernetes.config import kube_config
from typer.testing import CliRunner

from jobs.cli import app
from jobs.errors import KubernetesError, KubernetesLostError, LoginError
from jobs.kubernetes import absence as absence_module
from jobs.kubernetes import api as api_module
from jobs.kubernetes.absence import COMMAND_LIMIT_S, LONGEST_TRY_S, Absence
from jobs.kubernetes.api import PODS, Api, api_for
from jobs.kubernetes.cancel import cancel_run
from jobs.kubernetes.records import was_cancelled
from jobs.kubernetes.spec import Run
from jobs.run import ExitCode
from jobs.storage import LocalFolder
from tests.support.kubernetes import values
from tests.support.kubernetes.clocks import Clock
from tests.support.kubernetes.recorded_runs import recorded_runs
from tests.support.kubernetes.world import Away, Outage, Phase, World, kubernetes_world

ACCOUNT = "ocean/berthwatch-submitter"
CAUSES = {
    Away.UNAVAILABLE: "503: the server is currently unable",
    Away.BUSY: "429: too many requests",
    Away.REFUSED: "connection refused",
    Away.UNENCRYPTED: "no answer in time",
    Away.SILENT: "no answer in time",
    Away.CUT: "the connection broke off",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with kubernetes_world(tmp_path_factory.mktemp("world")) as made:
        made.create_role(ACCOUNT, ("", ["pods"], ["list"]), ("batch", ["jobs"], ["get"]))
        yield made


@pytest.fixture
def login(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig of one's own, which a test may change."""
    path = tmp_path / "kubeconfig"
    path.write_text(world.kubeconfig(ACCOUNT).read_text())
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absence_module, "RETRY_S", 0.1)
    monkeypatch.setattr(absence_module, "LONGEST_RETRY_S", 0.1)
    monkeypatch.setattr(api_module, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(api_module, "ATTEMPTS_LIMIT_S", 0.0)
    monkeypatch.setitem(api_module._RAW, "_request_timeout", (0.4, 0.4))


def changed(path: Path, **user: Any) -> None:
    """Replace the login in a kubeconfig."""
    content = yaml.safe_load(path.read_text())
    content["users"][0]["user"] = user
    path.write_text(yaml.safe_dump(content))


def token(path: Path) -> str:
    return str(yaml.safe_load(path.read_text())["users"][0]["user"]["token"])


@pytest.mark.parametrize("how", CAUSES)
@pytest.mark.usefixtures("login")
def test_every_kind_of_absence_is_borne_and_told_once(world: World, how: Away) -> None:
    said: list[str] = []
    api = api_for().patient(said.append)
    found: list[Any] = []
    with world.outage(how):
        asking = threading.Thread(target=lambda: found.append(api.list(PODS)))
        asking.start()
        world.wait_until(lambda: said, 20)
        time.sleep(0.6)  # for another try at least, which says nothing more
        assert not found
    asking.join(20)
    assert found == [[]]
    gone, back = said
    assert CAUSES[how] in gone
    assert "answers again" in back


@pytest.mark.usefixtures("login")
def test_a_server_that_never_answers_costs_one_time_out(world: World) -> None:
    began = time.monotonic()
    with world.outage(Away.SILENT), pytest.raises(KubernetesLostError, match="no answer in time"):
        api_for().list(PODS)
    assert time.monotonic() - began < 4 * 0.4 + 1  # sixteen times, where two layers repeat it


@pytest.mark.usefixtures("login")
def test_a_name_that_cannot_be_resolved_is_an_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(KubernetesLostError, match="cannot be resolved"):
        api_for().list(PODS)


def test_another_server_at_the_address_is_refused_at_once(login: Path) -> None:
    content = yaml.safe_load(login.read_text())
    del content["clusters"][0]["cluster"]["certificate-authority"]
    login.write_text(yaml.safe_dump(content))
    said: list[str] = []
    with pytest.raises(KubernetesError, match="is not the one expected") as raised:
        api_for().patient(said.append).list(PODS)
    assert not isinstance(raised.value, KubernetesLostError)
    assert not said


def test_a_kubeconfig_that_is_no_yaml_is_refused(login: Path) -> None:
    login.write_text("clusters: [")
    with pytest.raises(KubernetesError, match="set KUBECONFIG"):
        api_for()


# --- logins ---------------------------------------------------------------------------------------


def test_a_login_that_was_never_accepted_is_refused_at_once(login: Path) -> None:
    changed(login, token="wrong")
    said: list[str] = []
    with pytest.raises(LoginError, match="log in again as for kubectl"):
        api_for().patient(said.append).list(PODS)
    assert not said


def renewed_while_waiting(api: Api, renew: Any) -> list[str]:
    """What is said while a login that is no longer accepted is waited for, and then renewed."""
    said: list[str] = []
    absence = Absence(said.append, accepted=True)
    found: list[Any] = []
    asking = threading.Thread(target=lambda: found.append(absence.bear(lambda: api.list(PODS))))
    asking.start()
    time.sleep(0.5)
    assert not found
    renew()
    asking.join(20)
    assert found == [[]]
    return said


def test_a_login_that_expires_is_read_again_from_its_file(login: Path) -> None:
    good = token(login)
    changed(login, token="expired")
    said = renewed_while_waiting(api_for(), lambda: changed(login, token=good))
    assert len(said) == 2
    assert "no longer accepts the login" in said[0]
    assert "what runs there goes on" in said[0]


def test_a_login_that_expires_is_asked_of_its_plugin_again(login: Path, tmp_path: Path) -> None:
    good, answer = token(login), tmp_path / "token"
    answer.write_text("expired")
    status = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", '
    script = f"printf '%s' '{status}\"status\": {{\"token\": \"'$(cat {answer})'\"}}}}'"
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "sh",
        "args": ["-c", script],
        "interactiveMode": "Never",
    }
    changed(login, exec=plugin)
    said = renewed_while_waiting(api_for(), lambda: answer.write_text(good))
    assert ["no longer accepts" in text for text in said] == [True, False]


def test_without_any_login_the_advice_is_to_log_in(login: Path) -> None:
    changed(login)
    with pytest.raises(LoginError, match="log in again"):
        api_for().list(PODS)


# --- commands -------------------------------------------------------------------------------------


def job_of(run: Run, **about: Any) -> dict[str, Any]:
    """Its Job, whose pod never starts."""
    labels = {"berthwatch/run": run.id, "berthwatch/job": run.job}
    pods = {
        "metadata": {"labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "none"}]},
    }
    metadata = {"name": run.id, "labels": labels, **about}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": pods},
    }


def test_cancelling_bears_an_absence_longer_than_its_own_limit(
    world: World, tmp_path: Path
) -> None:
    run = values.run(namespace=world.namespace)
    world.apply(job_of(run))
    world.wait_until(world.pods)
    said: list[str] = []
    api = Api(config.new_client_from_config(str(world.kubeconfig())), world.namespace)
    outage = world.outage_at(Outage(Phase("DELETE", f"/jobs/{run.id}", done=True), 2.0))
    done = cancel_run(api.patient(said.append), LocalFolder(tmp_path), run, wait_s=1.5, poll_s=0.1)
    assert outage.over.is_set()
    assert done.left == ()
    assert f"Job/{run.id}" in done.gone
    assert len([text for text in said if "does not answer" in text]) == 1
    assert was_cancelled(LocalFolder(tmp_path), run)


def following(world: World, source: Path | str) -> Result:
    """What became of ``logs --follow``."""
    command = ["logs", str(source), "--follow", "--namespace", world.namespace]
    return CliRunner().invoke(app, command)


def complete(job: dict[str, Any]) -> None:
    """As the Job's controller does at its end."""
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}


@pytest.mark.usefixtures("login")
@pytest.mark.parametrize("by_id", [False, True])
def test_a_log_is_followed_after_an_absence_that_other_commands_do_not_bear(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_id: bool
) -> None:
    runs = recorded_runs(tmp_path)
    world.apply(job_of(runs.newer, annotations={"berthwatch/archive": runs.storage.url}))
    world.wait_until(world.pods)
    world.patch("jobs", runs.newer.id, complete, "status")
    server = world.cluster.server
    monkeypatch.setattr(absence_module, "time", Clock(3 * COMMAND_LIMIT_S, server.come_back))
    monkeypatch.setattr(absence_module, "LONGEST_RETRY_S", 60.0)
    monkeypatch.setattr(absence_module, "RETRY_S", 60.0)
    with world.outage():
        done = following(world, runs.newer.id if by_id else runs.plan)
    assert done.exit_code == 0, done.output
    said = " ".join(done.stderr.split())
    assert said.count("does not answer (503") == 1
    assert "asked again for 30 minutes" in said
    world.delete("jobs", runs.newer.id)
    world.wait_until(lambda: world.find("jobs", runs.newer.id) is None)


@pytest.mark.usefixtures("login")
def test_a_log_that_cannot_be_followed_any_longer_ends_the_wait_and_not_the_run(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absence_module, "time", Clock())
    monkeypatch.setattr(absence_module, "RETRY_S", 60.0)
    with world.outage():
        done = following(world, recorded_runs(tmp_path).plan)
    assert done.exit_code == ExitCode.INTERRUPTED, done.output
    assert "the run goes on" in " ".join(done.stderr.split())


def test_a_log_is_not_followed_with_a_login_that_was_never_accepted(
    world: World, login: Path, tmp_path: Path
) -> None:
    changed(login, token="wrong")
    done = following(world, recorded_runs(tmp_path).plan)
    assert isinstance(done.exception, LoginError)


# --- the limit ------------------------------------------------------------------------------------


def test_a_refusal_is_an_answer() -> None:
    """So that a second absence after it is another one, with a limit of its own."""
    answers: list[Exception] = [KubernetesLostError("503"), KubernetesError("exists already")]

    def ask() -> None:
        raise answers.pop(0)

    said: list[str] = []
    absence = Absence(said.append)
    with pytest.raises(KubernetesError, match="exists already"):
        absence.bear(ask)
    assert ["answers again" in text for text in said] == [False, True]


def test_an_absence_of_several_kinds_is_told_once_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An API that comes up refuses connections, then logins, then both in turn."""
    monkeypatch.setattr(absence_module, "RETRY_S", 0.0)
    away, login = KubernetesLostError("503"), LoginError("401")
    answers: list[Exception] = [away, login, away, login, away]

    def ask() -> str:
        if answers:
            raise answers.pop(0)
        return "here"

    said: list[str] = []
    assert Absence(said.append, accepted=True).bear(ask) == "here"
    words = ("does not answer", "no longer accepts the login", "answers again")
    assert len(said) == len(words)
    assert all(word in text for word, text in zip(words, said, strict=True)), said


def test_the_time_that_a_laptop_sleeps_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(absence_module, "time", clock)
    said: list[str] = []
    absence = Absence(said.append, 600)
    away = KubernetesLostError("away")
    absence.wait(away)
    clock.now += 8 * 3600
    absence.wait(away)  # the first try after it
    absence.over()
    assert "28800 s on" in said[-1]
    tries = 0
    while tries < 100:
        tries += 1
        try:
            absence.wait(away)
        except KubernetesLostError:
            break
        clock.now += LONGEST_TRY_S
    assert tries == 600 // LONGEST_TRY_S + 2
    assert ["does not answer" in text for text in said] == [True, False, True]
