"""The header of a plan file: all of a plan but its overpasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from jobs.catalog.search import Rejected
from jobs.domain import (
    DEFAULT_ESTIMATES,
    Access,
    Dwell,
    EstimateSettings,
    FixedStructure,
    Json,
    Period,
)
from jobs.domain.job import SourceSpec, period_json, source_json
from jobs.plan.lines import line
from jobs.plan.serialise import fields_of, port_from_json, port_to_json

if TYPE_CHECKING:
    from jobs.plan.plan import Plan

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
