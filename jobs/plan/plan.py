"""The plan as a value: what a run needs, and nothing of where it is kept."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

from jobs.catalog.search import Rejected
from jobs.domain import (
    DEFAULT_ESTIMATES,
    EstimateSettings,
    FixedStructure,
    Json,
    Overpass,
    Period,
    Port,
    Superseded,
)
from jobs.domain.job import SourceSpec
from jobs.errors import PlanError
from jobs.plan.header import REJECTED, header_1_json, header_json, rejected_line
from jobs.plan.lines import Digest, digest_of, line
from jobs.plan.serialise import overpass_to_json

FORMAT = 2
"""Version of the plan files that are made now."""

WHOLE_HASH = 1
"""Version whose plans have one hash over all lines; they keep it, for results are named by it."""


@runtime_checkable
class ByPort(Protocol):
    """Overpasses that lie port by port, with what is known of a port's without reading them."""

    def of(self, port_id: str) -> Sequence[Overpass]:
        """One port's overpasses, by time."""

    def digest(self, port_id: str) -> Digest:
        """Of the lines of one port's overpasses."""

    def note(self, port_id: str) -> Mapping[str, Json]:
        """What was noted of a port when the plan was made; nothing where nothing was."""


@dataclass(frozen=True)
class Plan:
    """What a run needs: the job's answers, the ports, and every overpass pinned."""

    name: str
    """The job's."""
    period: Period
    archive: str
    model: str | None
    sources: tuple[SourceSpec, ...]
    ports: tuple[Port, ...]
    overpasses: Sequence[Overpass]
    """By port in the job's order, then by time. Of a plan that was read from a file they stay in
    the file: whoever goes through them holds one port's at a time."""
    rejected: tuple[Rejected, ...] = ()
    """Items that the catalogs gave and that cannot be used."""
    estimates: EstimateSettings = DEFAULT_ESTIMATES
    """How visits that nobody saw are estimated."""
    fixed_structure: FixedStructure = FixedStructure.REJECT
    """What becomes of vessels that lie where the port itself looks like a ship."""
    format: int = FORMAT
    """Version of its file, and of the rule by which it is hashed."""

    @cached_property
    def hash(self) -> str:
        """sha256 of the content: the same work has the same hash, wherever results go."""
        return _whole_hash(self) if self.format == WHOLE_HASH else _hash_of_hashes(self)

    def of(self, port_id: str) -> Sequence[Overpass]:
        """One port's overpasses, by time; none for a port that the plan does not have."""
        if isinstance(self.overpasses, ByPort):
            return self.overpasses.of(port_id)
        return self._in_memory.get(port_id, ())

    def count(self, port_id: str) -> int:
        """How many overpasses a port has; reads none."""
        if isinstance(self.overpasses, ByPort):
            return self.overpasses.digest(port_id).lines
        return len(self.of(port_id))

    def digest(self, port_id: str) -> Digest:
        """Of the lines of one port's overpasses."""
        if isinstance(self.overpasses, ByPort):
            return self.overpasses.digest(port_id)
        return digest_of(line(overpass_to_json(o)) for o in self.of(port_id))

    @cached_property
    def _in_memory(self) -> Mapping[str, Sequence[Overpass]]:
        found: dict[str, list[Overpass]] = defaultdict(list)
        for overpass in self.overpasses:
            found[overpass.port].append(overpass)
        return found

    @cached_property
    def _ports(self) -> Mapping[str, Port]:
        return {port.id: port for port in self.ports}

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


def hash_of_hashes(header: Mapping[str, Json], sections: Iterable[tuple[str, Digest]]) -> str:
    """The hash of a plan from its header and one digest for each port, and for the rejected."""
    digest = hashlib.sha256(line(header).encode())
    for name, of in sections:
        entry: dict[str, Json] = {"of": name, "lines": of.lines, "sha256": of.sha256}
        digest.update(line(entry).encode())
    return digest.hexdigest()


def _hash_of_hashes(plan: Plan) -> str:
    sections = [(port.id, plan.digest(port.id)) for port in plan.ports]
    rejected = digest_of(rejected_line(each) for each in plan.rejected)
    return hash_of_hashes(header_json(plan), [*sections, (REJECTED, rejected)])


def _whole_hash(plan: Plan) -> str:
    digest = hashlib.sha256(line(header_1_json(plan)).encode())
    for overpass in plan.overpasses:
        digest.update(line(overpass_to_json(overpass)).encode())
    return digest.hexdigest()
