"""Repositories of Icechunk's formats 1 and 2, and what the installed Icechunk does with each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import icechunk
import numpy as np
import pytest
import zarr

from jobs.archive import PortArchive, clean
from jobs.archive.formats import MAGIC, newest_readable_format, stored_format
from jobs.errors import ArchiveError
from jobs.storage import LocalFolder, Storage
from jobs.storage.s3 import Bucket
from tests.archive.test_archive import LAND, SENSOR, archive, fill, passes, pixels, results
from tests.support.scenes import small_port
from tests.support.servers.s3 import BUCKET, S3, s3_server

NAME = "ports/TESTP"
WRITER = b"ic-2.3.0".ljust(24)


def recorded_repo_file(format: int) -> bytes:
    """The head of the file ``repo``: that of icechunk 2.3.0 but for the format."""
    return MAGIC + WRITER + bytes([format, 6, 1])


def upgraded(root: Path, format: int, *, keep_refs: bool = False) -> None:
    """Lay files out as ``upgrade_icechunk_repository`` of icechunk 2.3.0 does."""
    (root / NAME / "repo").write_bytes(recorded_repo_file(format))
    if not keep_refs:
        shutil.rmtree(root / NAME / "refs")


@pytest.mark.parametrize("keep_refs", [False, True])
def test_a_format_that_the_installed_icechunk_cannot_read_is_refused_by_name(
    tmp_path: Path, keep_refs: bool
) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0))
    unreadable = newest_readable_format() + 1
    upgraded(tmp_path, unreadable, keep_refs=keep_refs)
    root = LocalFolder(tmp_path)
    for call in (
        lambda: PortArchive.existing(root, small_port()),
        lambda: PortArchive.exists(root, small_port()),
        lambda: archive(tmp_path),
    ):
        with pytest.raises(ArchiveError) as refusal:
            call()
        assert f"has Icechunk's format {unreadable}" in str(refusal.value)
        assert f"icechunk {icechunk.__version__}" in str(refusal.value)
        assert f"install icechunk {unreadable}" in str(refusal.value)
    assert (tmp_path / NAME / "repo").read_bytes() == recorded_repo_file(unreadable)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["local", "s3"])
def root(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Storage:
    if request.param == "local":
        return LocalFolder(tmp_path)
    for name, value in request.getfixturevalue("s3").environment.items():
        monkeypatch.setenv(name, value)
    return Bucket(BUCKET, f"formats/{tmp_path.name}")


def archive_in(root: Storage) -> PortArchive:
    return PortArchive.create_or_open(root, small_port(), LAND)


def test_a_newer_format_is_refused_by_name_wherever_it_lies(root: Storage) -> None:
    archive_in(root).ensure(passes(0))
    root.write(f"{NAME}/repo", recorded_repo_file(newest_readable_format() + 1))
    with pytest.raises(ArchiveError, match=r"has Icechunk's format \d, but the installed"):
        archive_in(root)
    with pytest.raises(ArchiveError, match=r"has Icechunk's format \d, but the installed"):
        PortArchive.existing(root, small_port())


@pytest.mark.skipif(newest_readable_format() < 2, reason="needs icechunk 2, hence Python 3.12")
def test_icechunk_2_serves_both_formats(root: Storage, tmp_path: Path) -> None:
    found = archive_in(root)
    found.ensure(passes(0, 3, 5))
    fill(found, "pass-0", seed=1)
    found.tag("before")
    assert stored_format(root, NAME) == 1
    icechunk.upgrade_icechunk_repository(found.repository, dry_run=False)
    assert stored_format(root, NAME) == 2
    again = archive_in(root)
    assert again.tags() == ("before",)
    old = again.fork()
    fill(again, "pass-3", seed=2)
    old.write_pixels(SENSOR, again.steps()["pass-5"].index, pixels(3))  # older than that commit
    again.commit([results("pass-5")[0]], [old], "late", {})
    cleaned = clean(again, 0, dry_run=False, safe_age=timedelta(0))
    assert cleaned.port == "TESTP"
    last = archive_in(root)
    for number, name in enumerate(("pass-0", "pass-3", "pass-5"), start=1):
        image = last.image(last.steps()[name]).image
        np.testing.assert_array_equal(image, pixels(number).image)
    last.export(tmp_path / "copy.zarr")
    copied = zarr.open_group(tmp_path / "copy.zarr/sentinel-2", mode="r")
    store = last.repository.readonly_session("main").store
    kept = zarr.open_group(store, path="sentinel-2", mode="r")
    assert {"quality", "land"} & set(copied.array_keys())
    assert set(kept.array_keys()) <= set(copied.array_keys())
    assert stored_format(root, NAME) == 2


def test_what_is_no_file_of_icechunks_in_its_place_is_refused(tmp_path: Path) -> None:
    archive(tmp_path)
    (tmp_path / NAME / "repo").write_bytes(b"ICE")
    with pytest.raises(ArchiveError, match="not the file that Icechunk keeps there"):
        archive(tmp_path)


def test_a_repository_without_its_branch_is_not_taken_for_none(tmp_path: Path) -> None:
    archive(tmp_path)
    shutil.rmtree(tmp_path / NAME / "refs")
    with pytest.raises(ArchiveError, match=r"files in .*/ and no branch.*put back refs/"):
        archive(tmp_path)


def test_a_creation_that_is_under_way_or_was_cut_off_is_none_yet(tmp_path: Path) -> None:
    archive(tmp_path)
    for folder in ("refs", "chunks", "manifests", "transactions"):
        shutil.rmtree(tmp_path / NAME / folder, ignore_errors=True)
    assert PortArchive.existing(LocalFolder(tmp_path), small_port()) is None
