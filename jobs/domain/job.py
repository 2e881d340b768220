"""The job file: ports, period, sources and archive, read from YAML into frozen values.

Every refusal names the file and the line. Relative paths are resolved against the job file's
folder; ``today`` and ``yesterday`` in a period are the days in UTC when the file is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import yaml

from jobs.domain.days import check_days, today_utc
from jobs.domain.login import Login, OAuth, login_json
from jobs.domain.login_reader import LoginReader
from jobs.domain.sensor import Sensor
from jobs.domain.sensor_file import read_sensor
from jobs.domain.sensors import sensor_named, use_sensors
from jobs.domain.text_file import read_text
from jobs.domain.types import (
    DEFAULT_ESTIMATES,
    DEFAULT_REVIEWS,
    Access,
    Dwell,
    Engine,
    EstimateSettings,
    FixedStructure,
    Json,
    Period,
    ReviewSettings,
    content_id,
)
from jobs.domain.yaml_reader import shown
from jobs.errors import InputError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,52}")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)

LEAST_CAP_BARRELS = 1000.0
"""Least yearly cap that is taken for barrels: the smallest product tankers carry more."""

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True)
class PortRef:
    """A bundled port by its id, or a port file."""

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
    """Name in the sensor registry; None where the collection or its items identify it."""
    max_cloud_cover: float | None = None
    """Per cent; items with more are left out."""
    access: Access | None = None
    """How the files are reached; None for the usual access of the catalog."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names of headers that the catalog asks for, and of the environment variables that hold their
    values. Not part of ``job_digest`` without ``files``: they decide who may search, not what is
    found."""
    oauth: OAuth | None = None
    """How a token for the catalog is had; as ``headers`` no part of the digest."""
    files: tuple[str, ...] = ()
    """Origins whose files get ``headers`` and the token of ``oauth`` too; part of the digest."""

    @property
    def file_login(self) -> Login | None:
        """The login with which files are read; None where they get none."""
        return Login(self.files, self.headers, self.oauth) if self.files else None


@dataclass(frozen=True)
class Job:
    """Ports and period to observe, the catalogs to search, and where results go."""

    name: str
    ports: tuple[PortRef, ...]
    period: Period
    sources: tuple[SourceSpec, ...]
    """In order of preference where two hold the same acquisition."""
    archive: str
    """URL or absolute path."""
    model: str | None = None
    """Absolute path of a weights file; None for the packaged one."""
    sensors: tuple[Sensor, ...] = ()
    """Of one's own, as their files were when the job was read."""
    estimates: EstimateSettings = DEFAULT_ESTIMATES
    """Not part of ``job_digest``: other settings need no new search."""
    fixed_structure: FixedStructure = FixedStructure.REJECT
    """Not part of ``job_digest`` either."""
    reviews: ReviewSettings = DEFAULT_REVIEWS
    """Nor is this."""
    engine: Engine = Engine.TORCH
    """Nor this, which runs the network."""


def read_job(path: Path) -> Job:
    """The job of a YAML file; InputError with file and line for anything it does not expect."""
    return _JobReader(path).job()


def estimate_settings(values: Mapping[str, object]) -> EstimateSettings:
    """The settings of what a job file may say under ``estimates:``, refused in the same words.

    Relative paths are resolved against the present folder.
    """
    reader = _JobReader(Path("estimates"))
    what = "the settings of the estimates"
    return reader._estimates(reader.root(yaml.safe_dump(dict(values)), what), what)


def job_digest(job: Job) -> str:
    """Content id of ``job_json``: jobs that search for the same have the same id."""
    return content_id(job_json(job))


def job_json(job: Job) -> dict[str, Json]:
    """What decides the search and its place, as plain JSON values, paths resolved."""
    values: dict[str, Json] = {
        "name": job.name,
        "ports": [{"id": p.id, "file": None if p.file is None else str(p.file)} for p in job.ports],
        "period": period_json(job.period),
        "sources": [source_json(source) for source in job.sources],
        "archive": job.archive,
        "model": job.model,
    }
    # left out where there are none: digests from before there was a choice rest on that
    return values | ({"sensors": [own.definition for own in job.sensors]} if job.sensors else {})


def period_json(period: Period) -> dict[str, Json]:
    """A period as plain JSON values."""
    return {"start": period.start.isoformat(), "end": period.end.isoformat()}


def source_json(source: SourceSpec) -> dict[str, Json]:
    """A source as plain JSON values; ``access`` and the login of files are left out where there is
    none.

    Digests of jobs and hashes of plans rest on this: they were computed without the keys before
    there was a choice.
    """
    values: dict[str, Json] = {
        "catalog": source.catalog,
        "collection": source.collection,
        "sensor": source.sensor,
        "max_cloud_cover": source.max_cloud_cover,
    }
    if source.access is not None:
        values["access"] = source.access.value
    return values if source.file_login is None else values | login_json(source.file_login)


