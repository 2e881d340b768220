"""What ``--cluster`` names: words, addresses, and the file of a scheduler that may be late."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Timer

import pytest

from jobs.errors import ClusterError, InputError
from jobs.run import address
from jobs.run.address import scheduler_address


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "APPEARS_WITHIN_S", 0.5)


def test_a_scheduler_file_names_the_address(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"type": "Scheduler", "address": "tls://10.0.0.1:8786"}))
    assert scheduler_address(str(file)) == "tls://10.0.0.1:8786"
    assert scheduler_address("tcp://host:8786") == "tcp://host:8786"


def test_a_file_that_comes_late_and_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "APPEARS_WITHIN_S", 60.0)
    file = tmp_path / "scheduler.json"
    text = json.dumps({"address": "tcp://10.0.0.1:8786"})
    timers = [
        Timer(after, file.write_text, [part]) for after, part in ((0.3, text[:9]), (0.9, text))
    ]
    for timer in timers:
        timer.start()
    assert scheduler_address(str(file)) == "tcp://10.0.0.1:8786"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no scheduler has written .*scheduler.json within"),
        ("{", "is no JSON; expected 'local'"),
        ('["tcp://host:1"]', "names no scheduler's address; expected 'local'"),
        ('{"address": "inproc://1/2/3"}', "is not known; expected 'local'"),
    ],
)
def test_a_file_without_an_address(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "scheduler.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises((InputError, ClusterError), match=said):
        scheduler_address(str(file))


def test_an_address_of_a_gateway_leads_to_python() -> None:
    with pytest.raises(InputError, match=r"bw\.run\(job, Gateway\(\)\.connect\(name\)"):
        scheduler_address("gateway://host:8001/0123abcd")
