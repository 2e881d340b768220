"""What a worker must have in common with the run, or else its work is not the run's.

A worker of a cluster that somebody else made may see another folder under the archive's name: what
it writes there is lost, and would be committed all the same. It may hold other code, other weights,
or none of the catalog's files. All of it is tried on every worker before the work begins, and once
more by the first task of each worker process, for clusters grow and replace workers meanwhile.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from distributed import Client, get_worker

from jobs.domain import Engine, Overpass, Settings, using_definitions
from jobs.errors import ArchiveError, InputError, SetupError
from jobs.run.environment import Versions, difference, installed
from jobs.storage import Storage
from models.inference import (
    EngineError,
    EngineName,
    package_version,
    require_engine,
    require_package,
)
from models.weights import weights_digest

T = TypeVar("T")

MARKS = "journal/.of-a-run-{}.partial"
"""Where a run leaves its mark; marks of killed runs are deleted by the next one's lock."""
APPEARS_WITHIN_S = 10.0
"""Network file systems show a new file late."""


@dataclass(frozen=True)
class CommonGround:
    """What a run expects of every worker."""

    versions: Versions
    model: str | None
    model_digest: str
    engine: Engine = Engine.TORCH
    """What runs the network."""
    engine_version: str = ""
    """Of its package."""
    sensors: tuple[str, ...] = ()
    """Definitions of the run's own sensors, which a worker needs no file of."""
    archive: Storage | None = None
    """None where nothing is written."""
    mark: str = ""
    """A file that only this run's archive has; empty without an archive."""
    files: tuple[str, ...] = ()
    """Files of a catalog on this machine, of one overpass."""


def ground_of(settings: Settings) -> CommonGround:
    """What every worker must have that writes nothing.

    Raises InputError where the package of the engine is not installed here: numbers of two versions
    differ, and which one the run means is said by its own. The processor may be another.
    """
    engine = EngineName(settings.engine)
    try:
        require_package(engine)
    except EngineError as error:
        raise InputError(str(error)) from error
    return CommonGround(
        versions=installed(),
        model=settings.model,
        model_digest=settings.model_digest,
        engine=settings.engine,
        engine_version=package_version(engine),
        sensors=settings.sensors,
    )


@contextmanager
def marked(
    settings: Settings, archive: Storage, example: Overpass | None = None
) -> Iterator[CommonGround]:
    """What every worker must have that writes to this archive, which bears a mark until the end.

    The files of ``example`` that lie on this machine must lie on every other one too.
    """
    mark = MARKS.format(uuid4().hex)
    archive.write(mark, b"")
    try:
        yield replace(ground_of(settings), archive=archive, mark=mark, files=_files(example))
    finally:
        with suppress(ArchiveError):  # the archive may be out of reach; the mark does no harm
            archive.delete(mark)


def _files(example: Overpass | None) -> tuple[str, ...]:
    """The files of an overpass that lie on this machine, no addresses."""
    scenes = () if example is None else example.scenes
    named = dict.fromkeys(source.href for scene in scenes for source in scene.bands.values())
    return tuple(href for href in named if "://" not in href and Path(href).is_file())


def refuse_strangers(client: Client, ground: CommonGround) -> None:
    """Raise SetupError where a worker of this cluster does not stand on the ground.

    Workers that go meanwhile are none; those that come later are tried by their first task.
    """
    found = client.run(stranger, ground, on_error="return")
    faults = [f"worker {worker} {fault}" for worker, fault in found.items() if _is_fault(fault)]
    if faults:
        alike = f" ({len(faults)} of {len(found)} workers are refused)" if len(found) > 1 else ""
        raise SetupError(f"{faults[0]}{alike}")


def _is_fault(found: object) -> bool:
    return bool(found) and not isinstance(found, OSError)


def on_common_ground(ground: CommonGround, function: Callable[..., T], *arguments: Any) -> T:
    """``function(*arguments)`` on a worker; SetupError where that is a stranger to the run."""
    fault = stranger(ground)
    if fault:
        raise SetupError(f"worker {get_worker().address} {fault}")
    with using_definitions(ground.sensors):
        return function(*arguments)


def stranger(ground: CommonGround) -> str:
    """Why this process's work would not be the run's, in words; empty where it is.

    What was found well is not tried again.
    """
    try:
        _try_all(ground)
    except SetupError as error:
        return f"on {socket.gethostname()}: {error}"
    return ""


@cache
def _try_all(ground: CommonGround) -> None:
    other = difference(installed(), ground.versions)
    if other:
        raise SetupError(
            f"it has {other}: install the same Berthwatch with the same packages on all machines"
        )
    _try_engine(ground)
    _try_archive(ground)
    missing = [name for name in ground.files if not Path(name).is_file()]
    if missing:
        raise SetupError(
            f"it does not see {missing[0]}, a file of the catalog; expected the same path on every "
            "worker: mount that folder there, or take a catalog whose files have web addresses"
        )
    _try_weights(ground)


def _try_engine(ground: CommonGround) -> None:
    engine = EngineName(ground.engine)
    try:
        require_engine(engine)
    except EngineError as error:
        raise SetupError(str(error)) from error
    found = package_version(engine)
    if found != ground.engine_version:
        raise SetupError(
            f"it has {engine.package} {found}, not {ground.engine_version}, to run the network: "
            "install the same version on all machines"
        )


def _try_archive(ground: CommonGround) -> None:
    if ground.archive is None:
        return
    url = ground.archive.url
    try:
        seen = _appears(ground.archive, ground.mark)
    except ArchiveError as error:
        raise SetupError(f"it cannot read the archive {url}: {error}") from error
    if not seen:
        raise SetupError(
            f"what it sees at {url} is not the archive that this run writes to; expected the same "
            "folder or bucket on every worker: mount it there under that path, or use an "
            "archive in a bucket (s3://...)"
        )
    own = ground.mark.replace("of-a-run", f"{socket.gethostname()}-{uuid4().hex}")
    try:
        ground.archive.write(own, b"")
        ground.archive.delete(own)
    except ArchiveError as error:
        raise SetupError(f"it cannot write to the archive {url}: {error}") from error


def _appears(archive: Storage, name: str) -> bool:
    until = time.monotonic() + APPEARS_WITHIN_S
    while not archive.exists(name):
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True


def _try_weights(ground: CommonGround) -> None:
    what = ground.model or "the packaged weights"
    try:
        found = weights_digest(ground.model)
    except (OSError, ValueError) as error:  # InputError is a ValueError
        raise SetupError(
            f"it cannot read the weights {what} ({error}); expected the file under that path on "
            "every worker"
        ) from error
    if found != ground.model_digest:
        raise SetupError(
            f"{what} has the digest {found[:12]} there and {ground.model_digest[:12]} here; "
            "expected the same weights on every worker"
        )
