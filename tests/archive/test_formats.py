"""Repositories of Icechunk's formats 1 and 2, and what the installed Icechunk does with each."""

from __future__ import annotations

import shutil
from pathlib import Path

import icechunk
import pytest

from jobs.archive import PortArchive
from jobs.archive.formats import MAGIC, newest_readable_format, stored_format
from jobs.errors import ArchiveError
from jobs.storage import LocalFolder
from tests.archive.test_archive import archive, fill, passes
from tests.support.scenes import small_port

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


@pytest.mark.skipif(newest_readable_format() < 2, reason="needs icechunk 2, hence Python 3.12")
def test_icechunk_2_serves_both_formats(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.ensure(passes(0, 3))
    fill(found, "pass-0")
    assert stored_format(LocalFolder(tmp_path), NAME) == 1
    icechunk.upgrade_icechunk_repository(found.repository, dry_run=False)
    assert stored_format(LocalFolder(tmp_path), NAME) == 2
    again = archive(tmp_path)
    fill(again, "pass-3", seed=2)
    assert {step.index for step in again.steps().values()} == {0, 1}
    assert (tmp_path / NAME / "repo").read_bytes().startswith(recorded_repo_file(2)[: len(MAGIC)])


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
