"""A sensor of one's own, named in the job file: in the plan, on workers, in the archive."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from distributed import Client
from rich.console import Console

from jobs.archive import Archives, PortArchive, pool
from jobs.domain import (
    BUNDLED,
    SENSORS,
    Quality,
    StageName,
    job_digest,
    read_job,
    using_definitions,
)
from jobs.errors import ArchiveError, InputError, PlanError, SetupError
from jobs.plan import pinned_plan, read_plan, write_plan
from jobs.run.backlog import RunOptions
from jobs.run.pipeline import run_plan
from jobs.run.status import stale_rows
from jobs.storage import storage_at
from tests.support.own_sensor import classes, make_world, numbers

TILE = RunOptions(last_stage=StageName.TILE)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """One worker process for all tests: it outlives the definitions that it is sent."""
    with Client(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as found:
        yield found


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    forget()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))


def forget() -> None:
    for name in SENSORS.keys() - BUNDLED:
        del SENSORS[name]


def edit(job: Path, before: str, after: str) -> None:
    path = job.parent / "eyes/my-camera.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_whole_run_with_workers_that_never_see_the_file(tmp_path: Path, client: Client) -> None:
    job = make_world(tmp_path)
    found = pinned_plan(job).plan
    assert [own.name for own in found.sensors] == ["my-camera"]
    (tmp_path / "eyes/my-camera.yaml").unlink()
    write_plan(found, tmp_path / "plan.jsonl")
    forget()
    plan = read_plan(tmp_path / "plan.jsonl")
    assert plan.hash == found.hash
    console = Console(stderr=True)
    outcome = run_plan(plan, RunOptions(), nullcontext(client), console)
    assert (outcome.code, outcome.summary.done) == (0, 2)
    storage = storage_at(plan.archive)
    assert outcome.folder is not None
    provenance = json.loads(storage.read(f"{outcome.folder}/provenance.json"))
    assert "(c) me" in json.dumps(provenance)

    port = plan.ports[0]
    archive = PortArchive.existing(storage, port)
    assert archive is not None
    with xr.open_zarr(archive.store(), group="my-camera", consolidated=False) as opened:
        assert "My camera, surface reflectance" in opened["reflectance"].attrs["comment"]
        assert opened["band"].values.tolist() == ["blue", "green", "red", "nir"]
        for day in (1, 2):
            look = opened["reflectance"][
                list(opened["platform"].values).index("my-plane") + day - 1
            ]
            for band in range(1, 5):
                expected = numbers(day, band, port.grid.shape) * 2e-5 - 0.1
                np.testing.assert_allclose(look[band - 1], expected, atol=0.5e-4 + 1e-6)
        cloud = np.asarray(opened["quality"][0]) & int(Quality.CLOUD) > 0
        assert cloud[classes(port.grid.shape) == 1].all()
        assert not cloud[port.grid.height // 2 :].any()

    # another process, which reads no job and no plan, knows the sensor from the archive
    code = (
        "from jobs.archive import PortArchive; from jobs.domain import SENSORS, load_port\n"
        "from jobs.storage import storage_at; import sys\n"
        "PortArchive.existing(storage_at(sys.argv[1]), load_port(sys.argv[2]))\n"
        "print(SENSORS['my-camera'].title)"
    )
    arguments = [sys.executable, "-c", code, plan.archive, str(tmp_path / "port.geojson")]
    said = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    assert said == "My camera, surface reflectance\n"


def test_a_changed_file_is_another_input_and_what_it_made_is_stale(
    tmp_path: Path, client: Client
) -> None:
    job = make_world(tmp_path, days=(1,))
    first = pinned_plan(job)
    assert not first.found
    digest = job_digest(read_job(job))
    run_plan(first.plan, TILE, nullcontext(client), Console(stderr=True))
    edit(job, "title: My", "# a comment\ntitle:   My")
    assert job_digest(read_job(job)) == digest
    assert pinned_plan(job).found
    edit(job, "cloud: [1]", "thin_cloud: [1]")
    assert job_digest(read_job(job)) != digest
    second = pinned_plan(job)
    assert not second.found
    assert second.plan.hash != first.plan.hash
    rows = stale_rows(second.plan, storage_at(second.plan.archive))
    assert "the file of the sensor my-camera is another" in json.dumps(rows)
    again = run_plan(second.plan, TILE, nullcontext(client), Console(stderr=True))
    assert again.summary.worked == 1
    port = second.plan.ports[0]
    archive = PortArchive.existing(storage_at(second.plan.archive), port)
    assert archive is not None
    quality = archive.quality(next(iter(archive.steps().values())))
    assert (quality[0] == Quality.THIN_CLOUD).all()
    stored = archive.store()
    with xr.open_zarr(stored, group="my-camera", consolidated=False) as opened:
        assert opened.attrs["sensor_definition"] == second.plan.sensors[0].definition


def test_other_bands_do_not_fit_into_the_group_and_are_told_so(tmp_path: Path) -> None:
    job = make_world(tmp_path, days=(1,))
    plan = pinned_plan(job).plan
    archives = Archives(plan.ports, storage_at(plan.archive))
    archives.begin("mine", tuple(plan.overpasses))
    edit(job, "nir: [B4]", "swir: [B4]")
    other = pinned_plan(job).plan
    with pytest.raises(ArchiveError, match="'my-camera' has the bands blue, green, red, nir"):
        Archives(plan.ports, storage_at(plan.archive)).begin("mine", tuple(other.overpasses))


def test_a_plan_of_a_sensor_that_is_not_in_it_is_refused(tmp_path: Path) -> None:
    plan = pinned_plan(make_world(tmp_path, days=(1,))).plan
    write_plan(replace(plan, sensors=()), tmp_path / "plan.jsonl")
    forget()
    with pytest.raises(PlanError, match="sensor 'my-camera' is not known"):
        list(read_plan(tmp_path / "plan.jsonl").overpasses)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("name: my-camera", "name: sentinel-2-l2a", "Berthwatch has a sensor 'sentinel-2-l2a'"),
        ("title:", "group: sentinel-2\ntitle:", "group 'sentinel-2' of sensor 'my-camera' is that"),
        ("bands:", "band:", "my-camera.yaml, line 4: unknown key 'band'"),
    ],
)
def test_what_the_job_cannot_use_is_refused(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    job = make_world(tmp_path, days=())
    edit(job, before, after)
    with pytest.raises(InputError, match=words):
        read_job(job)


def test_a_missing_file_and_a_sensor_that_no_file_names_are_refused(tmp_path: Path) -> None:
    job = make_world(tmp_path, days=())
    text = job.read_text()
    job.write_text(text.replace("my-camera.yaml", "mine.yaml"))
    with pytest.raises(InputError, match=r"eyes/mine.yaml: cannot be read .* give a sensor file"):
        read_job(job)
    job.write_text(text.replace("sensors: [eyes/my-camera.yaml]\n", ""))
    with pytest.raises(InputError, match="unknown sensor 'my-camera'"):
        read_job(job)


def test_two_runs_with_two_definitions_in_one_worker_are_noticed(tmp_path: Path) -> None:
    job = make_world(tmp_path, days=())
    one = (read_job(job).sensors[0].definition,)
    edit(job, "2.0e-5", "3.0e-5")
    other = (read_job(job).sensors[0].definition,)
    at_once = pytest.raises(SetupError, match="two definitions of the sensor 'my-camera'")
    with at_once, using_definitions(one), using_definitions(other):
        pass
    with using_definitions(one), using_definitions(one):
        assert SENSORS["my-camera"].scale == 2e-5
