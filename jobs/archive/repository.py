"""One port's repository: created, extended, forked, committed to, tagged and read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.errors import GroupNotFoundError

from jobs.archive.export import CopyFormat, copy_into, whole
from jobs.archive.fork import ForkStore
from jobs.archive.formats import check_format, check_really_none
from jobs.archive.merge import Ground, ground_of, merge
from jobs.archive.schema import (
    FORMAT,
    LAND,
    append,
    array,
    child,
    create_family,
    create_missing,
    grid_arrays,
    grid_json,
    make,
    own_definitions,
    redefine,
)
from jobs.archive.steps import (
    Step,
    digests_of_read,
    read_digests,
    read_pixels,
    read_record,
    read_steps,
    write_inputs,
    write_status,
)
from jobs.domain import (
    SENSORS,
    Overpass,
    OverpassRecord,
    Pixels,
    Port,
    StageName,
    UnitResult,
    UnitState,
    own_sensor,
    sensor_of_definition,
    use_sensors,
)
from jobs.errors import ArchiveError
from jobs.storage import Bucket, LocalFolder, Storage, endpoint, region

MOST_COMMITS = 1000
"""Newest commits whose metadata ``models`` reads; each costs a request."""

SPLIT_STEPS = 256
"""Steps in one of Icechunk's manifests, the lists of chunks: each commit writes those anew in which
something changed. More would make commits larger, fewer the list of manifests, which is written
with them."""

CONFIG = icechunk.RepositoryConfig(
    manifest=icechunk.ManifestConfig(
        splitting=icechunk.ManifestSplittingConfig.from_dict(
            {
                icechunk.ManifestSplitCondition.AnyArray(): {
                    icechunk.ManifestSplitDimCondition.DimensionName("time"): SPLIT_STEPS
                }
            }
        ),
        # Else every session reads manifests ahead, those of forks that only write as well.
        preload=icechunk.ManifestPreloadConfig(
            max_total_refs=0, preload_if=icechunk.ManifestPreloadCondition.false()
        ),
    )
)

# Local commits are guarded by our own lock (`LocalFolder.locked`), so Icechunk's warning that they
# need one would only alarm users.
icechunk.set_logs_filter("error")


def _changes(added: int, redefined: bool) -> str:
    if added:
        return f"Add {added} overpasses"
    return "Redefine sensors" if redefined else "Add variables of a newer version"


def port_name(port_id: str) -> str:
    """Name of one port's repository inside an archive."""
    return f"ports/{port_id}"


def _icechunk(storage: Storage, port: Port) -> icechunk.Storage:
    """Icechunk's storage of a port's repository; credentials come from the environment."""
    name = port_name(port.id)
    if not isinstance(storage, Bucket):
        return icechunk.local_filesystem_storage(storage.url_of(name))
    server = endpoint()
    return icechunk.s3_storage(
        bucket=storage.bucket,
        prefix=storage.key(name),
        region=region(),
        endpoint_url=server,
        allow_http=server is not None and server.startswith("http://"),
        force_path_style=server is not None,
        from_env=True,
    )


def _open_or_create(storage: icechunk.Storage) -> icechunk.Repository:
    """The repository, created where there is none, in format 1: Icechunk 1 and 2 both write it.

    Icechunk 2 creates format 2 unless asked, which Icechunk 1, the newest on Python 3.11, cannot
    read.
    """
    has_formats = hasattr(icechunk, "SpecVersion")  # since 2.0
    options: dict[str, Any] = {"create_version": 1} if has_formats else {}
    return icechunk.Repository.open_or_create(storage, CONFIG, **options)


@contextmanager
def archive_errors(storage: Storage, port: Port) -> Iterator[None]:
    """Raise Icechunk's errors as ArchiveError that names the archive and what to do."""
    try:
        yield
    except icechunk.ConflictError as error:
        raise ArchiveError(
            f"another run committed to the archive of {port.id} in {storage.url} in the meantime; "
            "nothing of it is damaged: run the same command again"
        ) from error
    except icechunk.IcechunkError as error:
        said = " ".join(str(error).split())[:300]
        raise ArchiveError(
            f"the archive of {port.id} in {storage.url} cannot be read or written: {said}; "
            "what was committed is safe: mend the cause (space, rights, network), and run the same "
            "command again"
        ) from error


