"""The plan: every overpass pinned to its files, counted and hashed before anything runs.

A plan is a value. It holds the ports with their grids, and for each overpass the scenes that go
into it; a run never asks a catalog again. Its file is JSON Lines: a header, then one line per
overpass.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit, urlunsplit

import shapely
from pyproj import Transformer
from shapely.geometry import Polygon

from jobs.config import Job, PortRef, SourceSpec, period_json, source_json
from jobs.domain import (
    DEFAULT_ESTIMATES,
    Berth,
    BerthKind,
    Dwell,
    EstimateSettings,
    Grid,
    Json,
    Overpass,
    Period,
    Port,
    Scene,
    Source,
    Superseded,
    content_id,
)
from jobs.errors import InputError, PlanError
from jobs.ports import load_port, port_geojson
from jobs.search import Progress, Rejected, search
from jobs.sensors import SENSORS, baseline_key

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT = 1
"""Version of the plan file."""

SAME_PASS = timedelta(minutes=30)
"""A satellite sees a port once in an orbit of about 100 minutes; its scenes lie seconds apart."""

_Bounds: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Plan:
    """What a run needs: the job's answers, the ports, and every overpass pinned."""

    name: str
    """The job's."""
    period: Period
    archive: str
    model: str | None
    sources: tuple[SourceSpec, ...]
    ports: tuple[Port, ...]
    overpasses: tuple[Overpass, ...]
    """By port in the job's order, then by time."""
    rejected: tuple[Rejected, ...] = ()
    """Items that the catalogs gave and that cannot be used."""
    estimates: EstimateSettings = DEFAULT_ESTIMATES
    """How visits that nobody saw are estimated."""

    @cached_property
    def hash(self) -> str:
        """sha256 of the content: the same work has the same hash, wherever results go."""
        lines = (_line(overpass_to_json(overpass)) for overpass in self.overpasses)
        return _digest(_header(self), lines)

    @property
    def superseded(self) -> tuple[Superseded, ...]:
        """Scenes left out because another is the same acquisition, better processed."""
        return tuple(scene for overpass in self.overpasses for scene in overpass.superseded)

    def port(self, id: str) -> Port:
        """The port of that id; PlanError where the plan has none."""
        for port in self.ports:
            if port.id == id:
                return port
        known = ", ".join(port.id for port in self.ports)
        raise PlanError(f"the plan has no port {id!r}; it has {known}")


def make_plan(job: Job, *, progress: Progress | None = None) -> Plan:
    """Search the job's catalogs for each of its ports and pin what they hold.

    Raises InputError for a port that cannot be read and CatalogError for a catalog that fails.
    """
    ports = tuple(_load(ref) for ref in job.ports)
    overpasses: list[Overpass] = []
    rejected: dict[Rejected, None] = {}
    for port in ports:
        scenes: list[Scene] = []
        for source in job.sources:
            result = search(source, port.area, job.period, progress=progress)
            scenes += result.scenes
            rejected |= dict.fromkeys(result.rejected)
        overpasses += group_overpasses(port, scenes)
    return Plan(
        job.name,
        job.period,
        job.archive,
        job.model,
        job.sources,
        ports,
        tuple(overpasses),
        tuple(rejected),
        job.estimates,
    )


def _load(ref: PortRef) -> Port:
    port = load_port(ref.id if ref.file is None else ref.file)
    if ref.file is not None and port.id != ref.id:
        raise InputError(
            f"the job calls the port of {ref.file} {ref.id!r}, the file calls it {port.id!r}; "
            "make the two ids the same"
        )
    return port


# --- overpasses ---------------------------------------------------------------------------------


