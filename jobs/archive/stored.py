"""Port archives opened to read by their ids alone: no job, plan or port file is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import icechunk
import zarr
from shapely.geometry import Polygon, box

from jobs.archive.formats import check_format
from jobs.archive.repository import PortArchive, _icechunk, archive_errors, port_name
from jobs.archive.schema import FORMAT
from jobs.domain import Grid, Port, to_wgs84
from jobs.errors import ArchiveError
from jobs.storage import LocalFolder, Storage

PORTS = "ports"


def stored_ports(root: Storage) -> tuple[str, ...]:
    """Ids of the ports that have a repository in an archive, sorted."""
    return tuple(root.folders(PORTS))


def stored_port(root: Storage, port_id: str) -> PortArchive:
    """A port's archive, to read; its port has the grid as stored, and no berths.

    ArchiveError where there is none, or where no run has got as far as its first commit.
    """
    none = ArchiveError(f"no archive of {port_id!r} in {root.url}; {_what_is_there(root)}")
    name = port_name(port_id)
    if isinstance(root, LocalFolder) and not (root.path / name).is_dir():
        raise none  # Icechunk creates the folder of a local storage on opening
    check_format(root, name)
    nameless = Port(port_id, port_id, "", Polygon(), (), Grid(0, 0.0, 0.0, 0, 0))
    with archive_errors(root, nameless):
        storage = _icechunk(root, nameless)
        if not icechunk.Repository.exists(storage):
            raise none
        repository = icechunk.Repository.open(storage)
        store = repository.readonly_session("main").store
        attributes: dict[str, Any] = dict(zarr.open_group(store, mode="r").attrs)
    if attributes.get("berthwatch_format") != FORMAT:
        raise ArchiveError(
            f"{root.url_of(name)} has format {attributes.get('berthwatch_format')!r}, expected "
            f"{FORMAT}: begun by a run that was killed at once (run the job again), or written by "
            "another version of Berthwatch"
        )
    port = _with_grid(nameless, Grid(**attributes["grid"]), str(attributes["title"]))
    return PortArchive(repository, port, root)


def _what_is_there(root: Storage) -> str:
    found = ", ".join(stored_ports(root))
    return f"there are: {found}" if found else "no port at all: is it the folder of an archive?"


def _with_grid(port: Port, grid: Grid, title: str) -> Port:
    name = title.removeprefix("Berthwatch archive of ")
    return replace(port, name=name, grid=grid, area=to_wgs84(box(*grid.bounds), grid.epsg))


def store_at(archive: PortArchive, snapshot: str) -> icechunk.IcechunkStore:
    """A read-only Zarr store at a snapshot; ArchiveError where it is not in the archive."""
    try:
        return archive.repository.readonly_session(snapshot_id=snapshot).store
    except (icechunk.IcechunkError, ValueError) as error:
        raise ArchiveError(
            f"no snapshot {snapshot!r} in the archive of {archive.port.id} "
            f"({_said(error)}); `berthwatch archive JOB --history` lists "
            "those that can still be read"
        ) from error


def _said(error: Exception) -> str:
    """The first sentence of Icechunk's own words, without the trace that follows."""
    first = " ".join(str(error).split("|")[0].split())
    return first.removeprefix("x ")[:200]
