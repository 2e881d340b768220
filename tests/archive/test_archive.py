"""The port archive: forks, commits, status, growth, tags, and what plain xarray sees of it."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr

from jobs.archive import PortArchive
from jobs.archive.schema import VESSELS
from jobs.domain import (
    Overpass,
    Pixels,
    Quality,
    StageName,
    UnitResult,
    UnitState,
    Vessel,
)
from jobs.errors import ArchiveError
from jobs.storage import LocalFolder
from tests.support.scenes import GRID, NOON, noise, overpass, scene, small_port

LAND = np.zeros(GRID.shape, bool)
LAND[:, :10] = True
SENSOR = "sentinel-2-l2a"


def archive(tmp_path: Path) -> PortArchive:
    return PortArchive.create_or_open(LocalFolder(tmp_path), small_port(), LAND)


def passes(*days: int) -> list[Overpass]:
    return [
        replace(overpass(scene({})), id=f"pass-{day}", acquired=NOON + timedelta(days=day))
        for day in days
    ]


def pixels(seed: int) -> Pixels:
    image = np.stack([noise(seed=seed + band) for band in range(4)])
    quality = np.zeros(GRID.shape, np.uint8)
    quality[:5] = int(Quality.CLOUD)
    return Pixels(image, quality)


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_a_chunk_that_is_not_as_written_is_one_clear_error(tmp_path: Path, fault: str) -> None:
    found = archive(tmp_path)
    (one,) = passes(1)
    found.ensure([one])
    fork, index = found.fork(), found.steps()[one.id].index
    fork.write_pixels(SENSOR, index, pixels(1))
    found.commit([(UnitResult(one.id, StageName.TILE, UnitState.DONE), "key")], [fork], "fill", {})
    step = found.steps()[one.id]
    for chunk in (tmp_path / "ports").rglob("chunks/*"):
        if fault == "missing":
            chunk.unlink()
        else:
            content = chunk.read_bytes()
            chunk.write_bytes(b"\0" * len(content))
    with pytest.raises(ArchiveError, match="archive of TESTP in"):
        found.image(step)


def vessel(x: float = GRID.left + 300.0) -> Vessel:
    corners = ((x, 1.0), (x, 2.0), (x + 1, 2.0), (x + 1, 1.0))
    return Vessel(x, GRID.top - 400.0, 85.5, 12.25, 14.0, 31.5, 0.75, True, corners)


def results(
    id: str, state: UnitState = UnitState.DONE, reason: str = ""
) -> list[tuple[UnitResult, str]]:
    return [(UnitResult(id, stage, state, reason), f"key-{stage}") for stage in StageName]


def fill(found: PortArchive, id: str, seed: int = 0) -> None:
    fork = pickle.loads(pickle.dumps(found.fork()))
    step = found.steps()[id].index
    fork.write_pixels(SENSOR, step, pixels(seed))
    fork.write_vessels(SENSOR, step, (vessel(),), np.full(GRID.shape, 51, np.uint8))
    found.commit(results(id), [fork], "fill", {"plan": "p"})


def test_what_a_pickled_fork_wrote_is_invisible_until_it_is_merged(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0, 5))
    fork = pickle.loads(pickle.dumps(found.fork()))
    fork.write_pixels(SENSOR, 0, pixels(1))
    assert not found.image(found.steps()["pass-0"]).image.any()
    again = pickle.loads(pickle.dumps(fork))  # as the next stage on another worker gets it
    np.testing.assert_array_equal(again.read_pixels(SENSOR, 0).image, pixels(1).image)
    found.commit([results("pass-0")[0]], [again], "one", {})
    np.testing.assert_array_equal(found.image(found.steps()["pass-0"]).image, pixels(1).image)


def test_a_copy_of_a_fork_goes_its_own_way(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    fork = found.fork()
    fork.copy().write_pixels(SENSOR, 0, pixels(1))
    assert not fork.read_pixels(SENSOR, 0).image.any()


def test_forks_older_than_the_newest_commit_still_merge(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0, 5))
    old = found.fork()
    fill(found, "pass-5", seed=5)
    found.ensure(passes(9))
    old.write_pixels(SENSOR, 0, pixels(1))
    found.commit([results("pass-0")[0]], [old], "late", {})
    steps = found.steps()
    assert len(steps) == 3
    np.testing.assert_array_equal(found.image(steps["pass-0"]).image, pixels(1).image)
    np.testing.assert_array_equal(found.image(steps["pass-5"]).image, pixels(5).image)


def test_status_is_read_from_the_commit_that_holds_the_data(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0, 5, 7))
    fill(found, "pass-5")
    found.commit(results("pass-7", UnitState.FAILED, "no such file"), [], "bad", {})
    steps = archive(tmp_path).steps()
    assert steps["pass-0"].state[StageName.TILE] is UnitState.PENDING
    assert steps["pass-5"].state[StageName.SEGMENT] is UnitState.DONE
    assert steps["pass-5"].key[StageName.TILE] == "key-tile"
    assert steps["pass-7"].state[StageName.TILE] is UnitState.FAILED
    assert steps["pass-7"].reason == "no such file"


def test_earlier_dates_are_appended_and_nothing_moves(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(10, 20))
    fill(found, "pass-20", seed=3)
    before = found.steps()
    found.ensure(passes(1, 10, 20, 15))
    after = found.steps()
    assert {k: v.index for k, v in before.items()} == {k: after[k].index for k in before}
    np.testing.assert_array_equal(found.image(after["pass-20"]).image, pixels(3).image)
    fill(found, "pass-1")
    times = [record.acquired for record in found.records(after)]
    assert times == sorted(times)
    assert len(times) == 2


def test_records_give_back_what_was_written(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    fill(found, "pass-0")
    (record,) = found.records(["pass-0", "unknown"])
    assert record.acquired == NOON
    assert record.item_ids == ("S2_A",)
    assert record.vessels == (vessel(),)
    np.testing.assert_array_equal(record.quality, pixels(0).quality)


def test_a_measured_beam_is_kept_and_an_unmeasured_one_is_unknown(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    fork, step = found.fork(), found.steps()["pass-0"].index
    vessels = (replace(vessel(), beam_sd_m=1.25), vessel())
    fork.write_vessels(SENSOR, step, vessels, np.zeros(GRID.shape, np.uint8))
    assert fork.read_vessels(SENSOR, step)[0] == vessels


def test_an_archive_from_before_beams_were_measured_is_read_and_completed(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    fill(found, "pass-0")
    session = found.repository.writable_session("main")
    del zarr.open_group(session.store, mode="r+")["sentinel-2/vessel_beam_sd_m"]
    session.commit("as an early version left it")
    assert next(iter(found.records(["pass-0"]))).vessels == (vessel(),)
    found.ensure(passes(0))
    fill(found, "pass-0", seed=1)
    assert next(iter(found.records(["pass-0"]))).vessels == (vessel(),)


def test_items_of_one_id_in_two_collections_have_distinct_names(tmp_path: Path) -> None:
    found = archive(tmp_path)
    (first,), (second,) = passes(0), passes(5)
    other = dataclasses.replace(second.scenes[0], collection="other")
    found.ensure([first, dataclasses.replace(second, scenes=(other,))])
    for name in ("pass-0", "pass-5"):
        fill(found, name)
    records = found.records(["pass-0", "pass-5"])
    collection = first.scenes[0].collection
    assert [record.item_ids for record in records] == [(f"{collection}/S2_A",), ("other/S2_A",)]


def test_too_many_vessels_are_an_error_not_a_loss(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    many = (vessel(),) * (VESSELS + 1)
    with pytest.raises(ArchiveError, match="vessels in one overpass"):
        found.fork().write_vessels(SENSOR, 0, many, np.zeros(GRID.shape, np.uint8))


def test_a_tag_keeps_showing_the_same_bytes(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    fill(found, "pass-0", seed=1)
    found.tag("first")
    found.tag("first")
    fill(found, "pass-0", seed=2)
    old = xr.open_zarr(
        found.store("first"), group="sentinel-2", consolidated=False, decode_cf=False
    )
    np.testing.assert_array_equal(old.reflectance[0], pixels(1).image)
    with pytest.raises(ArchiveError, match="there are: first"):
        found.store("second")


def test_another_grid_is_refused(tmp_path: Path) -> None:
    archive(tmp_path)
    moved = small_port(grid=replace(GRID, left=GRID.left + 20))
    with pytest.raises(ArchiveError, match="area of interest changed"):
        PortArchive.create_or_open(LocalFolder(tmp_path), moved, LAND)


def test_a_port_without_archive_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="run the job first"):
        PortArchive.create_or_open(LocalFolder(tmp_path), small_port(), None)


def test_a_repository_whose_making_was_cut_off_is_finished(tmp_path: Path) -> None:
    where = tmp_path / "ports" / "TESTP"
    icechunk.Repository.create(icechunk.local_filesystem_storage(str(where)))
    assert PortArchive.existing(LocalFolder(tmp_path), small_port()) is None
    found = archive(tmp_path)
    found.ensure(passes(0))
    assert list(archive(tmp_path).steps()) == ["pass-0"]


def test_a_repository_has_the_format_that_icechunk_1_reads(tmp_path: Path) -> None:
    archive(tmp_path)
    where = tmp_path / "ports" / "TESTP"
    assert (where / "refs").is_dir()
    assert not (where / "repo").exists()  # format 2 keeps its branches in this file


def test_a_second_writer_is_refused_and_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from jobs.storage import LocalFolder\n"
        f"with LocalFolder(Path({str(tmp_path)!r})).locked(): pass"
    )
    with LocalFolder(tmp_path).locked():
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "is being written by another run" in second.stderr
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


PLAIN = """
import sys, icechunk, xarray as xr
repo = icechunk.Repository.open(icechunk.local_filesystem_storage(sys.argv[1]))
tree = xr.open_datatree(repo.readonly_session("main").store, engine="zarr", consolidated=False)
ds = tree["sentinel-2"].to_dataset().sortby("time")
assert not any(name.split(".")[0] in ("jobs", "models") for name in sys.modules)
print(ds.reflectance.dims, float(ds.reflectance[0, 0, 0, 0]), str(ds.time.values[0])[:16])
print(float(ds.ship_probability[0, 0, 0]), float(ds.vessel_length_m[0, 0]), *ds.band.values)
print(ds.spatial_ref.attrs["crs_wkt"][:7])
"""


def test_plain_xarray_opens_it_without_our_code(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    fill(found, "pass-0")
    where = str(tmp_path / "ports" / "TESTP")
    done = subprocess.run(
        [sys.executable, "-P", "-c", PLAIN, where], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()[-3:]  # Icechunk warns before
    dims, value, moment = first.rsplit(" ", 2)
    assert dims == "('time', 'band', 'y', 'x')"
    assert float(value) == pytest.approx(pixels(0).image[0, 0, 0] * 1e-4 - 0.1, abs=1e-7)
    assert moment == "2024-05-01T02:10"
    assert second == "0.2 85.5 blue green red nir"
    assert third == "PROJCRS"


def test_new_steps_are_in_order_of_time_whatever_the_order_of_ids_and_call(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(10, 9, 100))
    steps = sorted(found.steps().values(), key=lambda step: step.index)
    assert [step.overpass_id for step in steps] == ["pass-9", "pass-10", "pass-100"]


def test_an_overpass_is_finished_when_its_vessels_are_there(tmp_path: Path) -> None:
    """Its pixels alone would be read as a look that saw no ship."""
    found = archive(tmp_path)
    found.ensure(passes(0))
    found.commit([results("pass-0")[0]], [], "tile", {})
    assert found.steps()["pass-0"].state[StageName.TILE] is UnitState.DONE
    assert list(found.records(["pass-0"])) == []
    found.commit(results("pass-0"), [], "segment", {})
    assert [record.overpass_id for record in found.records(["pass-0"])] == ["pass-0"]