def group_overpasses(port: Port, scenes: Sequence[Scene]) -> tuple[Overpass, ...]:
    """Scenes of one port, in order of the job's sources, as overpasses in order of time.

    One overpass is one sensor on one platform, consecutive scenes no more than 30 minutes apart;
    scenes whose raster does not overlap the port's grid are dropped.

    Two scenes are the same acquisition when platform, pixel grid (epsg, transform and shape of the
    first band) and sensing start (to the second) are equal. Of these one is kept: the one with the
    highest processing baseline, then of the earlier source in the job, then generated last, then
    with the greatest id. Tiles that share a grid code and a time stay, having other pixel grids; so
    do the parts of a tile that was cut into two data strips, having other sensing starts.

    The mosaic's order is: scenes in the port's own UTM zone first, then those that cover more of
    the port's area (to a thousandth), then by id.
    """
    rank = _source_ranks(scenes)
    near = [scene for scene in scenes if _window(port.grid, _first_band(scene)) is not None]
    overpasses = (_overpass(port, group, rank) for group in _passes(near))
    return tuple(sorted(overpasses, key=lambda overpass: (overpass.acquired, overpass.id)))


def _source_ranks(scenes: Iterable[Scene]) -> dict[tuple[str, str], int]:
    names = dict.fromkeys((scene.catalog, scene.collection) for scene in scenes)
    return {name: rank for rank, name in enumerate(names)}


def _passes(scenes: Iterable[Scene]) -> Iterator[list[Scene]]:
    """Scenes of one sensor and platform, cut where more than 30 minutes lie between two."""
    series: dict[tuple[str, str], list[Scene]] = defaultdict(list)
    for scene in scenes:
        series[scene.sensor, scene.platform].append(scene)
    for members in series.values():
        members.sort(key=lambda scene: scene.acquired)
        group = members[:1]
        for before, scene in pairwise(members):
            if scene.acquired - before.acquired > SAME_PASS:
                yield group
                group = []
            group.append(scene)
        yield group


def _overpass(port: Port, scenes: list[Scene], rank: Mapping[tuple[str, str], int]) -> Overpass:
    kept, superseded = _without_duplicates(scenes, rank)
    ordered = tuple(sorted(kept, key=lambda scene: _mosaic_key(port, scene)))
    first = min(ordered, key=lambda scene: scene.acquired)
    return Overpass(
        id=_overpass_id(port, ordered, first.acquired),
        port=port.id,
        sensor=first.sensor,
        platform=first.platform,
        acquired=first.acquired,
        scenes=ordered,
        superseded=tuple(superseded),
    )


def _without_duplicates(
    scenes: list[Scene], rank: Mapping[tuple[str, str], int]
) -> tuple[list[Scene], list[Superseded]]:
    same: dict[object, list[Scene]] = defaultdict(list)
    for scene in scenes:
        same[_acquisition(scene)].append(scene)
    kept, superseded = [], []
    for group in same.values():
        *worse, best = sorted(group, key=lambda scene: _worth(scene, rank))
        kept.append(best)
        superseded += [_superseded(best, scene, rank) for scene in worse]
    return kept, sorted(superseded, key=lambda left_out: (left_out.item_id, left_out.reason))


def _acquisition(scene: Scene) -> object:
    band = _first_band(scene)
    second = scene.acquired.replace(microsecond=0).isoformat()
    start = scene.facts.get("sensing_start", second)
    return (scene.platform, band.epsg, band.transform, band.shape, start)


def _first_band(scene: Scene) -> Source:
    return scene.bands[SENSORS[scene.sensor].bands[0]]


def _worth(
    scene: Scene, rank: Mapping[tuple[str, str], int]
) -> tuple[tuple[int, int], int, str, str]:
    """The greatest is kept."""
    return (
        _baseline(scene),
        -rank[scene.catalog, scene.collection],
        scene.facts.get("generated", ""),
        scene.item_id,
    )


def _baseline(scene: Scene) -> tuple[int, int]:
    text = scene.facts.get("processing_baseline")
    return (0, 0) if text is None else baseline_key(text)


