"""The nouns of Berthwatch, as frozen values; this module imports nothing of ours.

Conventions: distances in metres, times in UTC (timezone-aware ``datetime``), geometries in WGS 84
(lon, lat) unless a name says ``x``/``y`` (metres in the port's UTM zone), headings in degrees
clockwise from grid north, modulo 180. Array axes are (band, y, x), y pointing south.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntFlag, StrEnum
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def content_id(value: object, length: int = 16) -> str:
    """Hex digest of a JSON-able value: the same content has the same id on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


# --- places -------------------------------------------------------------------------------------


class BerthKind(StrEnum):
    """What a berth is for; an anchorage holds any number of ships."""

    OIL_TERMINAL = "oil_terminal"
    BULK = "bulk"
    CONTAINER = "container"
    GENERAL = "general"
    FERRY = "ferry"
    NAVAL = "naval"
    ANCHORAGE = "anchorage"


@dataclass(frozen=True)
class Berth:
    """A named place where ships lie."""

    id: str
    name: str
    kind: BerthKind
    capacity: int | None
    """Ships it holds; None for an anchorage, which has no limit."""
    polygon: Polygon
    """WGS 84."""


@dataclass(frozen=True)
class Grid:
    """A north-up pixel grid in one projected coordinate system."""

    epsg: int
    left: float
    """x of the western edge, metres."""
    top: float
    """y of the northern edge, metres."""
    width: int
    height: int
    resolution_m: float = 10.0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in metres."""
        return (
            self.left,
            self.top - self.height * self.resolution_m,
            self.left + self.width * self.resolution_m,
            self.top,
        )

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """Affine coefficients (a, b, c, d, e, f) from (column, row) edges to (x, y)."""
        return (self.resolution_m, 0.0, self.left, 0.0, -self.resolution_m, self.top)

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x) in pixels."""
        return (self.height, self.width)

    @property
    def x(self) -> NDArray[np.float64]:
        """Pixel-centre eastings, metres, shape (width,)."""
        return self.left + (np.arange(self.width, dtype=np.float64) + 0.5) * self.resolution_m

    @property
    def y(self) -> NDArray[np.float64]:
        """Pixel-centre northings, metres, shape (height,), decreasing."""
        return self.top - (np.arange(self.height, dtype=np.float64) + 0.5) * self.resolution_m


@dataclass(frozen=True)
class Port:
    """An area of interest with its berths and its own 10 m UTM grid."""

    id: str
    name: str
    country: str
    area: Polygon
    """WGS 84."""
    berths: tuple[Berth, ...]
    grid: Grid
    locode: str | None = None
    approximate: bool = False
    """True until the berth polygons have been checked against imagery."""


# --- sensors ------------------------------------------------------------------------------------


class Quality(IntFlag):
    """Bits of the archive's ``quality`` variable; 0 is a clear, measured pixel."""

    NODATA = 1
    CLOUD = 2
    THIN_CLOUD = 4
    CLOUD_SHADOW = 8
    SNOW_ICE = 16
    DEFECTIVE = 32
    """Saturated or defective in the source."""
    UNSCREENED = 64
    """The scene came without a cloud mask: clear of cloud is not known."""


OPAQUE = Quality.NODATA | Quality.CLOUD | Quality.CLOUD_SHADOW | Quality.DEFECTIVE
"""A pixel with any of these bits tells nothing about ships."""


