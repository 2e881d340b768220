"""``README.txt`` of a result: every file, lines that run as they stand, a width that fits."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jobs.publish.write import publish
from jobs.storage import LocalFolder
from tests.support.factories import make_publication


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    return root / publish(make_publication(days=12), LocalFolder(root))


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "README.txt").read_text(encoding="utf-8")


def test_every_file_is_named_and_nothing_else_is(folder: Path, text: str) -> None:
    listed = text.partition("Files\n")[2].partition("How to open it")[0]
    found = {
        f"{stem}{kind}"
        for stem, kinds in re.findall(r"^(\w+)((?:\.[\w., ]+?)?)  ", listed, re.MULTILINE)
        for kind in kinds.split(", ")
    }
    assert found == {path.name for path in folder.iterdir()} - {"README.txt"}


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs coreutils")
def test_its_line_compares_every_file(folder: Path, text: str) -> None:
    (line,) = re.findall(r"^  (sha256sum -c .*)$", text, re.MULTILINE)
    done = subprocess.run(
        ["sh", "-c", line], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "results.gpkg: OK" in done.stdout.splitlines()


def test_it_fits_a_window_and_says_what_is_missing(text: str) -> None:
    assert max(map(len, text.splitlines())) <= 100
    assert "Not complete: " in text
    assert "2 failed and 0 are pending" in " ".join(text.split())


def test_the_lines_for_python_run_as_they_stand(
    folder: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    lines = text.partition("How to open it")[2].partition("What to keep in mind")[0].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("pandas"))
    code = [line[12:] for line in lines[first:]]
    python = [line for line in code if line.startswith(("import", "gpd.", "pd.", "xr."))]
    assert len(python) == 5
    names: dict[str, object] = {}
    for line in python:
        exec(line, names)
