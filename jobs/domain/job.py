"""The job file: what a person asks for, read from YAML into frozen values.

Every refusal names the file and the line. Relative paths are taken from the job file's folder, and
``today`` and ``yesterday`` in a period are the days in UTC when the file is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import yaml

from jobs.domain import (
    DEFAULT_ESTIMATES,
    Access,
    Dwell,
    EstimateSettings,
    FixedStructure,
    Json,
    Period,
    content_id,
)
from jobs.domain.sensors import sensor_named
from jobs.errors import InputError


@dataclass(frozen=True)
class PortRef:
    """A bundled port by its id, or a port file of one's own."""

    id: str
    file: Path | None = None
    """Absolute; None for a bundled port."""


@dataclass(frozen=True)
class SourceSpec:
    """One collection of one catalog to search."""

    catalog: str
    """URL (also s3://) of a STAC API, static catalog or .parquet, or an absolute path."""
    collection: str
    sensor: str | None = None
    """Name in the sensor registry; None where the collection or its items tell."""
    max_cloud_cover: float | None = None
    """Per cent; items that say more are left out."""
    access: Access | None = None
    """How the files are reached; None for what the catalog is known for."""


@dataclass(frozen=True)
class Job:
    """What to watch, when, from which catalogs, and where results go."""

    name: str
    ports: tuple[PortRef, ...]
    period: Period
    sources: tuple[SourceSpec, ...]
    """In order of preference where two hold the same acquisition."""
    archive: str
    """URL or absolute path."""
    model: str | None = None
    """Absolute path of a weights file; None for the packaged one."""
    estimates: EstimateSettings = DEFAULT_ESTIMATES
    """No part of what a plan pins: other beliefs need no new search."""
    fixed_structure: FixedStructure = FixedStructure.REJECT
    """Neither is what becomes of vessels that never move."""


def today_utc() -> date:
    """The day it is now."""
    return datetime.now(UTC).date()


def read_job(path: Path) -> Job:
    """The job of a YAML file; InputError with file and line for anything it does not expect."""
    return _JobFile(path).job()


def job_digest(job: Job) -> str:
    """Id of what the job asks the catalogs, paths resolved: equal questions have equal ids."""
    return content_id(job_json(job))


def job_json(job: Job) -> dict[str, Json]:
    """What the job asks the catalogs, as plain JSON values."""
    return {
        "name": job.name,
        "ports": [{"id": p.id, "file": None if p.file is None else str(p.file)} for p in job.ports],
        "period": period_json(job.period),
        "sources": [source_json(source) for source in job.sources],
        "archive": job.archive,
        "model": job.model,
    }


def period_json(period: Period) -> dict[str, Json]:
    """A period as plain JSON values."""
    return {"start": period.start.isoformat(), "end": period.end.isoformat()}


def source_json(source: SourceSpec) -> dict[str, Json]:
    """A source as plain JSON values; without ``access`` where none is given, as of old."""
    values: dict[str, Json] = {
        "catalog": source.catalog,
        "collection": source.collection,
        "sensor": source.sensor,
        "max_cloud_cover": source.max_cloud_cover,
    }
    return values if source.access is None else values | {"access": source.access.value}


