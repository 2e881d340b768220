"""Ports and their berths as they are drawn: bundled ones, and GeoJSON files of one's own."""

from __future__ import annotations

from os import PathLike, fspath

import geopandas as gpd
import pandas as pd

from berthwatch.archives import open_archive
from berthwatch.berths import berth_table
from berthwatch.cards import card, lines
from berthwatch.pictures import Picture, port_picture
from jobs.archive import stored_port, stored_ports
from jobs.domain import Port, bundled_ports, load_port
from jobs.errors import InputError


class PortOutline:
    """A port as its file draws it: an area of interest and its berths.

    >>> vostochny = bw.port("RUVYP")
    >>> vostochny.berths.kind.tolist().count("oil_terminal")
    2
    """

    def __init__(self, port: Port) -> None:
        self._port = port

    @property
    def id(self) -> str:
        """The port's id."""
        return self._port.id

    @property
    def name(self) -> str:
        """The port's name."""
        return self._port.name

    @property
    def berths(self) -> gpd.GeoDataFrame:
        """A row a berth: name, kind, capacity (empty at an anchorage) and outline, in WGS 84.

        >>> list(bw.port("RUVYP").berths.columns)
        ['port', 'berth', 'name', 'kind', 'capacity', 'geometry']
        """
        return berth_table([self._port])

    def draw(self, on: str | PathLike[str] | None = None, tag: str | None = None) -> Picture:
        """The berths over the clearest of the newest looks in an archive, or on plain ground.

        ``on`` is an archive, or a job or plan file with one. It shows whether the berths of a port
        file lie where the quays are: draw, correct the file, draw again. No run is needed after the
        first. InputError where the archive does not have the port.

        >>> picture = bw.port("RUVYP").draw(on="demo/archive")
        >>> picture.text
        'Berths of RUVYP over ... of 2024-03-...'
        """
        if on is None:
            return port_picture(self._port, None)
        storage = open_archive(on)._storage
        if self.id not in stored_ports(storage):
            raise InputError(
                f"no port {self.id!r} in {storage.url}; there are: "
                f"{', '.join(stored_ports(storage))}"
            )
        archive = stored_port(storage, self.id)
        return port_picture(self._port, archive if tag is None else archive.pinned(tag))

    def _facts(self) -> dict[str, object]:
        west, south, east, north = self._port.area.bounds
        return {
            "country": self._port.country,
            "area": f"{west:.3f} to {east:.3f} E, {south:.3f} to {north:.3f} N",
            "berths": ", ".join(f"{b.id} ({b.kind})" for b in self._port.berths),
        }

    def _doubts(self) -> list[str]:
        return (
            ["berths are approximate until checked against imagery: .draw(on=...)"]
            if self._port.approximate
            else []
        )

    def __repr__(self) -> str:
        return lines(f"{self.name} ({self.id})", self._facts(), self._doubts())

    def _repr_html_(self) -> str:
        title = f"{self.name} ({self.id})"
        return card(title, self._facts(), self._doubts(), '.draw(on="ARCHIVE")')


def ports() -> pd.DataFrame:
    """The ports that come with Berthwatch; their berths are approximate.

    >>> bw.ports().id.tolist()
    ['KPCHO', 'KPHGM', ...]
    """
    found = [load_port(port_id) for port_id in bundled_ports()]
    rows = [
        {"id": p.id, "name": p.name, "country": p.country, "berths": len(p.berths)} for p in found
    ]
    return pd.DataFrame(rows)


def port(of: str | PathLike[str]) -> PortOutline:
    """A bundled port by its id, or the port of a GeoJSON file, checked as a run would check it.

    >>> bw.port("RUVYP").name
    'Vostochny'
    >>> bw.port("RUVYX")
    Traceback (most recent call last):
    ...
    jobs.errors.InputError: no bundled port 'RUVYX'; did you mean 'RUVYP'?; there are ...

    InputError for a file that contradicts itself: berths that overlap, a misspelt key, [lat, lon].
    """
    return PortOutline(load_port(fspath(of)))
