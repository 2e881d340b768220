"""The nouns of Berthwatch, as frozen values; this module imports nothing of ours but logins.

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

from jobs.domain.login import Login
from jobs.errors import InputError

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


CHUNK = 512
"""Pixels along y and x of an archive's chunk: a berth over time is read without whole looks."""


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


# --- pixels -------------------------------------------------------------------------------------


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
    """The scene has no cloud mask: whether the pixel is clear is unknown."""


OPAQUE = Quality.NODATA | Quality.CLOUD | Quality.CLOUD_SHADOW | Quality.DEFECTIVE
"""A pixel with any of these bits gives no evidence about ships."""


@dataclass(frozen=True)
class Encoding:
    """Physical values as whole numbers: value = number * scale + offset; number 0 = no data."""

    variable: str
    """Name of the archive variable, e.g. ``reflectance``."""
    scale: float
    offset: float
    long_name: str
    units: str = "1"
    dtype: str = "uint16"
    """Of the archive's variable, uint16 or uint8; in memory numbers are uint16."""
    values: str = ""
    """Usual values, in words."""

    @property
    def largest(self) -> int:
        """The largest number."""
        return int(np.iinfo(self.dtype).max)

    def encode(self, value: NDArray[np.floating]) -> NDArray[np.uint16]:
        """Nearest number from 1 to the largest; NaN becomes 0, values out of range are clipped."""
        number = np.clip(np.rint((value - self.offset) / self.scale), 1, self.largest)
        return np.where(np.isnan(value), 0, number).astype(np.uint16)

    def decode(self, number: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
        """Physical values as float32; 0 becomes NaN."""
        value = number.astype(np.float32) * np.float32(self.scale) + np.float32(self.offset)
        value[number == 0] = np.nan
        return value


@dataclass(frozen=True)
class Pixels:
    """Image and quality of one overpass on the port's grid."""

    image: NDArray[np.uint16]
    """(band, y, x), encoded as the sensor's Encoding says; 0 = no data."""
    quality: NDArray[np.uint8]
    """(y, x), bits of Quality."""


# --- scenes and overpasses ----------------------------------------------------------------------


class Access(StrEnum):
    """How files are reached that are not open; None in its place: as the environment allows."""

    PLANETARY_COMPUTER = "planetary-computer"
    """Addresses are signed with a token just before they are read, and again when it expires."""
    REQUESTER_PAYS = "requester-pays"
    """The reader pays for the transfer; S3 only."""
    ANONYMOUS = "anonymous"
    """S3 without a signature, even where credentials are present."""


FileAccess: TypeAlias = Access | Login
"""How files are reached, where that needs to be said."""


@dataclass(frozen=True)
class Source:
    """One band of one file: address, pixel grid, and scale of its digital numbers."""

    href: str
    """Absolute: a URL, s3://..., or a path."""
    index: int
    """Band in the file, counted from 1."""
    epsg: int
    """EPSG code of its projection."""
    transform: tuple[float, float, float, float, float, float]
    """Affine coefficients (a, b, c, d, e, f) from (column, row) edges to (x, y)."""
    shape: tuple[int, int]
    """(rows, columns)."""
    scale: float = 1.0
    """Of physical value = digital number * scale + offset."""
    offset: float = 0.0
    """Applied exactly once; 0 where the product has applied it already."""
    nodata: float | None = 0.0
    """Digital number of pixels without data; None where there is none."""
    checksum: str | None = None
    """The catalog's checksum of the file, a multihash in hex, where there is one."""
    size_bytes: int | None = None
    """Of the file, as the catalog says."""
    nodata_assumed: bool = False
    """The catalog says nothing of no data: ``nodata`` is the product's, and a file's tag wins."""
    etag: str | None = None
    """The file's ETag, as the catalog says."""
    calibration: str = ""
    """Address of the table that calibrates a radar's ground-range image, empty for all others."""
    noise: str = ""
    """Address of its table of thermal noise."""

    @property
    def on_points(self) -> bool:
        """Whether the file lies on ground control points of its own: ``transform`` is that of a
        box around it, and pixels are of ``POINTS_PIXEL_M``.
        """
        return bool(self.calibration)


POINTS_PIXEL_M = 10.0
"""Size of the pixels of files on ground control points."""


@dataclass(frozen=True)
class Scene:
    """One STAC item, reduced to the facts that a run needs; pinned in the plan."""

    item_id: str
    collection: str
    catalog: str
    sensor: str
    """Name in the sensor registry, e.g. ``sentinel-2-l2a``."""
    platform: str
    """Lower case, e.g. ``sentinel-2b``."""
    acquired: datetime
    bands: Mapping[str, Source]
    """Sources by band name (blue, green, red, nir, ...)."""
    mask: Source | None = None
    """The scene classification, where there is one."""
    cloud_cover: float | None = None
    """Per cent, as the catalog gives it."""
    geometry: Polygon | None = field(default=None, compare=False)
    """Footprint, WGS 84."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """By which duplicates are ranked: processing_baseline, generated, sensing_start, tile; and by
    which a scene that was processed again is known: produced, or updated where nothing else tells.
    """
    access: FileAccess | None = None
    """How its files are reached; never a token."""


@dataclass(frozen=True)
class Superseded:
    """A scene left out of an overpass for another one of the same acquisition."""

    item_id: str
    kept: str
    """Item id of the scene that is used instead."""
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
    """In mosaic order: where several have data, the first is used."""
    superseded: tuple[Superseded, ...] = ()

    @property
    def orbit(self) -> str:
        """From where a radar saw the port, as ``Orbit`` spells it; empty where nothing says."""
        return next((s.facts["orbit"] for s in self.scenes if "orbit" in s.facts), "")


# --- vessels and looks --------------------------------------------------------------------------


@dataclass(frozen=True)
class Vessel:
    """One ship in one overpass."""

    x: float
    """Easting of the centre in the port's UTM zone, metres."""
    y: float
    """Northing of the centre, metres."""
    length_m: float
    length_sd_m: float
    """Standard deviation of the length's error."""
    beam_m: float
    """As the detector reports it; measured where ``beam_sd_m`` is known."""
    heading_deg: float
    """0 <= heading < 180, clockwise from grid north: bow and stern are not distinguished."""
    score: float
    """Probability 0..1 that this is a ship."""
    truncated: bool
    """Cut off by the image's edge or by cloud: length is a lower bound."""
    corners: tuple[tuple[float, float], ...]
    """The rotated box, four (x, y) in metres."""
    beam_sd_m: float | None = None
    """Standard deviation of the error of a beam measured at the file's own pixels; None where the
    beam is not measured."""
    background: float | None = None
    """Ship probability of the static background at this place, 0..1; None if unknown. This and what
    follows are estimated from many looks together and are not stored in archives."""
    fixed: bool = False
    """Taken for a fixed structure of the port, by inference: counted as no ship."""
    place_seen: int | None = None
    """Looks that show the same thing at this place, of ``place_looks``; None where the background
    does not look like a ship there, or vessels were found there once only."""
    place_looks: int | None = None
    """Looks in which the place was clear, of those that the background is made from."""


class LookState(StrEnum):
    """Visibility of one berth in one overpass."""

    CLEAR = "clear"
    PARTLY = "partly"
    CLOUDED = "clouded"
    OUTSIDE = "outside"


# --- work ---------------------------------------------------------------------------------------


CPU, GPU = "CPU", "GPU"
"""Dask resources of workers, as in ``dask worker --resources CPU=1``."""


class StageName(StrEnum):
    """The per-overpass stages, in order."""

    TILE = "tile"
    SEGMENT = "segment"


class UnitState(StrEnum):
    """Progress of one overpass in one stage."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    STALE = "stale"
    """Done, but by other code, another model or other inputs than the run's."""


@dataclass(frozen=True)
class Unit:
    """One overpass of one port to be processed: plain data that can be sent to any process."""

    port: Port
    overpass: Overpass
    step: int
    """Index on the archive's time axis."""


class Engine(StrEnum):
    """What runs the network on CPUs: a library, and the format of its numbers if not float32."""

    TORCH = "torch"
    TORCH_BF16 = "torch-bf16"
    OPENVINO = "openvino"
    OPENVINO_BF16 = "openvino-bf16"


@dataclass(frozen=True)
class Settings:
    """Code and model of a run; part of its identity."""

    code_version: str
    """As ``jobs.domain.version.code_version`` returns it."""
    model: str | None
    """Path of a weights file; None for the packaged one."""
    model_digest: str
    """Hex digest of the weights file's content."""
    sensors: tuple[str, ...] = ()
    """Definitions of the run's own sensors."""
    engine: Engine = Engine.TORCH
    """What runs the network."""

    @property
    def model_id(self) -> str:
        """What finds ships: the network and its engine."""
        return model_id(self.model_digest, self.engine)


def model_id(digest: str, engine: str) -> str:
    """Id of a network, by its digest, as an engine runs it: by torch in float32 the digest alone.

    Commits, stages' keys and decisions of reviewers from before there was a choice rest on that.
    """
    return digest if engine == Engine.TORCH else f"{digest}+{engine}"


@dataclass(frozen=True)
class UnitResult:
    """Outcome of one unit in one stage; truthy when it is done."""

    overpass_id: str
    stage: StageName
    state: UnitState
    reason: str = ""
    """Reason of a failure, in one line; empty when it is done."""
    seconds: float = 0.0
    """Time that the unit took in this stage."""
    cpu_seconds: float = 0.0
    """CPU time of it; 0 where it is not known."""
    vessels: int = 0
    """Number of vessels detected."""
    ghosts: int = 0
    """Detections that were left out as a radar's azimuth ambiguities."""
    made_by: str = ""
    """Of the segment stage: library, number format and instructions that ran the network; empty
    where none was."""
    retries: tuple[str, ...] = ()
    """Reasons of failed earlier attempts, one line each; empty where the first succeeded."""
    copied_files: int = 0
    """Files that were copied as a whole, because their server sends no parts."""
    inputs: str = ""
    """Of the tile stage, also where it failed: what the catalogs say of the items, as JSON."""
    read: Mapping[str, str] = field(default_factory=dict)
    """Of the tile stage: sha256 of the pixels read of each file, by ``<number>/<band>``, the number
    being that of the scene in the overpass, from 1."""

    def __bool__(self) -> bool:
        return self.state is UnitState.DONE


class OverpassStore(Protocol):
    """The part of a port archive that stages use: reading and writing of steps on the time axis."""

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
    """One finished overpass as stored in the archive."""

    overpass_id: str
    sensor: str
    platform: str
    acquired: datetime
    item_ids: tuple[str, ...]
    vessels: tuple[Vessel, ...]
    quality: NDArray[np.uint8]
    """(y, x) on the port's grid, bits of Quality."""
    orbit: str = ""
    """As ``Overpass.orbit``."""


# --- what a job decides -------------------------------------------------------------------------


@dataclass(frozen=True)
class Period:
    """Days from start to end, both inclusive, UTC."""

    start: date
    end: date


class FixedStructure(StrEnum):
    """Treatment of vessels found where the static background looks like a ship."""

    REJECT = "reject"
    """Marked in the table of vessels and used nowhere else."""
    KEEP = "keep"
    """Not identified: they are vessels like any other."""


DWELL_DAYS = 0.01, 3650.0
"""Least and greatest mean stay that can be believed."""


@dataclass(frozen=True)
class Dwell:
    """Prior of the mean length of stay: it lies between low and high with probability 95 %."""

    median_days: float
    low_days: float
    high_days: float
    source: str
    """Origin of the numbers, as text; shown beside every estimate that depends on them."""

    def __post_init__(self) -> None:
        """Raise InputError for lengths that no stay has: histories of shorter ones fill memory."""
        if not DWELL_DAYS[0] <= self.low_days or not self.high_days <= DWELL_DAYS[1]:
            raise InputError(
                f"the mean stay is said to lie between {self.low_days:g} and {self.high_days:g} "
                f"days; expected days, between {DWELL_DAYS[0]:g} (a quarter of an hour) and "
                f"{DWELL_DAYS[1]:g} (ten years)"
            )


@dataclass(frozen=True)
class EstimateSettings:
    """Settings of the estimate of visits, seen and unseen; part of a result's identity."""

    dwell: Dwell | None = None
    """At berths for one ship; None for the built-in prior."""
    waiting: Dwell | None = None
    """At anchorages and berths for several ships; None for the built-in prior."""
    dwell_at: Mapping[str, Dwell] = field(default_factory=dict)
    """At single berths, by PORT/BERTH: wins over both."""
    draws: int = 1000
    """Number of posterior draws."""
    seed: int = 0
    """Of the random generator."""
    cap_barrels: float = 500_000.0
    """Barrels per calendar year that are allowed; UNSCR 2397 (2017), paragraph 5."""
    cargo: str | None = None
    """Absolute path of a CSV of analysts' entries on the cargo of visits; None for none."""
    without_each_sensor: bool = True
    """Whether places seen by several sensors are estimated again without each of them."""


DEFAULT_ESTIMATES = EstimateSettings()


@dataclass(frozen=True)
class ReviewSettings:
    """How much reviewers' decisions are believed; part of a result's identity where there are any.

    The errors are assumptions, not measurements: `berthwatch review JOB --agreement` shows how
    often two reviewers differ, which bounds them from below.
    """

    use: bool = True
    """False: results are the machine's, whatever was decided."""
    missed: float = 0.02
    """Chance that a reviewer who looked rejects or overlooks a ship that is there, 0..0.5."""
    invented: float = 0.01
    """Chance that a reviewer takes something else for a ship; in a look that was checked whole,
    the expected number of ships drawn where there is none, 0..0.5."""


DEFAULT_REVIEWS = ReviewSettings()
"""Of a job file without the key ``reviews``."""
