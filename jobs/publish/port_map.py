"""The map of a port in the report: pictures of some of its clear looks, and all that was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from jobs.domain import Grid, Json, LookState, Port
from jobs.publish.encode import data_url, photo
from jobs.publish.lonlat import lonlat_of
from jobs.publish.number_text import plus_minus, utc
from jobs.publish.pictures import Outline, berths_grid, cut, outline
from jobs.publish.publication import Imagery
from jobs.visits import HULL_SD_M, PortTables

WHOLE_PX = 1400
"""Longest side of a picture of the whole grid; of a larger port the berths are added in full."""
DETAIL_PX = 1400
"""Longest side of the picture of the berths."""
SMALL_PX = 700
"""Of either, where a page has many ports."""
SMALL_BYTES = 400_000
"""Of a port's share of the page, below which its pictures are small."""
MOST_LOOKS = 12
"""Looks of a port with a picture in the page."""
TRIES = 8
"""Looks tried for the first picture."""
SCALES_M = (100, 200, 500, 1000, 2000, 5000, 10_000)

Place = Callable[[str, str, bytes], str]
"""Puts a JPEG somewhere, given overpass id and layer, and gives the address for the page."""


@dataclass(frozen=True)
class Look:
    """One overpass that saw at least one berth clearly."""

    overpass_id: str
    time: datetime
    sensor: str
    clear: int
    """Berths clearly seen."""


@dataclass(frozen=True)
class Layer:
    """A picture in the pixels of the port's grid."""

    href: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Found:
    """A detection on the map."""

    kind: str
    """vessel, fixed, or doubt for what reviewers rejected."""
    outline: Outline
    vessel_id: str
    berth: str
    length: str
    score: str
    review: str
    """What reviewers take it for; empty where none of them said."""
    seen: str
    """In how many looks the same is seen there, as words that follow; empty where not counted."""
    lon: float
    lat: float

    @property
    def words(self) -> str:
        """One line about it."""
        what = {
            "vessel": f"Ship of {self.length} m",
            "fixed": f"Taken for fixed structure{self.seen}",
            "doubt": "Rejected by reviewers",
        }[self.kind]
        where = f" at {self.berth}" if self.berth else ""
        said = f", reviewers: {self.review.replace('_', ' ')}" if self.review else ""
        return f"{what}{where}, score {self.score}{said}"


@dataclass(frozen=True)
class Shown:
    """A look with its pictures and what was found in it."""

    look: Look
    layers: tuple[Layer, ...]
    found: tuple[Found, ...]

    @property
    def ships(self) -> int:
        return sum(one.kind == "vessel" for one in self.found)

    @property
    def fixed(self) -> int:
        return sum(one.kind == "fixed" for one in self.found)

    @property
    def rejected(self) -> int:
        """Detections that reviewers rejected."""
        return len(self.found) - self.ships - self.fixed


@dataclass(frozen=True)
class PortMap:
    """All that the map of a port needs."""

    port: Port
    view: tuple[float, float, float, float]
    """x, y, width, height that are shown at first: the berths."""
    area: Outline
    berths: tuple[Outline, ...]
    looks: tuple[Shown, ...]
    """In the order of time."""
    first: int
    """Index of the one that is shown at first: the newest of the clearest."""
    clear_looks: int
    """Looks that saw a berth clearly, with and without a picture here."""

    @property
    def shown(self) -> Shown:
        """The look that is shown at first."""
        return self.looks[self.first]

    @property
    def left_out(self) -> int:
        """Clear looks without a picture here."""
        return self.clear_looks - len(self.looks)

    @property
    def scale_m(self) -> int:
        """Length of the bar drawn at first."""
        limit = self.view[2] * self.port.grid.resolution_m / 4
        return max((m for m in SCALES_M if m <= limit), default=SCALES_M[0])

    @property
    def script(self) -> dict[str, Json]:
        """What the page's script needs; the pictures shown at first are in the page already."""
        grid = self.port.grid
        return {
            "port": self.port.id,
            "width": grid.width,
            "height": grid.height,
            "metres": grid.resolution_m,
            "view": list(self.view),
            "lonlat": lonlat_of(grid).describe(),
            "first": self.first,
            "looks": [
                look_json(shown, with_pictures=number != self.first)
                for number, shown in enumerate(self.looks)
            ],
        }


def look_json(shown: Shown, with_pictures: bool = True) -> Json:
    """A look for the page's script."""
    return {
        "id": shown.look.overpass_id,
        "time": utc(shown.look.time),
        "sensor": shown.look.sensor,
        "layers": [
            [layer.href, layer.x, layer.y, layer.width, layer.height] for layer in shown.layers
        ]
        if with_pictures
        else None,
        "found": [
            [
                one.kind,
                one.outline.points,
                one.words,
                one.vessel_id,
                one.berth,
                one.length,
                one.score,
                one.lon,
                one.lat,
            ]
            for one in shown.found
        ],
    }


