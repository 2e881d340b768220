"""What people are shown runs: the docstrings of the door, the notebooks, README's snippets.

All of it on one small simulated result, made once.
"""

from __future__ import annotations

import doctest
import hashlib
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
from pandas import DataFrame
from pandas.testing import assert_frame_equal
from xarray.testing import assert_allclose

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
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
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


# a cluster for one line of README, beside others on this machine
@pytest.mark.filterwarnings("ignore:(?s).*Port 8787 is already in use:UserWarning")
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


# --- another prior ------------------------------------------------------------------------------


def everything_below(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_with_nothing_changed_the_estimates_are_the_published_ones(world: Path) -> None:
    before = everything_below(world / "demo")
    result = bw.open_result(world / "demo" / "job.yaml")
    again = result.estimate_again()
    assert_frame_equal(DataFrame(again.estimates), DataFrame(result.estimates))
    assert_frame_equal(DataFrame(again.visits), DataFrame(result.visits))
    for every in ("day", "week", "month"):
        assert_allclose(again.series(every), result.series(every))
    for port in result.ports:
        assert_frame_equal(again.histories(port), result.histories(port))
    assert everything_below(world / "demo") == before


def test_another_prior_is_another_count_of_the_same_looks(world: Path) -> None:
    result = bw.open_result(world / "demo" / "job.yaml")
    long = {"median_days": 6, "low_days": 4, "high_days": 9, "source": "an agent"}
    short = {"median_days": 0.3, "low_days": 0.2, "high_days": 0.4, "source": "another"}
    slow = result.estimate_again(dwell=long, draws=300)
    fast = result.estimate_again(dwell=short, draws=300)
    assert len(slow.count("RUVYP").values) == 200
    assert (slow.estimates.visits_seen == result.estimates.visits_seen).all()
    assert slow.count("kozmino").mean < 0.5 * fast.count("kozmino").mean
    one_ship = slow.estimates[slow.estimates.model == "one ship"]
    assert set(one_ship.dwell_prior_source) == {"an agent"}
    assert "these numbers are published nowhere" in " ".join(slow.cite().split())
    assert slow.snapshots == result.snapshots
    back = slow.estimate_again(dwell=None, draws=1000)
    assert_frame_equal(DataFrame(back.estimates), DataFrame(result.estimates))


def test_the_archive_is_read_at_the_results_own_tag(world: Path) -> None:
    result = bw.open_result(world / "demo" / "job.yaml")
    port = result.archive["RUVYP"]
    tag = f"demo-{result.tag}"
    assert port.tags == {tag: result.snapshots["RUVYP"]}
    assert port.open(tag=tag).attrs["snapshot"] == result.snapshots["RUVYP"]
    begun = port.commits.snapshot[1]
    first = port.open(snapshot=begun)["sentinel-2"].to_dataset()
    assert (first.segment_status != port.open()["sentinel-2"].segment_status.max()).any()
    times = first.time.values
    assert (times[:-1] <= times[1:]).all()
    for wrong in ({"tag": "demo-0"}, {"snapshot": "0" * 20}, {"tag": tag, "snapshot": begun}):
        with pytest.raises(bw.BerthwatchError, match=r"no tag|no snapshot|both a tag"):
            port.open(**wrong)
    assert result.looks.overpass_id.nunique() == 4