class PortArchive:
    """One port's repository. Only the coordinator commits; workers write to forks."""

    def __init__(
        self,
        repository: icechunk.Repository,
        port: Port,
        storage: Storage,
        snapshot: str | None = None,
    ) -> None:
        self.repository = repository
        self.port = port
        self.storage = storage
        self.snapshot = snapshot
        """Id of the snapshot that is read; None for the newest at each reading."""
        self._forked_from: Mapping[str, Ground] = {}

    @classmethod
    def existing(cls, root: Storage, port: Port) -> PortArchive | None:
        """The port's repository; None where there is none, or where its creation was cut off.

        Raises ArchiveError where its grid is not the port's, or where the installed Icechunk cannot
        read it.
        """
        name = port_name(port.id)
        if isinstance(root, LocalFolder) and not (root.path / name).exists():
            return None  # Icechunk creates the folder of a local storage on opening
        check_format(root, name)
        with archive_errors(root, port):
            storage = _icechunk(root, port)
            if not icechunk.Repository.exists(storage):
                check_really_none(root, name)
                return None
            archive = cls(icechunk.Repository.open(storage, CONFIG), port, root)
            if not archive._is_begun():
                return None
            archive._check_grid()
            archive._know_sensors()
            return archive

    @classmethod
    def exists(cls, root: Storage, port: Port) -> bool:
        """Whether the port has a repository in this archive."""
        return cls.existing(root, port) is not None

    @classmethod
    def create_or_open(
        cls, root: Storage, port: Port, land: NDArray[np.bool_] | None
    ) -> PortArchive:
        """The port's repository, created with the land mask (y, x) where it does not exist.

        ``land`` may be None only where the repository exists. Raises ArchiveError where an existing
        one has another grid.
        """
        found = cls.existing(root, port)
        if found is not None:
            return found
        if land is None:
            raise ArchiveError(f"no archive of {port.id} in {root.url}: run the job first")
        with archive_errors(root, port):
            archive = cls(_open_or_create(_icechunk(root, port)), port, root)
            archive._create_root(land)
        return archive

    def _create_root(self, land: NDArray[np.bool_]) -> None:
        session = self.repository.writable_session("main")
        if self._is_begun(session.snapshot_id):  # by another part of the backfill meanwhile
            self._check_grid()
            return
        root = zarr.open_group(session.store, mode="a")
        root.attrs.update(
            {
                "Conventions": "CF-1.11",
                "title": f"Berthwatch archive of {self.port.name}",
                "berthwatch_format": FORMAT,
                "port": self.port.id,
                "grid": grid_json(self.port.grid),
            }
        )
        grid_arrays(root, self.port.grid)
        make(root, "land", ("y", "x"), land.astype(np.uint8), **LAND)
        session.commit("Create the port's archive")

    def _is_begun(self, snapshot_id: str | None = None) -> bool:
        """False where a run was killed before the first commit.

        It follows from the history: a root group that cannot be read looks like a missing one.
        """
        tip = snapshot_id or self.repository.lookup_branch("main")
        return next(iter(self.repository.ancestry(snapshot_id=tip))).parent_id is not None

    def _check_grid(self) -> None:
        root = zarr.open_group(self.repository.readonly_session("main").store, mode="r")
        found, expected = root.attrs.get("grid"), grid_json(self.port.grid)
        if found != expected:
            raise ArchiveError(
                f"the archive of {self.port.id} has the grid {found}, the port now has {expected}: "
                "its area of interest changed; give the port another id or use another archive"
            )

    def _know_sensors(self) -> None:
        """Enter sensors of one's own into the registry, as they were when they were stored here."""
        root = zarr.open_group(self.repository.readonly_session("main").store, mode="r")
        own = map(sensor_of_definition, own_definitions(root))
        use_sensors(sensor for sensor in own if sensor.name not in SENSORS)

    def ensure(self, overpasses: Sequence[Overpass]) -> None:
        """Append a step to its sensor's time axis for every overpass that has none."""
        with archive_errors(self.storage, self.port):
            session = self.repository.writable_session("main")
            root = zarr.open_group(session.store, mode="a")
            lacking = [create_missing(group) for _, group in root.groups()]
            added = self._append(root, overpasses)
            redefined = self._redefine(root, overpasses)
            if added or redefined or any(lacking):
                session.commit(_changes(added, redefined))

    def _append(self, root: zarr.Group, overpasses: Iterable[Overpass]) -> int:
        by_family: dict[str, list[Overpass]] = {}
        for overpass in overpasses:
            by_family.setdefault(SENSORS[overpass.sensor].family, []).append(overpass)
        added = 0
        for family, members in sorted(by_family.items()):
            if family not in root:
                create_family(root, SENSORS[members[0].sensor], self.port.grid)
            added += append(child(root, family), members)
        return added

    def _redefine(self, root: zarr.Group, overpasses: Iterable[Overpass]) -> bool:
        """Keep the present definitions of sensors of one's own; whether one differed."""
        own = {SENSORS[overpass.sensor].name for overpass in overpasses if own_sensor(overpass)}
        changed = [redefine(child(root, SENSORS[name].family), SENSORS[name]) for name in own]
        return any(changed)

    def steps(self) -> dict[str, Step]:
        """Every overpass that is read here by its id, with its status in each stage."""
        found: dict[str, Step] = {}
        with archive_errors(self.storage, self.port):
            root = zarr.open_group(self.store(), mode="r")
            for _, group in root.groups():
                found.update((step.overpass_id, step) for step in read_steps(group))
        return found

    def fork(self) -> ForkStore:
        """A fork of the newest snapshot for units to write to."""
        return ForkStore(self.repository.writable_session("main").fork())

    def commit(
        self,
        results: Sequence[tuple[UnitResult, str]],
        forks: Sequence[ForkStore],
        message: str,
        metadata: Mapping[str, str],
    ) -> str:
        """Merge the forks of units and write their status in one commit; returns the snapshot id.

        ``results`` pairs each result with its stage's key. Forks may come from older snapshots than
        the newest: no two units write the same chunk. Raises MergeRefusedError, and commits
        nothing, where another writer changed the units' steps or arrays since.
        """
        with archive_errors(self.storage, self.port):
            session = self.repository.writable_session("main")
            root = zarr.open_group(session.store, mode="r+")
            merge(session, forks, results, ground_of(root), self._grounds(forks))
            for _, group in root.groups():
                create_missing(group)
                write_status(group, results)
            return session.commit(message, metadata=dict(metadata))

    def keep_inputs(self, inputs: Mapping[str, str]) -> None:
        """Commit what is known of the inputs of overpasses, by id, as ``Step.inputs``."""
        with archive_errors(self.storage, self.port):
            session = self.repository.writable_session("main")
            root = zarr.open_group(session.store, mode="r+")
            for _, group in root.groups():
                create_missing(group)
                write_inputs(group, inputs)
            session.commit(f"Keep the inputs of {len(inputs)} overpasses")

    def _grounds(self, forks: Iterable[ForkStore]) -> Mapping[str, Ground]:
        """The ground of each fork's snapshot; kept, as the forks of many commits share one."""
        wanted = {fork.session.snapshot_id for fork in forks}
        known = {id: ground for id, ground in self._forked_from.items() if id in wanted}
        for id in wanted - known.keys():
            store = self.repository.readonly_session(snapshot_id=id).store
            known[id] = ground_of(zarr.open_group(store, mode="r"))
        self._forked_from = known
        return known

    def tag(self, name: str) -> None:
        """Tag the newest snapshot; an existing tag is not moved."""
        with archive_errors(self.storage, self.port):
            if name not in self.repository.list_tags():
                self.repository.create_tag(name, self.repository.lookup_branch("main"))

    def models(self) -> Iterator[str]:
        """Ids of the models that commits were made with, newest first, with repetitions."""
        for info in islice(self.repository.ancestry(branch="main"), MOST_COMMITS):
            if "model" in info.metadata:
                yield str(info.metadata["model"])

    def made_by(self, model: str) -> Iterator[str]:
        """What ran the network of that id for commits, newest first, with repetitions."""
        for info in islice(self.repository.ancestry(branch="main"), MOST_COMMITS):
            if info.metadata.get("model") == model:
                yield from json.loads(str(info.metadata.get("made_by", "[]")))

    def tags(self) -> tuple[str, ...]:
        """Names of all tags, sorted."""
        return tuple(sorted(self.repository.list_tags()))

    def store(self, tag: str | None = None) -> icechunk.IcechunkStore:
        """A read-only Zarr store at a tag, at ``snapshot``, or at the newest commit."""
        if tag is not None:
            self._check_tag(tag)
            return self.repository.readonly_session(tag=tag).store
        if self.snapshot is not None:
            return self.repository.readonly_session(snapshot_id=self.snapshot).store
        return self.repository.readonly_session("main").store

    def _check_tag(self, tag: str) -> None:
        if tag not in self.repository.list_tags():
            raise ArchiveError(
                f"no tag {tag!r} in the archive of {self.port.id}; there are: "
                f"{', '.join(self.tags()) or 'none yet'}"
            )

    def pinned(self, tag: str | None = None) -> PortArchive:
        """The archive to read as it is at a tag, or now, whatever is committed meanwhile.

        ArchiveError for a tag that it does not have.
        """
        with archive_errors(self.storage, self.port):
            if tag is None:
                snapshot = self.repository.lookup_branch("main")
            else:
                self._check_tag(tag)
                snapshot = self.repository.lookup_tag(tag)
        return PortArchive(self.repository, self.port, self.storage, snapshot)

    def records(self, overpass_ids: Iterable[str]) -> Iterator[OverpassRecord]:
        """Records of those of the overpasses that are done, in time order, one at a time."""
        wanted = set(overpass_ids)
        steps = [
            step
            for step in self.steps().values()
            if step.overpass_id in wanted and step.state[StageName.SEGMENT] is UnitState.DONE
        ]
        with self._reading():
            root = zarr.open_group(self.store(), mode="r")
            moments = {name: np.asarray(array(group, "time")[:]) for name, group in root.groups()}
        steps.sort(key=lambda s: (moments[SENSORS[s.sensor].family][s.index], s.overpass_id))
        for step in steps:
            with self._reading():
                record = read_record(child(root, SENSORS[step.sensor].family), step)
            yield record

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise what cannot be read, or is not what was written, as ArchiveError."""
        with archive_errors(self.storage, self.port):
            try:
                yield
            except GroupNotFoundError:
                raise  # as of a storage that is away for a moment
            except (ValueError, RuntimeError) as error:  # of the codecs
                said = " ".join(str(error).split())[:300]
                raise ArchiveError(
                    f"the archive of {self.port.id} in {self.storage.url} holds a damaged chunk "
                    f"({said}): put the archive back from a copy, or run the job into a new one"
                ) from error

    def what_was_read(self, sensor: str, index: int) -> Mapping[str, str]:
        """As ``UnitResult.read``, of the step of that index; empty where it was not kept."""
        with self._reading():
            group = child(zarr.open_group(self.store(), mode="r"), SENSORS[sensor].family)
            return read_digests(group, index)

    def digests_of_read(self) -> dict[str, str]:
        """One sha256 of all that was read, by overpass id, of overpasses of which it was kept."""
        with self._reading():
            root = zarr.open_group(self.store(), mode="r")
            return {
                id: digest for _, group in root.groups() for id, digest in digests_of_read(group)
            }

    def image(self, step: Step, rows: slice = slice(None), columns: slice = slice(None)) -> Pixels:
        """The pixels of one step at the newest commit, of those rows and columns only."""
        with self._reading():
            group = child(zarr.open_group(self.store(), mode="r"), SENSORS[step.sensor].family)
            return read_pixels(group, step.sensor, step.index, rows, columns)

    def quality(self, step: Step) -> NDArray[np.uint8]:
        """The quality of one step (y, x) at the newest commit."""
        with self._reading():
            group = child(zarr.open_group(self.store(), mode="r"), SENSORS[step.sensor].family)
            return np.asarray(array(group, "quality")[step.index])

    def ship_probability(self, step: Step) -> NDArray[np.uint8]:
        """The network's probability that a pixel is part of a ship (y, x), in 255ths; 0 throughout
        where it did not run.
        """
        with self._reading():
            group = child(zarr.open_group(self.store(), mode="r"), SENSORS[step.sensor].family)
            return np.asarray(array(group, "ship_probability")[step.index])

    def export(
        self, target: Path, tag: str | None = None, form: CopyFormat = CopyFormat.ZARR
    ) -> None:
        """Write a copy in a format that needs no Icechunk, a few chunks in memory at a time.

        Written beside the target and renamed at the end, so that the target is never incomplete.
        Raises ArchiveError where the target exists or cannot be written.
        """
        with archive_errors(self.storage, self.port), whole(target) as partial:
            copy_into(partial, self.store(tag), form)
