"""What a look is worth at its thresholds: half a berth counts, a hole in the cloud does not."""

from __future__ import annotations

import pytest

from jobs.domain import LookState
from jobs.visits.looks import CLEAR_FROM, CLOUDED_BELOW, OUTSIDE_BELOW, look_state


@pytest.mark.parametrize(
    ("imaged", "clear", "state"),
    [
        (OUTSIDE_BELOW, OUTSIDE_BELOW, LookState.PARTLY),
        (OUTSIDE_BELOW - 0.001, OUTSIDE_BELOW - 0.001, LookState.OUTSIDE),
        (1.0, CLEAR_FROM, LookState.CLEAR),
        (1.0, CLOUDED_BELOW, LookState.PARTLY),
    ],
)
def test_a_look_at_its_threshold_counts(imaged: float, clear: float, state: LookState) -> None:
    assert look_state(imaged, clear) is state


def test_how_clouded_a_look_is_counts_of_what_was_imaged() -> None:
    """The part of the berth beyond the swath is not cloud."""
    imaged = 0.6
    assert look_state(imaged, 1.05 * CLOUDED_BELOW * imaged) is LookState.PARTLY
    assert look_state(imaged, 0.95 * CLOUDED_BELOW * imaged) is LookState.CLOUDED
