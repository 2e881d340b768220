"""Opening an archive: its ports as xarray, at a tag, at a snapshot or as they are now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Literal

import pandas as pd
import xarray as xr

from berthwatch.cards import card, lines
from jobs.archive import PortArchive, open_tree, snapshots, store_at, stored_port, stored_ports
from jobs.domain import did_you_mean, read_job
from jobs.errors import InputError
from jobs.plan import is_job, read_plan
from jobs.publish import newest_folder
from jobs.storage import Storage, storage_at


class ArchivedPort:
    """One port of an archive: what every satellite pass saw of it, and what the network found.

    >>> port = bw.open_archive("demo/archive")["RUVYP"]
    >>> port.name
    'Vostochny'
    >>> list(port.tags)
    ['demo-...']
    """

    def __init__(self, archive: PortArchive) -> None:
        self._archive = archive

    @property
    def id(self) -> str:
        """The port's id in the job file."""
        return self._archive.port.id

    @property
    def name(self) -> str:
        """The port's name."""
        return self._archive.port.name

    @property
    def tags(self) -> dict[str, str]:
        """The snapshot of every tag. A complete run makes one, ``<job>-<tag of the result>``.

        >>> tags = bw.open_archive("demo/archive")["RUVYP"].tags
        >>> all(len(snapshot) == 20 for snapshot in tags.values())
        True
        """
        return {tag: each.id for each in snapshots(self._archive) for tag in each.tags}

    @property
    def commits(self) -> pd.DataFrame:
        """Every state of the port that can still be opened, newest first.

        >>> list(bw.open_archive("demo/archive")["RUVYP"].commits)
        ['snapshot', 'written', 'message', 'plan', 'code', 'tags']
        """
        rows = [
            {
                "snapshot": each.id,
                "written": pd.Timestamp(each.written),
                "message": each.message,
                "plan": each.made_from.get("plan", ""),
                "code": each.made_from.get("code", ""),
                "tags": " ".join(each.tags),
            }
            for each in snapshots(self._archive)
        ]
        return pd.DataFrame(rows)

    def open(
        self,
        tag: str | None = None,
        snapshot: str | None = None,
        chunks: Mapping[str, int] | Literal["stored", "auto"] | None = "stored",
    ) -> xr.DataTree:
        """The port as an xarray DataTree, lazily: nothing but its index is read yet.

        ``tag`` or ``snapshot`` opens a state that stays the same for ever; neither, the newest. The
        root's attribute ``snapshot`` says which it is. Groups are kinds of sensor (``sentinel-2``,
        and ``sentinel-2-visual`` for true colour); each is in order of time. In them lie
        ``reflectance`` (or ``true_colour``), ``quality`` (flags), ``ship_probability`` and the
        vessels as padded tables, ``vessel_x(time, vessel)`` and so on. Numbers are float32, where
        plain xarray makes float64. ``chunks`` is xarray's (None opens without Dask), or "stored":
        one Dask chunk for each stored chunk.

        >>> tree = bw.open_archive("demo/archive")["RUVYP"].open()
        >>> tree["sentinel-2"].reflectance.dims, str(tree["sentinel-2"].reflectance.dtype)
        (('time', 'band', 'y', 'x'), 'float32')
        >>> brightest = tree["sentinel-2"].reflectance.sel(band="nir").max("time")

        ArchiveError for a tag or snapshot that the archive does not have.
        """
        if tag is not None and snapshot is not None:
            raise InputError("both a tag and a snapshot are given; expected one of them, or none")
        if snapshot is not None:
            store = store_at(self._archive, snapshot)
        else:
            store = self._archive.store(tag)
        tree = open_tree(store, {} if chunks == "stored" else chunks)
        ordered = tree.map_over_datasets(_in_time_order)
        ordered.attrs = dict(tree.attrs) | {"snapshot": store.session.snapshot_id}
        return ordered

    def _facts(self) -> dict[str, object]:
        grid = self._archive.port.grid
        height_m, width_m = (pixels * grid.resolution_m for pixels in grid.shape)
        return {
            "name": self.name,
            "grid": f"{width_m / 1000:g} km by {height_m / 1000:g} km, {grid.resolution_m:g} m, "
            f"EPSG:{grid.epsg}",
            "tags": ", ".join(self.tags) or "none: no run is complete yet",
        }

    def __repr__(self) -> str:
        return lines(f"Port {self.id} in {self._archive.storage.url}", self._facts())

    def _repr_html_(self) -> str:
        return card(f"Port {self.id}", self._facts(), hint=".open(tag=...) gives its pixels")


