"""Valid documents made wrong: one to three things dropped, replaced, swapped, renamed, cut off."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Draw = st.DrawFn

STRANGE = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    1.5,
    90.1,
    181,
    1e308,
    -1e308,
    5e-324,
    float("nan"),
    float("inf"),
    float("-inf"),
    2**63,
    10**400,
    "",
    " ",
    "0",
    "-1",
    "NaN",
    "1e999",
    "x",
    "x" * 5000,
    "Владивосток 東京 \u202e",
    "\u0000",
    "a\nb",
    "\ud800",
    "../..",
    "file.txt/x",
    "2024-02-31",
    "0001-01-01",
    "9999-12-31",
    "9999-12-31T23:59:59Z",
    "2024-03-07T02:10:05+26:00",
    [],
    {},
    [None],
    [[]],
    [1, 2],
    [[1, 2], [3]],
    {"a": 1},
    {"type": "Polygon"},
    {"type": "Point", "coordinates": [float("nan"), 1]},
)
"""Values of the wrong type, size or kind."""

Path = tuple[str | int, ...]


@st.composite
def documents(draw: Draw, valid: Any, most: int = 3) -> Any:
    """The document with one to ``most`` mutations."""
    found = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, most))):
        found = _mutated(draw, found)
    return found


def _mutated(draw: Draw, document: Any) -> Any:
    places = list(_places(document))
    if not places:
        return document
    *parents, key = draw(st.sampled_from(places))
    holder = document
    for part in parents:
        holder = holder[part]
    kind = draw(st.sampled_from(("replace", "replace", "drop", "wrap", "swap", "double", "rename")))
    if kind == "replace":
        holder[key] = copy.deepcopy(draw(st.sampled_from(STRANGE)))
    elif kind == "drop":
        del holder[key]
    elif kind == "wrap":
        holder[key] = [holder[key]]
    elif kind == "swap":
        other = draw(
            st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder)))
        )
        holder[key], holder[other] = holder[other], holder[key]
    elif isinstance(holder, list):
        holder.insert(int(key), copy.deepcopy(holder[key]))
    else:
        holder[f"{key}{draw(st.sampled_from(('s', ' ', '_')))}"] = holder.pop(key)
    return document


def _places(document: Any, at: Path = ()) -> Iterator[Path]:
    """Every key and index of a document, as a path from its root."""
    keys: Any = ()
    if isinstance(document, dict):
        keys = document
    elif isinstance(document, list):
        keys = range(len(document))
    for key in keys:
        yield (*at, key)
        yield from _places(document[key], (*at, key))


ODD = (b"\0", b'"', b"\n", b",", b"\xff\xfe", b"}", b"[", b"\r", b"-")
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1251", "cp037")


@st.composite
def texts(draw: Draw, valid: str) -> bytes:
    """The text cut off, doubled, in another encoding, or with bytes that do not belong there."""
    content = valid.encode()
    kind = draw(st.sampled_from(("cut", "byte", "insert", "encoding", "double", "empty", "line")))
    at = draw(st.integers(0, max(len(content) - 1, 0)))
    if kind == "cut":
        return content[:at]
    if kind == "byte":
        return content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :]
    if kind == "insert":
        odd = draw(
            st.sampled_from((b"\0", b'"', b"\n", b",", b"\xff\xfe", b"}", b"[", b"\r", b"-"))
        )
        return content[:at] + odd + content[at:]
    if kind == "encoding":
        return valid.encode(draw(st.sampled_from(ENCODINGS)), "replace")
    if kind == "double":
        return content + content
    if kind == "empty":
        return draw(st.sampled_from((b"", b"\n", b"\xef\xbb\xbf", b"\0" * 100, b"null", b"0")))
    lines = valid.splitlines(keepends=True)
    del lines[draw(st.integers(0, len(lines) - 1))]
    return "".join(lines).encode()


def json_bytes(document: Any) -> bytes:
    """The document as JSON, with NaN and lone surrogates as Python writes them."""
    return json.dumps(document).encode()


def json_files(valid: Any) -> st.SearchStrategy[bytes]:
    """Files of JSON: wrong documents, and wrong texts of the right one."""
    wrong = documents(valid).map(json_bytes)
    return st.one_of(wrong, wrong, wrong, texts(json.dumps(valid, indent=1)))
