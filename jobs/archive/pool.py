"""The port archives of a run: opened on access, a bounded number at a time."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from jobs.archive.fork import ForkStore
from jobs.archive.repository import PortArchive
from jobs.archive.steps import Step
from jobs.domain import Overpass, Port, make_land_mask, own_sensor
from jobs.storage import Storage

MOST_OPEN = 48
"""Archives open at once, besides those held."""


AsKnown: TypeAlias = Callable[[Sequence[Overpass], Mapping[str, Step]], Sequence[Overpass]]
"""Gives overpasses the ids under which they are known, given the steps by id."""


@dataclass
class _Open:
    archive: PortArchive
    fork: ForkStore | None = None


class Archives(Mapping[str, PortArchive]):
    """The existing archives of some ports by port id; the least recently used is closed first.

    An archive with units at work or not yet committed is held (``hold``) and stays open.
    """

    def __init__(self, ports: Iterable[Port], root: Storage, most_open: int = MOST_OPEN) -> None:
        self.root = root
        self.most_open = most_open
        self._ports: dict[str, Port] = {port.id: port for port in ports}
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._held: Counter[str] = Counter()

    def __getitem__(self, port_id: str) -> PortArchive:
        found = self.existing(port_id)
        if found is None:
            raise KeyError(port_id)
        return found

    def __iter__(self) -> Iterator[str]:
        exists = PortArchive.exists
        return (id for id, port in self._ports.items() if exists(self.root, port))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def open_now(self) -> int:
        """How many archives are open."""
        return len(self._open)

    def existing(self, port_id: str) -> PortArchive | None:
        """The port's archive; None where no run has begun it."""
        if port_id in self._open:
            self._open.move_to_end(port_id)
            return self._open[port_id].archive
        found = PortArchive.existing(self.root, self._ports[port_id])
        return None if found is None else self._keep(found)

    def begin(
        self, port_id: str, overpasses: Sequence[Overpass], as_known: AsKnown | None = None
    ) -> Mapping[str, Step]:
        """Create the port's archive where missing, and missing steps; returns all steps by id.

        ``as_known`` gives the overpasses the ids under which the archive has them.
        """
        archive = self.existing(port_id)
        if archive is None:
            port = self._ports[port_id]
            made = PortArchive.create_or_open(self.root, port, make_land_mask(port.grid))
            archive = self._keep(made)
        steps = archive.steps()
        if as_known is not None:
            overpasses = as_known(overpasses, steps)
        own = any(map(own_sensor, overpasses))  # whose definition may be another
        if not own and all(overpass.id in steps for overpass in overpasses):
            return steps
        archive.ensure(overpasses)
        self._open[port_id].fork = None
        return archive.steps()

    def fork(self, port_id: str) -> ForkStore:
        """A fork for units to copy; made once per opening of an archive, as it costs requests."""
        self[port_id]  # opens the archive
        entry = self._open[port_id]
        if entry.fork is None:
            entry.fork = entry.archive.fork()
        return entry.fork

    def hold(self, port_id: str) -> None:
        """Keep the archive open until it has been released as often as held."""
        self._held[port_id] += 1

    def release(self, port_id: str) -> None:
        """End one hold; without any, the archive may be closed."""
        self._held[port_id] -= 1
        if not self._held[port_id]:
            del self._held[port_id]
            self._close_some()

    def _keep(self, archive: PortArchive) -> PortArchive:
        self._open[archive.port.id] = _Open(archive)
        self._close_some()
        return archive

    def _close_some(self) -> None:
        *older, newest = self._open or [""]
        for port_id in older:
            if len(self._open) <= self.most_open:
                return
            if port_id not in self._held and port_id != newest:
                del self._open[port_id]
