"""Work, bytes and memory of a plan before it runs, and what the catalogs hold by month."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

from jobs.catalog import is_data_api
from jobs.domain import CHUNK, SENSORS, Grid, Json, Overpass, Port, Scene, Source
from jobs.errors import PlanError
from jobs.plan.overlap import Span, window
from jobs.plan.plan import ByPort, Plan
from jobs.plan.resampled import resampled

BASE_MEMORY = 600 * 2**20
"""Bytes of an idle worker with torch, GDAL and the model loaded."""

VERSION = 6
"""Of the notes in plan files. To be raised when the same overpasses give another estimate: notes
of other versions are ignored."""

BLOCK = 1024
"""Pixels along each side of a block of the cloud-optimised files that Earth Search lists."""

MASKS = 2
"""Variables of one byte a pixel, quality and ship probability; the image has all bands in a chunk.
"""
NO_OBJECT = 2**14
"""Pixels up to which a chunk of such a variable is packed so small that Icechunk keeps it in its
manifest: at the edges of grids that are a little larger than whole chunks."""

BACKGROUND = (6, 30)
"""Fixed structure is found from at least and at most so many overpasses of a port and sensor."""
RENDERED = (48, 12)
"""Overpasses of a port and sensor of which the clouds are looked at to choose the brightness of its
pictures, and of which the pixels are."""
PICTURES = 12
"""Overpasses of a port with berths that the report shows."""

TABLE_BYTES = 700_000
"""Of a table of calibration or noise beside a ground-range image, in the mean: those of a product
of Planetary Computer had 0.96 and 0.42 MB."""
TABLE_REQUESTS = 2.0
"""For its size, and for its content."""

ON_POINTS = 64
"""Bytes of memory per pixel of the grid for places, noise and table of one band's image in ground
range; 90 with all else, measured."""

STAGES = 2
"""Tasks per overpass: tile, segment."""


@dataclass(frozen=True)
class Estimate:
    """Work, bytes and memory of a plan or a part of it. Estimates of parts are added with ``+``."""

    units: int = 0
    tasks: int = 0
    bytes_in: int = 0
    """Of the windows of source files under the ports: by the files' sizes where the catalog gives
    them, else uncompressed, an upper bound."""
    bytes_out: int = 0
    """Written to the archives, uncompressed: an upper bound."""
    peak_memory: int = BASE_MEMORY
    """Bytes of one worker with one thread, at the largest port."""
    scenes: int = 0
    files: int = 0
    """Files opened, each once per overpass that needs it."""
    pixels: int = 0
    """Pixels of the ports' grids, counted once for all bands, over all overpasses."""
    bytes_fetched: int = 0
    """As ``bytes_in``, with the whole of every block that a window touches."""
    requests: float = 0.0
    """To read the files: one for each header, one for each row of blocks that a window touches, and
    one more where a web server is asked for the size."""
    chunks: int = 0
    """Objects with pixels, written to the archives."""
    ports: int = 0
    berths: int = 0
    looks: int = 0
    """Overpasses over berths, each berth counted: what visits are counted from."""
    refitted_berths: int = 0
    refitted_looks: int = 0
    """The same of the estimates without each sensor, added up over the sensors."""
    background_pixels: int = 0
    """Pixels of overpasses that are read again to find fixed structure."""
    reread_chunks: int = 0
    """Objects with pixels that are read again at the end of a run, for that and for pictures."""
    radar_units: int = 0
    """Of the units, those of a radar."""
    radar_pixels: int = 0
    """Of the pixels, those of a radar."""
    resampled_files: int = 0
    """Of the files, those whose pixels are not the grid's own."""
    warped_samples: int = 0
    """Pixels of the grids to which such files are interpolated, counted for each band."""
    turned_samples: int = 0
    """Pixels of files of another projection, no more than of the grids, counted for each band."""
    finer_samples: int = 0
    """Pixels under the ports, counted for each band, of files that are averaged to the grid."""
    flag_pixels: int = 0
    """Pixels under the ports of masks that are finer than the grid, or of many bands."""
    point_files: int = 0
    """Of the files, those on ground control points, each with two tables."""
    point_samples: int = 0
    """Their pixels under the ports."""

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(
            units=self.units + other.units,
            tasks=self.tasks + other.tasks,
            bytes_in=self.bytes_in + other.bytes_in,
            bytes_out=self.bytes_out + other.bytes_out,
            peak_memory=max(self.peak_memory, other.peak_memory),
            scenes=self.scenes + other.scenes,
            files=self.files + other.files,
            pixels=self.pixels + other.pixels,
            bytes_fetched=self.bytes_fetched + other.bytes_fetched,
            requests=self.requests + other.requests,
            chunks=self.chunks + other.chunks,
            ports=self.ports + other.ports,
            berths=self.berths + other.berths,
            looks=self.looks + other.looks,
            refitted_berths=self.refitted_berths + other.refitted_berths,
            refitted_looks=self.refitted_looks + other.refitted_looks,
            background_pixels=self.background_pixels + other.background_pixels,
            reread_chunks=self.reread_chunks + other.reread_chunks,
            radar_units=self.radar_units + other.radar_units,
            radar_pixels=self.radar_pixels + other.radar_pixels,
            resampled_files=self.resampled_files + other.resampled_files,
            warped_samples=self.warped_samples + other.warped_samples,
            turned_samples=self.turned_samples + other.turned_samples,
            finer_samples=self.finer_samples + other.finer_samples,
            flag_pixels=self.flag_pixels + other.flag_pixels,
            point_files=self.point_files + other.point_files,
            point_samples=self.point_samples + other.point_samples,
        )