def _superseded(best: Scene, scene: Scene, rank: Mapping[tuple[str, str], int]) -> Superseded:
    why = (
        f"processing baseline {best.facts.get('processing_baseline', 'unknown')}, "
        f"this one's is {scene.facts.get('processing_baseline', 'unknown')}",
        "it comes from an earlier source of the job",
        "it was generated later",
        "its id is greater",
    )
    pairs = zip(_worth(best, rank), _worth(scene, rank), why, strict=True)
    decisive = next((reason for a, b, reason in pairs if a != b), "both are the same item")
    return Superseded(scene.item_id, best.item_id, f"same acquisition as the one kept: {decisive}")


def _mosaic_key(port: Port, scene: Scene) -> tuple[bool, float, str, str, str]:
    foreign = _first_band(scene).epsg != port.grid.epsg
    return (foreign, -_coverage(port, scene), scene.item_id, scene.catalog, scene.collection)


def _coverage(port: Port, scene: Scene) -> float:
    """Share of the port's area under the scene's footprint, or its raster where it has none."""
    footprint = scene.geometry
    if footprint is None:
        footprint = shapely.box(*_lon_lat_bounds(_first_band(scene)))
    return round(float(footprint.intersection(port.area).area / port.area.area), 3)


def _overpass_id(port: Port, scenes: Sequence[Scene], acquired: datetime) -> str:
    family = SENSORS[scenes[0].sensor].family
    pinned: Json = [_fields(port.grid), [_pinned(scene) for scene in scenes]]
    return f"{port.id}-{family}-{acquired:%Y%m%dT%H%M%S}-{content_id(pinned, 8)}"


def _pinned(scene: Scene) -> Json:
    """What of a scene decides its pixels; tokens in the query of an href do not."""
    sources = {**scene.bands, "mask": scene.mask}
    return {name: None if s is None else _pinned_source(s) for name, s in sources.items()}


def _pinned_source(source: Source) -> Json:
    return {**_source_json(source), "href": _without_query(source.href), "size_bytes": None}


def _without_query(href: str) -> str:
    if "://" not in href:
        return href
    return urlunsplit(urlsplit(href)._replace(query="", fragment=""))


# --- where rasters and grids meet ---------------------------------------------------------------


def _bounds(source: Source) -> _Bounds:
    a, _, left, _, e, top = source.transform
    rows, columns = source.shape
    return (left, top + e * rows, left + a * columns, top)


@cache
def _transformer(source_epsg: int, target_epsg: int) -> Transformer:
    return Transformer.from_crs(source_epsg, target_epsg, always_xy=True)


@cache
def _grid_bounds(grid: Grid, epsg: int) -> _Bounds:
    """The grid's bounds in another projection, its sides divided."""
    if grid.epsg == epsg:
        return grid.bounds
    bounds: _Bounds = _transformer(grid.epsg, epsg).transform_bounds(*grid.bounds)
    return bounds


def _lon_lat_bounds(source: Source) -> _Bounds:
    bounds: _Bounds = _transformer(source.epsg, 4326).transform_bounds(*_bounds(source))
    return bounds


def _window(grid: Grid, source: Source) -> tuple[int, int] | None:
    """(rows, columns) of a raster that lie under the grid; None where they do not meet."""
    left, bottom, right, top = _bounds(source)
    west, south, east, north = _grid_bounds(grid, source.epsg)
    width, height = min(right, east) - max(left, west), min(top, north) - max(bottom, south)
    if not (width > 0 and height > 0):
        return None
    rows = math.ceil(height / -source.transform[4])
    columns = math.ceil(width / source.transform[0])
    return min(rows, source.shape[0]), min(columns, source.shape[1])


# --- estimates ----------------------------------------------------------------------------------

BASE_MEMORY = 600 * 2**20
"""Bytes of a worker that has torch, GDAL and the model loaded and does nothing."""

STAGES = 2
"""Tasks per overpass: tile, segment."""