class _JobReader(LoginReader):
    """Reads the parts of one job file."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path
        self.folder = path.resolve().parent
        today = today_utc()  # once, so that start and end agree when midnight comes in between
        self.days = {"today": today, "yesterday": today - timedelta(days=1)}

    def job(self) -> Job:
        fields = self.fields(
            self.root(self._content(), "a job with name, ports, period, ..."),
            "the job",
            required=("name", "ports", "period", "sources", "archive"),
            optional=("model", "engine", "sensors", "estimates", "fixed_structure", "reviews"),
        )
        sensors = self.given(fields, ("sensors",), self._own_sensors)  # before sources name them
        return Job(
            **sensors,
            name=self._name(fields["name"]),
            ports=self._ports(fields["ports"]),
            period=self._period(fields["period"]),
            sources=self._sources(fields["sources"]),
            archive=self._place(fields["archive"], "archive"),
            **self.given(fields, ("model",), self._model),
            **self.given(fields, ("engine",), self._engine),
            **self.given(fields, ("estimates",), self._estimates),
            **self.given(fields, ("fixed_structure",), self._fixed_structure),
            **self.given(fields, ("reviews",), self._reviews),
        )

    def _content(self) -> str:
        return read_text(self.path, "a job file (YAML)")

    # the parts of a job

    def _name(self, node: yaml.Node) -> str:
        name = self.text(node, "name")
        if not _NAME.fullmatch(name):
            raise self.error(
                node,
                f"the name {name!r} will not do; expected at most 53 of a-z, 0-9 and '-', "
                "not beginning with '-'",
            )
        return name

    def _ports(self, node: yaml.Node) -> tuple[PortRef, ...]:
        nodes = self.filled(node, "ports")
        ports = tuple(self._port(entry) for entry in nodes)
        seen: set[str] = set()
        for entry, port in zip(nodes, ports, strict=True):
            if port.id in seen:
                raise self.error(entry, f"port {port.id!r} is listed twice; list it once")
            seen.add(port.id)
        return ports

    def _port(self, node: yaml.Node) -> PortRef:
        if isinstance(node, yaml.ScalarNode):
            return PortRef(self.text(node, "a port"))
        fields = self.fields(node, "a port", required=("id", "file"))
        file = self.folder / self.text(fields["file"], "file")
        return PortRef(self.text(fields["id"], "id"), file)

    def _period(self, node: yaml.Node) -> Period:
        fields = self.fields(node, "period", required=("start", "end"))
        period = Period(self._date(fields["start"], "start"), self._date(fields["end"], "end"))
        try:
            check_days(period, self.days["today"])
        except InputError as error:
            raise self.error(fields["start"], str(error)) from error
        return period

    def _sources(self, node: yaml.Node) -> tuple[SourceSpec, ...]:
        nodes = self.filled(node, "sources")
        sources = tuple(self._source(entry) for entry in nodes)
        seen: set[tuple[str, str, str | None]] = set()
        for entry, source in zip(nodes, sources, strict=True):
            name = (source.catalog, source.collection, source.sensor)
            if name in seen:
                raise self.error(
                    entry,
                    f"collection {source.collection!r} of {source.catalog} is listed twice; list "
                    "it once",
                )
            seen.add(name)
        return sources

    def _source(self, node: yaml.Node) -> SourceSpec:
        fields = self.fields(
            node,
            "a source",
            required=("catalog", "collection"),
            optional=("sensor", "max_cloud_cover", "access", "headers", "oauth", "files"),
        )
        self.check_login(fields)
        return SourceSpec(
            catalog=self._place(fields["catalog"], "catalog"),
            collection=self.text(fields["collection"], "collection"),
            **self.given(fields, ("sensor",), self._sensor),
            **self.given(fields, ("max_cloud_cover",), self._per_cent),
            **self.given(fields, ("access",), self._access),
            **self.given(fields, ("headers",), self.headers),
            **self.given(fields, ("oauth",), self.oauth),
            **self.given(fields, ("files",), self.origins),
        )

    def _own_sensors(self, node: yaml.Node, what: str) -> tuple[Sensor, ...]:
        """Sensors of files beside the job, entered into the registry."""
        found: list[Sensor] = []
        for entry in self.filled(node, what):
            sensor = read_sensor(self.folder / self.text(entry, "a sensor's file"))
            for other in found:
                if sensor.name == other.name or sensor.family == other.family:
                    raise self.error(
                        entry,
                        f"sensors {other.name!r} (group {other.family!r}) and {sensor.name!r} "
                        f"(group {sensor.family!r}) share a name or a group; give each its own",
                    )
            try:
                use_sensors([sensor])
            except InputError as error:
                raise self.error(entry, str(error)) from error
            found.append(sensor)
        return tuple(found)

    def _estimates(self, node: yaml.Node, what: str) -> EstimateSettings:
        fields = self.fields(
            node,
            what,
            optional=(
                *("dwell", "waiting", "dwell_at", "draws", "seed", "cap_barrels", "cargo"),
                "without_each_sensor",
            ),
        )
        return EstimateSettings(
            **self.given(fields, ("dwell", "waiting"), self._dwell),
            **self.given(fields, ("dwell_at",), self._dwell_at),
            **self.given(fields, ("draws",), lambda found, name: self.whole(found, name, 100)),
            **self.given(fields, ("seed",), lambda found, name: self.whole(found, name, 0)),
            **self.given(fields, ("cap_barrels",), self._barrels),
            **self.given(fields, ("cargo",), self._cargo),
            **self.given(fields, ("without_each_sensor",), self.flag),
        )

    def _reviews(self, node: yaml.Node, what: str) -> ReviewSettings:
        if isinstance(node, yaml.ScalarNode):
            return ReviewSettings(use=self.one_of(node, what, ("use", "ignore")) == "use")
        fields = self.fields(node, what, optional=("missed", "invented"))
        return ReviewSettings(**self.given(fields, ("missed", "invented"), self._small_chance))

    def _small_chance(self, node: yaml.Node, what: str) -> float:
        expected = "a probability above 0 and below 0.5, such as 0.02"
        return float(self.number(node, what, expected, lambda n: 0 < n < 0.5))

    def _dwell(self, node: yaml.Node, what: str) -> Dwell:
        names = ("median_days", "low_days", "high_days")
        fields = self.fields(node, what, required=(*names, "source"))
        median, low, high = (self._positive(fields[name], name) for name in names)
        if not low < median < high:
            raise self.error(
                node,
                f"{what} has low_days {low:g}, median_days {median:g}, high_days {high:g}; "
                "expected low < median < high, the mean stay lying between them with 95 %",
            )
        source = self.text(fields["source"], "source")
        try:
            return Dwell(median, low, high, source)
        except InputError as error:
            raise self.error(node, f"{what}: {error}") from error

    def _dwell_at(self, node: yaml.Node, what: str) -> dict[str, Dwell]:
        found = {}
        for name, value in self.mapping(node, what).items():
            if not all(name.partition("/")):
                raise self.error(
                    node, f"{what} names {name!r}; expected PORT/BERTH, such as RUVYP/kozmino"
                )
            found[name] = self._dwell(value, f"{what} {name}")
        return found

    # values

    def _sensor(self, node: yaml.Node, what: str) -> str:
        name = self.text(node, what)
        try:
            return sensor_named(name).name
        except InputError as error:
            raise self.error(node, str(error)) from error

    def _access(self, node: yaml.Node, what: str) -> Access:
        return self._choice(node, what, Access)

    def _fixed_structure(self, node: yaml.Node, what: str) -> FixedStructure:
        return self._choice(node, what, FixedStructure)

    def _engine(self, node: yaml.Node, what: str) -> Engine:
        return self._choice(node, what, Engine)

    def _choice(self, node: yaml.Node, what: str, kind: type[Choice]) -> Choice:
        return kind(self.one_of(node, what, tuple(map(str, kind))))

    def _model(self, node: yaml.Node, what: str) -> str | None:
        return None if self.text(node, what) == "default" else self._place(node, what)

    def _place(self, node: yaml.Node, what: str) -> str:
        """A URL as it is, a path made absolute."""
        text = self.text(node, what)
        return text if _SCHEME.match(text) else str(self.folder / text)

    def _cargo(self, node: yaml.Node, what: str) -> str:
        path = self.folder / self.text(node, what)
        if not path.is_file():
            raise self.error(node, f"{what} {path} is no file; expected a CSV of analysts' entries")
        return str(path)

    def _positive(self, node: yaml.Node, what: str) -> float:
        return float(self.number(node, what, "a number above zero", lambda n: 0 < n < math.inf))

    def _barrels(self, node: yaml.Node, what: str) -> float:
        found = self._positive(node, what)
        if found < LEAST_CAP_BARRELS:
            raise self.error(
                node,
                f"{what} is {found:g}, less than one cargo; expected barrels a calendar year, such "
                "as 500000, not thousands or millions of them",
            )
        return found

    def _per_cent(self, node: yaml.Node, what: str) -> float:
        expected = "a number from 0 to 100 (per cent)"
        found = float(self.number(node, what, expected, lambda n: 0 <= n <= 100))
        if 0 < found < 1:
            raise self.error(
                node,
                f"{what} is {found:g}, less than one per cent of cloud; expected per cent, "
                f"such as {100 * found:g} (1 and more, or 0 for scenes without any cloud)",
            )
        return found

    def _date(self, node: yaml.Node, what: str) -> date:
        if isinstance(node, yaml.ScalarNode) and node.value in self.days:
            return self.days[node.value]
        expected = "expected a day such as 2024-03-01, today or yesterday"
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"\d{4}-\d\d-\d\d", node.value):
            try:
                return date.fromisoformat(node.value)
            except ValueError as error:  # such as "month must be in 1..12"
                problem = f"{what} is {node.value}, which no calendar has: {error}; {expected}"
                raise self.error(node, problem) from error
        raise self.error(node, f"{what} is {shown(node)}; {expected}")
