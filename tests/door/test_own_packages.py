"""A jobs.py or a models/ in a notebook's folder: here, in Dask's workers, and for the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT

STRAY = 'raise SystemExit("the stray file was imported")\n'
OURS = "import jobs, models; print(jobs.__file__); print(models.__file__)"


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A folder whose own files bear the names of our packages."""
    (tmp_path / "jobs.py").write_text(STRAY)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text(STRAY)
    return tmp_path


def python(folder: Path, *lines: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Run lines as a script that lies in a folder, which Python then looks into first."""
    script = folder / "script.py"
    script.write_text("\n".join(lines) + "\n")
    command = [sys.executable, *options, str(script)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=180)


def test_our_packages_are_found_and_the_files_in_the_way_are_named(notebook: Path) -> None:
    got = python(notebook, "import berthwatch", OURS, "from jobs.domain import load_port")
    assert got.returncode == 0, got.stderr
    assert got.stdout.split() == [str(ROOT / name / "__init__.py") for name in ("jobs", "models")]
    for name, what in (("jobs", "jobs.py"), ("models", "the folder models")):
        place = what.replace("folder ", f"folder {notebook}/").replace("jobs.py", "/jobs.py")
        assert f"`import {name}` gives Berthwatch's from now on" in got.stderr
        assert (
            f"rename {place.replace('/jobs.py', f'{notebook}/jobs.py')} and restart" in got.stderr
        )


def test_nothing_is_said_where_nothing_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()  # without an __init__.py it takes nobody's place
    got = python(tmp_path, "import berthwatch", OURS, options=("-W", "error"))
    assert got.returncode == 0, got.stderr
    assert got.stderr == ""


def test_a_package_of_anothers_that_was_imported_before_is_refused(notebook: Path) -> None:
    (notebook / "jobs.py").write_text("")
    got = python(notebook, "import jobs", "import berthwatch")
    (_, message) = got.stderr.strip().splitlines()[-1].split(": ", 1)
    assert message.startswith(f"`jobs` was imported before berthwatch, from {notebook}/jobs.py")
    assert f"rename {notebook}/jobs.py and restart the kernel" in message


def test_what_was_imported_before_may_be_ours(tmp_path: Path) -> None:
    got = python(tmp_path, "import jobs.domain, models", "import berthwatch", OURS)
    assert got.returncode == 0, got.stderr


WORKS = """\
if __name__ == "__main__":
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        client = Client(cluster)    # started before anybody spoke of berthwatch
        import berthwatch
        from berthwatch.workers import cluster_for
        from jobs.domain import code_version

        with cluster_for(client, None):
            cluster.scale(2)    # one that comes later
            client.wait_for_workers(2)
            given = client.run(code_version)
        client.close()
    with cluster_for(None, workers=1) as client:
        own = client.run(code_version)
    print(len(given), len(own), {*given.values(), *own.values()} == {code_version()})
"""


def test_workers_that_start_in_such_a_folder_import_our_packages(notebook: Path) -> None:
    got = python(notebook, WORKS)
    assert got.returncode == 0, got.stderr
    assert got.stdout.split() == ["2", "1", "True"]


REFUSED = """\
if __name__ == "__main__":
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        client = Client(cluster)
        client.run(exec, "import jobs")    # the worker has the stray one, for good
        import berthwatch as bw
        from berthwatch.workers import cluster_for
        try:
            with cluster_for(client, None):
                pass
        except bw.BerthwatchError as error:
            print(error)
        client.close()
"""


def test_a_worker_that_has_the_stray_file_says_which(notebook: Path) -> None:
    (notebook / "jobs.py").write_text("")
    got = python(notebook, REFUSED)
    assert "cannot import Berthwatch: `jobs` was imported before" in got.stdout, got.stderr
    assert f"from {notebook}/jobs.py" in got.stdout


def test_the_command_does_not_look_into_the_folder(notebook: Path) -> None:
    command = Path(sys.executable).with_name("berthwatch")
    if not command.exists():
        pytest.skip("the command is not installed beside this Python")
    arguments = [command, "ports", "--json"]
    got = subprocess.run(arguments, capture_output=True, text=True, cwd=notebook, timeout=180)
    assert got.returncode == 0, got.stderr
    assert "RUVYP" in got.stdout
    assert "stray" not in got.stdout + got.stderr