@dataclass(frozen=True)
class Estimate:
    """What a plan will cost, known before it runs."""

    units: int
    tasks: int
    bytes_in: int
    """The windows under the ports: by the files' sizes where the catalog gives them, else
    uncompressed, an upper bound."""
    bytes_out: int
    """Uncompressed, an upper bound."""
    peak_memory: int
    """Bytes in one worker with one thread, at the largest port."""


def estimate(plan: Plan) -> Estimate:
    """Units, tasks, bytes and memory of a plan."""
    grids = {port.id: port.grid for port in plan.ports}
    units = [(overpass, grids[overpass.port]) for overpass in plan.overpasses]
    return Estimate(
        units=len(units),
        tasks=STAGES * len(units),
        bytes_in=sum(bytes_in(overpass, grid) for overpass, grid in units),
        bytes_out=sum(_bytes_out(overpass, grid) for overpass, grid in units),
        peak_memory=max((_peak_memory(o, grid) for o, grid in units), default=BASE_MEMORY),
    )


def bytes_in(overpass: Overpass, grid: Grid) -> int:
    """Bytes to be read of one overpass's files."""
    return sum(_scene_bytes(scene, grid) for scene in overpass.scenes)


def _scene_bytes(scene: Scene, grid: Grid) -> int:
    files: dict[str, float] = defaultdict(float)
    sample = SENSORS[scene.sensor].dtype_bytes
    for source in scene.bands.values():
        files[source.href] = _share(source, grid, sample, files[source.href])
    if scene.mask is not None:
        files[scene.mask.href] = _share(scene.mask, grid, 1, 0.0)
    return math.ceil(sum(files.values()))


def _share(source: Source, grid: Grid, sample_bytes: int, other_bands: float) -> float:
    """Bytes of the window; a file whose size is known is counted once for all its bands."""
    rows, columns = _window(grid, source) or (0, 0)
    if source.size_bytes is None:
        return other_bands + rows * columns * sample_bytes
    return source.size_bytes * rows * columns / (source.shape[0] * source.shape[1])


def _bytes_out(overpass: Overpass, grid: Grid) -> int:
    bands = len(SENSORS[overpass.sensor].bands)
    return grid.width * grid.height * (bands * 2 + 2)  # + quality and ship probability


def _peak_memory(overpass: Overpass, grid: Grid) -> int:
    """Per pixel and band: encoded, as float, and warped once more; and 16 bytes of masks."""
    bands = len(SENSORS[overpass.sensor].bands)
    return BASE_MEMORY + grid.width * grid.height * (bands * (2 + 4 + 4) + 16)


def summarise(plan: Plan) -> list[dict[str, Json]]:
    """What the catalogs hold: a row per port, sensor and month, in that order."""
    months: dict[tuple[str, str, str], list[Overpass]] = defaultdict(list)
    for overpass in plan.overpasses:
        months[overpass.port, overpass.sensor, f"{overpass.acquired:%Y-%m}"].append(overpass)
    return [_row(plan, key, months[key]) for key in sorted(months)]


def _row(plan: Plan, key: tuple[str, str, str], overpasses: list[Overpass]) -> dict[str, Json]:
    scenes = [scene for overpass in overpasses for scene in overpass.scenes]
    clouds = [scene.cloud_cover for scene in scenes if scene.cloud_cover is not None]
    port, sensor, month = key
    grid = plan.port(port).grid
    return {
        "port": port,
        "sensor": sensor,
        "month": month,
        "overpasses": len(overpasses),
        "scenes": len(scenes),
        "mean_cloud": round(sum(clouds) / len(clouds), 1) if clouds else None,
        "bytes": sum(bytes_in(overpass, grid) for overpass in overpasses),
    }


# --- the file -----------------------------------------------------------------------------------


