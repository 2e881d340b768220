"""The reference in docs/python.md, made from the docstrings of what `import berthwatch` offers.

``python -m tests.support.python_page`` writes it again; what a person wrote above stays.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from types import FunctionType

import berthwatch as bw
from tests.support.places import ROOT

PAGE = ROOT / "docs" / "python.md"
MARK = "<!-- from here on made from the docstrings: python -m tests.support.python_page -->\n"
NOT_SHOWN = {"BerthwatchError", "InputError"}
"""Drawn as a tree in jobs/errors.py; the page says how to catch them."""


def reference() -> str:
    """The page from MARK on."""
    names = [name for name in bw.__all__ if name not in NOT_SHOWN]
    verbs = [name for name in names if isinstance(getattr(bw, name), FunctionType)]
    nouns = [name for name in names if name not in verbs]
    return "\n".join([MARK, "## Verbs\n", *map(_verb, verbs), "## Nouns\n", *map(_noun, nouns)])


def _verb(name: str) -> str:
    found = getattr(bw, name)
    return f"### `bw.{name}{_signature(found)}`\n\n{_text(found)}\n"


def _noun(name: str) -> str:
    found = getattr(bw, name)
    parts = [f"### `bw.{name}`\n\n{_text(found)}\n"]
    parts += [f"#### `.{title}`\n\n{text}\n" for title, text in _fields(found)]
    parts += [f"#### `.{title}`\n\n{_text(member)}\n" for title, member in _members(found)]
    return "\n".join(parts)


def _fields(noun: type) -> Iterator[tuple[str, str]]:
    """What is written below the name of each public field, in the source of the class."""
    (body,) = (
        node for node in ast.parse(inspect.getsource(noun)).body if isinstance(node, ast.ClassDef)
    )
    for node, after in pairwise(body.body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            told = after.value if isinstance(after, ast.Expr) else None
            if isinstance(told, ast.Constant) and not name.startswith("_"):
                yield name, inspect.cleandoc(str(told.value)).replace("``", "`")


def _members(noun: type) -> Iterator[tuple[str, object]]:
    """Public attributes and methods, in the order of the source."""
    for name, member in vars(noun).items():
        if name.startswith("_") or not inspect.getdoc(member):
            continue
        if isinstance(member, FunctionType):
            yield f"{name}{_signature(member)}", member
        elif isinstance(member, property) or hasattr(member, "func"):
            yield name, member


def _signature(found: FunctionType) -> str:
    """Names and defaults; types stand in the text."""
    shown = [
        parameter.replace(annotation=parameter.empty)
        for name, parameter in inspect.signature(found).parameters.items()
        if name != "self"
    ]
    return str(inspect.Signature(shown))


def _text(found: object) -> str:
    """A docstring as Markdown: examples become code."""
    blocks = re.split(r"\n\s*\n", inspect.getdoc(found) or "")
    return "\n\n".join(map(_block, blocks))


def _block(block: str) -> str:
    if block.startswith(">>>") or block.startswith("..."):
        return f"```pycon\n{block}\n```"
    return block.replace("``", "`")


def whole_page() -> str:
    """The page as it is to be."""
    return PAGE.read_text(encoding="utf-8").partition(MARK)[0] + reference()


if __name__ == "__main__":
    PAGE.write_text(whole_page(), encoding="utf-8")
