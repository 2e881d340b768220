"""How long a fatal trouble is borne: from its first sight, anew once it was away."""

from __future__ import annotations

import pytest

from jobs.kubernetes import grace_period
from jobs.kubernetes.diagnosis import Trouble
from jobs.kubernetes.grace_period import FATAL_S, GracePeriod

NO_SECRET = Trouble("there is no Secret", "pod-1", fatal=True)
NO_ROOM = Trouble("no node has room", "pod-2", fatal=False)


class Waiting:
    """A wait whose clock is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.said: list[str] = []
        monkeypatch.setattr(grace_period.time, "monotonic", lambda: self.now)
        self.patience = GracePeriod(self.said.append)

    def after(self, seconds: float, *found: Trouble) -> str:
        """What is past bearing so many seconds after the last look."""
        self.now += seconds
        return self.patience.observe(found)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    return Waiting(monkeypatch)


def test_a_fatal_trouble_ends_the_wait_once_it_has_lasted(waiting: Waiting) -> None:
    assert waiting.after(0, NO_SECRET) == ""
    for _ in range(3):
        assert waiting.after(FATAL_S / 3, NO_SECRET, NO_ROOM) == ""
    assert waiting.after(1, NO_SECRET) == NO_SECRET.what
    assert waiting.said == [NO_SECRET.what, NO_ROOM.what]


def test_a_trouble_that_was_away_is_borne_anew(waiting: Waiting) -> None:
    waiting.after(0, NO_SECRET)
    assert waiting.after(FATAL_S - 1) == ""
    assert waiting.after(2, NO_SECRET) == ""
    assert waiting.after(FATAL_S - 1, NO_SECRET) == ""
    assert waiting.after(2, NO_SECRET) == NO_SECRET.what


def test_what_may_pass_is_borne_for_ever(waiting: Waiting) -> None:
    waiting.after(0, NO_ROOM)
    assert waiting.after(100 * FATAL_S, NO_ROOM) == ""
