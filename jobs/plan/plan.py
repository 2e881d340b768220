"""The plan as a value: what a run needs, and nothing of where it is kept."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from jobs.catalog.query import Rejected
from jobs.domain import (
    DEFAULT_ESTIMATES,
    Access,
    Dwell,
    EstimateSettings,
    FixedStructure,
    Json,
    Overpass,
    Period,
    Port,
    Superseded,
)
from jobs.domain.job import SourceSpec, period_json, source_json
from jobs.errors import PlanError
from jobs.plan.lines import Digest, digest_of, line
from jobs.plan.serialise import fields_of, overpass_to_json, port_from_json, port_to_json

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


REJECTED = "rejected"
"""What marks the lines of rejected items, and the name of their section."""


def header_json(plan: Plan) -> dict[str, Json]:
    """What the hash covers besides overpasses and rejected items: all but where results go."""
    return {
        "name": plan.name,
        "period": period_json(plan.period),
        "model": plan.model,
        "sources": [source_json(source) for source in plan.sources],
        "ports": [port_to_json(port) for port in plan.ports],
        **_estimates_json(plan.estimates),
        **_fixed_structure_json(plan.fixed_structure),
    }


def header_1_json(plan: Plan) -> dict[str, Json]:
    """The same of a plan of format 1, whose header holds the rejected items too."""
    return {**header_json(plan), "rejected": [fields_of(rejected) for rejected in plan.rejected]}


def rejected_line(rejected: Rejected) -> str:
    """A rejected item as a line of its own."""
    return line({REJECTED: fields_of(rejected)})


def rejected_from_json(content: Mapping[str, Any]) -> Rejected:
    """The rejected item of ``rejected_line``."""
    return Rejected(**content[REJECTED])


def plan_fields(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a header says, as the fields of a plan."""
    days = content["period"]
    return {
        "name": content["name"],
        "period": Period(date.fromisoformat(days["start"]), date.fromisoformat(days["end"])),
        "archive": content["archive"],
        "model": content["model"],
        "sources": tuple(_source_spec(source) for source in content["sources"]),
        "ports": tuple(port_from_json(port) for port in content["ports"]),
        "estimates": _estimates(content.get("estimates")),
        "fixed_structure": FixedStructure(content.get("fixed_structure", FixedStructure.REJECT)),
    }


def _estimates_json(settings: EstimateSettings) -> dict[str, Json]:
    """Nothing for what is believed by default, so that plans from before the choice stand."""
    return {} if settings == DEFAULT_ESTIMATES else {"estimates": asdict(settings)}


def _fixed_structure_json(choice: FixedStructure) -> dict[str, Json]:
    """Nothing for what is done by default, for the same reason."""
    return {} if choice is FixedStructure.REJECT else {"fixed_structure": choice.value}


def _estimates(content: Mapping[str, Any] | None) -> EstimateSettings:
    if content is None:
        return DEFAULT_ESTIMATES
    dwells = {
        name: None if content[name] is None else Dwell(**content[name])
        for name in ("dwell", "waiting")
    }
    return EstimateSettings(**{**content, **dwells})


def _source_spec(content: Mapping[str, Any]) -> SourceSpec:
    if "access" not in content:  # as in plans from before there was a choice
        return SourceSpec(**content)
    return SourceSpec(**{**content, "access": Access(content["access"])})