@dataclass(frozen=True)
class Encoding:
    """How physical values are kept as uint16: value = number * scale + offset, 0 = no data."""

    variable: str
    """Name of the archive variable, e.g. ``reflectance``."""
    scale: float
    offset: float
    long_name: str
    units: str = "1"

    def encode(self, value: NDArray[np.floating]) -> NDArray[np.uint16]:
        """Nearest number in 1..65535; NaN becomes 0, values out of range are clipped."""
        number = np.clip(np.rint((value - self.offset) / self.scale), 1, 65535)
        return np.where(np.isnan(value), 0, number).astype(np.uint16)

    def decode(self, number: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Physical values as float32; 0 becomes NaN."""
        value = number.astype(np.float32) * np.float32(self.scale) + np.float32(self.offset)
        value[number == 0] = np.nan
        return value


# --- scenes, overpasses, plans ------------------------------------------------------------------


class Access(StrEnum):
    """How files are reached that are not simply open; None stands for what the environment has."""

    PLANETARY_COMPUTER = "planetary-computer"
    """Addresses are signed with a token just before they are read, and again when it runs out."""
    REQUESTER_PAYS = "requester-pays"
    """Whoever reads pays for the transfer; S3 only."""
    ANONYMOUS = "anonymous"
    """S3 without a signature, whatever credentials are around."""


@dataclass(frozen=True)
class Source:
    """One band of one file: where it lies and what its digital numbers mean."""

    href: str
    """Absolute: a URL, s3://..., or a path."""
    index: int
    """Band in the file, counted from 1."""
    epsg: int
    transform: tuple[float, float, float, float, float, float]
    shape: tuple[int, int]
    """(rows, columns)."""
    scale: float = 1.0
    """Physical value = digital number * scale + offset, the offset applied exactly once."""
    offset: float = 0.0
    nodata: float | None = 0.0
    checksum: str | None = None
    """The catalog's file:checksum (multihash, hex), where it gives one."""
    size_bytes: int | None = None


@dataclass(frozen=True)
class Scene:
    """One STAC item, reduced to what a run needs; pinned in the plan."""

    item_id: str
    collection: str
    catalog: str
    sensor: str
    """Name in the sensor registry, e.g. ``sentinel-2-l2a``."""
    platform: str
    """Lower case, e.g. ``sentinel-2b``."""
    acquired: datetime
    bands: Mapping[str, Source]
    """blue, green, red, nir, ...: those of the sensor that this scene has."""
    mask: Source | None = None
    """The scene classification, where there is one."""
    cloud_cover: float | None = None
    """Per cent, as the catalog says."""
    geometry: Polygon | None = field(default=None, compare=False)
    """Footprint, WGS 84."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What duplicates are judged by: processing_baseline, generated, sensing_start, tile."""
    access: Access | None = None
    """How its files are reached; never a token."""


@dataclass(frozen=True)
class Superseded:
    """A scene left out of an overpass because another is the same acquisition, better processed."""

    item_id: str
    kept: str
    """Item id of the scene that stands for it."""
    reason: str


@dataclass(frozen=True)
class Overpass:
    """All scenes one satellite took of one port on one pass: the unit of work."""

    id: str
    """``<port>-<sensor family>-<time>-<digest>``; the digest covers grid and pinned scenes."""
    port: str
    sensor: str
    platform: str
    acquired: datetime
    """Of the earliest scene."""
    scenes: tuple[Scene, ...]
    """In mosaic order: where two have data, the first wins."""
    superseded: tuple[Superseded, ...] = ()


# --- what is found ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vessel:
    """One ship in one overpass."""

    x: float
    """Easting of the centre in the port's UTM zone, metres."""
    y: float
    length_m: float
    length_sd_m: float
    beam_m: float
    heading_deg: float
    """0 <= heading < 180, clockwise from grid north: bow and stern are not told apart."""
    score: float
    """Probability 0..1 that this is a ship."""
    truncated: bool
    """Cut by the image's edge or by cloud: length is a lower bound."""
    corners: tuple[tuple[float, float], ...]
    """The rotated box, four (x, y) in metres."""
    background: float | None = None
    """How much the port looks like a ship there when nothing lies there, 0..1; None if unknown.
    This and ``fixed`` are told from many looks together, and are in no archive."""
    fixed: bool = False
    """Taken for a part of the port that never moves: no ship."""


@dataclass(frozen=True)
class Pixels:
    """One overpass on the port's grid."""

    image: NDArray[np.uint16]
    """(band, y, x), encoded as the sensor's Encoding says; 0 = no data."""
    quality: NDArray[np.uint8]
    """(y, x), bits of Quality."""


class LookState(StrEnum):
    """What one overpass could see of one berth."""

    CLEAR = "clear"
    PARTLY = "partly"
    CLOUDED = "clouded"
    OUTSIDE = "outside"


# --- work ---------------------------------------------------------------------------------------


class StageName(StrEnum):
    """The per-overpass stages, in order."""

    TILE = "tile"
    SEGMENT = "segment"


class UnitState(StrEnum):
    """Where one overpass stands in one stage."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    STALE = "stale"
    """Done once, by other code, another model or other inputs than the run's."""


@dataclass(frozen=True)
class Unit:
    """One overpass to be worked on for one port: pure data, the same in every process."""

    port: Port
    overpass: Overpass
    step: int
    """Index on the archive's time axis."""


@dataclass(frozen=True)
class Settings:
    """What a run needs beyond its units; part of its identity."""

    code_version: str
    model: str | None
    """Path of a weights file; None for the packaged one."""
    model_digest: str


@dataclass(frozen=True)
class UnitResult:
    """What became of one unit in one stage; truthy when it is done."""

    overpass_id: str
    stage: StageName
    state: UnitState
    reason: str = ""
    """Why it failed, in one line; empty when it is done."""
    seconds: float = 0.0
    vessels: int = 0
    retries: tuple[str, ...] = ()
    """Why earlier attempts were given up, one line each; empty where the first one did it."""

    def __bool__(self) -> bool:
        return self.state is UnitState.DONE


class OverpassStore(Protocol):
    """The part of a port archive a stage sees: its own step on the time axis."""

    def write_pixels(self, sensor: str, step: int, pixels: Pixels) -> None:
        """Store the image and its quality for one step; whole chunks only."""

    def read_pixels(self, sensor: str, step: int) -> Pixels:
        """The image and quality of one step, as written."""

    def write_vessels(
        self,
        sensor: str,
        step: int,
        vessels: tuple[Vessel, ...],
        ship_probability: NDArray[np.uint8],
    ) -> None:
        """Store one step's vessels and its ship probability (0..255 for 0..1), shape (y, x)."""

    def land(self) -> NDArray[np.bool_]:
        """True where the land mask says land, (y, x); the same for every step."""


@dataclass(frozen=True)
class OverpassRecord:
    """What the archive holds of one finished overpass, for the stages that count."""

    overpass_id: str
    sensor: str
    platform: str
    acquired: datetime
    item_ids: tuple[str, ...]
    vessels: tuple[Vessel, ...]
    quality: NDArray[np.uint8]
    """(y, x) on the port's grid, bits of Quality."""


@dataclass(frozen=True)
class Period:
    """Days from start to end, both inclusive, UTC."""

    start: date
    end: date


class FixedStructure(StrEnum):
    """What becomes of vessels that lie where the port itself looks like a ship."""

    REJECT = "reject"
    """They stay in the table of vessels, marked, and count nowhere else."""
    KEEP = "keep"
    """Nobody asks: they are vessels like any other."""


# --- what is believed before any look -----------------------------------------------------------


@dataclass(frozen=True)
class Dwell:
    """How long ships stay, as a belief: the mean stay lies between low and high with 95 %."""

    median_days: float
    low_days: float
    high_days: float
    source: str
    """Where it comes from, for people; it is shown beside every number that hangs on it."""


@dataclass(frozen=True)
class EstimateSettings:
    """How visits nobody saw are estimated; part of a result's identity."""

    dwell: Dwell | None = None
    """At berths for one ship; None for the built-in beliefs."""
    waiting: Dwell | None = None
    """At anchorages and berths that hold several ships."""
    draws: int = 1000
    seed: int = 0
    cap_barrels: float = 500_000.0
    """Per calendar year; UNSCR 2397 (2017), paragraph 5."""
    cargo: str | None = None
    """Absolute path of a CSV of analysts' entries on what visits carried."""


DEFAULT_ESTIMATES = EstimateSettings()


CPU, GPU = "CPU", "GPU"
"""Resources by which workers say what they are for, as in ``dask worker --resources CPU=1``."""
