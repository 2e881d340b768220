"""What people are shown runs: the docstrings of the door, the notebooks, README's snippets.

All of it on one small simulated result, made once.
"""

from __future__ import annotations

import doctest
import inspect
import pydoc
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from matplotlib import pyplot

import berthwatch as bw
from tests.support.doors import berthwatch
from tests.support.notebooks import FOLDER, NAMES, executed, kernel
from tests.support.python_page import NOT_SHOWN, PAGE, whole_page
from tests.support.readme import README, commands, of_language
from tests.support.small_world import make_world

MOST_BYTES = 250_000
"""Of a notebook with what came out of it."""

MODULES = sorted(each.name for each in iter_modules(bw.__path__))
FINDER = doctest.DocTestFinder(exclude_empty=True)
EXAMPLES = {
    test.name: test
    for name in MODULES
    for test in FINDER.find(import_module(f"berthwatch.{name}"), globs={"bw": bw})
    if test.examples
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def here(world: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds demo/, as the present one."""
    monkeypatch.chdir(world)
    return world


# --- docstrings and the page made of them -------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_in_a_docstring_says_what_comes_out(name: str, here: Path) -> None:
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(EXAMPLES[name], out=said.append, clear_globs=False)
    assert not runner.failures, "".join(said)


def test_the_reference_is_made_of_the_docstrings() -> None:
    again = "run python -m tests.support.python_page"
    assert PAGE.read_text(encoding="utf-8") == whole_page(), again


@pytest.mark.parametrize("name", [n for n in bw.__all__ if n not in NOT_SHOWN])
def test_everything_in_the_face_explains_itself_with_an_example(name: str) -> None:
    found = getattr(bw, name)
    assert len(inspect.getdoc(found) or "") > 60
    own = {n: t for n, t in EXAMPLES.items() if f"{n}.".startswith(f"{found.__module__}.{name}.")}
    assert own, f"{name} has no example"


def test_help_on_the_package_shows_every_name() -> None:
    text = pydoc.plain(pydoc.render_doc(bw))
    assert "import berthwatch as bw" in text
    for name in bw.__all__:
        assert name in text


@pytest.mark.parametrize("name", ["open_archive", "open_result", "plan"])
def test_a_value_at_the_end_of_a_cell_shows_its_facts(name: str, here: Path) -> None:
    value = getattr(bw, name)("demo/job.yaml")
    shown, text = value._repr_html_(), repr(value)
    for fact in ("KPCHO", "RUVYP", "demo"):
        assert fact in shown
        assert fact in text
    assert "<script" not in shown


# --- notebooks ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def jupyter(world: Path) -> Iterator[KernelManager]:
    (world / "docs" / "notebooks").mkdir(parents=True)
    with kernel() as manager:
        yield manager


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_from_top_to_bottom(name: str, jupyter: KernelManager, world: Path) -> None:
    done = executed(name, jupyter, world / "docs" / "notebooks")
    said = [
        output.text
        for cell in done.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert said == [], "a warning that a stranger would stumble over"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_small_and_knows_no_machine(name: str) -> None:
    path = FOLDER / f"{name}.ipynb"
    text = path.read_text(encoding="utf-8")
    assert len(text) < MOST_BYTES
    assert not re.search(r"/(tmp|root|work|Users)/", text)
    assert '"output_type": "error"' not in text
    first = nbformat.reads(text, as_version=4).cells[0]
    assert first.cell_type == "markdown"
    assert f"notebooks/{path.name}" in PAGE.read_text(encoding="utf-8")


# --- README and docs/python.md ------------------------------------------------------------------


@pytest.mark.parametrize("page", [README, PAGE], ids=lambda page: page.name)
def test_the_python_of_a_page_runs_as_it_stands(
    page: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    names: dict[str, object] = {"__name__": "__main__"}
    for snippet in of_language("python", page):
        exec(compile(snippet.text, f"{page.name}, {snippet.place}", "exec"), names)
    assert "result" in names
    pyplot.close("all")


def test_the_commands_of_a_first_look_run_on_the_demo(here: Path) -> None:
    (look,) = (each for each in of_language("sh") if "berthwatch search" in each.text)
    assert "`demo/job.yaml` in the place of `job.yaml`" in README.read_text(encoding="utf-8")
    for command in commands(look):
        name, *arguments = command.split()
        assert name == "berthwatch"
        outcome = berthwatch(*(word.replace("job.yaml", "demo/job.yaml") for word in arguments))
        assert outcome.code == 0, f"{command}: {outcome.err}"
    assert berthwatch("report", "demo/job.yaml").code == 0
