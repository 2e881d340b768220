"""Train networks that each leave some ports out, several at once, and keep them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from threading import Thread
from typing import TypeAlias

from models.training.train import Progress, TrainConfig, settings_of, train
from models.weights import load_weights, save_weights

Lines: TypeAlias = "SimpleQueue[str | None]"
"""Ends with None."""


class FoldsError(ValueError):
    """The networks at hand do not leave every port out once, or are not those asked for."""


def train_without(
    config: TrainConfig,
    shares: Sequence[tuple[str, ...]],
    folder: Path,
    progress: Progress,
    parallel: int = 1,
) -> list[Path]:
    """A weights file in the folder for each share of the groups, trained without it.

    Files that are there are taken as they are. Raises FoldsError where one was trained with other
    settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{'-'.join(groups)}.safetensors" for groups in shares]
    wanted = [
        (replace(config, held_out=groups), path)
        for groups, path in zip(shares, paths, strict=True)
        if not _is_there(replace(config, held_out=groups), path, progress)
    ]
    spawn = multiprocessing.get_context("spawn")
    lines: Lines = spawn.SimpleQueue()
    with (
        _told(lines, progress),
        ProcessPoolExecutor(parallel, spawn, initializer=_hear, initargs=(lines,)) as pool,
    ):
        for _ in pool.map(_train, *zip(*wanted, strict=True)) if wanted else ():
            pass
    return paths


def _is_there(config: TrainConfig, path: Path, progress: Progress) -> bool:
    if not path.exists():
        return False
    then = load_weights(path).training.get("settings")
    now = settings_of(config)
    if then != now:
        others = sorted(
            key for key in now if not isinstance(then, dict) or then.get(key) != now[key]
        )
        raise FoldsError(
            f"{path} was trained with other settings ({', '.join(others)}); expected the network "
            "that this training would make: give another folder, or remove the file"
        )
    progress(f"{path.name} is there already")
    return True


@contextmanager
def _told(lines: Lines, progress: Progress) -> Iterator[None]:
    """Passes on what the trainings say, from a thread."""

    def listen() -> None:
        while (line := lines.get()) is not None:
            progress(line)

    listener = Thread(target=listen)
    listener.start()
    try:
        yield
    finally:
        lines.put(None)
        listener.join()


_lines: Lines | None = None
"""In a training process: where its lines go."""


def _hear(lines: Lines) -> None:
    global _lines  # the pool's only way to hand a queue to its processes
    _lines = lines


def _train(config: TrainConfig, path: Path) -> None:
    name = f"without {', '.join(config.held_out)}"

    def say(line: str) -> None:
        if _lines is not None:
            _lines.put(f"{name}: {line}")

    save_weights(train(config, say), path)