def write_plan(plan: Plan, path: Path) -> None:
    """Write the plan as JSON Lines; a reader sees the old file or the new one, never a part."""
    header = {
        "berthwatch_plan": FORMAT,
        "archive": plan.archive,
        "hash": plan.hash,
        "overpasses": len(plan.overpasses),
        **_header(plan),
    }
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=path.name, suffix=".tmp", delete=False
    ) as file:
        try:
            file.write(_line(header))
            file.writelines(_line(overpass_to_json(overpass)) for overpass in plan.overpasses)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise


def read_plan(path: Path) -> Plan:
    """The plan of a file; PlanError, naming the line, where it is none or has been changed."""
    lines = enumerate(_lines(path), start=1)
    _, first = next(lines, (1, ""))
    header = _parsed(path, 1, first, _checked_header)
    overpasses = tuple(_parsed(path, n, line, overpass_from_json) for n, line in lines)
    plan = _parsed(path, 1, first, lambda content: _plan(content, overpasses))
    if len(overpasses) != header["overpasses"]:
        raise PlanError(
            f"{path} holds {len(overpasses)} of {header['overpasses']} overpasses: it was cut "
            "short; make it again with `berthwatch plan`"
        )
    if plan.hash != header["hash"]:
        raise PlanError(
            f"{path} has been changed since it was written: its content has hash "
            f"{plan.hash[:12]}, it claims {str(header['hash'])[:12]}; make it again"
        )
    return plan


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from file
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(
            f"cannot read the plan {path}: {error}; make it with `berthwatch plan`"
        ) from error


T = TypeVar("T")


def _parsed(path: Path, number: int, line: str, make: Callable[[Any], T]) -> T:
    """What a line says; PlanError with the line's number where it does not say it."""
    try:
        return make(json.loads(line))
    except PlanError as error:
        raise PlanError(f"{path}, line {number}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlanError(
            f"{path}, line {number}: not a line of a plan ({type(error).__name__}: {error}); "
            "make the plan again with `berthwatch plan`"
        ) from error


def _checked_header(content: Any) -> Mapping[str, Any]:
    version = content.get("berthwatch_plan")
    if version != FORMAT:
        raise PlanError(
            f"berthwatch_plan is {version!r}, this version reads {FORMAT}; "
            "make the plan again with `berthwatch plan`"
        )
    return {"overpasses": int(content["overpasses"]), "hash": str(content["hash"])}


def _header(plan: Plan) -> dict[str, Json]:
    """What the hash covers besides the overpasses: all but the place results go to."""
    return {
        "name": plan.name,
        "period": period_json(plan.period),
        "model": plan.model,
        "sources": [source_json(source) for source in plan.sources],
        "ports": [_port_json(port) for port in plan.ports],
        "rejected": [_fields(rejected) for rejected in plan.rejected],
        **_estimates_json(plan.estimates),
    }


def _estimates_json(settings: EstimateSettings) -> dict[str, Json]:
    """Nothing for what is believed by default, so that plans from before the choice stand."""
    return {} if settings == DEFAULT_ESTIMATES else {"estimates": asdict(settings)}


def _estimates(content: Mapping[str, Any] | None) -> EstimateSettings:
    if content is None:
        return DEFAULT_ESTIMATES
    dwells = {
        name: None if content[name] is None else Dwell(**content[name])
        for name in ("dwell", "waiting")
    }
    return EstimateSettings(**{**content, **dwells})


def _plan(content: Any, overpasses: tuple[Overpass, ...]) -> Plan:
    days = content["period"]
    return Plan(
        name=content["name"],
        period=Period(date.fromisoformat(days["start"]), date.fromisoformat(days["end"])),
        archive=content["archive"],
        model=content["model"],
        sources=tuple(SourceSpec(**source) for source in content["sources"]),
        ports=tuple(_port(port) for port in content["ports"]),
        overpasses=overpasses,
        rejected=tuple(Rejected(**rejected) for rejected in content["rejected"]),
        estimates=_estimates(content.get("estimates")),
    )


