"""A whole run on catalog and files that want a token, by workers that are other processes."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from distributed import Client, LocalCluster
from rich.console import Console

from jobs.archive import PortArchive, pool
from jobs.errors import SetupError
from jobs.plan import Plan, pinned_plan
from jobs.run.backlog import RunOptions
from jobs.run.pipeline import run_plan
from jobs.run.verify import verify_sample
from jobs.simulate import SimulationConfig, simulate_archive
from jobs.storage import storage_at
from tests.support.cluster_here import cluster_here
from tests.support.servers.login import SECRETS, VARIABLES, LoginFiles, OAuthServer
from tests.support.servers.server import running

CONFIG = SimulationConfig(ports=("RUVYP",), days=2, cloud_share=0.0)
FOUND = ["berth", "length_m", "beam_m", "heading_deg", "score"]
KEY = "k3y-of-us"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    for name, value in (VARIABLES | {"OUR_KEY": KEY}).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    with cluster_here(n_workers=2, threads_per_worker=1, processes=True) as made:
        yield made


def job_at(folder: Path, files: LoginFiles, tokens: OAuthServer) -> Path:
    """The job of a simulated archive whose catalog and files are on that server."""
    login = (
        f"oauth: {{token_url: '{tokens.token_url}', client_id: OUR_CLIENT, "
        f"client_secret: OUR_SECRET}}, headers: {{X-Key: OUR_KEY}}, files: ['{files.url}']"
    )
    text = (folder / "job.yaml").read_text()
    before, _, after = text.partition("sources:\n")
    own, _, after = after.partition("\narchive:")
    assert "catalog.json" in own
    source = f"  - {{catalog: '{files.url}/catalog.json', collection: sentinel-2-c1-l2a, {login}}}"
    job = folder / "private.yaml"
    job.write_text(f"{before}sources:\n{source}\narchive: private #{after}")
    return job


def run(job: Path, client: Client) -> tuple[Plan, pd.DataFrame, xr.Dataset]:
    """The plan, the vessels found, in order, and the port's pixels."""
    plan = pinned_plan(job).plan
    outcome = run_plan(plan, RunOptions(), nullcontext(client), Console(stderr=True))
    assert (outcome.code, outcome.summary.failed) == (0, 0)
    assert outcome.folder is not None
    storage = storage_at(plan.archive)
    archive = PortArchive.existing(storage, plan.ports[0])
    assert archive is not None
    vessels = pd.read_csv(storage.local(outcome.folder) / "vessels.csv")
    pixels = xr.open_zarr(archive.store(), group="sentinel-2", consolidated=False)
    return plan, vessels[FOUND].sort_values(FOUND, ignore_index=True), pixels


def simulated(folder: Path) -> Path:
    """A simulated archive's job, with few draws."""
    job = simulate_archive(CONFIG, folder, lambda _: None).job
    with job.open("a") as file:
        file.write("estimates: {draws: 100}\n")
    return job


def content(path: Path) -> bytes:
    """A file's bytes, unpacked where it is gzip, as plans are."""
    found = path.read_bytes()
    return gzip.decompress(found) if found.startswith(b"\x1f\x8b") else found


@pytest.mark.slow
def test_private_files_give_the_ships_of_open_ones(tmp_path: Path, cluster: LocalCluster) -> None:
    job = simulated(tmp_path / "w")
    with (
        Client(cluster) as client,
        running(OAuthServer(life_s=1.0)) as tokens,
        running(LoginFiles(tmp_path / "w", tokens, key=KEY)) as files,
    ):
        _, vessels, pixels = run(job, client)
        private = job_at(tmp_path / "w", files, tokens)
        plan, same_vessels, same_pixels = run(private, client)
        np.testing.assert_array_equal(
            same_pixels["reflectance"].to_numpy(), pixels["reflectance"].to_numpy()
        )
        rows = verify_sample(plan, storage_at(plan.archive), 2, 0, client)
        rows += verify_sample(plan, storage_at(plan.archive), 2, 0, client, inputs=True)
        assert len(tokens.requests) > 3  # of the processes, and what ran out
    assert rows
    assert {row["result"] for row in rows} == {"equal"}
    assert len(vessels) > 0
    pd.testing.assert_frame_equal(same_vessels, vessels)
    files_written = [path for path in (tmp_path / "w" / "private").rglob("*") if path.is_file()]
    written = [content(path) for path in files_written]
    assert any(b"OUR_SECRET" in each for each in written)  # the plan
    for secret in (*SECRETS, KEY):
        assert not any(secret.encode() in each for each in written)


def test_workers_without_the_variable_end_the_run(tmp_path: Path, cluster: LocalCluster) -> None:
    simulated(tmp_path / "w")
    with (
        Client(cluster) as client,
        running(OAuthServer()) as tokens,
        running(LoginFiles(tmp_path / "w", tokens, key=KEY)) as files,
    ):
        plan = pinned_plan(job_at(tmp_path / "w", files, tokens)).plan
        client.run(lambda: os.environ.pop("OUR_SECRET"))
        with pytest.raises(SetupError, match="OUR_SECRET, which is not set in this process"):
            run_plan(plan, RunOptions(), nullcontext(client), Console(stderr=True))
