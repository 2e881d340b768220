"""The journal and the displays that speak from its events."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from jobs.errors import ArchiveError
from jobs.run.events import Event, EventName
from jobs.run.journal import journal
from jobs.run.progress import display


def unit(state: str, vessels: int = 0, **more: str) -> Event:
    facts = {"stage": "segment", "state": state, "overpass": "P-1", "vessels": vessels}
    return Event(EventName.UNIT, {**facts, "last": True, **more})


def test_one_line_per_event_and_a_cut_line_spoils_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "j" / "run.jsonl"
    with journal(path) as write:
        write(Event(EventName.STARTED, {"overpasses": 1}))
    with path.open("a") as file:
        file.write('{"time": "cut o')
    with journal(path) as write:
        write(unit("done", vessels=2))
    lines = path.read_text().splitlines()
    assert json.loads(lines[0])["event"] == "started"
    assert json.loads(lines[2])["vessels"] == 2
    assert len(lines) == 3


def test_a_full_disk_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.symlink_to("/dev/full")
    with (
        pytest.raises(ArchiveError, match=r"the journal .* cannot be written: .*No space left"),
        journal(path) as write,
    ):
        write(Event(EventName.STARTED))


def spoken(*, terminal: bool) -> str:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=150)
    with display(console) as watch:
        watch(Event(EventName.STARTED, {"overpasses": 5}))
        watch(Event(EventName.PORT, {"port": "P", "overpasses": 5, "todo": 2}))
        watch(Event(EventName.RETRIED, {"stage": "tile", "overpass": "P-1", "reason": "503"}))
        watch(unit("done", vessels=3))
        watch(unit("failed", reason="SceneError: gone [404]"))
    return text.getvalue()


def test_a_log_gets_plain_lines() -> None:
    lines = spoken(terminal=False).splitlines()
    assert lines[0] == "2 of 5 overpasses to do"
    assert lines[1] == "failed segment P-1: SceneError: gone [404]"
    assert lines[2].startswith("2/2 overpasses, 1 failed, 1 retried, 3 vessels, ")
    assert "\x1b" not in "".join(lines)


def test_a_terminal_gets_a_bar_that_ends_full() -> None:
    said = spoken(terminal=True)
    assert "2/2" in said
    assert "SceneError: gone [404]" in said


def test_a_limit_bounds_what_is_shown_as_to_do() -> None:
    text = io.StringIO()
    with display(Console(file=text, width=150)) as watch:
        watch(Event(EventName.STARTED, {"overpasses": 9, "limit": 2}))
        watch(Event(EventName.PORT, {"port": "P", "overpasses": 4, "todo": 2}))
        watch(unit("done"))
        watch(unit("done"))
    assert text.getvalue().splitlines()[0] == "2 of 9 overpasses to do"
    assert "2/2 overpasses" in text.getvalue()


def test_what_ends_a_run_early_is_said_at_once() -> None:
    text = io.StringIO()
    with display(Console(file=text, width=150)) as watch:
        watch(Event(EventName.QUARANTINED, {"overpass": "P-1", "deaths": 8, "reason": "killed"}))
        watch(Event(EventName.LOST, {"reason": "the scheduler is gone"}))
    assert text.getvalue().splitlines() == [
        "quarantined P-1: it killed 8 workers",
        "lost: the scheduler is gone",
    ]
