"""A file that a person asked for: complete or not there, whatever stood in its place."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import IO

import pytest

from jobs.errors import InputError
from jobs.storage import check_new_file, check_new_folder, new_file, write_new_file


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_appears_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    with new_file(path) as file:
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert names(tmp_path) == ["page.html"]


def fail(file: IO[bytes]) -> None:
    file.write(b"new")
    raise KeyboardInterrupt


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")

    with pytest.raises(KeyboardInterrupt), new_file(path) as file:
        fail(file)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["page.html"]


def test_others_may_read_it_as_the_process_gives_rights(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    write_new_file(tmp_path / "new", b"")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "plan.jsonl"
    link.symlink_to("elsewhere/plan.jsonl")
    write_new_file(link, b"content")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "plan.jsonl").read_bytes() == b"content"


def test_a_pipe_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_new_file(pipe, b"content")
    reader.join(10)
    assert read == [b"content"]
    assert pipe.is_fifo()


def test_a_check_leaves_nothing(tmp_path: Path) -> None:
    check_new_file(tmp_path / "x")
    check_new_folder(tmp_path / "a" / "b" / "c")
    check_new_folder(tmp_path)
    assert names(tmp_path) == []


def test_a_full_disk_is_said_with_the_path() -> None:
    with pytest.raises(InputError, match=r"/dev/full cannot be written \(No space left"):
        write_new_file(Path("/dev/full"), b"content")
