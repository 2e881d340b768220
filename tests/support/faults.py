"""Mishaps brought about on workers: a plugin that spoils the stages there, after a restart too."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
from distributed import Client, WorkerPlugin

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests

Stage = Callable[[Any, Any, Any], Any]


class Spoiled(WorkerPlugin):  # type: ignore[misc]
    """Puts ``mishap(stage, unit)`` before the tile stage of every worker."""

    def __init__(self, mishap: Callable[[Any], None]) -> None:
        self.mishap = mishap
        self.name = "spoiled"

    def setup(self, worker: Any) -> None:
        from dataclasses import replace

        from jobs import tile
        from jobs.run import task

        def run(unit: Any, settings: Any, store: Any, prefer_gpu: bool) -> Any:
            self.mishap(unit)
            return tile.run(unit, settings, store)

        task.STAGES = (replace(task.STAGES[0], run=run), *task.STAGES[1:])


def spoil(client: Client, mishap: Callable[[Any], None]) -> None:
    """Spoil all workers of a client, now and after a restart; one may just be coming back."""
    for _ in range(100):
        client.wait_for_workers(1, timeout=120)
        try:
            client.register_plugin(Spoiled(mishap))
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise AssertionError("no worker stayed long enough to be spoiled")


def killing(*overpass_ids: str) -> Callable[[Any], None]:
    """These units kill the worker that takes them up."""

    def mishap(unit: Any) -> None:
        if unit.overpass.id in overpass_ids:
            os.kill(os.getpid(), signal.SIGKILL)

    return mishap


def unreachable(times: int, folder: Path, *overpass_ids: str) -> Callable[[Any], None]:
    """The files of these units cannot be reached the first few times, in whatever process."""

    def mishap(unit: Any) -> None:
        from jobs.errors import UnreachableError

        tries = folder / f"{unit.overpass.id}.tries"
        if unit.overpass.id in overpass_ids:
            with tries.open("ab") as file:
                file.write(b".")
            if tries.stat().st_size <= times:
                raise UnreachableError("503 slow down")

    return mishap


def misled(*overpass_ids: str) -> Callable[[Any], None]:
    """GDAL or PROJ is broken on the machine that works on these units."""

    def mishap(unit: Any) -> None:
        from jobs.errors import SetupError

        if unit.overpass.id in overpass_ids:
            raise SetupError("no proj.db on this machine; set here: PROJ_LIB")

    return mishap


def slow(seconds: float) -> Callable[[Any], None]:
    """Every unit takes its time, so that there is one to catch it at work."""
    return lambda unit: time.sleep(seconds)


def with_jumping_clock() -> Callable[[Any], None]:
    """The worker's clock jumps to and fro by hours, at every unit."""
    real = time.time

    def mishap(unit: Any) -> None:
        hours = (unit.overpass.acquired.day * 7) % 11 - 5
        mine = threading.current_thread()  # Dask's own loop keeps half of its clocks to itself
        time.time = lambda: real() + 3600 * hours * (threading.current_thread() is mine)

    return mishap
