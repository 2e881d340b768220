"""What people are shown runs: the docstrings of the door, the notebooks, README's snippets.

All of it on one small simulated result, made once.
"""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import berthwatch as bw
import pytest

from tests.support.small_world import make_world

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
def here(world: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that holds demo/, as the present one."""
    monkeypatch.chdir(world)
    yield world


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_in_a_docstring_says_what_comes_out(name: str, here: Path) -> None:
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(EXAMPLES[name], out=said.append, clear_globs=False)
    assert not runner.failures, "".join(said)
