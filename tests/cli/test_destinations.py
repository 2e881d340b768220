"""Every option that names a place to write: refused before the work, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.models import OptionInfo

from jobs.cli.destinations import DestinationError, file_or_folder, file_to_write, folder_to_make
from tests.support.doors import PathParameter, berthwatch, path_parameters

READ = {
    ("submit", "settings"),
    ("resume", "settings"),
    ("ais", "files"),
    ("voyages", "names"),
    ("evidence", "ais"),
    ("evidence", "names"),
    ("evidence", "sign"),
    ("train", "start"),
    ("evaluate", "weights"),
    ("evaluate", "folds"),
    ("sensors", "item"),
}
"""Options that name what is read; all others are places to write to."""

NEEDED = {
    "search": ["nowhere.yaml"],
    "plan": ["nowhere.yaml"],
    "report": ["nowhere.yaml"],
    "evidence": ["nowhere.yaml"],
    "review": ["nowhere.yaml"],
    "ais": ["nowhere.yaml", "--ais", "nowhere.csv"],
    "export": ["nowhere.yaml", "--port", "RUVYP"],
    "map": ["nowhere.yaml"],
    "train": ["--source", "a,b,c"],
    "evaluate": ["--source", "a,b,c"],
    "simulate": [],
    "demo": [],
}
"""Arguments that the commands cannot be called without, besides the place."""

WRITTEN = [
    each
    for each in path_parameters()
    if isinstance(each.info, OptionInfo) and (each.command, each.name) not in READ
]


def named(parameter: PathParameter) -> str:
    return f"{parameter.command}-{parameter.name}"


def call(parameter: PathParameter, place: str) -> tuple[int, str]:
    arguments = [*NEEDED[parameter.command], f"--{parameter.name}", place]
    if parameter.command == "train" and parameter.name != "output":
        arguments += ["--output", "weights.safetensors"]
    ended = berthwatch(parameter.command, *arguments)
    return ended.code, ended.err


@pytest.mark.parametrize("parameter", WRITTEN, ids=named)
def test_every_place_to_write_is_checked(parameter: PathParameter) -> None:
    assert parameter.info.parser in (file_to_write, folder_to_make, file_or_folder)  # type: ignore[attr-defined]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


PLACES = {
    "file.txt/x": "file.txt is a file, not a folder",
    "file.txt/x/y": "",
    "": "is a variable of the shell empty?",
    " ": "is a variable of the shell empty?",
    "/proc/x": "cannot be written (",
    "/proc/x/y": "",
    "x" * 300: "cannot be written (File name too long)",
    "loop": "cannot be ",
    "loop/x": "cannot be ",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("parameter", WRITTEN, ids=named)
def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    parameter: PathParameter, place: str, here: Path
) -> None:
    before = sorted(here.rglob("*"))
    code, said = call(parameter, place)
    assert code == 2
    assert said.startswith("berthwatch: ")
    assert said.count("\n") == 1
    assert PLACES[place] in said
    assert "nowhere" not in said, "the job was read first"
    assert sorted(here.rglob("*")) == before
    assert (here / "file.txt").read_text() == "mine"


@pytest.mark.parametrize("parameter", WRITTEN, ids=named)
def test_a_file_is_no_folder_and_a_folder_no_file(parameter: PathParameter, here: Path) -> None:
    parser = parameter.info.parser  # type: ignore[attr-defined]
    wrong = {file_to_write: "folder", folder_to_make: "file.txt", file_or_folder: "file.txt/"}
    code, said = call(parameter, wrong[parser])
    assert code == 2
    assert ("is a folder" if parser is file_to_write else "is a file") in said


def test_a_slash_or_an_empty_folder_makes_it_a_folder_and_a_full_one_is_refused(here: Path) -> None:
    assert not file_or_folder("new").is_folder
    for place in ("new/", "folder", str(here / "folder")):
        assert file_or_folder(place).is_folder
    (here / "folder" / "mine").write_text("mine")
    with pytest.raises(DestinationError, match="folder holds files already"):
        file_or_folder("folder/")
    assert not (here / "new").exists()


FILES = [
    each
    for each in WRITTEN
    if each.info.parser in (file_to_write, file_or_folder)  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("parameter", FILES, ids=named)
def test_a_file_into_a_missing_folder_is_refused(parameter: PathParameter, here: Path) -> None:
    code, said = call(parameter, "missing/x")
    assert code == 2
    assert "there is no folder missing; make it first" in said
    assert not (here / "missing").exists()


@pytest.mark.parametrize("parameter", WRITTEN, ids=named)
def test_a_folder_without_the_right_to_write_is_refused(
    parameter: PathParameter, here: Path
) -> None:
    (here / "folder").chmod(0o555)
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; see the test as another user")
    assert call(parameter, "folder/x")[0] == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_a_folder_without_the_right_to_write_is_refused_to_another_user(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    script = (
        "import os; from pathlib import Path\n"
        "from jobs.storage import check_new_file, check_new_folder\n"
        "from jobs.errors import InputError\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "for check in (check_new_file, check_new_folder):\n"
        "    try: check(Path('x'))\n"
        "    except InputError as error: print(error)\n"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(said) == 2
    assert all("x cannot be written (Permission denied)" in line for line in said)
