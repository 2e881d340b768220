"""Suggestions for misspelt words: the nearest of the words that are known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

CUTOFF = 0.6
"""Least similarity of a suggestion, 0..1: the ratio of ``difflib.SequenceMatcher``."""


def nearest_word(
    word: str, known: Iterable[str], count: int = 1, cutoff: float = CUTOFF
) -> list[str]:
    """At most ``count`` known words like ``word`` in any case, the most similar first."""
    spelt = {name.lower(): name for name in sorted(known, reverse=True)}
    return [spelt[found] for found in get_close_matches(word.lower(), spelt, count, cutoff)]


def did_you_mean(
    word: str, known: Iterable[str], otherwise: str = "", cutoff: float = CUTOFF
) -> str:
    """``did you mean 'x'?`` with the nearest known word; ``otherwise`` where none is near."""
    near = nearest_word(word, known, cutoff=cutoff)
    return f"did you mean {near[0]!r}?" if near else otherwise
