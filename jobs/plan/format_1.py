"""Plan files of format 1: a header with the hash of all lines, then the overpasses, read whole.

They are still written for plans that came from one, whose hash names published results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jobs.catalog.query import Rejected
from jobs.errors import PlanError
from jobs.plan.lines import line, parsed
from jobs.plan.plan import WHOLE_HASH, Plan, header_1_json, plan_fields
from jobs.plan.sections import unreadable
from jobs.plan.serialise import overpass_from_json, overpass_to_json


def lines(plan: Plan) -> Iterator[str]:
    """The lines of the file of a plan."""
    yield line(
        {
            "berthwatch_plan": WHOLE_HASH,
            "archive": plan.archive,
            "hash": plan.hash,
            "overpasses": len(plan.overpasses),
            **header_1_json(plan),
        }
    )
    yield from (line(overpass_to_json(overpass)) for overpass in plan.overpasses)


def read(path: Path) -> Plan:
    """The plan of a file; PlanError, naming the line, where it is none or has been changed."""
    numbered = enumerate(_lines(path), start=1)
    _, first = next(numbered, (1, ""))
    count, claimed = parsed(path, 1, first, lambda c: (int(c["overpasses"]), str(c["hash"])))
    overpasses = tuple(parsed(path, n, text, overpass_from_json) for n, text in numbered)
    plan = parsed(path, 1, first, lambda header: _plan(header, overpasses=overpasses))
    if len(overpasses) != count:
        raise PlanError(
            f"{path} holds {len(overpasses)} of {count} overpasses: it was cut "
            "short; make it again with `berthwatch plan`"
        )
    if plan.hash != claimed:
        raise PlanError(
            f"{path} has been changed since it was written: its content has hash "
            f"{plan.hash[:12]}, it claims {claimed[:12]}; make it again with `berthwatch plan`"
        )
    return plan


def _plan(header: Mapping[str, Any], **change: Any) -> Plan:
    rejected = tuple(Rejected(**entry) for entry in header["rejected"])
    return Plan(**plan_fields(header), rejected=rejected, format=WHOLE_HASH, **change)


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8") as file:
            return list(file)
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
