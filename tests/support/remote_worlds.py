"""Small plans whose imagery lies on servers, run by the command as a user runs it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from jobs.domain import Access, Overpass, Period
from jobs.plan import Plan
from jobs.storage import Storage
from tests.support.places import ROOT
from tests.support.scenes import NOON, noise, overpass, scene, small_port, write_band

BANDS = ("blue", "green", "red", "nir")
COMMAND = [sys.executable, "-c", "from jobs.cli import main; main()"]


def one_pass(folder: Path, base: str, day: int, access: Access | None) -> Overpass:
    """An overpass whose file is written to the folder and pinned below the base address."""
    source = write_band(folder / f"{day}.tif", noise(seed=day) // 20 + 1200)
    there = replace(source, href=f"{base}/{day}.tif")
    seen = scene(dict.fromkeys(BANDS, there), id=f"item-{day}")
    found = overpass(replace(seen, access=access))
    return replace(found, id=f"TESTP-{day:03d}", acquired=NOON + timedelta(days=day))


def plan_on(
    folder: Path,
    base: str,
    archive: str,
    days: Sequence[int],
    name: str,
    access: Access | None = None,
) -> Plan:
    """A plan of one port with an overpass on each of these days."""
    return Plan(
        name=name,
        period=Period(date(2024, 5, 1), date(2024, 5, 31)),
        archive=archive,
        model=None,
        sources=(),
        ports=(small_port(),),
        overpasses=tuple(one_pass(folder, base, day, access) for day in days),
    )


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command that finds this code and these servers."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **extra}


def berthwatch(
    folder: Path, extra: Mapping[str, str], *arguments: str, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(extra),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def published(storage: Storage) -> dict[str, str]:
    """Digest of every published file by its name."""
    names = storage.names("published")
    return {name: hashlib.sha256(storage.read(name)).hexdigest() for name in names}
