"""The plan as a value: the header, every overpass pinned to its files, and the items rejected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

from jobs.catalog import Rejected
from jobs.domain import Json, Overpass, Port, Superseded
from jobs.errors import PlanError
from jobs.plan.header import PlanHeader, header_json, plan_hash
from jobs.plan.lines import Digest, digest_of, line
from jobs.plan.serialise import REJECTED, fields_of, overpass_to_json, rejected_to_json


@runtime_checkable
class ByPort(Protocol):
    """Overpasses stored port by port, with facts of each port that need no reading of them."""

    def of(self, port_id: str) -> Sequence[Overpass]:
        """One port's overpasses, by time."""

    def digest(self, port_id: str) -> Digest:
        """Of the lines of one port's overpasses."""

    def note(self, port_id: str) -> Mapping[str, Json]:
        """The port's note in the index, such as its estimate; empty where there is none."""


@dataclass(frozen=True, kw_only=True)
class Plan(PlanHeader):
    """What a run needs: ports, settings, and every overpass pinned to its files."""

    overpasses: Sequence[Overpass]
    """By port in the job's order, then by time. Those of a plan that was read from a file stay in
    the file: iterating holds one port's at a time in memory."""
    rejected: tuple[Rejected, ...] = ()
    """Items that the catalogs gave and that cannot be used."""
    fresh: bool = field(default=False, compare=False)
    """The catalogs were searched just now: what they say takes precedence over what the archive
    was made of, even where that looks newer. Not kept in files."""

    @classmethod
    def of_header(
        cls,
        header: PlanHeader,
        overpasses: Sequence[Overpass] = (),
        rejected: tuple[Rejected, ...] = (),
    ) -> Plan:
        """The plan of a header."""
        return cls(**fields_of(header), overpasses=overpasses, rejected=rejected)

    @cached_property
    def hash(self) -> str:
        """sha256 of the content in hex; equal work has equal hashes, wherever results go."""
        sections = [(port.id, self.digest(port.id)) for port in self.ports]
        rejected = digest_of(line(rejected_to_json(each)) for each in self.rejected)
        return plan_hash(header_json(self), [*sections, (REJECTED, rejected)])

    @property
    def superseded(self) -> Iterator[Superseded]:
        """Scenes left out because another is the same acquisition, better processed."""
        return (scene for overpass in self.overpasses for scene in overpass.superseded)

    def port(self, id: str) -> Port:
        """The port of that id; PlanError where the plan has none."""
        if id in self._ports:
            return self._ports[id]
        known = ", ".join(port.id for port in self.ports[:10])
        more = "" if len(self.ports) <= 10 else f" and {len(self.ports) - 10} more"
        raise PlanError(f"the plan has no port {id!r}; it has {known}{more}")

    def of(self, port_id: str) -> Sequence[Overpass]:
        """One port's overpasses, by time; none for a port that the plan does not have."""
        if isinstance(self.overpasses, ByPort):
            return self.overpasses.of(port_id)
        return self._in_memory.get(port_id, ())

    def count(self, port_id: str) -> int:
        """Number of a port's overpasses; reads none of them."""
        if isinstance(self.overpasses, ByPort):
            return self.overpasses.digest(port_id).lines
        return len(self.of(port_id))

    def digest(self, port_id: str) -> Digest:
        """Of the lines of one port's overpasses."""
        if isinstance(self.overpasses, ByPort):
            return self.overpasses.digest(port_id)
        return digest_of(line(overpass_to_json(o)) for o in self.of(port_id))

    @cached_property
    def _ports(self) -> Mapping[str, Port]:
        return {port.id: port for port in self.ports}

    @cached_property
    def _in_memory(self) -> Mapping[str, Sequence[Overpass]]:
        found: dict[str, list[Overpass]] = defaultdict(list)
        for overpass in self.overpasses:
            found[overpass.port].append(overpass)
        return found
