"""Archives where none can be: one refusal that names the place, and nothing is made there."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.errors import ArchiveError, InputError
from jobs.storage import LocalFolder, storage_at, whole_folder


@pytest.mark.parametrize("name", ["file", "file/x", "file/x/y"])
def test_an_archive_that_is_or_lies_below_a_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file.*; expected a folder"):
        storage_at(str(tmp_path / name))


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_an_archive_that_cannot_be_named_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        storage_at(str(tmp_path / name))


def test_a_folder_that_is_not_there_yet_is_taken(tmp_path: Path) -> None:
    assert storage_at(str(tmp_path / "a" / "b")) == LocalFolder(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()


@pytest.fixture
def crossed(tmp_path: Path) -> LocalFolder:
    """An archive with a file where a folder should be."""
    (tmp_path / "plans").touch()
    return LocalFolder(tmp_path)


def test_a_file_where_a_folder_should_be_is_an_error_of_the_archive(
    crossed: LocalFolder, tmp_path: Path
) -> None:
    (tmp_path / "plan").write_text("new")
    with pytest.raises(ArchiveError, match=r"plans/a cannot be written \(.*\); mend the cause"):
        crossed.write("plans/a", b"")
    with pytest.raises(ArchiveError, match=r"plans/a cannot be written"):
        crossed.put("plans/a", tmp_path / "plan")
    with pytest.raises(ArchiveError, match=r"plans/a cannot be read"):
        crossed.read("plans/a")
    with (
        pytest.raises(ArchiveError, match=r"plans/a cannot be written"),
        whole_folder(crossed.path / "plans" / "a"),
    ):
        pass


def test_an_archive_that_cannot_be_made_is_an_error_of_the_archive() -> None:
    with (
        pytest.raises(ArchiveError, match="/proc/x cannot be written"),
        LocalFolder(Path("/proc/x")).locked(),
    ):
        pass
