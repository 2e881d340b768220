"""Suggestions for misspelt words."""

from __future__ import annotations

from jobs.domain.nearest import did_you_mean, nearest_word

PORTS = ("RUVYP", "KPCHO", "KPNAM")


def test_the_nearest_word_is_found_in_any_case_and_spelt_as_it_is_known() -> None:
    assert nearest_word("ruvpy", PORTS) == ["RUVYP"]
    assert did_you_mean("ruvpy", PORTS) == "did you mean 'RUVYP'?"


def test_several_are_ordered_by_likeness() -> None:
    assert nearest_word("kpcho", ("kpxxo", "RUVYP", "kpxho"), count=3) == ["kpxho", "kpxxo"]


def test_a_word_like_none_gives_the_alternative() -> None:
    assert nearest_word("xyz", PORTS) == []
    assert did_you_mean("xyz", PORTS) == ""
    assert did_you_mean("xyz", PORTS, "see the list") == "see the list"
