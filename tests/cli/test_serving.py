"""A page that a command serves: what is said where, and how Ctrl-C ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest

from tests.support.places import ROOT

PROGRAM = """
import sys
from jobs.cli.serving import serve_page
from jobs.serve import Place
from tests.support.served_app import APP
serve_page(APP, Place.parse(sys.argv[1]), False, "all is kept")
"""


@pytest.mark.parametrize(
    ("listen", "warned"),
    [
        ("127.0.0.1:0", []),
        ("localhost:0", []),
        ("0.0.0.0:0", ["warning: whoever reaches 0.0.0.0", "from other machines, write this"]),
    ],
)
def test_the_address_alone_is_printed_and_all_else_is_said(listen: str, warned: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, listen],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with urlopen(f"{address}hello", timeout=20) as answer:
            assert answer.read().startswith(b"GET /")
        process.send_signal(signal.SIGINT)
        try:
            printed, said = process.communicate(timeout=30)
        finally:
            process.kill()  # else the test would wait for it
    assert (process.returncode, printed) == (0, "")
    lines = said.splitlines()
    assert lines[-2:] == ["serving until Ctrl-C; open", "stopped serving; all is kept"]
    assert len(lines) == len(warned) + 2
    assert all(line.startswith(begin) for line, begin in zip(lines, warned, strict=False))
