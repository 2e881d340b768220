"""Lines of a plan file, and digests by which a change of them is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from shapely.errors import ShapelyError

from jobs.domain import Json
from jobs.errors import PlanError

T = TypeVar("T")

_WRONG = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
    ShapelyError,
)
"""What building a value from a line raises where the line is not what was written."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)

EMPTY = hashlib.sha256().hexdigest()
"""sha256 of no lines, in hex."""


@dataclass(frozen=True)
class Digest:
    """Number and sha256 (hex) of some lines."""

    lines: int = 0
    sha256: str = EMPTY


def line(content: Mapping[str, Json]) -> str:
    """A value as one line of JSON in canonical form: equal values are equal bytes."""
    return _ENCODER.encode(content) + "\n"


def digest_of(lines: Iterable[str]) -> Digest:
    """Digest of lines, with one in memory at a time."""
    digest, count = hashlib.sha256(), 0
    for each in lines:
        digest.update(each.encode())
        count += 1
    return Digest(count, digest.hexdigest())


def parsed(path: Path, number: int, text: str | bytes, make: Callable[[Any], T]) -> T:
    """The value that ``make`` builds from a line's JSON; PlanError with the line's number else."""
    try:
        return make(json.loads(text))
    except PlanError as error:
        raise PlanError(f"{path}, line {number}: {error}") from error
    except _WRONG as error:
        raise PlanError(
            f"{path}, line {number}: not a line of a plan ({type(error).__name__}: {error}); "
            "make the plan again with `berthwatch plan`"
        ) from error