def _in_time_order(group: xr.Dataset) -> xr.Dataset:
    """Steps lie in an archive in the order of their arrival."""
    return group.sortby("time") if "time" in group.dims else group


class Archive(Mapping[str, ArchivedPort]):
    """An archive: a port for each id, and the results that were published beside them.

    >>> archive = bw.open_archive("demo/archive")
    >>> list(archive)
    ['KPCHO', 'RUVYP']
    >>> archive["RUVYP"].open()["sentinel-2"].sizes["band"]
    4
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    @property
    def url(self) -> str:
        """The archive's folder or address."""
        return self._storage.url

    @cached_property
    def _ids(self) -> tuple[str, ...]:
        return stored_ports(self._storage)

    def __getitem__(self, port_id: str) -> ArchivedPort:
        if port_id not in self._ids:
            hint = did_you_mean(port_id, self._ids)
            raise _NoSuchPortError(
                f"no port {port_id!r} in {self.url}; {hint} there are: {', '.join(self._ids)}"
            )
        return ArchivedPort(stored_port(self._storage, port_id))

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def results(self) -> pd.DataFrame:
        """The published results: job, tag, whether it is the newest of its job, and its address.

        >>> results = bw.open_archive("demo/archive").results
        >>> results.job.tolist()
        ['demo']
        >>> bw.open_result(results.address[0]).job
        'demo'
        """
        rows = [
            {
                "job": job,
                "tag": tag,
                "newest": tag == self._newest(job),
                "address": self._storage.url_of(f"published/{job}/{tag}"),
            }
            for job in self._storage.folders("published")
            for tag in self._storage.folders(f"published/{job}")
        ]
        return pd.DataFrame(rows, columns=["job", "tag", "newest", "address"])

    def _newest(self, job: str) -> str:
        return (newest_folder(self._storage, job) or "").rpartition("/")[2]

    def _facts(self) -> dict[str, object]:
        found = self.results
        return {
            "ports": ", ".join(self._ids),
            "results": ", ".join(found.loc[found["newest"], "job"]) or "none published yet",
        }

    def __repr__(self) -> str:
        return lines(f"Archive {self.url}", self._facts())

    def _repr_html_(self) -> str:
        return card(
            f"Archive {self.url}",
            self._facts(),
            hint='archive["PORT"].open(); archive.results',
        )


class _NoSuchPortError(InputError, KeyError):
    """A port that is not in the archive: a KeyError too, as a mapping's users expect."""

    def __str__(self) -> str:
        return str(self.args[0])


def open_archive(place: str | PathLike[str]) -> Archive:
    """The archive in a folder, in a bucket, or that a job or plan file names.

    >>> bw.open_archive("demo/archive")
    Archive ...demo/archive
      ports    KPCHO, RUVYP
      results  demo
    >>> bw.open_archive("demo/job.yaml").url == bw.open_archive("demo/archive").url
    True

    Reading changes nothing and takes no lock; credentials of a bucket come from the environment.
    InputError where there is no archive.
    """
    storage = storage_of(fspath(place))
    if not stored_ports(storage):
        raise InputError(
            f"{storage.url}: no archive, or one without a port; expected the `archive:` of a job "
            "file (a folder or s3://bucket/prefix), with `ports/` in it: run the job first"
        )
    return Archive(storage)


def storage_of(place: str) -> Storage:
    """The storage at an archive's place, or of a job or plan file."""
    path = Path(place)
    if "://" not in place and (is_job(path) or path.is_file()):
        return storage_at(_described(path))
    return storage_at(place if "://" in place else str(path.resolve()))


def _described(path: Path) -> str:
    return read_job(path).archive if is_job(path) else read_plan(path).archive
