"""Shell completion: what is offered, in every shell, and what that reads and imports."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs import cli
from jobs.publish import publish
from jobs.storage import LocalFolder
from tests.support.factories import make_publication
from tests.support.small_catalogs import items_on, write_job

COMMAND = [sys.executable, "-c", "from jobs.cli import main; main()"]
HEAVY = {
    "boto3",
    "dask",
    "distributed",
    "geopandas",
    "kubernetes",
    "numba",
    "pandas",
    "pystac_client",
    "scipy",
    "stac_geoparquet",
    "stackstac",
    "torch",
    "xarray",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a job whose archive has results and runs, as far as completion looks."""
    made = tmp_path_factory.mktemp("shell")
    (made / "job.yaml").write_text(
        "name: j\nports: [RUVYP, {id: mine, file: m.json}]\narchive: a\n"
    )
    (made / "plan.jsonl.gz").touch()
    (made / "notes.txt").touch()
    results = made / "a" / "published" / "j"
    (results / "f00d").mkdir(parents=True)
    (results / "partial-beef").mkdir()
    (results / "latest.json").write_text(json.dumps({"tag": "f00d", "folder": "f00d"}))
    (results / "f00d" / "visits.csv").write_text(
        "visit_id,port\nmine-oil-1,mine\nRUVYP-a-2,RUVYP\n"
    )
    (made / "a" / "runs" / "j" / "j-1234").mkdir(parents=True)
    return made


def completed(folder: Path, line: str) -> list[str]:
    """What bash is offered for the last word of a line."""
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": f"{len(words) - 1}"}
    environment = {**os.environ, "_BERTHWATCH_COMPLETE": "complete_bash", **asked}
    call = ["import sys; sys.argv[0] = 'berthwatch'; from jobs.cli import main; main()"]
    ended = subprocess.run(
        [sys.executable, "-c", *call], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert ended.stderr == ""
    return ended.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("berthwatch stat", ["status"]),
        ("berthwatch run ", ["a/", "job.yaml", "plan.jsonl.gz"]),
        ("berthwatch search ", ["a/", "job.yaml"]),
        ("berthwatch run job.yaml --stage ", ["tile", "segment"]),
        ("berthwatch export job.yaml --port ", ["RUVYP", "mine"]),
        ("berthwatch export job.yaml --tag ", ["j-f00d"]),
        ("berthwatch status job.yaml --run j", ["j-1234"]),
        ("berthwatch ports show KPC", ["KPCHO"]),
        ("berthwatch export nothing.yaml --port ", []),
        ("berthwatch export --port ", []),
    ],
)
def test_what_is_offered(folder: Path, line: str, offered: list[str]) -> None:
    assert completed(folder, line) == offered


def test_ids_of_visits_and_tags_are_those_of_the_newest_results(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace
    from typing import Any

    from jobs.cli.completion import result_tags, visit_ids

    monkeypatch.chdir(folder)
    context: Any = SimpleNamespace(params={"source": Path("job.yaml")}, args=[])
    assert visit_ids(context, "") == ["RUVYP-a-2", "mine-oil-1"]
    assert visit_ids(context, "mine") == ["mine-oil-1"]
    assert result_tags(context, "") == ["f00d", "partial-beef"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script_that_it_can_read(shell: str) -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ended = subprocess.run(
        [*COMMAND, "--show-completion", shell], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0
    assert "_COMPLETE" in ended.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=ended.stdout, text=True, check=True)


def test_no_command_imports_what_computes_before_it_is_called() -> None:
    """Help and completion import the commands: what takes seconds has to wait for the call."""
    load = (
        "import sys\n"
        "from jobs.cli.commands import COMMANDS\n"
        "from jobs.cli.program import load_command\n"
        "for name in COMMANDS: load_command(name)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    # what submit needs of the API, of Dask's TLS and of S3 it needs for its own options
    asked = load.replace("in COMMANDS", "in set(COMMANDS) - {'submit', 'resume', 'runner'}")
    ended = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(ended.stdout.split()) == set()


def test_status_and_report_of_a_job_import_nothing_that_computes(tmp_path: Path) -> None:
    job = write_job(tmp_path, items_on(3))
    assert CliRunner().invoke(cli.app, ["status", str(job)]).exit_code == 0  # pins the plan
    results = dataclasses.replace(make_publication(days=24), job="ceara")
    publish(results, LocalFolder(tmp_path / "archive"))
    for command in ("status", "report"):
        call = (
            "import sys; from jobs.cli import app\n"
            f"app(['{command}', {str(job)!r}], standalone_mode=False)\n"
            "print('modules', *{name.partition('.')[0] for name in sys.modules})"
        )
        ended = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        *said, modules = ended.stdout.splitlines()
        assert said
        assert HEAVY & set(modules.split()) == set()
