"""The plan file: JSON Lines, the overpasses of one port after those of another.

A header, one line per overpass, one per rejected item, an index with place and digest of each
port's lines, and last the place of the index. A name that ends in .gz makes a compressed file;
``zcat`` gives the lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobs.catalog import Rejected
from jobs.domain import Overpass
from jobs.errors import PlanError
from jobs.plan.estimate import estimate_note
from jobs.plan.header import PlanHeader, header_from_json, header_json, plan_hash
from jobs.plan.lazy_overpasses import OverpassesInFile
from jobs.plan.lines import line, parsed
from jobs.plan.plan import Plan
from jobs.plan.sections import Section, SectionFile, SectionWriter
from jobs.plan.serialise import (
    REJECTED,
    overpass_to_json,
    rejected_from_json,
    rejected_to_json,
)
from jobs.storage import new_file

FORMAT = 2
"""Version of the plan files that are written and read."""

_VERSION = "berthwatch_plan"
"""Key of the header that holds the version."""


@dataclass(frozen=True)
class PortFindings:
    """One port's part of a plan: what the searches of the catalogs gave."""

    port: str
    overpasses: Sequence[Overpass]
    """By time."""
    rejected: Sequence[Rejected] = ()


def write_plan(plan: Plan, path: Path) -> None:
    """Write the plan, one port in memory at a time.

    A reader sees the old file or the new one, never a part.
    """
    _refuse_unknown_ports(plan)
    findings = (PortFindings(port.id, plan.of(port.id)) for port in plan.ports)
    write_findings(plan, findings, path, plan.rejected)


def write_findings(
    header: PlanHeader,
    findings: Iterable[PortFindings],
    path: Path,
    rejected: Iterable[Rejected] = (),
) -> None:
    """Write a plan while it is made, one port's findings in memory at a time.

    ``findings`` are in the order of the header's ports; ``rejected`` are items known beforehand,
    and each item is written once. Where ``findings`` raise an error, no file is left.
    """
    content = header_json(header)
    grids = {port.id: port for port in header.ports}
    with new_file(path) as file:
        writer = SectionWriter(file, packed=path.suffix == ".gz")
        writer.add("header", [line({_VERSION: FORMAT, "archive": header.archive, **content})])
        left_out = dict.fromkeys(rejected)
        ports = []
        for found in findings:
            left_out |= dict.fromkeys(found.rejected)
            lines = (line(overpass_to_json(overpass)) for overpass in found.overpasses)
            section = writer.add(found.port, lines)
            ports.append(replace(section, note=estimate_note(grids[found.port], found.overpasses)))
        last = writer.add(REJECTED, (line(rejected_to_json(item)) for item in left_out))
        digests = ((section.name, section.digest) for section in (*ports, last))
        writer.end(_index_line(plan_hash(content, digests), ports, last))


def read_plan(path: Path) -> Plan:
    """The plan of a file; its overpasses stay there and are read, and checked, port by port.

    PlanError, naming the line, where the file is no plan, has another format or has been changed.
    """
    file = SectionFile(path)
    header = parsed(path, 1, file.first_line(), _header)
    index = file.index(_Index.from_json)
    overpasses = OverpassesInFile(file, index.ports)
    first = 2 + len(overpasses)  # the header is line 1
    rejected = file.read(index.rejected, first, rejected_from_json)
    plan = Plan.of_header(header, overpasses, tuple(rejected))
    try:
        found = plan.hash
    except ValueError as error:  # NaN, which no line that was written has
        raise PlanError(
            f"{path}, line 1: {error}; make the plan again with `berthwatch plan`"
        ) from error
    if found != index.hash or [p.id for p in plan.ports] != [s.name for s in index.ports]:
        raise PlanError(
            f"{path} has been changed since it was written: its content has hash "
            f"{found[:12]}, it claims {index.hash[:12]}; make it again with `berthwatch plan`"
        )
    return plan


def _refuse_unknown_ports(plan: Plan) -> None:
    """PlanError for overpasses of a port that the plan lacks: the file would not hold them."""
    if isinstance(plan.overpasses, OverpassesInFile):
        return
    known = {port.id for port in plan.ports}
    unknown = sorted({overpass.port for overpass in plan.overpasses} - known)
    if unknown:
        raise PlanError(f"the plan has overpasses of {', '.join(unknown)}, but no such port")


def _header(content: Mapping[str, Any]) -> PlanHeader:
    version = content[_VERSION]
    if version != FORMAT:
        raise PlanError(
            f"the plan file has format {version!r}; expected format {FORMAT}, which this version "
            "of Berthwatch writes; make the plan again with `berthwatch plan`"
        )
    return header_from_json(content)


@dataclass(frozen=True)
class _Index:
    hash: str
    ports: tuple[Section, ...]
    rejected: Section

    @classmethod
    def from_json(cls, content: Any) -> _Index:
        return cls(
            str(content["hash"]),
            tuple(Section.from_json(entry) for entry in content["index"]),
            Section.from_json(content["rejected_at"]),
        )


def _index_line(hash: str, ports: Sequence[Section], rejected: Section) -> str:
    return line(
        {
            "hash": hash,
            "overpasses": sum(section.digest.lines for section in ports),
            "index": [section.to_json() for section in ports],
            "rejected_at": rejected.to_json(),
        }
    )
