"""What is drawn: berths through time, counts with their bounds, a port's outlines.

matplotlib is imported when something is drawn, and no figure stays open behind a notebook's back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from os import PathLike
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jobs.archive import PortArchive, Step
from jobs.domain import (
    OPAQUE,
    WGS84,
    Berth,
    Grid,
    LookState,
    Port,
    StageName,
    UnitState,
    transformer,
)
from jobs.publish import ArchiveImagery

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN_M = 150.0
"""Water shown around a berth."""
LEAST_SIDE_M = 600.0
PANEL_INCHES = 2.2
COLUMNS = 5
CANDIDATES = 8
"""Newest overpasses among which a port's clearest is chosen."""

BERTH, SHIP, FIXED = "#ffffff", "#ff9f1c", "#9ad1ff"
"""Outlines; each has a dark halo, so that it shows on any ground."""
BLUE, GREY = "#2b6cb0", "#888888"
BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False}
"""Place of a legend: on the right, where it covers nothing."""


@dataclass(frozen=True, repr=False)
class Picture:
    """A drawn figure. A notebook shows it; ``save`` writes it; ``figure`` is matplotlib's own.

    >>> picture = bw.open_result("demo/job.yaml").draw_time("RUVYP/kozmino")
    >>> picture
    <Picture: ...RUVYP/kozmino...>
    """

    figure: Figure
    """A ``matplotlib.figure.Figure``, to change before it is saved."""
    text: str
    """What it shows, in words: its alternative text."""

    def save(self, path: str | PathLike[str], dpi: int = 150) -> None:
        """Write it to a file; the ending says the format (png, svg, pdf).

        >>> bw.port("RUVYP").draw().save("ruvyp.png")
        """
        self.figure.savefig(path, dpi=dpi, bbox_inches="tight")

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        self.figure.savefig(content, format="png", dpi=110, bbox_inches="tight")
        return content.getvalue()

    def __repr__(self) -> str:
        return f"<Picture: {self.text}>"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that only its holder keeps; ImportError that says how to get matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "drawing needs matplotlib, which is not installed: pip install 'berthwatch[notebook]'"
        ) from error
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


# --- looks at a berth ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Panel:
    """One look at a berth."""

    overpass_id: str
    time: datetime
    state: str
    vessels: gpd.GeoDataFrame
    """Those of the overpass, fixed ones too."""


