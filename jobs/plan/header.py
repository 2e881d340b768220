"""The plan's header: what a job decides and its ports, as a value, as JSON, and in the hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from jobs.domain import (
    DEFAULT_ESTIMATES,
    DEFAULT_REVIEWS,
    Access,
    Dwell,
    Engine,
    EstimateSettings,
    FixedStructure,
    Json,
    Period,
    Port,
    ReviewSettings,
    Sensor,
    SourceSpec,
    login_from_json,
    period_json,
    sensor_of_definition,
    source_json,
    use_sensors,
)
from jobs.plan.lines import Digest, line
from jobs.plan.serialise import port_from_json, port_to_json, text_of


@dataclass(frozen=True, kw_only=True)
class PlanHeader:
    """Everything of a plan but its overpasses and rejected items."""

    name: str
    """The job's."""
    period: Period
    archive: str
    """URL or absolute path; not part of the hash."""
    model: str | None
    """Path of a weights file; None for the packaged one."""
    sources: tuple[SourceSpec, ...]
    ports: tuple[Port, ...]
    estimates: EstimateSettings = DEFAULT_ESTIMATES
    fixed_structure: FixedStructure = FixedStructure.REJECT
    reviews: ReviewSettings = DEFAULT_REVIEWS
    sensors: tuple[Sensor, ...] = ()
    """Of one's own, as their files were when the plan was made."""
    engine: Engine = Engine.TORCH
    """What runs the network."""
    original_paths: Mapping[str, str] = field(default_factory=dict)
    """Path in the plan as it was made, by the path of a local copy that ``model`` or
    ``estimates.cargo`` names instead; header and hash have the original."""


def header_json(plan: PlanHeader) -> dict[str, Json]:
    """What the hash covers besides overpasses and rejected items: all but the archive.

    Settings that have their default are left out: hashes of plans from before there was a choice
    rest on that.
    """
    return {
        "name": plan.name,
        "period": period_json(plan.period),
        "model": _original(plan, plan.model),
        "sources": [source_json(source) for source in plan.sources],
        "ports": [port_to_json(port) for port in plan.ports],
        **_estimates_json(plan),
        **_fixed_structure_json(plan.fixed_structure),
        **_reviews_json(plan.reviews),
        **_sensors_json(plan.sensors),
        **_engine_json(plan.engine),
    }


def header_from_json(content: Mapping[str, Any]) -> PlanHeader:
    """The header of ``header_json`` and the archive; its own sensors enter the registry."""
    sensors = tuple(map(sensor_of_definition, content.get("sensors", ())))
    use_sensors(sensors)
    days = content["period"]
    return PlanHeader(
        name=text_of(content["name"]),
        period=Period(date.fromisoformat(days["start"]), date.fromisoformat(days["end"])),
        archive=text_of(content["archive"]),
        model=None if content["model"] is None else text_of(content["model"]),
        sources=tuple(_source(source) for source in content["sources"]),
        ports=tuple(port_from_json(port) for port in content["ports"]),
        estimates=_estimates(content.get("estimates")),
        fixed_structure=FixedStructure(content.get("fixed_structure", FixedStructure.REJECT)),
        reviews=ReviewSettings(**content.get("reviews", {})),
        sensors=sensors,
        engine=Engine(content.get("engine", Engine.TORCH)),
    )


def plan_hash(header: Mapping[str, Json], sections: Iterable[tuple[str, Digest]]) -> str:
    """sha256, in hex, of a plan: of its header, and of name and digest of each section of lines.

    Sections are those of the ports, in the header's order, and last the rejected items.
    """
    digest = hashlib.sha256(line(header).encode())
    for name, of in sections:
        entry: dict[str, Json] = {"of": name, "lines": of.lines, "sha256": of.sha256}
        digest.update(line(entry).encode())
    return digest.hexdigest()


def _original(plan: PlanHeader, path: str | None) -> str | None:
    return None if path is None else plan.original_paths.get(path, path)


def _estimates_json(plan: PlanHeader) -> dict[str, Json]:
    settings = replace(plan.estimates, cargo=_original(plan, plan.estimates.cargo))
    if settings == DEFAULT_ESTIMATES:
        return {}
    values = asdict(settings)
    if settings.without_each_sensor:
        del values["without_each_sensor"]
    if not settings.dwell_at:
        del values["dwell_at"]
    return {"estimates": values}


def _fixed_structure_json(choice: FixedStructure) -> dict[str, Json]:
    return {} if choice is FixedStructure.REJECT else {"fixed_structure": choice.value}


def _reviews_json(settings: ReviewSettings) -> dict[str, Json]:
    return {} if settings == DEFAULT_REVIEWS else {"reviews": asdict(settings)}


def _sensors_json(sensors: tuple[Sensor, ...]) -> dict[str, Json]:
    return {"sensors": [own.definition for own in sensors]} if sensors else {}


def _engine_json(engine: Engine) -> dict[str, Json]:
    return {} if engine is Engine.TORCH else {"engine": engine.value}


def _estimates(content: Mapping[str, Any] | None) -> EstimateSettings:
    if content is None:
        return DEFAULT_ESTIMATES
    dwells = {
        name: None if content[name] is None else Dwell(**content[name])
        for name in ("dwell", "waiting")
    }
    at = {name: Dwell(**value) for name, value in content.get("dwell_at", {}).items()}
    if content["cargo"] is not None:
        text_of(content["cargo"])
    return EstimateSettings(**{**content, **dwells, "dwell_at": at})


def _source(content: Mapping[str, Any]) -> SourceSpec:
    """The source of ``source_json``, which leaves out what there is none of."""
    values = dict(content)
    if "access" in values:
        values["access"] = Access(values["access"])
    if "files" in values:
        login = login_from_json(values)
        values |= {"files": login.origins, "headers": login.headers, "oauth": login.oauth}
    return SourceSpec(**values)
