"""The keys of a port file's properties: what is read, what was misspelt, and what is only borne.

Files drawn in a GIS carry columns of their own (``OBJECTID``, ``stroke``, ``name_en``); those stand
and are not read. A key that is a slip away from one that is read would be lost in silence, and with
it what its author wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jobs.errors import InputError

KEYS: Mapping[str, tuple[str, ...]] = {
    "port": ("role", "id", "name", "country", "locode", "approximate"),
    "berth": ("role", "id", "name", "kind", "capacity"),
}
"""What is read of a feature, by its role."""

OTHER_WORDS: Mapping[str, frozenset[str]] = {
    "capacity": frozenset(
        {"capacities", "ships", "vessels", "max_ships", "max_vessels", "number_of_ships", "slots"}
    ),
    "locode": frozenset({"un_locode", "unlocode"}),
    "kind": frozenset({"type", "berth_type", "category", "class"}),
}
"""Names that people give to what is read under another; only where that one is not written."""

FOREIGN = frozenset({"names", "named", "mean", "county"})
"""Columns of other programs that look like a slip and are none."""

_WORD_BREAK = re.compile(r"[^a-z0-9]+")


def check_keys(facts: Mapping[str, Any], role: str, place: str) -> None:
    """InputError for a property that is a key's misspelling; ``place`` names the feature."""
    known = KEYS[role]
    for found, value in facts.items():
        if found in known or value is None:
            continue
        if role == "port" and found == "capacity":
            raise InputError(
                f'{place}: a port has no capacity; write it in the features of "role": "berth"'
            )
        meant = meant_key(found, known, facts)
        if meant is not None:
            also = f", which says {facts[meant]!r}; keep one of them" if meant in facts else "?"
            raise InputError(
                f"{place}: unknown property {found!r}; did you mean {meant!r}{also} "
                f"({', '.join(known)} are read; others may stand beside them)"
            )


def meant_key(found: str, known: tuple[str, ...], facts: Mapping[str, Any]) -> str | None:
    """The key that a property's name was meant to be; None for a name of another program."""
    for key in known:
        if key in facts:
            # beside ``role`` a ``mole`` is another word, and ``nmae`` beside ``name`` is none
            alike = len(key) > 4 or sorted(found.strip().lower()) == sorted(key)
            wrong = alike and _is_slip(found, key) and facts[found] != facts[key]
        else:
            wrong = _is_slip(found, key) or _means(found, key)
        if wrong:
            return key
    return None


def _means(found: str, key: str) -> bool:
    words = _WORD_BREAK.split(found.lower())
    whole = len(key) >= 6 and key in words  # ``max_capacity``; ``osm_id`` is no id
    return whole or "_".join(words) in OTHER_WORDS.get(key, ())


def _is_slip(found: str, key: str) -> bool:
    """Whether a name differs from a key by its case or by few slips of the keyboard."""
    name = found.strip().lower()
    if name == key:
        return True
    if name in FOREIGN or len(key) < 4:
        return False
    return slips(name, key) <= (1 if len(key) < 7 else 2)


def slips(found: str, meant: str) -> int:
    """Fewest letters left out, added, wrong or swapped with their neighbour (edit distance)."""
    rows = [list(range(len(meant) + 1))]
    for i, letter in enumerate(found, start=1):
        row = [i]
        for j, other in enumerate(meant, start=1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == meant[j - 2] and found[i - 2] == other:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
