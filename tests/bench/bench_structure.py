"""The shape of the code in figures: rooms, arrows between them, circles, sizes of functions.

    python -m tests.bench.bench_structure [CHECKOUT ...]

One column a checkout, this one where none is named, so that two states are read side by side.
A room is an entry of ``jobs/`` or ``models/``; an arrow, a room that imports from another.
"""

from __future__ import annotations

import argparse
import ast
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.imports import SourceTree, circles
from tests.support.places import ROOT


def figures(root: Path) -> dict[str, float]:
    """The figures of a checkout."""
    tree = SourceTree(root)
    rooms = _rooms(tree)
    inside = [
        _room(module) == _room(other)
        for module, others in tree.own_imports.items()
        for other in others
    ]
    sizes = sorted(size for parsed in tree.parsed.values() for size in _function_sizes(parsed))
    return {
        "entries in jobs/": _entries(root / "jobs"),
        "entries in models/": _entries(root / "models"),
        "modules": len(tree.modules),
        "arrows between rooms": sum(map(len, rooms.values())),
        "imports inside a room, %": round(100 * sum(inside) / len(inside)),
        "circles of modules": len(circles(tree.own_imports)),
        "circles of rooms": len(circles(rooms)),
        "functions": len(sizes),
        "lines a function, median": statistics.median(sizes),
        "lines a function, p90": sizes[int(0.9 * len(sizes))],
        "lines a function, longest": sizes[-1],
        "late imports in jobs/cli": sum(
            _late_imports(parsed)
            for name, parsed in tree.parsed.items()
            if name.startswith("jobs.cli")
        ),
    }


def _entries(folder: Path) -> int:
    """Modules and packages with source in them, without ``__init__`` and ``py.typed``."""
    files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    folders = [path for path in folder.iterdir() if path.is_dir() and any(path.rglob("*.py"))]
    return len(files) + len(folders)


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _rooms(tree: SourceTree) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {_room(module): set() for module in tree.modules}
    for module, others in tree.own_imports.items():
        found[_room(module)] |= {_room(other) for other in others} - {_room(module)}
    return {room: frozenset(others) for room, others in found.items()}


def _function_sizes(parsed: ast.Module) -> Iterator[int]:
    """Lines of every function from ``def`` to its end, docstring left out."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            size = node.end_lineno - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None and first.end_lineno:
                size -= first.end_lineno - first.lineno + 1
            yield size


def _late_imports(parsed: ast.Module) -> int:
    functions = (n for n in ast.walk(parsed) if isinstance(n, ast.FunctionDef))
    return sum(
        isinstance(inner, ast.Import | ast.ImportFrom)
        for function in functions
        for inner in ast.walk(function)
    )


def print_figures(roots: list[Path]) -> None:
    """One row a figure, one column a checkout."""
    columns = [figures(root) for root in roots]
    for name in columns[0]:
        print(f"{name:28}" + "".join(f"{column[name]:>10g}" for column in columns))


@pytest.mark.bench
def test_structure() -> None:
    print_figures([ROOT])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[ROOT])
    print_figures(parser.parse_args().checkouts)
