"""A very small simulated port with its archive and results, for tests that review them."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from distributed import Client

from jobs.plan import Plan, pinned_plan
from jobs.publish import PublishedResult, newest_results, read_results
from jobs.review import ReviewSession
from jobs.run import RunOptions, run_plan
from jobs.simulate import SimulationConfig, simulate_archive
from jobs.storage import Storage, storage_at

BERTHS = (
    ("oil", "Oil berth", "oil_terminal", (133.059, 42.744, 133.062, 42.746)),
    ("roads", "Roads", "anchorage", (133.048, 42.737, 133.057, 42.754)),
)


def port_file(path: Path) -> Path:
    """A port of two by two kilometres: a berth and an anchorage."""
    area = {"role": "port", "id": "tiny", "name": "Tiny", "country": "XX"}
    features = [_feature(area, (133.045, 42.735, 133.075, 42.757))]
    for id, name, kind, bounds in BERTHS:
        features.append(_feature({"role": "berth", "id": id, "name": name, "kind": kind}, bounds))
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def _feature(properties: dict[str, str], bounds: tuple[float, ...]) -> dict[str, object]:
    west, south, east, north = bounds
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


@dataclass(frozen=True)
class ReviewedPort:
    """The job of the port, and whoever computes."""

    job: Path
    plan: Plan
    client: Client

    @property
    def storage(self) -> Storage:
        return storage_at(self.plan.archive)

    def run(self, use_reviews: bool = True) -> PublishedResult:
        """Run what is missing, publish, and read that."""
        options = RunOptions(use_reviews=use_reviews)
        run_plan(self.plan, options, nullcontext(self.client))
        return read_results(*newest_results(self.job))

    def session(self, reviewer: str) -> ReviewSession:
        storage, folder = newest_results(self.job)
        return ReviewSession(read_results(storage, folder), storage, reviewer)


def make_port(folder: Path, client: Client) -> ReviewedPort:
    """Simulate the port and pin its plan; nothing is run yet."""
    config = SimulationConfig(
        seed=5,
        ports=(str(port_file(folder / "tiny.geojson")),),
        days=12,
        cloud_share=0.05,
        visits_per_week=8,
    )
    simulate_archive(config, folder / "sim", lambda line: None)
    job = folder / "sim" / "job.yaml"
    job.write_text(f"{job.read_text()}estimates: {{draws: 100}}\n")
    return ReviewedPort(job, pinned_plan(job).plan, client)


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file of a published folder, by name."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}
