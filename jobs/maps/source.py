"""What maps are made from: the newest result of a job, and the archives with its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobs.archive import Archives, PortArchive, Step
from jobs.domain import Port, StageName, UnitState, did_you_mean
from jobs.errors import ArchiveError, InputError
from jobs.maps.moments import Moment, berthless_moments, moments
from jobs.publish import (
    ArchiveImagery,
    PublishedResult,
    newest_results,
    read_results,
    renderings_from,
)


@dataclass(frozen=True)
class MapSource:
    """A result with the archives of the ports to show."""

    result: PublishedResult
    ports: tuple[Port, ...]
    archives: Mapping[str, PortArchive]
    imagery: ArchiveImagery
    _looks: dict[str, tuple[Moment, ...]] = field(default_factory=dict)
    _steps: dict[str, Mapping[str, Step]] = field(default_factory=dict)

    def looks(self, port: Port) -> tuple[Moment, ...]:
        """The looks of a port, in time order."""
        if port.id not in self._looks:
            self._looks[port.id] = self._read_looks(port)
        return self._looks[port.id]

    def steps(self, port: Port) -> Mapping[str, Step]:
        """The overpasses of a port that have pixels, by id."""
        if port.id not in self._steps:
            steps = self.archives[port.id].steps()
            self._steps[port.id] = {
                id: step
                for id, step in steps.items()
                if step.state[StageName.TILE] is UnitState.DONE
            }
        return self._steps[port.id]

    def without_picture(self, port: Port) -> frozenset[str]:
        """Ids of the looks of which the archive has no pixels."""
        return frozenset(look.overpass_id for look in self.looks(port)) - set(self.steps(port))

    def _read_looks(self, port: Port) -> tuple[Moment, ...]:
        if port.berths:
            return moments(self.result, port)
        counted = self.result.provenance.get("items", {})
        return berthless_moments(self.archives[port.id].records(counted))


def map_source(source: Path, port_ids: Sequence[str] = ()) -> MapSource:
    """Of a job or plan file, for some of its ports or all; InputError for a job without results,
    a port that is not among them, or none with a look.
    """
    storage, folder = newest_results(source)
    result = read_results(storage, folder)
    ports = _chosen(result, port_ids)
    archives = Archives(ports, storage)
    for port in ports:
        if archives.existing(port.id) is None:
            raise ArchiveError(
                f"no archive of {port.id} in {storage.url}, though the results count it; expected "
                "the pixels beside them: put the archive back, or run the job again"
            )
    imagery = ArchiveImagery(archives, renderings_from(result.provenance))
    found = MapSource(result, ports, archives, imagery)
    seen = tuple(port for port in ports if found.looks(port))
    if not seen:
        raise InputError(
            f"no look at {', '.join(port.id for port in ports)} in the results of {result.job!r}, "
            f"tag {result.tag}; expected at least one overpass that is done: `berthwatch status "
            f"{source}` says what is missing"
        )
    return MapSource(result, seen, archives, found.imagery, found._looks, found._steps)


def _chosen(result: PublishedResult, port_ids: Sequence[str]) -> tuple[Port, ...]:
    known = {port.id: port for port in result.ports}
    for port_id in port_ids:
        if port_id not in known:
            hint = did_you_mean(port_id, known, f"it has {', '.join(known)}")
            raise InputError(f"no port {port_id!r} in the results of this job; {hint}")
    return tuple(port for port in result.ports if not port_ids or port.id in port_ids)