def embedded_map(tables: PortTables, imagery: Imagery, most_bytes: int) -> PortMap | None:
    """The map with as many pictures in it as fit, at least one; None where no look has any."""
    looks = clear_looks(tables)
    small = most_bytes < SMALL_BYTES
    sizes = (SMALL_PX, SMALL_PX) if small else (WHOLE_PX, DETAIL_PX)

    def inline(overpass_id: str, layer: str, file: bytes) -> str:
        return data_url(file, "jpeg")

    def show(look: Look) -> Shown | None:
        return _shown(tables, imagery, look, inline, sizes)

    first = next((one for look in looks[:TRIES] if (one := show(look)) is not None), None)
    if first is None:
        return None
    left = most_bytes - _bytes(first)
    wanted = min(MOST_LOOKS - 1, max(left // max(_bytes(first), 1), 0))
    others: list[Shown] = []
    for look in spread([look for look in clearer(looks) if look != first.look], wanted):
        one = show(look)
        if one is not None and _bytes(one) <= left:
            others.append(one)
            left -= _bytes(one)
    return _port_map(tables, [first, *others], first, len(looks))


def whole_map(tables: PortTables, imagery: Imagery, place: Place, first: str) -> PortMap | None:
    """The map with a picture of every clear look, in full; None where no look has any.

    first: id of the overpass that is shown at first.
    """
    looks = clear_looks(tables)
    shown = [
        one for look in looks if (one := _shown(tables, imagery, look, place, None)) is not None
    ]
    if not shown:
        return None
    chosen = next((one for one in shown if one.look.overpass_id == first), shown[0])
    return _port_map(tables, shown, chosen, len(looks))


def _port_map(tables: PortTables, looks: list[Shown], first: Shown, clear: int) -> PortMap:
    port = tables.port
    part = berths_grid(port)
    looks = sorted(looks, key=lambda one: (one.look.time, one.look.overpass_id))
    x, y = _corner(port.grid, part)
    return PortMap(
        port=port,
        view=(x, y, part.width, part.height),
        area=outline(port.area, port.grid),
        berths=tuple(
            outline(berth.polygon, port.grid, str(number))
            for number, berth in enumerate(port.berths, start=1)
        ),
        looks=tuple(looks),
        first=looks.index(first),
        clear_looks=clear,
    )


def clear_looks(tables: PortTables) -> list[Look]:
    """Looks that saw a berth clearly: most clear berths first, newest first among equals."""
    looks = tables.looks.assign(clear=tables.looks["state"] == LookState.CLEAR.value)
    passes = looks.groupby("overpass_id", as_index=False).agg(
        time=("time", "first"), sensor=("sensor", "first"), clear=("clear", "sum")
    )
    passes = passes[passes["clear"] > 0].sort_values(
        ["clear", "time", "overpass_id"], ascending=False
    )
    return [Look(row.overpass_id, row.time, row.sensor, row.clear) for row in passes.itertuples()]


def clearer(looks: Sequence[Look]) -> list[Look]:
    """The better half of the looks, or MOST_LOOKS of them, in the order of time."""
    best = looks[: max(MOST_LOOKS, len(looks) // 2)]
    return sorted(best, key=lambda look: (look.time, look.overpass_id))


def spread(looks: Sequence[Look], number: int) -> list[Look]:
    """That many of the looks, spread evenly over their order."""
    if number >= len(looks):
        return list(looks)
    steps = np.linspace(0, len(looks) - 1, number).round().astype(int) if number else ()
    return [looks[step] for step in steps]


def _shown(
    tables: PortTables,
    imagery: Imagery,
    look: Look,
    place: Place,
    sizes: tuple[int, int] | None,
) -> Shown | None:
    """A look with its pictures, of at most these sides or in full; None where it has none."""
    image = imagery.rgb(tables.port.id, look.overpass_id)
    if image is None:
        return None
    grid, part = tables.port.grid, berths_grid(tables.port)
    parts: list[tuple[str, Grid, int | None]] = [("whole", grid, sizes[0] if sizes else None)]
    if sizes and max(grid.shape) > sizes[0] and part.shape != grid.shape:
        parts.append(("berths", part, sizes[1]))
    return Shown(
        look=look,
        layers=tuple(_layer(image, grid, look, *each, place) for each in parts),
        found=tuple(_found(tables, look.overpass_id)),
    )


def _layer(
    image: NDArray[np.uint8],
    grid: Grid,
    look: Look,
    name: str,
    part: Grid,
    most_px: int | None,
    place: Place,
) -> Layer:
    href = place(look.overpass_id, name, photo(cut(image, grid, part), most_px))
    return Layer(href, *_corner(grid, part), part.width, part.height)


def _corner(grid: Grid, part: Grid) -> tuple[float, float]:
    """Column and row of the part's upper left corner."""
    x = (part.left - grid.left) / grid.resolution_m
    return x, (grid.top - part.top) / grid.resolution_m


def _found(tables: PortTables, overpass_id: str) -> Iterator[Found]:
    """Every detection in an overpass, ships first, the surest first."""
    rows = tables.vessels[tables.vessels["overpass_id"] == overpass_id]
    names = {berth.id: berth.name for berth in tables.port.berths}
    rows = rows.sort_values(["counted", "score", "vessel_id"], ascending=[False, False, True])
    for row in rows.itertuples():
        yield Found(
            kind=_kind(row),
            outline=outline(_hull(row), tables.port.grid),
            vessel_id=row.vessel_id,
            berth=names.get(row.berth, row.berth),
            length=_length(row),
            score=f"{row.score:.2f}",
            review=row.review,
            seen=_seen(row),
            lon=round(row.geometry.x, 6),
            lat=round(row.geometry.y, 6),
        )


def _kind(row: pd.Series) -> str:
    if row.counted:
        return "vessel"
    return "doubt" if row.review else "fixed"


def _seen(row: pd.Series) -> str:
    if pd.isna(row.place_looks):
        return ""
    return f", the same seen there in {row.place_seen:.0f} of {row.place_looks:.0f} clear looks"


def _hull(row: pd.Series) -> BaseGeometry:
    """The hull as reviewers corrected it, else the box of the network."""
    return shapely.from_wkt(row.review_footprint) if row.review_footprint else row.footprint


def _length(row: pd.Series) -> str:
    if pd.notna(row.review_length_m):
        return plus_minus(row.review_length_m, HULL_SD_M)
    return f"{'≥ ' if row.truncated else ''}{plus_minus(row.length_m, row.length_sd_m)}"


def _bytes(shown: Shown) -> int:
    return sum(len(layer.href) for layer in shown.layers)
