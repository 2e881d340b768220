"""Who imports whom in ``jobs`` and ``models``, read from the source; nothing is imported for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGES = ("jobs", "models")
DOOR = "jobs.door."
"""Where the package lies that is installed as ``berthwatch``."""


@dataclass(frozen=True)
class SourceTree:
    """The modules of some packages in a checkout, parsed once."""

    root: Path
    packages: tuple[str, ...] = PACKAGES

    @cached_property
    def modules(self) -> Mapping[str, Path]:
        """The file of every module, by its dotted name."""
        paths = (
            path for name in self.packages for path in sorted((self.root / name).rglob("*.py"))
        )
        return {self._name(path): path for path in paths}

    @cached_property
    def parsed(self) -> Mapping[str, ast.Module]:
        """The syntax tree of every module."""
        return {
            name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.modules.items()
        }

    @cached_property
    def imports(self) -> Mapping[str, frozenset[str]]:
        """What each module imports, anywhere in its file: modules of ours, others as written."""
        return {name: frozenset(self._imports(name)) - {name} for name in self.modules}

    @cached_property
    def own_imports(self) -> Mapping[str, frozenset[str]]:
        """Modules of the packages among them."""
        ours = frozenset(self.modules)
        return {name: found & ours for name, found in self.imports.items()}

    def _name(self, path: Path) -> str:
        name = ".".join(path.relative_to(self.root).with_suffix("").parts)
        return name.removesuffix(".__init__")

    def _imports(self, module: str) -> Iterator[str]:
        for node in ast.walk(self.parsed[module]):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                home = _place(node.module)
                for alias in node.names:
                    inner = f"{home}.{alias.name}"
                    yield inner if inner in self.modules else home


def _place(module: str) -> str:
    """Where a module lies: under another name than it is imported by, if it is the door's."""
    return f"{DOOR}{module}" if module.split(".")[0] == "berthwatch" else module


def circles(arrows: Mapping[str, frozenset[str]]) -> list[set[str]]:
    """The sets of nodes that reach one another: strongly connected components of two and more."""
    reach = {node: _reachable(node, arrows) for node in arrows}
    found: list[set[str]] = []
    for node in arrows:
        circle = {other for other in reach[node] if node in reach[other]}
        if circle and circle not in found:
            found.append(circle)
    return found


def _reachable(start: str, arrows: Mapping[str, frozenset[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        for node in arrows[ahead.pop()]:
            if node not in seen:
                seen.add(node)
                ahead.append(node)
    return seen
