"""The plan file: JSON Lines, the overpasses of one port after those of another.

First a header, then one line per overpass, then one per rejected item, then an index that says
where each port's lines lie and what they are, and last where the index lies. A name that ends in
.gz makes a compressed file; ``zcat`` gives the same lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from jobs.catalog.query import Rejected
from jobs.domain import Overpass
from jobs.errors import PlanError
from jobs.plan import format_1
from jobs.plan.estimate import noted
from jobs.plan.lazy_overpasses import OverpassesInFile
from jobs.plan.lines import line, parsed
from jobs.plan.plan import (
    FORMAT,
    REJECTED,
    WHOLE_HASH,
    Plan,
    hash_of_hashes,
    header_json,
    plan_fields,
    rejected_from_json,
    rejected_line,
)
from jobs.plan.sections import Section, SectionFile, SectionWriter
from jobs.plan.serialise import overpass_to_json


@dataclass(frozen=True)
class PortFindings:
    """What the catalogs hold of one port."""

    port: str
    overpasses: Sequence[Overpass]
    """By time."""
    rejected: Sequence[Rejected] = ()


def write_plan(plan: Plan, path: Path) -> None:
    """Write the plan, one port in memory at a time, in the format that it has.

    A reader sees the old file or the new one, never a part.
    """
    _refuse_strangers(plan)
    if plan.format == WHOLE_HASH:
        with whole_file(path) as file:
            file.writelines(text.encode() for text in format_1.lines(plan))
    else:
        write_findings(plan, (PortFindings(p.id, plan.of(p.id)) for p in plan.ports), path)


def write_findings(head: Plan, findings: Iterable[PortFindings], path: Path) -> None:
    """Write a plan while it is made: each port's findings are written and forgotten.

    Of ``head`` only what the header holds is taken, and the rejected items that are known already.
    ``findings`` are in the order of its ports. Where they end with an error, no file is left.
    """
    header = header_json(head)
    with whole_file(path) as file:
        writer = SectionWriter(file, packed=path.suffix == ".gz")
        writer.add("header", [line({"berthwatch_plan": FORMAT, "archive": head.archive, **header})])
        rejected = dict.fromkeys(head.rejected)
        ports = []
        for found in findings:
            rejected |= dict.fromkeys(found.rejected)
            lines = (line(overpass_to_json(overpass)) for overpass in found.overpasses)
            section = writer.add(found.port, lines)
            ports.append(replace(section, note=noted(head.port(found.port), found.overpasses)))
        left_out = writer.add(REJECTED, map(rejected_line, rejected))
        digests = ((section.name, section.digest) for section in (*ports, left_out))
        writer.end(_index_line(hash_of_hashes(header, digests), ports, left_out))


def read_plan(path: Path) -> Plan:
    """The plan of a file; its overpasses stay there and are read, and checked, port by port.

    PlanError, naming the line, where the file is none or has been changed. A plan of format 1 is
    read whole.
    """
    file = SectionFile(path)
    first = file.first_line()
    version = parsed(path, 1, first, lambda content: content["berthwatch_plan"])
    if version == WHOLE_HASH:
        return format_1.read(path)
    return _opened(file, parsed(path, 1, first, lambda content: plan_fields(_checked(content))))


def _checked(content: Mapping[str, Any]) -> Mapping[str, Any]:
    version = content["berthwatch_plan"]
    if version != FORMAT:
        raise PlanError(
            f"berthwatch_plan is {version!r}, this version reads {WHOLE_HASH} and {FORMAT}; "
            "make the plan again with `berthwatch plan`"
        )
    return content


def _opened(file: SectionFile, header: Mapping[str, Any]) -> Plan:
    """The plan of an open file, given the fields that its header tells."""
    index = file.index(_Index.from_json)
    overpasses = OverpassesInFile(file, index.ports)
    first = 2 + len(overpasses)
    rejected = file.read(index.rejected, first, rejected_from_json)
    plan = Plan(**header, overpasses=overpasses, rejected=tuple(rejected))
    if plan.hash != index.hash or [p.id for p in plan.ports] != [s.name for s in index.ports]:
        raise PlanError(
            f"{file.path} has been changed since it was written: its content has hash "
            f"{plan.hash[:12]}, it claims {index.hash[:12]}; make it again with `berthwatch plan`"
        )
    return plan


# --- the index ----------------------------------------------------------------------------------


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


# --- writing ------------------------------------------------------------------------------------


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when it is complete and on the disk, and not before."""
    with NamedTemporaryFile(dir=path.parent, prefix=path.name, suffix=".tmp", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise


def _refuse_strangers(plan: Plan) -> None:
    """An overpass of a port that the plan does not have would be lost in the file."""
    if isinstance(plan.overpasses, OverpassesInFile):
        return
    known = {port.id for port in plan.ports}
    strangers = sorted({overpass.port for overpass in plan.overpasses} - known)
    if strangers:
        raise PlanError(f"the plan has overpasses of {', '.join(strangers)}, but no such port")
