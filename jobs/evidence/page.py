"""``index.html``: the page of evidence, an anchor a visit; equal evidence gives equal text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from shapely.geometry import Polygon

from jobs.domain import Json, project
from jobs.evidence.cases import Case
from jobs.evidence.records import DrawnLook
from jobs.evidence.signing import NAMESPACE, SIGNER, Signer
from jobs.evidence.text import counted, minute, percent
from jobs.evidence.window import Window
from jobs.publish import pages

TEMPLATE = Path(__file__).parent / "templates" / "evidence.html.j2"
SCALES_M = (100, 200, 500)
"""Lengths of the bar on a picture; the longest that is at most a third of it."""
LOCATOR_PX = 150
"""Longest side of the drawing of the port's berths."""
PADDING = 0.03
"""Share of the time line left free at either end."""


@dataclass(frozen=True)
class VisitView:
    """One visit as its part of the page needs it."""

    case: Case
    window: Window
    record: dict[str, Json]
    """``visit.json``."""
    looks: tuple[DrawnLook, ...]

    @property
    def anchor(self) -> str:
        """The id of its part of the page."""
        return f"visit-{self.case.visit_id}"

    @property
    def berth_points(self) -> str:
        """The outline of the berth over its pictures."""
        return self.window.points(self.case.berth.polygon)

    @property
    def berth_fits(self) -> bool:
        """Whether the whole berth is in the pictures."""
        pairs = [tuple(map(float, pair.split(","))) for pair in self.berth_points.split()]
        return all(0 <= x <= self.window.width and 0 <= y <= self.window.height for x, y in pairs)

    @property
    def scale_m(self) -> int:
        """Length of the bar on its pictures."""
        most = self.window.width * self.window.grid.resolution_m / 3
        return max((m for m in SCALES_M if m <= most), default=SCALES_M[0])

    @property
    def scale_px(self) -> float:
        return self.scale_m / self.window.grid.resolution_m

    @property
    def shown(self) -> tuple[DrawnLook, ...]:
        """Its looks that have a picture."""
        return tuple(look for look in self.looks if look.png is not None)

    @property
    def unshown(self) -> int:
        """How many looks are listed without a picture."""
        return len(self.looks) - len(self.shown)

    @property
    def against(self) -> tuple[str, ...]:
        """What speaks against the visit and its bounds, each once."""
        arrival: Any = self.record["arrival"]
        departure: Any = self.record["departure"]
        visit: Any = self.record["against"]
        return tuple(dict.fromkeys([*visit, *arrival["against"], *departure["against"]]))


@dataclass(frozen=True)
class Locator:
    """Where the pictures of a visit lie among the berths of its port, as outlines."""

    width: int
    height: int
    berths: tuple[tuple[bool, str], ...]
    """Whether it is the visit's, and its points."""
    window: tuple[float, float, float, float]
    """x, y, width and height of the pictures."""


def locator(view: VisitView) -> Locator:
    """The port's berths and the window of a visit, in tenths of a pixel of the longer side."""
    grid, window = view.case.port.grid, view.window
    shapes = [project(b.polygon, grid.epsg, densify=False) for b in view.case.port.berths]
    boxes = np.array([window.bounds, *(shape.bounds for shape in shapes)])
    left, bottom = boxes[:, :2].min(axis=0)
    right, top = boxes[:, 2:].max(axis=0)
    scale = LOCATOR_PX / max(right - left, top - bottom)

    def points(shape: Polygon) -> str:
        return " ".join(
            f"{(x - left) * scale:.1f},{(top - y) * scale:.1f}"
            for x, y, *_ in shape.exterior.coords
        )

    own = view.case.berth.id
    west, south, east, north = window.bounds
    sides = (west - left, top - north, east - west, north - south)
    return Locator(
        width=round((right - left) * scale),
        height=round((top - bottom) * scale),
        berths=tuple(
            (berth.id == own, points(shape))
            for berth, shape in zip(view.case.port.berths, shapes, strict=True)
        ),
        window=tuple(round(side * scale, 1) for side in sides),
    )


def stay_text(visit: pd.Series) -> str:
    """The shortest and the longest stay that the bounds allow, in words."""
    day = timedelta(days=1)
    least = (visit["departure_after"] - visit["arrival_before"]) / day
    most = (visit["departure_before"] - visit["arrival_after"]) / day
    shortest = f"at least {least:.1f} days" if least else "at least a moment"
    return f"{shortest}, " + (
        "with no upper bound" if pd.isna(most) else f"at most {most:.1f} days"
    )


@dataclass(frozen=True)
class TimeLine:
    """A visit's looks and bounds on one line; places are per cent from the left."""

    marks: tuple[tuple[float, DrawnLook], ...]
    sure: tuple[float, float]
    """From the first to the last sighting: start and width."""
    possible: tuple[float, float]
    """Between the outer bounds; to the ends of the line where they are open."""
    start: datetime
    end: datetime


def time_line(view: VisitView) -> TimeLine:
    """The line from the first to the last look of a visit, or over its open ends."""
    case, visit = view.case, view.case.visit
    times = [look.time for look in case.listed]
    first, last = min(times), max(times)
    room = max(last - first, timedelta(hours=12)) * PADDING
    start, end = first - room, last + room

    def place(time: datetime) -> float:
        return round(100 * ((time - start) / (end - start)), 2)

    def bound(name: str, otherwise: float) -> float:
        return otherwise if pd.isna(visit[name]) else place(visit[name].to_pydatetime())

    sure = (bound("arrival_before", 0.0), bound("departure_after", 100.0))
    possible = (bound("arrival_after", 0.0), bound("departure_before", 100.0))
    return TimeLine(
        marks=tuple((place(time), look) for time, look in zip(times, view.looks, strict=True)),
        sure=(sure[0], round(sure[1] - sure[0], 2)),
        possible=(possible[0], round(possible[1] - possible[0], 2)),
        start=first,
        end=last,
    )


def render(
    facts: Mapping[str, Json],
    views: Sequence[VisitView],
    sources: Mapping[str, Mapping[str, Json]],
    signer: Signer | None,
) -> str:
    """The page as HTML; ``sources`` are the records of overpasses, by id."""
    environment = pages(TEMPLATE.parent)
    environment.filters["minute"] = minute
    environment.filters["percent"] = percent
    environment.filters["linked"] = _linker([view.case.visit_id for view in views])
    return environment.get_template(TEMPLATE.name).render(
        facts=facts,
        views=views,
        sources=sources,
        signer=signer,
        signer_name=SIGNER,
        namespace=NAMESPACE,
        time_line=time_line,
        locator=locator,
        stay_text=stay_text,
        counted=counted,
    )


def _linker(ids: Sequence[str]) -> Callable[[str], Markup]:
    """A filter that makes the ids of visits on the page links to their parts of it."""
    known = set(ids)

    def link(match: re.Match[str]) -> str:
        id = match[0]
        return f'<a href="#visit-{id}">{id}</a>' if id in known else id

    return lambda text: Markup(re.sub(r"[\w-]+", link, str(escape(text))))
