"""Long work says that it goes on: in a log at a bounded rate, short work not at all."""

from __future__ import annotations

import time

import pytest

from jobs.cli import output
from jobs.cli.output import working


def test_short_work_says_nothing_to_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with working("reading ...") as tell:
        tell("reading more ...")
    assert capsys.readouterr().err == ""


def test_long_work_says_to_a_log_what_it_does_now(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "SAY_EVERY_S", 0.2)
    with working("reading ...") as tell:
        time.sleep(0.3)
        tell("copying ...")
        time.sleep(0.3)
    said = capsys.readouterr().err.splitlines()
    assert list(dict.fromkeys(said)) == ["reading ...", "copying ..."]
    assert len(said) <= 3
