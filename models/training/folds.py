"""Train networks that each leave some ports out, several at once, and store them."""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from threading import Thread
from typing import TypeAlias

from models.training.train import Progress, TrainConfig, settings_of, train_network
from models.weights import load_weights, save_weights

ProgressQueue: TypeAlias = "SimpleQueue[str | None]"
"""Progress lines of the training processes; None is the end."""

_LONGEST_NAME = 100


class FoldsError(ValueError):
    """The networks do not leave every port out exactly once, or have other settings."""


def train_without(
    config: TrainConfig,
    shares: Sequence[tuple[str, ...]],
    folder: Path,
    progress: Progress,
    parallel: int = 1,
) -> list[Path]:
    """A weights file in the folder for each share of the groups, trained without it.

    Existing files are reused; FoldsError where one was trained with other settings. parallel: how
    many networks are trained at once, each in its own process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{_name(groups)}.safetensors" for groups in shares]
    missing = [
        (replace(config, held_out=groups), path)
        for groups, path in zip(shares, paths, strict=True)
        if not _is_trained(replace(config, held_out=groups), path, progress)
    ]
    spawn = multiprocessing.get_context("spawn")
    queue: ProgressQueue = spawn.SimpleQueue()
    with (
        _forward(queue, progress),
        ProcessPoolExecutor(parallel, spawn, initializer=_set_queue, initargs=(queue,)) as pool,
    ):
        if missing:
            _train_all(pool, missing)
    return paths


def _name(groups: Sequence[str]) -> str:
    """The groups; where they are too many for a file's name, the first and a digest of all."""
    every = "-".join(groups)
    if len(every) <= _LONGEST_NAME:
        return every
    digest = hashlib.sha256(every.encode()).hexdigest()[:8]
    return f"{groups[0]}-and-{len(groups) - 1}-more-{digest}"


def _train_all(pool: ProcessPoolExecutor, missing: Sequence[tuple[TrainConfig, Path]]) -> None:
    """Train them all; where that is interrupted, the processes of the pool are ended."""
    before = multiprocessing.active_children()
    try:
        with _deaf_to_ctrl_c():
            trained = pool.map(_train, *zip(*missing, strict=True))
        for _ in trained:
            pass
    except BaseException:
        for process in multiprocessing.active_children():
            if process not in before:
                process.terminate()  # it would train on for hours
        raise


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes begun in the block leave Ctrl-C, which a terminal sends to all, to this one."""
    resource_tracker.ensure_running()  # its start unblocks the signal in the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_trained(config: TrainConfig, path: Path, progress: Progress) -> bool:
    if not path.exists():
        return False
    recorded = load_weights(path).training.get("settings")
    wanted = settings_of(config)
    if recorded != wanted:
        others = sorted(
            key
            for key in wanted
            if not isinstance(recorded, dict) or recorded.get(key) != wanted[key]
        )
        raise FoldsError(
            f"{path} was trained with other settings ({', '.join(others)}); expected the network "
            "that this training would make: give another folder, or remove the file"
        )
    progress(f"{path.name} is there already")
    return True


@contextmanager
def _forward(queue: ProgressQueue, progress: Progress) -> Iterator[None]:
    """Pass the lines of the training processes to progress, from a thread."""

    def forward() -> None:
        while (line := queue.get()) is not None:
            progress(line)

    thread = Thread(target=forward)
    thread.start()
    try:
        yield
    finally:
        queue.put(None)
        thread.join()


_queue: ProgressQueue | None = None
"""Set in each training process."""


def _set_queue(queue: ProgressQueue) -> None:
    global _queue  # a pool hands a queue to its processes by an initializer only
    _queue = queue


def _train(config: TrainConfig, path: Path) -> None:
    name = f"without {', '.join(config.held_out)}"

    def report(line: str) -> None:
        if _queue is not None:
            _queue.put(f"{name}: {line}")

    save_weights(train_network(config, report), path)