def estimate_plan(plan: Plan) -> Estimate:
    """The estimate of a plan, from the notes in its file, or else from its overpasses."""
    return sum((_of_port(plan, port) for port in plan.ports), start=Estimate())


def estimate_sensors(plan: Plan) -> dict[str, Estimate]:
    """The estimates of the overpasses of each sensor, by its name."""
    found: dict[str, Estimate] = defaultdict(Estimate)
    for port in plan.ports:
        for sensor, estimate in _by_sensor(plan, port).items():
            found[sensor] += estimate
    return dict(sorted(found.items()))


def _of_port(plan: Plan, port: Port) -> Estimate:
    found = _whole(port, _by_sensor(plan, port))
    if plan.estimates.without_each_sensor:
        return found
    return replace(found, refitted_berths=0, refitted_looks=0)


def _by_sensor(plan: Plan, port: Port) -> dict[str, Estimate]:
    note: dict[str, Any] = {}
    if isinstance(plan.overpasses, ByPort):
        note = dict(plan.overpasses.note(port.id))
    if note.pop("version", None) == VERSION:
        return _of_note(note, port)
    return _of_overpasses(port, plan.of(port.id))


def _of_note(note: dict[str, Any], port: Port) -> dict[str, Estimate]:
    sensors = note.get("sensors")
    found = list(sensors.values()) if isinstance(sensors, dict) else []
    if note.keys() != {"sensors"} or not all(map(_is_estimate, found)) or sensors is None:
        raise PlanError(
            f"the plan's index has another estimate of {port.id} than was written: {note}; make "
            "the plan again with `berthwatch plan`"
        )
    return {str(sensor): Estimate(**each) for sensor, each in sensors.items()}


def _is_estimate(note: object) -> bool:
    names = {field.name for field in fields(Estimate)}
    return (
        isinstance(note, dict)
        and note.keys() == names
        and all(_is_number(name, note[name]) for name in names)
    )


def _is_number(name: str, value: object) -> bool:
    return type(value) is int or (name == "requests" and type(value) is float)


def estimate_note(port: Port, overpasses: Iterable[Overpass]) -> dict[str, Json]:
    """A port's estimates by sensor as the note in the index of a plan file."""
    found = _of_overpasses(port, overpasses)
    return {"version": VERSION, "sensors": {name: asdict(each) for name, each in found.items()}}


def estimate_port(port: Port, overpasses: Iterable[Overpass]) -> Estimate:
    """The estimate of one port's overpasses, and of what the end of a run does with the port."""
    return _whole(port, _of_overpasses(port, overpasses))


