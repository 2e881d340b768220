"""Of boxes that lie on each other one is kept."""

from models.geometry import Corners, box_corners
from models.inference.suppression import surest


def box(col: float, length: float = 20.0, beam: float = 4.0, row: float = 0.0) -> Corners:
    return box_corners(row, col, length, beam, 90)


def test_the_surer_of_two_boxes_on_each_other_is_kept() -> None:
    assert surest([box(0), box(2)], [0.4, 0.6]) == [1]
    assert surest([box(0), box(2)], [0.6, 0.4]) == [0]
    assert surest([box(0), box(2)], [0.5, 0.5]) == [0]


def test_boxes_abreast_whose_measured_beams_overlap_are_two() -> None:
    """A third of each beam is shared."""
    assert surest([box(0), box(0, row=2.7)], [0.4, 0.6]) == [0, 1]


def test_a_small_box_inside_a_large_one_is_the_same_ship() -> None:
    assert surest([box(0, length=4, beam=2), box(0)], [0.4, 0.6]) == [1]


def test_a_box_that_was_left_out_leaves_out_no_other() -> None:
    """The second lies on the first and the third, which lie beside each other."""
    assert surest([box(0), box(10), box(20)], [0.6, 0.5, 0.4]) == [0, 2]


def test_no_boxes() -> None:
    assert surest([], []) == []