def _line(content: Mapping[str, Json]) -> str:
    """The one way of writing a value as a line, so that equal values are equal bytes."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"


def _digest(header: Mapping[str, Json], lines: Iterable[str]) -> str:
    digest = hashlib.sha256(_line(header).encode())
    for line in lines:
        digest.update(line.encode())
    return digest.hexdigest()


# --- values as JSON -----------------------------------------------------------------------------


def overpass_to_json(overpass: Overpass) -> dict[str, Json]:
    """An overpass as plain JSON values; ``overpass_from_json`` gives it back exactly."""
    return {
        **_fields(overpass),
        "acquired": overpass.acquired.isoformat(),
        "scenes": [_scene_json(scene) for scene in overpass.scenes],
        "superseded": [_fields(superseded) for superseded in overpass.superseded],
    }


def overpass_from_json(content: Mapping[str, Any]) -> Overpass:
    """The overpass of ``overpass_to_json``."""
    return Overpass(
        **{
            **content,
            "acquired": datetime.fromisoformat(content["acquired"]),
            "scenes": tuple(_scene(scene) for scene in content["scenes"]),
            "superseded": tuple(Superseded(**left_out) for left_out in content["superseded"]),
        }
    )


def _scene_json(scene: Scene) -> dict[str, Json]:
    return {
        **_fields(scene),
        "acquired": scene.acquired.isoformat(),
        "bands": {name: _source_json(source) for name, source in scene.bands.items()},
        "mask": None if scene.mask is None else _source_json(scene.mask),
        "geometry": None if scene.geometry is None else _polygon_json(scene.geometry),
        "facts": dict(scene.facts),
    }


def _scene(content: Mapping[str, Any]) -> Scene:
    mask, geometry = content["mask"], content["geometry"]
    return Scene(
        **{
            **content,
            "acquired": datetime.fromisoformat(content["acquired"]),
            "bands": {name: _source(source) for name, source in content["bands"].items()},
            "mask": None if mask is None else _source(mask),
            "geometry": None if geometry is None else _polygon(geometry),
        }
    )


def _source_json(source: Source) -> dict[str, Json]:
    return {
        **_fields(source),
        "transform": list(source.transform),
        "shape": list(source.shape),
    }


def _source(content: Mapping[str, Any]) -> Source:
    rows, columns = content["shape"]
    a, b, c, d, e, f = content["transform"]
    return Source(**{**content, "transform": (a, b, c, d, e, f), "shape": (rows, columns)})


def _polygon_json(polygon: Polygon) -> Json:
    rings = [polygon.exterior, *polygon.interiors]
    return [[[float(x), float(y)] for x, y in ring.coords] for ring in rings]


def _polygon(rings: Any) -> Polygon:
    return Polygon(rings[0], rings[1:])


def _port_json(port: Port) -> Json:
    """The port as its GeoJSON, and its grid, which is pinned and not computed again."""
    return {"geojson": port_geojson(port), "grid": _fields(port.grid)}


def _port(content: Mapping[str, Any]) -> Port:
    area, *berths = content["geojson"]["features"]
    facts = area["properties"]
    return Port(
        id=facts["id"],
        name=facts["name"],
        country=facts["country"],
        area=_polygon(area["geometry"]["coordinates"]),
        berths=tuple(_berth(berth) for berth in berths),
        grid=Grid(**content["grid"]),
        locode=facts.get("locode"),
        approximate=facts.get("approximate", False),
    )


def _berth(feature: Mapping[str, Any]) -> Berth:
    facts = feature["properties"]
    polygon = _polygon(feature["geometry"]["coordinates"])
    return Berth(facts["id"], facts["name"], BerthKind(facts["kind"]), facts["capacity"], polygon)


def _fields(value: DataclassInstance) -> dict[str, Any]:
    """The fields of a dataclass as they are; those that are not JSON are replaced by the caller."""
    return {field.name: getattr(value, field.name) for field in fields(value)}