def _of_overpasses(port: Port, overpasses: Iterable[Overpass]) -> dict[str, Estimate]:
    """By sensor."""
    found: dict[str, Estimate] = defaultdict(Estimate)
    for overpass in overpasses:
        found[overpass.sensor] += estimate_overpass(overpass, port.grid)
    return dict(sorted(found.items()))


def _whole(port: Port, sensors: Mapping[str, Estimate]) -> Estimate:
    """With what the end of a run does with the port."""
    units = {sensor: found.units for sensor, found in sensors.items()}
    return sum(sensors.values(), start=_at_the_end(port, units))


def _at_the_end(port: Port, overpasses: Mapping[str, int]) -> Estimate:
    """The port itself, and what is read again of its overpasses, of which there are so many of
    each sensor.
    """
    grid = port.grid
    background = sum(min(n, BACKGROUND[1]) for n in overpasses.values() if n >= BACKGROUND[0])
    looked_at, rendered = (sum(min(n, m) for n in overpasses.values()) for m in RENDERED)
    looks, refits = sum(overpasses.values()), len(overpasses) if len(overpasses) > 1 else 0
    shown = min(looks, PICTURES if port.berths else 0)
    masks = _mask_chunks(grid)
    images = _chunks(grid) - MASKS * masks
    read = (background + rendered) * (images + masks) + looked_at * masks + shown * images
    return Estimate(
        ports=1,
        berths=len(port.berths),
        looks=len(port.berths) * looks,
        refitted_berths=len(port.berths) * refits,
        refitted_looks=len(port.berths) * max(refits - 1, 0) * looks,
        background_pixels=background * grid.width * grid.height,
        reread_chunks=read,
    )


def estimate_overpass(overpass: Overpass, grid: Grid) -> Estimate:
    """The estimate of one overpass, without what the end of a run does with it."""
    scenes = [_windows(scene, grid) for scene in overpass.scenes]
    files = [file for windows in scenes for file in windows.values()]
    rasters = [resampled(scene, grid) for scene in overpass.scenes]
    is_radar = SENSORS[overpass.sensor].is_radar
    return Estimate(
        units=1,
        tasks=STAGES,
        bytes_in=sum(_total(windows) for windows in scenes),
        bytes_out=_bytes_out(overpass, grid),
        peak_memory=_peak_memory(overpass, grid) + max(each.memory for each in rasters),
        scenes=len(scenes),
        files=sum(file.bytes > 0 for file in files),
        pixels=grid.width * grid.height,
        bytes_fetched=round(sum(file.bytes * file.touched for file in files)),
        requests=sum(file.requests for file in files if file.bytes > 0),
        chunks=_chunks(grid),
        radar_units=int(is_radar),
        radar_pixels=grid.width * grid.height if is_radar else 0,
        resampled_files=sum(each.files for each in rasters),
        warped_samples=sum(each.warped for each in rasters),
        turned_samples=sum(each.turned for each in rasters),
        finer_samples=sum(each.finer for each in rasters),
        flag_pixels=sum(each.flags for each in rasters),
        point_files=sum(each.on_points for each in rasters),
        point_samples=sum(each.placed for each in rasters),
    )


def _chunks(grid: Grid) -> int:
    """Objects with pixels that one overpass adds to the archive."""
    return len(_edges(grid.height)) * len(_edges(grid.width)) + MASKS * _mask_chunks(grid)


def _mask_chunks(grid: Grid) -> int:
    """Objects of each of the MASKS."""
    sizes = [high * wide for high in _edges(grid.height) for wide in _edges(grid.width)]
    return sum(size > NO_OBJECT for size in sizes)


def _edges(pixels: int) -> list[int]:
    """Lengths of the chunks along one side."""
    return [min(CHUNK, pixels - start) for start in range(0, pixels, CHUNK)]


def bytes_in(overpass: Overpass, grid: Grid) -> int:
    """Bytes of an overpass's files that lie under the grid, as ``Estimate.bytes_in``."""
    return sum(_total(_windows(scene, grid)) for scene in overpass.scenes)


def _total(windows: Mapping[str, _Window]) -> int:
    return math.ceil(sum(file.bytes for file in windows.values()))


class _Window(NamedTuple):
    """The part of one file that lies under a port."""

    bytes: float = 0.0
    touched: float = 1.0
    """Pixels of the blocks that the window touches as a multiple of its own."""
    requests: float = 0.0


