"""The pixels of a look: their picture, their digests, and the lines of Python that cut them again.

A digest is the sha256 of the stored numbers themselves, unscaled: little-endian, band by band, row
by row from the north, in each row from the west; nothing of a file format is in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS
from rasterio.features import geometry_mask
from rasterio.io import MemoryFile
from rasterio.transform import from_origin
from shapely.geometry import Polygon

from jobs.archive import PortArchive, Step, opening_source, port_name
from jobs.domain import SENSORS, Json, Pixels, StageName, UnitState, project
from jobs.evidence.window import Window

HOW = (
    "sha256 of the stored numbers, not scaled: little-endian unsigned integers of the dtype given, "
    "in the order band, row from the north, column from the west, without any header"
)
"""How the digests of pixels are computed."""

HOW_READ = (
    "sha256 of the pixels of one band of one source file, on the port's grid and as the archive "
    "stores them (little-endian, row by row from the north), before files are joined into one "
    "image; taken while the file was read. It is no digest of the file's bytes"
)
"""How the archive's digests of what was read are computed."""


@dataclass(frozen=True)
class StoredLook:
    """One overpass as the archive holds it at the snapshot of the evidence."""

    step: Step
    pixels: Pixels
    read: Mapping[str, str]
    """sha256 of what was read of each file, by ``<scene>/<band>``."""
    ship_probability: NDArray[np.uint8]
    """(y, x), in 255ths."""

    @property
    def holds_what_was_read(self) -> bool | None:
        """Whether the archive's bands have the digests taken when the file was read.

        None where that cannot be told: of several scenes only the joined image is kept.
        """
        bands = SENSORS[self.step.sensor].bands
        if {name.partition("/")[0] for name in self.read} != {"1"}:
            return None
        if not all(f"1/{band}" in self.read for band in bands):
            return None
        pairs = zip(bands, self.pixels.image, strict=True)
        return all(self.read[f"1/{band}"] == digest_of(plane, "<u2") for band, plane in pairs)


def stored_look(archive: PortArchive, step: Step | None) -> StoredLook | None:
    """The pixels of a step; None where there is none, or it was never tiled."""
    if step is None or step.state[StageName.TILE] is not UnitState.DONE:
        return None
    read = archive.what_was_read(step.sensor, step.index)
    return StoredLook(step, archive.image(step), read, archive.ship_probability(step))


def highest_in(stored: StoredLook, window: Window, shape: Polygon) -> float | None:
    """The highest ship probability of a pixel that a WGS 84 polygon touches in the window.

    None where it touches none, or the network did not run.
    """
    if stored.step.state[StageName.SEGMENT] is not UnitState.DONE:
        return None
    left, _, _, top = window.bounds
    step = window.grid.resolution_m
    size = (window.height, window.width)
    outline = project(shape, window.grid.epsg, densify=False)
    place = from_origin(left, top, step, step)
    inside = geometry_mask([outline], size, place, all_touched=True, invert=True)
    if not inside.any():
        return None
    return round(float(window.cut(stored.ship_probability)[inside].max()) / 255, 2)


def digest_of(numbers: NDArray[np.generic], dtype: str | None = None) -> str:
    """The digest of an array as ``HOW`` says, in hex."""
    kind = np.dtype(dtype) if dtype else numbers.dtype.newbyteorder("<")
    return hashlib.sha256(np.ascontiguousarray(numbers, kind).data).hexdigest()


def pixels_json(archive: PortArchive, stored: StoredLook, window: Window) -> dict[str, Json]:
    """Where the pixels of a picture lie in the archive, their digests, and how to cut them."""
    sensor = SENSORS[stored.step.sensor]
    image, quality = window.cut(stored.pixels.image), window.cut(stored.pixels.quality)
    facts: dict[str, Json] = {
        "snapshot": archive.snapshot,
        "group": sensor.family,
        "variable": sensor.encoding.variable,
        "bands": list(sensor.bands),
        "time_index": stored.step.index,
        "y": [window.rows.start, window.rows.stop],
        "x": [window.columns.start, window.columns.stop],
        "shape": list(image.shape),
        "dtype": image.dtype.newbyteorder("<").str,
        "sha256": digest_of(image),
        "quality_sha256": digest_of(quality),
        "no_data_pixels": int((image == 0).all(axis=0).sum()),
    }
    return {**facts, "python": snippet(archive, facts)}


def snippet(archive: PortArchive, facts: Mapping[str, Json]) -> str:
    """Five lines that cut the same pixels with Icechunk and xarray, and print their digest."""
    window = ", ".join(f"{axis}=slice({_ends(facts[axis])})" for axis in ("y", "x"))
    return "\n".join(
        [
            # of an archive in a folder Icechunk warns on standard output; reading is safe
            "import hashlib, icechunk, xarray as xr; icechunk.set_logs_filter('error')",
            f"storage = {opening_source(archive.storage, port_name(archive.port.id))}",
            "store = icechunk.Repository.open(storage)"
            f".readonly_session(snapshot_id={facts['snapshot']!r}).store",
            f"look = xr.open_zarr(store, group={facts['group']!r}, consolidated=False, "
            f"mask_and_scale=False).isel(time={facts['time_index']}, {window})",
            f"print(hashlib.sha256(look[{facts['variable']!r}].values.astype({facts['dtype']!r})"
            ".tobytes()).hexdigest())",
            "",
        ]
    )


def _ends(span: Json) -> str:
    return str(span).strip("[]")


def geotiff(stored: StoredLook, window: Window) -> bytes:
    """The numbers of a picture's pixels as GeoTIFF, all bands: those whose digest is stated."""
    sensor = SENSORS[stored.step.sensor]
    numbers = window.cut(stored.pixels.image)
    left, _, _, top = window.bounds
    step = window.grid.resolution_m
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            count=len(numbers),
            height=window.height,
            width=window.width,
            dtype=numbers.dtype.name,
            crs=CRS.from_epsg(window.grid.epsg),
            transform=from_origin(left, top, step, step),
            nodata=0,
            interleave="band",
        ) as file:
            file.write(numbers)
            file.descriptions = sensor.bands
            file.scales = [sensor.encoding.scale] * len(numbers)
            file.offsets = [sensor.encoding.offset] * len(numbers)
        return bytes(memory.getbuffer())


def picture(image: NDArray[np.uint8]) -> bytes:
    """A picture (y, x, colour) as PNG: its pixels as they are, no time or name in it."""
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "png", compress_level=9)
    return buffer.getvalue()
