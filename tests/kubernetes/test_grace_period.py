"""How long a fatal trouble is borne: from its first sight, anew once it was away."""

from __future__ import annotations

import pytest

from jobs.kubernetes import grace_period
from jobs.kubernetes.diagnosis import Trouble
from jobs.kubernetes.grace_period import FATAL_S, GracePeriod, StartLimit

NO_SECRET = Trouble("there is no Secret", "pod-1", fatal=True, key=("secret",))
NO_ROOM = Trouble("no node has room", "pod-2", fatal=False, key=("node",))


class Waiting:
    """A wait whose clock is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.said: list[str] = []
        monkeypatch.setattr(grace_period.time, "monotonic", lambda: self.now)
        self.patience = GracePeriod(self.said.append)

    def after(self, seconds: float, *found: Trouble, away_s: float = 0.0) -> str:
        """What is past bearing so many seconds after the last look."""
        self.now += seconds
        return self.patience.observe(found, away_s)


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


def test_time_in_which_the_api_is_away_does_not_count(waiting: Waiting) -> None:
    """Nor that of an absence before the trouble."""
    assert waiting.after(0, NO_SECRET, away_s=30) == ""
    assert waiting.after(3 * FATAL_S, NO_SECRET, away_s=30 + 3 * FATAL_S - 5) == ""
    assert waiting.after(FATAL_S - 6, NO_SECRET, away_s=30 + 3 * FATAL_S - 5) == ""
    assert waiting.after(2, NO_SECRET, away_s=30 + 3 * FATAL_S - 5) == NO_SECRET.what


def test_what_may_pass_is_borne_for_ever(waiting: Waiting) -> None:
    waiting.after(0, NO_ROOM)
    assert waiting.after(100 * FATAL_S, NO_ROOM) == ""


def refused(time: str, pause_s: float) -> Trouble:
    return Trouble("quota", "pod-3", False, key=("quota",), time=time, pause_s=pause_s)


def over(waiting: Waiting, limit: StartLimit, seconds: float, *found: Trouble) -> bool:
    waiting.now += seconds
    return limit.over(found)


def test_a_limit_awaits_the_next_try_and_what_it_starts(waiting: Waiting) -> None:
    limit = StartLimit(100, then_s=50)
    assert not over(waiting, limit, 64, refused("one", 64))
    assert not over(waiting, limit, 63, refused("one", 64))
    assert not over(waiting, limit, 50)  # it is no longer refused: a pod starts
    assert over(waiting, limit, 2)


def test_a_limit_ends_where_the_try_is_refused(waiting: Waiting) -> None:
    limit = StartLimit(100, then_s=50)
    assert not over(waiting, limit, 64, refused("one", 64))
    assert over(waiting, limit, 64, refused("two", 128))


def test_a_limit_without_refusals_is_one(waiting: Waiting) -> None:
    limit = StartLimit(100, then_s=50)
    assert not over(waiting, limit, 99, NO_ROOM)
    assert over(waiting, limit, 2, NO_ROOM)


def fatal_at(time: str) -> Trouble:
    moment = f"2026-11-24T{time}:00Z"
    return Trouble("no account", "rs", True, key=("rs",), time=moment, pause_s=FATAL_S + 5)


def test_a_fatal_trouble_of_a_controller_is_borne_until_its_next_try(waiting: Waiting) -> None:
    lacking = fatal_at("10:00")
    assert waiting.after(0, lacking) == ""
    assert waiting.after(FATAL_S + 1, lacking) == ""
    again = fatal_at("10:02")
    assert waiting.after(5, again) == "no account"
    assert len(waiting.said) == 1
