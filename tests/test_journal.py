"""The journal and the displays that speak from its events."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from jobs.journal import Event, EventName, journal
from jobs.progress import display


def unit(state: str, vessels: int = 0, **more: str) -> Event:
    facts = {"stage": "segment", "state": state, "overpass": "P-1", "vessels": vessels}
    return Event(EventName.UNIT, {**facts, "last": True, **more})


def test_one_line_per_event_and_a_cut_line_spoils_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "j" / "run.jsonl"
    with journal(path) as write:
        write(Event(EventName.STARTED, {"todo": 1}))
    with path.open("a") as file:
        file.write('{"time": "cut o')
    with journal(path) as write:
        write(unit("done", vessels=2))
    lines = path.read_text().splitlines()
    assert json.loads(lines[0])["event"] == "started"
    assert json.loads(lines[2])["vessels"] == 2
    assert len(lines) == 3


def spoken(*, terminal: bool) -> str:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=150)
    with display(console) as watch:
        watch(Event(EventName.STARTED, {"todo": 2, "overpasses": 5}))
        watch(unit("done", vessels=3))
        watch(unit("failed", reason="SceneError: gone [404]"))
    return text.getvalue()


def test_a_log_gets_plain_lines() -> None:
    lines = spoken(terminal=False).splitlines()
    assert lines[0] == "2 of 5 overpasses to do"
    assert lines[1] == "failed segment P-1: SceneError: gone [404]"
    assert lines[2].startswith("2/2 overpasses, 1 failed, 3 vessels, ")
    assert "\x1b" not in "".join(lines)


def test_a_terminal_gets_a_bar_that_ends_full() -> None:
    said = spoken(terminal=True)
    assert "2/2" in said
    assert "SceneError: gone [404]" in said
