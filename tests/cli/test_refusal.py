"""How a refusal ends: one line, exit code 2, whatever an input brought into the message."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from jobs.cli.options import seconds
from jobs.cli.program import one_line
from jobs.errors import InputError
from tests.support.doors import berthwatch


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("plain: é, 東京", "plain: é, 東京"),
        ("two\n  lines\r\nthree", "two lines three"),
        ("\x1b[31mred\x00", "\\x1b[31mred\\x00"),
        ("half of a pair: \ud800", "half of a pair: \\ud800"),
        ("turned \u202e round", "turned \\u202e round"),
    ],
)
def test_a_message_is_one_line_that_any_terminal_shows(message: str, shown: str) -> None:
    assert one_line(message) == shown
    one_line(message).encode()


@pytest.mark.parametrize("content", ["name: [a", "a: b: c", "a:\n\t- b", "\x00", "a: *b", "%x"])
def test_what_is_no_yaml_is_said_in_one_line(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text(content)
    ended = berthwatch("search", "job.yaml")
    assert ended.code == 2
    assert ended.err.startswith("berthwatch: job.yaml is not YAML: ")
    assert ended.err.count("\n") == 1


def test_what_the_system_refuses_in_the_midst_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "x"))

    monkeypatch.setattr("jobs.plan.make_plan", full)
    (tmp_path / "job.yaml").write_text(
        "name: a\nports: [RUVYP]\nperiod: {start: 2024-03-01, end: 2024-03-02}\n"
        "sources: [{catalog: c.json, collection: c}]\narchive: x\n"
    )
    ended = berthwatch("search", tmp_path / "job.yaml")
    assert ended.code == 2
    assert f"berthwatch: {tmp_path}/x: the system refused" in ended.err
    assert "No space left on device" in ended.err


@pytest.mark.parametrize("day", ["soon", "2024-02-30", "1969-07-20", "2400-01-01", "9999-12-30"])
def test_a_day_on_which_nothing_can_be_simulated_is_refused(day: str, tmp_path: Path) -> None:
    ended = berthwatch("simulate", "-o", tmp_path / "made", "--start", day, "--days", 5)
    assert ended.code == 2
    assert day in ended.err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("days", ["999999999999", "nan", "inf", "-1"])
def test_commits_older_than_no_age_are_not_asked_for(days: str, tmp_path: Path) -> None:
    ended = berthwatch("archive", tmp_path / "job.yaml", "--expire-days", days, "--dry-run")
    assert ended.code == 2
    assert "--expire-days" in ended.err


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), ("2h", 7200.0), ("1 d", 86400)],
)
def test_times_are_read_as_people_write_them(text: str, wanted: float) -> None:
    assert seconds(text) == wanted
    assert seconds(None) is None


@pytest.mark.parametrize("text", ["soon", "-1", "1w", "", "1h30m", "inf"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a time such as 90s, 30m or 2h"):
        seconds(text)