# --- reading ------------------------------------------------------------------------------------

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,52}")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class _JobFile:
    """A job file being read: knows its path, and so can say where something is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.resolve().parent
        today = today_utc()  # once, so that a midnight in between cannot tear a period apart
        self.days = {"today": today, "yesterday": today - timedelta(days=1)}

    def job(self) -> Job:
        fields = self._fields(
            self._root(),
            "the job",
            required=("name", "ports", "period", "sources", "archive"),
            optional=("model", "estimates", "fixed_structure"),
        )
        return Job(
            name=self._name(fields["name"]),
            ports=self._ports(fields["ports"]),
            period=self._period(fields["period"]),
            sources=tuple(self._source(node) for node in self._list(fields["sources"], "sources")),
            archive=self._place(self._text(fields["archive"], "archive")),
            model=self._model(fields.get("model")),
            estimates=self._estimates(fields.get("estimates")),
            fixed_structure=self._fixed_structure(fields.get("fixed_structure")),
        )

    def _root(self) -> yaml.Node:
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"cannot read the job file {self.path}: {error}; expected a YAML file in UTF-8"
            ) from error
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            raise InputError(f"{self.path} is not YAML: {error}; correct it there") from error
        if root is None:
            raise InputError(f"{self.path} is empty; expected a job with name, ports, period, ...")
        return root

    # the parts of a job

    def _name(self, node: yaml.Node) -> str:
        name = self._text(node, "name")
        if not _NAME.fullmatch(name):
            raise self._error(
                node,
                f"the name {name!r} will not do; expected at most 53 of a-z, 0-9 and '-', "
                "not beginning with '-'",
            )
        return name

    def _ports(self, node: yaml.Node) -> tuple[PortRef, ...]:
        nodes = self._list(node, "ports")
        ports = tuple(self._port(entry) for entry in nodes)
        seen: set[str] = set()
        for entry, port in zip(nodes, ports, strict=True):
            if port.id in seen:
                raise self._error(entry, f"port {port.id!r} is listed twice; list it once")
            seen.add(port.id)
        return ports

    def _port(self, node: yaml.Node) -> PortRef:
        if isinstance(node, yaml.ScalarNode):
            return PortRef(self._text(node, "a port"))
        fields = self._fields(node, "a port", required=("id", "file"))
        file = self.folder / self._text(fields["file"], "file")
        return PortRef(self._text(fields["id"], "id"), file)

    def _period(self, node: yaml.Node) -> Period:
        fields = self._fields(node, "period", required=("start", "end"))
        period = Period(self._date(fields["start"], "start"), self._date(fields["end"], "end"))
        if period.end < period.start:
            raise self._error(
                fields["end"],
                f"the period ends on {period.end} before it starts on {period.start}; "
                "expected end (inclusive) on or after start",
            )
        return period

    def _source(self, node: yaml.Node) -> SourceSpec:
        fields = self._fields(
            node,
            "a source",
            required=("catalog", "collection"),
            optional=("sensor", "max_cloud_cover", "access"),
        )
        sensor, cloud = fields.get("sensor"), fields.get("max_cloud_cover")
        access = fields.get("access")
        return SourceSpec(
            catalog=self._place(self._text(fields["catalog"], "catalog")),
            collection=self._text(fields["collection"], "collection"),
            sensor=None if sensor is None else self._sensor(sensor),
            max_cloud_cover=None if cloud is None else self._per_cent(cloud, "max_cloud_cover"),
            access=None if access is None else self._access(access),
        )

    def _sensor(self, node: yaml.Node) -> str:
        name = self._text(node, "sensor")
        try:
            return sensor_named(name).name
        except InputError as error:
            raise self._error(node, str(error)) from error

    def _access(self, node: yaml.Node) -> Access:
        return Access(self._one_of([access.value for access in Access], node, "access"))

    def _fixed_structure(self, node: yaml.Node | None) -> FixedStructure:
        if node is None:
            return FixedStructure.REJECT
        known = [choice.value for choice in FixedStructure]
        return FixedStructure(self._one_of(known, node, "fixed_structure"))

    def _one_of(self, known: list[str], node: yaml.Node, what: str) -> str:
        name = self._text(node, what)
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise self._error(
                node, f"unknown {what} {name!r}; expected one of {', '.join(known)}{hint}"
            )
        return name

    def _model(self, node: yaml.Node | None) -> str | None:
        text = "default" if node is None else self._text(node, "model")
        return None if text == "default" else self._place(text)

    def _place(self, text: str) -> str:
        """A URL as it is, a path made absolute."""
        return text if _SCHEME.match(text) else str(self.folder / text)

    # values

    def _text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, f"{what} is a {_kind(node)}; expected text")
        if not node.tag.endswith(":str"):
            raise self._error(
                node,
                f"{what} is {node.value!r}, which YAML reads as {_kind(node)}; expected text: "
                "put it in quotes",
            )
        if not node.value.strip():
            raise self._error(node, f"{what} is empty; expected text")
        return str(node.value)

    def _estimates(self, node: yaml.Node | None) -> EstimateSettings:
        if node is None:
            return DEFAULT_ESTIMATES
        known = ("dwell", "waiting", "draws", "seed", "cap_barrels", "cargo")
        fields = self._fields(node, "estimates", required=(), optional=known)
        return EstimateSettings(
            dwell=self._dwell(fields.get("dwell"), "dwell"),
            waiting=self._dwell(fields.get("waiting"), "waiting"),
            draws=self._whole(fields.get("draws"), "draws", DEFAULT_ESTIMATES.draws, least=100),
            seed=self._whole(fields.get("seed"), "seed", DEFAULT_ESTIMATES.seed, least=0),
            cap_barrels=self._above_zero(
                fields.get("cap_barrels"), "cap_barrels", DEFAULT_ESTIMATES.cap_barrels
            ),
            cargo=self._cargo(fields.get("cargo")),
        )

    def _dwell(self, node: yaml.Node | None, what: str) -> Dwell | None:
        if node is None:
            return None
        names = ("median_days", "low_days", "high_days")
        fields = self._fields(node, what, required=(*names, "source"))
        median, low, high = (self._above_zero(fields[name], name, None) for name in names)
        if not low < median < high:
            raise self._error(
                node,
                f"{what} has low_days {low:g}, median_days {median:g}, high_days {high:g}; "
                "expected low < median < high, the mean stay lying between them with 95 %",
            )
        return Dwell(median, low, high, self._text(fields["source"], "source"))

    def _cargo(self, node: yaml.Node | None) -> str | None:
        if node is None:
            return None
        path = self.folder / self._text(node, "cargo")
        if not path.is_file():
            raise self._error(node, f"cargo {path} is no file; expected a CSV of analysts' entries")
        return str(path)

    def _whole(self, node: yaml.Node | None, what: str, default: int, least: int) -> int:
        number = self._number(node, what, default)
        if number != int(number) or number < least:
            raise self._error(node, f"{what} is {number:g}; expected a whole number from {least}")
        return int(number)

    def _above_zero(self, node: yaml.Node | None, what: str, default: float | None) -> float:
        number = self._number(node, what, default)
        if not 0 < number < math.inf:
            raise self._error(node, f"{what} is {number:g}; expected a number above zero")
        return number

    def _number(self, node: yaml.Node | None, what: str, default: float | None) -> float:
        if node is None and default is not None:
            return default
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith((":int", ":float")):
            return float(yaml.safe_load(node.value))
        assert node is not None, f"{what} has neither a value nor a default"
        found = repr(node.value) if isinstance(node, yaml.ScalarNode) else f"a {_kind(node)}"
        raise self._error(node, f"{what} is {found}; expected a number")

    def _date(self, node: yaml.Node, what: str) -> date:
        if isinstance(node, yaml.ScalarNode) and node.value in self.days:
            return self.days[node.value]
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"\d{4}-\d\d-\d\d", node.value):
            try:
                return date.fromisoformat(node.value)
            except ValueError:
                pass  # the 31st of April: the same refusal as for any other text
        found = repr(node.value) if isinstance(node, yaml.ScalarNode) else f"a {_kind(node)}"
        raise self._error(
            node, f"{what} is {found}; expected a day such as 2024-03-01, today or yesterday"
        )

    def _per_cent(self, node: yaml.Node, what: str) -> float:
        number = math.nan
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith((":int", ":float")):
            number = float(yaml.safe_load(node.value))
        if not 0 <= number <= 100:
            found = repr(node.value) if isinstance(node, yaml.ScalarNode) else f"a {_kind(node)}"
            raise self._error(
                node, f"{what} is {found}; expected a number from 0 to 100 (per cent)"
            )
        return number

    def _list(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, f"{what} is {_kind(node)}; expected a list")
        if not node.value:
            raise self._error(node, f"{what} is empty; expected one entry at least")
        return list(node.value)

    def _fields(
        self,
        node: yaml.Node,
        what: str,
        required: tuple[str, ...],
        optional: tuple[str, ...] = (),
    ) -> dict[str, yaml.Node]:
        """The values of a mapping by key; unknown, repeated and missing keys are refused."""
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{what} is {_kind(node)}; expected {', '.join(required)}")
        fields: dict[str, yaml.Node] = {}
        for key, value in self._pairs(node, what):
            if key.value not in required + optional:
                raise self._error(key, _unknown_key(key.value, what, required + optional))
            if key.value in fields:
                raise self._error(
                    key, f"key {key.value!r} stands twice in {what}; keep one of them"
                )
            fields[key.value] = value
        missing = [key for key in required if key not in fields]
        if missing:
            raise self._error(node, f"{what} lacks {', '.join(missing)}; add it")
        return fields

    def _pairs(
        self, node: yaml.MappingNode, what: str
    ) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(key, f"a key of {what} is {_kind(key)}; expected text")
            yield key, value

    def _error(self, node: yaml.Node | None, problem: str) -> InputError:
        if node is None:
            return InputError(f"{self.path}: {problem}")
        return InputError(f"{self.path}, line {node.start_mark.line + 1}: {problem}")


def _unknown_key(found: str, what: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(found, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(known)}"
    return f"unknown key {found!r} in {what}; {hint}"


def _kind(node: yaml.Node) -> str:
    """What a person would call this node."""
    if isinstance(node, yaml.SequenceNode):
        return "list"
    if isinstance(node, yaml.MappingNode):
        return "mapping"
    kinds = {"int": "number", "float": "number", "bool": "yes or no", "timestamp": "date"}
    return kinds.get(
        node.tag.rsplit(":", 1)[-1], "nothing" if node.tag.endswith("null") else "text"
    )
