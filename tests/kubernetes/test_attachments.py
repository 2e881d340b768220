"""A plan's local files: uploaded, downloaded elsewhere, and by every worker that joins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from jobs.errors import ArchiveError
from jobs.kubernetes.attachments import Weights, upload, uploaded_names, with_downloaded_files
from jobs.plan import Plan
from jobs.storage import LocalFolder
from models.weights import default_path
from tests.support.small_runs import a_plan

FOLDER = "runs/test/bw-test-1"


def with_files(plan: Plan, folder: Path) -> Plan:
    """The plan with local weights and cargo entries."""
    model, cargo = folder / "mine.safetensors", folder / "cargo.csv"
    model.write_bytes(default_path().read_bytes())
    cargo.write_text("visit_id,barrels\n")
    estimates = replace(plan.estimates, cargo=str(cargo))
    return replace(plan, model=str(model), estimates=estimates)


def test_uploaded_files_are_downloaded_and_the_plan_keeps_its_hash(tmp_path: Path) -> None:
    plan = with_files(a_plan(tmp_path, 1), tmp_path)
    storage = LocalFolder(tmp_path / "archive")
    upload(plan, storage, FOLDER)
    upload(plan, storage, FOLDER)
    content = Path(str(plan.model)).read_bytes()
    (tmp_path / "mine.safetensors").unlink()  # the other machine does not have it
    moved = with_downloaded_files(plan, storage, FOLDER, tmp_path / "there")
    assert moved.hash == plan.hash
    assert Path(str(moved.model)).read_bytes() == content
    assert str(moved.model).startswith(str(tmp_path / "there"))
    assert Path(str(moved.estimates.cargo)).read_text() == "visit_id,barrels\n"
    assert len(storage.names(FOLDER)) == 3


def test_a_plan_without_local_files_needs_none(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, 1)
    storage = LocalFolder(tmp_path / "archive")
    upload(plan, storage, FOLDER)
    assert with_downloaded_files(plan, storage, FOLDER, tmp_path / "there") is plan


def test_files_that_were_not_uploaded_are_an_error(tmp_path: Path) -> None:
    plan = with_files(a_plan(tmp_path, 1), tmp_path)
    with pytest.raises(ArchiveError, match=r"lacks .*mine\.safetensors"):
        with_downloaded_files(plan, LocalFolder(tmp_path / "archive"), FOLDER, tmp_path / "there")
    (tmp_path / "mine.safetensors").unlink()
    with pytest.raises(ArchiveError, match="cannot upload"):
        upload(plan, LocalFolder(tmp_path / "archive"), FOLDER)


def size(path: str) -> int:
    return Path(path).stat().st_size


def test_every_worker_has_the_weights_before_its_first_task(tmp_path: Path) -> None:
    plan = with_files(a_plan(tmp_path, 1), tmp_path)
    storage = LocalFolder(tmp_path / "archive")
    upload(plan, storage, FOLDER)
    name = uploaded_names(plan, storage, FOLDER)["model"]
    path = tmp_path / "worker" / Path(name).name
    with (
        LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0") as made,
        Client(made) as client,
    ):
        client.register_plugin(Weights(storage, name, str(path)))
        early = client.submit(lambda: path.stat().st_size)
        made.scale(1)
        assert early.result(timeout=60) == default_path().stat().st_size
        path.unlink()
        made.scale(2)
        client.wait_for_workers(2, timeout=60)
        assert path.exists()


def test_a_worker_that_cannot_download_the_weights_runs_no_task(tmp_path: Path) -> None:
    storage = LocalFolder(tmp_path / "archive")
    with (
        LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            processes=False,
            protocol="tcp://",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as made,
        Client(made) as client,
    ):
        client.register_plugin(Weights(storage, "files/none", str(tmp_path / "none")))
        task = client.submit(lambda: 1)
        made.scale(1)
        with pytest.raises(TimeoutError):
            task.result(timeout=3)
