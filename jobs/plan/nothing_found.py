"""Why a source gave no overpass of a port: the reason, counted, and what to change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from jobs.catalog import Rejected, search_catalog
from jobs.domain import Job, Period, Port, Scene, SourceSpec
from jobs.errors import CatalogError, PlanError

MOST_PORTS = 5
"""Ports of a job whose sources are asked once more for the reason; the others are counted."""

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class SourceFindings:
    """What one source gave for a port."""

    source: SourceSpec
    scenes: Sequence[Scene]
    rejected: Sequence[Rejected]


@dataclass(frozen=True)
class EmptyPort:
    """A port without any overpass, and what each of the job's sources gave for it."""

    port: Port
    sources: Sequence[SourceFindings]


def refusal(job: Job, empty: Sequence[EmptyPort]) -> PlanError:
    """The error of a job none of whose ports has an overpass; asks the catalogs for the reasons."""
    lines = reasons(empty, job.period)
    return PlanError(
        f"no overpass for {job.name} in {_days(job.period)}; nothing was pinned. {'; '.join(lines)}"
    )


def reasons(empty: Sequence[EmptyPort], period: Period) -> list[str]:
    """A line for each source of the first ports; asks the catalogs once more."""
    lines = [
        f"{each.port.id}, {found.source.collection} in {found.source.catalog}: "
        f"{_reason(each.port, found, period)}"
        for each in empty[:MOST_PORTS]
        for found in each.sources
    ]
    more = len(empty) - MOST_PORTS
    return lines if more <= 0 else [*lines, f"and {more} more ports without any overpass"]


def _reason(port: Port, found: SourceFindings, period: Period) -> str:
    if found.scenes:
        return (
            f"{_count(found.scenes, 'scene')} found, but the pixels of none reach the port's area; "
            "check `area` in the port file against the footprints"
        )
    said = [] if not found.rejected else [_unusable(found.rejected)]
    limit, any_cloud = found.source.max_cloud_cover, replace(found.source, max_cloud_cover=None)
    if limit is not None:
        seen = _search(any_cloud, port, period)
        clouded = [each for each in seen.scenes if each.cloud_cover is not None] if seen else []
        if clouded:
            return "; ".join((*said, _too_cloudy(clouded, limit)))
    if said:
        return said[0]
    return _elsewhen(_search(any_cloud, port, _around(period)), period)


def _too_cloudy(scenes: Sequence[Scene], limit: float) -> str:
    least = min(scene.cloud_cover or 0.0 for scene in scenes)
    return (
        f"{_count(scenes, 'scene')} found, each with more cloud than max_cloud_cover {limit:g} "
        f"(per cent; the clearest has {least:g}): raise it, or leave it out: cloud is judged "
        "again at each berth"
    )


def _unusable(rejected: Sequence[Rejected]) -> str:
    counted = Counter(item.reason.replace(repr(item.item_id), "...") for item in rejected)
    shown = [f"{count} x {reason}" for reason, count in counted.most_common(3)]
    return f"{_count(rejected, 'item')} found that cannot be used: {'; '.join(shown)}"


def _elsewhen(wider: SourceFindings | None, period: Period) -> str:
    """Of a source without any item in the period, by a search of the years around it too."""
    if wider is None:
        return "no item of the port in the period; correct `period` or the source"
    if not wider.scenes and wider.rejected:
        return (
            f"no item of the port in the period; in the years around, {_unusable(wider.rejected)}"
        )
    if not wider.scenes:
        return (
            "no item touches the port's area, nor in the years before and after: check catalog, "
            "collection and the port's position"
        )
    days = [scene.acquired.date() for scene in wider.scenes]
    before = max((day for day in days if day < period.start), default=None)
    after = min((day for day in days if day > period.end), default=None)
    near = " and ".join(
        f"the {name} on {day}" for name, day in (("last", before), ("next", after)) if day
    )
    return f"no item of the port in the period; there are others, {near}: correct `period`"


def _search(source: SourceSpec, port: Port, period: Period) -> SourceFindings | None:
    """What a search gives; None where the catalog fails at this one."""
    try:
        found = search_catalog(source, port.area, period)
    except CatalogError:
        return None
    return SourceFindings(source, found.scenes, found.rejected)


def _around(period: Period) -> Period:
    start = max(period.start, date.min + YEAR) - YEAR
    return Period(start, min(period.end, date.max - YEAR) + YEAR)


def _count(found: Iterable[object], what: str) -> str:
    number = sum(1 for _ in found)
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _days(period: Period) -> str:
    return f"{period.start} to {period.end}"