def looks_picture(
    port: Port, berth: Berth, panels: Sequence[Panel], archive: PortArchive, text: str
) -> Picture:
    """A strip of pictures, one a look, of the same place in the same colours."""
    imagery = ArchiveImagery({port.id: archive})
    part = around(berth.polygon, port.grid)
    columns = min(COLUMNS, max(len(panels), 1))
    rows = -(-len(panels) // columns) or 1
    figure = new_figure(PANEL_INCHES * columns, PANEL_INCHES * rows * 1.15 + 0.5)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, panel in zip(axes, panels, strict=False):
        _draw_panel(ax, panel, berth, port.grid, part, imagery.rgb(port.id, panel.overpass_id))
    figure.suptitle(text, fontsize=9)
    return Picture(figure, text)


def _draw_panel(
    ax: Axes, panel: Panel, berth: Berth, grid: Grid, part: Grid, image: NDArray[np.uint8] | None
) -> None:
    here = panel.vessels[panel.vessels["berth"] == berth.id]
    ships = int(here["counted"].sum())
    what = panel.state if not ships else f"{panel.state}, {ships} ship{'s' if ships > 1 else ''}"
    ax.set_title(f"{panel.time:%d %b %Y %H:%M}\n{what}", fontsize=8)
    draw_ground(ax, image, grid, part)
    draw_outline(ax, berth.polygon, grid, BERTH)
    for _, vessel in panel.vessels.iterrows():
        struck = not vessel["counted"]
        draw_outline(ax, vessel["footprint"], grid, FIXED if struck else SHIP, dashed=struck)


def around(shape: Polygon, grid: Grid) -> Grid:
    """The square part of a grid with a shape in its middle, cut at the grid's edges."""
    to_utm = transformer(WGS84, grid.epsg)
    left, bottom, right, top = to_utm.transform_bounds(*shape.bounds)
    half = max(right - left, top - bottom, LEAST_SIDE_M - 2 * MARGIN_M) / 2 + MARGIN_M
    x, y, size = (left + right) / 2, (bottom + top) / 2, grid.resolution_m
    columns = np.clip([(x - half - grid.left) / size, (x + half - grid.left) / size], 0, grid.width)
    rows = np.clip([(grid.top - y - half) / size, (grid.top - y + half) / size], 0, grid.height)
    first, last = int(columns[0]), int(np.ceil(columns[1]))
    upper, lower = int(rows[0]), int(np.ceil(rows[1]))
    return Grid(
        epsg=grid.epsg,
        left=grid.left + first * size,
        top=grid.top - upper * size,
        width=last - first,
        height=lower - upper,
        resolution_m=size,
    )


def draw_ground(
    ax: Axes, image: NDArray[np.uint8] | None, grid: Grid, part: Grid, without: str = "no picture"
) -> None:
    """The part of a picture; a grey field that says so where there is none."""
    left, bottom, right, top = part.bounds
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_aspect("equal")
    if image is None:
        if without:
            ax.add_patch(_rectangle(part))
        ax.text((left + right) / 2, (bottom + top) / 2, without, ha="center", color="#444444")
        return
    column = round((part.left - grid.left) / grid.resolution_m)
    row = round((grid.top - part.top) / grid.resolution_m)
    cut = image[row : row + part.height, column : column + part.width]
    ax.imshow(cut, extent=(left, right, bottom, top), interpolation="nearest")


def _rectangle(part: Grid) -> Any:
    from matplotlib.patches import Rectangle

    left, bottom, right, top = part.bounds
    return Rectangle((left, bottom), right - left, top - bottom, facecolor="#dddddd")


def draw_outline(
    ax: Axes, shape: Polygon, grid: Grid, colour: str, label: str = "", dashed: bool = False
) -> None:
    """A WGS 84 polygon on axes in metres, with a dark halo and perhaps a label above it."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=3, foreground="#000000aa")]
    x, y = transformer(WGS84, grid.epsg).transform(*shape.exterior.coords.xy)
    style = "--" if dashed else "-"
    ax.plot(x, y, color=colour, linewidth=1.2, linestyle=style, path_effects=halo)
    if label:
        above = (float(np.mean(x)), float(np.max(y)))
        ax.annotate(
            label,
            above,
            (0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=colour,
            path_effects=halo,
        )


# --- a berth's days -----------------------------------------------------------------------------


STATES = {
    LookState.CLEAR.value: ("o", BLUE),
    LookState.PARTLY.value: ("D", BLUE),
    LookState.CLOUDED.value: ("x", GREY),
    LookState.OUTSIDE.value: (".", GREY),
}
"""Marker and colour of a look's state."""


def time_picture(
    name: str, looks: pd.DataFrame, visits: pd.DataFrame, ships: pd.DataFrame, text: str
) -> Picture:
    """Above, the ships that lay there by the histories; below, looks and seen visits.

    ships: time, mean, low, high. A visit is dark while it was seen, light as far as it may have
    lasted (90 %).
    """
    figure = new_figure(9, 4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    upper.fill_between(
        ships["time"], ships["low"], ships["high"], step="mid", alpha=0.25, color=BLUE, label="90 %"
    )
    upper.plot(ships["time"], ships["mean"], drawstyle="steps-mid", color=BLUE, label="mean")
    upper.set_ylabel("ships at the berth")
    upper.set_ylim(0, 1.15 * max(1.0, float(ships["high"].max())))
    upper.legend(fontsize=8, **BESIDE)
    _draw_visits(lower, visits)
    _draw_looks(lower, looks)
    lower.set_yticks([1, 0], ["seen visits", "looks"])
    lower.set_ylim(-0.5, 1.6)
    lower.set_xlim(ships["time"].iloc[0], ships["time"].iloc[-1])
    _name_days(lower)
    figure.suptitle(text, fontsize=9)
    return Picture(figure, text)


def _name_days(ax: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    days = AutoDateLocator()
    ax.xaxis.set_major_locator(days)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(days))


def _draw_visits(ax: Axes, visits: pd.DataFrame) -> None:
    for number, (_, visit) in enumerate(visits.sort_values("arrival_before").iterrows()):
        lane = [0.9, 1.1][number % 2]  # so that two that may have overlapped stay two
        came, left = visit["arrival_before"], visit["departure_after"]
        early = visit["arrival_low"] if pd.notna(visit["arrival_low"]) else came
        late = visit["departure_high"] if pd.notna(visit["departure_high"]) else left
        ax.plot([early, late], [lane, lane], color=BLUE, alpha=0.3, linewidth=6)
        ax.plot([came, left], [lane, lane], color=BLUE, linewidth=6)
        ax.plot([came], [lane], color=BLUE, marker="o", markersize=7)  # seen once, it has no length


def _draw_looks(ax: Axes, looks: pd.DataFrame) -> None:
    for state, (marker, colour) in STATES.items():
        here = looks[looks["state"] == state]
        if not here.empty:
            ax.scatter(
                here["time"], np.zeros(len(here)), marker=marker, color=colour, s=28, label=state
            )
    taken = looks[looks["vessels"] > 0]
    if not taken.empty:
        ax.scatter(
            taken["time"],
            np.zeros(len(taken)),
            marker="o",
            s=110,
            facecolors="none",
            edgecolors="#d9480f",
            label="with a ship",
        )
    if not looks.empty:
        ax.legend(fontsize=8, **BESIDE)


# --- counts -------------------------------------------------------------------------------------


def series_picture(name: str, every: str, rows: pd.DataFrame, text: str) -> Picture:
    """Visits with their bounds, and the seen; a row a period: visits, low, high, seen, looks."""
    figure = new_figure(max(4.0, min(12.0, 1.2 + 0.55 * len(rows))), 3.2)
    ax = figure.subplots()
    at = np.arange(len(rows))
    bounds = np.maximum([rows["visits"] - rows["low"], rows["high"] - rows["visits"]], 0)
    ax.errorbar(
        at, rows["visits"], yerr=bounds, fmt="o", color=BLUE, capsize=4, label="visits, 90 %"
    )
    ax.scatter(at, rows["seen"], marker="_", s=220, color="#d9480f", label="seen")
    unseen = np.flatnonzero(rows["looks"].to_numpy() == 0)
    if unseen.size:
        ax.scatter(unseen, np.zeros(unseen.size), marker="x", color=GREY, label="no look at all")
    # not every label where there is no room for all
    step = max(1, len(rows) // 18)
    ax.set_xticks(at[::step], [f"{start:%Y-%m-%d}" for start in rows["start"][::step]])
    ax.tick_params(axis="x", labelrotation=60 if len(rows) > 3 else 0, labelsize=8)
    ax.set_ylabel(f"visits per {every}")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.15 if len(rows) < 6 else 0.05)
    ax.legend(fontsize=8, **BESIDE)
    figure.suptitle(text, fontsize=9)
    return Picture(figure, text)


# --- a port -------------------------------------------------------------------------------------


def port_picture(port: Port, archive: PortArchive | None) -> Picture:
    """A port's berths over its clearest new look; on plain ground without an archive."""
    grid = port.grid if archive is None else archive.port.grid
    step, image = (None, None) if archive is None else _clearest(archive)
    over = "plain ground" if step is None else _named(step)
    text = f"Berths of {port.id} over {over}"
    part = _berths_part(port, grid)
    figure = new_figure(8, 8 * part.height / part.width + 0.4)
    ax = figure.subplots()
    if archive is None:
        ax.set_facecolor("#5b7f95")
    draw_ground(ax, image, grid, part, "" if archive is None else "no picture")
    for berth in port.berths:
        draw_outline(ax, berth.polygon, grid, BERTH, berth.id)
    ax.set_xlabel(f"metres, EPSG:{grid.epsg}", fontsize=8)
    ax.tick_params(labelsize=7)
    ax.ticklabel_format(style="plain", useOffset=False)
    figure.suptitle(text, fontsize=9)
    return Picture(figure, text)


def _named(step: Step) -> str:
    """An overpass in words, from its id: port-sensor-time-digest."""
    moment = next(part for part in step.overpass_id.split("-") if len(part) == 15 and "T" in part)
    return f"{step.sensor} of {datetime.strptime(moment, '%Y%m%dT%H%M%S'):%Y-%m-%d %H:%M} UTC"


def _clearest(archive: PortArchive) -> tuple[Step | None, NDArray[np.uint8] | None]:
    """Of the newest overpasses, the one with the most clear pixels, and its picture."""
    steps = [s for s in archive.steps().values() if s.state[StageName.TILE] is UnitState.DONE]
    if not steps:
        return None, None
    newest = sorted(steps, key=lambda step: _named(step)[-20:])[-CANDIDATES:]
    best = max(newest, key=lambda step: float(np.mean((_quality(archive, step) & OPAQUE) == 0)))
    return best, ArchiveImagery({archive.port.id: archive}).rgb(archive.port.id, best.overpass_id)


def _quality(archive: PortArchive, step: Step) -> NDArray[np.uint8]:
    return archive.image(step).quality


def _berths_part(port: Port, grid: Grid) -> Grid:
    """The part of the grid with all berths and some water."""
    shapes = [berth.polygon for berth in port.berths] or [port.area]
    boxes = [transformer(WGS84, grid.epsg).transform_bounds(*shape.bounds) for shape in shapes]
    low, high = np.min(boxes, axis=0)[:2] - 3 * MARGIN_M, np.max(boxes, axis=0)[2:] + 3 * MARGIN_M
    size = grid.resolution_m
    first, last = np.clip(
        [(low[0] - grid.left) // size, (high[0] - grid.left) // size], 0, grid.width
    )
    upper, lower = np.clip(
        [(grid.top - high[1]) // size, (grid.top - low[1]) // size], 0, grid.height
    )
    return Grid(
        grid.epsg,
        grid.left + first * size,
        grid.top - upper * size,
        int(last - first),
        int(lower - upper),
        size,
    )


def panels_of(looks: pd.DataFrame, vessels: gpd.GeoDataFrame) -> Iterator[Panel]:
    """A panel for each look, in order of time."""
    for _, look in looks.sort_values("time").iterrows():
        of_pass = vessels[vessels["overpass_id"] == look["overpass_id"]]
        yield Panel(look["overpass_id"], look["time"], look["state"], of_pass)
