"""The displays: stage, failures, pace, memory and the time left, in wide and narrow terminals."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from jobs.run import progress
from jobs.run.counting import FITTING, OTHER_DWELLS, READING, STEPS
from jobs.run.events import Event, EventName, Facts
from jobs.run.progress import _Lines, _Live, display
from jobs.run.tally import Tally

UNIT = {"stage": "segment", "overpass": "P-1", "reason": "gone", "last": True}


def overpasses(done: int, failed: int, of: int) -> list[Event]:
    ended = ["done"] * done + ["failed"] * failed
    return [
        Event(EventName.STARTED, {"overpasses": of}),
        *(Event(EventName.UNIT, {**UNIT, "state": state, "vessels": 2}) for state in ended),
    ]


def counting(port: str, step: str, done: int, of: int) -> Event:
    finished = done if step == OTHER_DWELLS else 0
    facts: Facts = {"port": port, "step": step, "done": done, "of": of, "berths_done": finished}
    return Event(EventName.COUNTING, facts)


def screen(width: int, events: list[Event]) -> list[str]:
    """The two live lines after these events."""
    text = io.StringIO()
    shown = _Live(Console(file=text, force_terminal=True, width=width))
    for event in events:
        shown.tally.add(event)
    shown.tally.started -= 60
    shown.tick("2 workers with 1.7 of 25.3 GB")
    Console(file=text, width=width).print(shown._rendered())
    return [line.rstrip() for line in text.getvalue().splitlines()]


@pytest.mark.parametrize("width", [32, 46, 80, 200])
def test_the_live_lines_name_everything_in_any_width(width: int) -> None:
    lines = screen(width, overpasses(4, 1, 10))
    whole = " ".join(" ".join(lines).split())
    for fact in ("overpasses 5/10", "1 failed", "10 vessels", "5.0/min", "0:01:00 left"):
        assert fact in whole
    assert "2 workers with 1.7 of 25.3 GB" in whole
    assert max(map(len, lines)) <= width
    assert ("━" in whole) == (width >= 80)


def test_the_count_of_visits_names_port_step_and_berths() -> None:
    stage = Event(EventName.STAGE, {"stage": "counting visits", "ports": 2, "berths": 9})
    events = [stage, counting("A", OTHER_DWELLS, 3, 6), counting("B", READING, 40, 90)]
    head, facts = screen(100, events)
    assert head.startswith("counting visits  3 of 9 berths")
    assert "left" in head
    assert facts == "  B: reading looks, 40 of 90 looks, 2 workers with 1.7 of 25.3 GB"
    assert "A: fitting, 1 of 6 berths" in screen(100, [stage, counting("A", FITTING, 1, 6)])[1]


def test_the_share_that_is_done_never_falls_and_ends_at_all() -> None:
    tally = Tally()
    tally.add(Event(EventName.STAGE, {"stage": "counting visits", "ports": 1, "berths": 2}))
    shares = []
    for step in STEPS:
        for done in (0, 1, 2):
            tally.add(counting("A", step, done, 2))
            shares.append(tally.share())
    tally.add(Event(EventName.COUNTED, {"port": "A", "berths_done": 2}))
    shares.append(tally.share())
    assert shares == sorted(shares, key=lambda share: share or 0.0)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_a_log_hears_of_work_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    lines = _Lines(Console(file=text, width=150))
    lines(Event(EventName.STAGE, {"stage": "writing results"}))
    lines.tick("1 worker with 0.9 GB")
    assert text.getvalue().splitlines() == ["writing results ..."]
    monkeypatch.setattr(progress, "SIGN_EVERY_S", 0.0)
    time.sleep(0.01)
    lines.tick("1 worker with 0.9 GB")
    last = text.getvalue().splitlines()[-1]
    assert re.fullmatch(r"writing results, 1 worker with 0\.9 GB, 0:00:0\d", last)


def test_a_log_is_told_of_the_count_at_a_bounded_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    with display(Console(file=text, width=150)) as show:
        show(Event(EventName.STAGE, {"stage": "counting visits", "ports": 1, "berths": 6}))
        for done in range(6):
            show(counting("A", FITTING, done, 6))
        monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
        time.sleep(0.01)
        show(counting("A", OTHER_DWELLS, 3, 6))
    begun, told, ended = text.getvalue().splitlines()
    assert begun == "counting visits ..."
    assert told.startswith("counting visits 3 of 6 berths, A: half and double dwell, 3 of 6 berths")
    assert ended.startswith("counted visits at 6 berths of 1 port in 0:00:")
