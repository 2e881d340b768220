"""A slip in any key of a port file is found; what merely looks near is left alone."""

from __future__ import annotations

import string

import hypothesis.strategies as st
import pytest
from hypothesis import given

from jobs.domain.port_keys import FOREIGN, KEYS, check_keys, meant_key, slips
from jobs.errors import InputError

ALL = sorted({key for keys in KEYS.values() for key in keys} - {"id"})
LETTERS = st.sampled_from(string.ascii_lowercase + "_")


@st.composite
def slipped(draw: st.DrawFn) -> tuple[str, str]:
    """A key, and the same with one letter left out, added, wrong or swapped with its neighbour."""
    key = draw(st.sampled_from(ALL))
    at = draw(st.integers(0, len(key) - 1))
    letter = draw(LETTERS)
    swapped = key[:at] + key[at : at + 2][::-1] + key[at + 2 :]
    kinds = (key[:at] + key[at + 1 :], key[:at] + letter + key[at:], swapped)
    wrong = draw(st.sampled_from((*kinds, key[:at] + letter + key[at + 1 :])))
    return key, draw(st.sampled_from((wrong, wrong.upper(), wrong.title())))


@given(slipped())
def test_any_single_slip_is_told_as_the_key_that_was_meant(case: tuple[str, str]) -> None:
    key, wrong = case
    if wrong == key or wrong.lower() in FOREIGN:
        return
    assert meant_key(wrong, (key,), {wrong: 1}) == key
    if len(key) > 4 or sorted(wrong.lower()) == sorted(key):  # else it may be another word
        assert meant_key(wrong, (key,), {wrong: 1, key: 2}) == key
    assert meant_key(wrong, (key,), {wrong: 1, key: 1}) is None  # it says the same


@given(st.text(LETTERS, max_size=9), st.text(LETTERS, max_size=9))
def test_slips_are_a_distance(one: str, other: str) -> None:
    assert slips(one, other) == slips(other, one)
    assert (slips(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= slips(one, other) <= max(len(one), len(other))


@pytest.mark.parametrize(
    ("one", "other", "number"),
    [("capcity", "capacity", 1), ("nmae", "name", 1), ("county", "country", 1), ("", "role", 4)],
)
def test_slips_are_counted(one: str, other: str, number: int) -> None:
    assert slips(one, other) == number


@pytest.mark.parametrize("role", KEYS)
def test_the_keys_of_the_other_role_may_be_empty_columns(role: str) -> None:
    check_keys(dict.fromkeys(("capacity", "kind", "country", "locode", "Name")), role, "here")


def test_a_capacity_of_the_port_is_refused() -> None:
    with pytest.raises(InputError, match="here: a port has no capacity"):
        check_keys({"capacity": 2}, "port", "here")
