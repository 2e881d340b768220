"""Names of catalog items: the id, and more only where that is not enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.domain.naming import item_names
from tests.support.plans import scene

A = scene("X", catalog="one", collection="c")
B = scene("X", catalog="one", collection="d")
C = scene("X", catalog="two?token=1", collection="d")
D = scene("Y", catalog="two", collection="d")


def test_an_id_that_one_item_bears_is_its_name() -> None:
    assert item_names([[A, D], [A]]) == [("X", "Y"), ("X",)]


def test_an_id_of_two_collections_is_qualified() -> None:
    assert item_names([[A], [B, D]]) == [("c/X",), ("d/X", "Y")]


def test_a_catalog_is_named_where_collection_and_id_are_the_same() -> None:
    assert item_names([[A, B, C]]) == [("c/X", "one d X", "two d X")]


def test_a_name_that_is_taken_is_not_given_again() -> None:
    assert item_names([[A, D]], taken={"X"}) == [("c/X", "Y")]


PARTS = st.sampled_from(["a", "b", "a/b", "b/a"])


@given(st.sets(st.tuples(PARTS, PARTS, PARTS), max_size=8))
def test_two_items_never_have_one_name(identities: set[tuple[str, str, str]]) -> None:
    scenes = [scene(i, catalog=c, collection=k) for c, k, i in identities]
    (names,) = item_names([scenes])
    assert len(set(names)) == len(identities)
