"""A `demo/` as `make demo` leaves it, with four days of two ports instead of twenty-four."""

from __future__ import annotations

from pathlib import Path

from distributed import Client

import berthwatch as bw
from jobs.simulate import SimulationConfig, simulate_archive
from tests.support.cluster_here import cluster_here

CONFIG = SimulationConfig(days=4, cloud_share=0.1)


def make_world(folder: Path) -> Path:
    """Simulate and run the whole job in ``folder``/demo; gives the folder."""
    simulate_archive(CONFIG, folder / "demo", lambda _: None)
    with cluster_here() as cluster, Client(cluster) as client:
        outcome = bw.run(folder / "demo" / "job.yaml", client, progress=False)
    assert outcome.complete
    return folder
