"""JSON as catalogs really write it: with NaN, control characters, or a broken item in a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobs.errors import InputError

_BROKEN = "berthwatch:broken"
"""Key of what stands for an item that is no JSON: the decoder's words."""

_FEATURES = re.compile(r'"features"\s*:\s*\[')
_STRING = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(rf"{_STRING}|[{{}}\[\]]", re.DOTALL)
_ID = re.compile(rf'"id"\s*:\s*({_STRING})')


def loads(content: str | bytes) -> Any:
    """The value that a text or its bytes spell.

    Python's decoder takes NaN and Infinity, as its own encoder makes them. Items of a page that are
    no JSON are replaced, so that they cost no other item: `refuse_broken` knows them. Raises
    ValueError for what cannot be read even so.
    """
    text = content if isinstance(content, str) else content.decode(json.detect_encoding(content))
    text = text.removeprefix("\ufeff")
    try:
        return _decoded(text)
    except ValueError:
        repaired = _with_broken_features_replaced(text)
        if repaired == text:
            raise
        return _decoded(repaired)


def refuse_broken(item: Mapping[str, Any]) -> None:
    """InputError for what stands for an item that is no JSON."""
    if _BROKEN in item:
        raise InputError(f"item {item.get('id')!r} is not written as JSON: {item[_BROKEN]}")


def _decoded(text: str) -> Any:
    return json.loads(text, strict=False)  # control characters in strings are borne


def _with_broken_features_replaced(text: str) -> str:
    start = _FEATURES.search(text)
    if start is None:
        return text
    parts, done = [], 0
    for begin, end in _objects(text, start.end()):
        parts += [text[done:begin], _valid(text[begin:end])]
        done = end
    return "".join([*parts, text[done:]])


def _objects(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Where the objects of a list begin and end, by their braces; ``start`` is within the list."""
    depth, begin = 0, start
    for token in _TOKEN.finditer(text, start):
        if token[0] in "{[":
            begin = token.start() if depth == 0 else begin
            depth += 1
        elif token[0] in "}]":
            depth -= 1
            if depth < 0:
                return
            if depth == 0:
                yield begin, token.end()


def _valid(feature: str) -> str:
    """A feature as it is, or what stands for it where it is no JSON."""
    try:
        _decoded(feature)
    except ValueError as error:
        id = _ID.search(feature)
        return json.dumps({"id": id and _decoded(id[1]), _BROKEN: str(error)})
    return feature