def _windows(scene: Scene, grid: Grid) -> Mapping[str, _Window]:
    """Windows by file; a file whose size is known is counted once for all its bands."""
    files: dict[str, _Window] = defaultdict(_Window)
    sample = SENSORS[scene.sensor].sample_bytes
    for source in scene.bands.values():
        files[source.href] = _window(source, grid, sample, files[source.href].bytes)
        if source.on_points and files[source.href].bytes:
            for table in (source.calibration, source.noise):
                files[table] = _Window(TABLE_BYTES, 1.0, TABLE_REQUESTS)
    mask = SENSORS[scene.sensor].mask
    if scene.mask is not None and mask is not None:
        files[scene.mask.href] = _window(scene.mask, grid, max(1, len(mask.bands)), 0.0)
    return files


def _window(source: Source, grid: Grid, sample_bytes: int, other_bands: float) -> _Window:
    under = window(grid, source)
    if under is None:
        return _Window(other_bands)
    rows, columns = (stop - start for start, stop in under)
    high, wide = (_touched(*each) for each in zip(under, source.shape, strict=True))
    touched = high * wide / (rows * columns)
    asked = _requests(source, math.ceil(high / BLOCK))
    if source.size_bytes is None:
        return _Window(other_bands + rows * columns * sample_bytes, touched, asked)
    share = rows * columns / (source.shape[0] * source.shape[1])
    return _Window(source.size_bytes * share, touched, asked)


def _requests(source: Source, block_rows: int) -> float:
    """For the header and a window across so many rows of blocks; blocks beside each other are one
    range.
    """
    return 1 + block_rows


def _touched(span: Span, most: int) -> int:
    """Pixels along one side of the blocks under a window; ``most`` is the side of the raster."""
    start, stop = span
    return min(math.ceil(stop / BLOCK) * BLOCK, most) - start // BLOCK * BLOCK


def _bytes_out(overpass: Overpass, grid: Grid) -> int:
    bands = len(SENSORS[overpass.sensor].bands)
    return grid.width * grid.height * (bands * 2 + 2)  # + quality and ship probability


def _peak_memory(overpass: Overpass, grid: Grid) -> int:
    """Bytes: per pixel and band encoded (2), as float (4) and warped (4); 16 of masks a pixel, and
    of one band after the other what ``ON_POINTS`` says.
    """
    sensor = SENSORS[overpass.sensor]
    more = 0 if sensor.ground_range is None else ON_POINTS
    pixel = len(sensor.bands) * (2 + 4 + 4) + 16 + more
    return BASE_MEMORY + grid.width * grid.height * pixel


def summarise(plan: Plan) -> list[dict[str, Json]]:
    """Overpasses, scenes, superseded scenes, mean cloud and bytes per port, sensor and month.

    Bytes are None where scenes have to be ordered first.
    """
    return list(summary_rows(plan))


def summary_rows(plan: Plan) -> Iterator[dict[str, Json]]:
    """The rows of ``summarise``, with one port in memory at a time."""
    for port in sorted(plan.ports, key=lambda port: port.id):
        months: dict[tuple[str, str], list[Overpass]] = defaultdict(list)
        for overpass in plan.of(port.id):
            months[overpass.sensor, f"{overpass.acquired:%Y-%m}"].append(overpass)
        yield from (_row(port, *key, months[key]) for key in sorted(months))


def _row(port: Port, sensor: str, month: str, overpasses: Sequence[Overpass]) -> dict[str, Json]:
    scenes = [scene for overpass in overpasses for scene in overpass.scenes]
    clouds = [scene.cloud_cover for scene in scenes if scene.cloud_cover is not None]
    return {
        "port": port.id,
        "sensor": sensor,
        "month": month,
        "overpasses": len(overpasses),
        "scenes": len(scenes),
        "superseded": sum(len(overpass.superseded) for overpass in overpasses),
        "mean_cloud": round(sum(clouds) / len(clouds), 1) if clouds else None,
        "bytes": None
        if any(is_data_api(scene.catalog) for scene in scenes)
        else sum(bytes_in(overpass, port.grid) for overpass in overpasses),
    }
