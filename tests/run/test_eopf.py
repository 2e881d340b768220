"""A whole run on imagery that is kept as Zarr, beside one on the same pixels as GeoTIFF."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from distributed import Client
from rich.console import Console

from jobs.archive import PortArchive, pool
from jobs.plan import pinned_plan
from jobs.run.backlog import RunOptions
from jobs.run.pipeline import run_plan
from jobs.simulate import SimulationConfig, simulate_archive
from jobs.storage import storage_at
from tests.support.eopf import as_eopf

CONFIG = SimulationConfig(ports=("RUVYP",), days=8, cloud_share=0.1)
FOUND = ["berth", "length_m", "beam_m", "heading_deg", "score"]


def run(job: Path, client: Client) -> tuple[pd.DataFrame, xr.Dataset]:
    """The vessels found, in order, and the port's pixels."""
    plan = pinned_plan(job).plan
    outcome = run_plan(plan, RunOptions(), nullcontext(client), Console(stderr=True))
    assert (outcome.code, outcome.summary.failed) == (0, 0)
    assert outcome.folder is not None
    storage = storage_at(plan.archive)
    archive = PortArchive.existing(storage, plan.ports[0])
    assert archive is not None
    vessels = pd.read_csv(storage.local(outcome.folder) / "vessels.csv")
    pixels = xr.open_zarr(archive.store(), group="sentinel-2", consolidated=False)
    return vessels[FOUND].sort_values(FOUND, ignore_index=True), pixels


@pytest.mark.slow
def test_zarr_and_geotiff_give_the_same_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    job = simulate_archive(CONFIG, tmp_path / "w", lambda _: None).job
    with job.open("a") as file:
        file.write("estimates: {draws: 100}\n")
    with Client(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as client:
        vessels, pixels = run(job, client)
        image = pixels["reflectance"].to_numpy()
        shutil.rmtree(tmp_path / "w" / "archive")
        assert as_eopf(tmp_path / "w") >= len(image) > 0  # some overpasses have two tiles
        same_vessels, same_pixels = run(job, client)
        np.testing.assert_array_equal(same_pixels["reflectance"].to_numpy(), image)
    assert len(vessels) > 0
    pd.testing.assert_frame_equal(same_vessels, vessels)
