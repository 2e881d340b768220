"""Reader for files of another projection or pixel raster: warped to the grid through stackstac.

One stack per scene with all its bands, computed at once in this thread. The stack's grid is checked
with rioxarray: stackstac infers a grid where its arguments leave it open.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import rioxarray  # noqa: F401  (the accessor `.rio`)
import stackstac
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader, MemoryFile
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from jobs.domain import Access, Grid, Source
from jobs.errors import SceneError
from jobs.tile.encoding import Layer, physical
from jobs.tile.pixel_size import is_finer
from jobs.tile.raster import Place, sharing_files, use, with_nodata
from jobs.tile.read_range import read_range
from jobs.tile.validity import existing, has_mask

COPY_MARGIN_PX = 16
"""Grid pixels around what a warp may read that a copy of it has: GDAL widens its kernel where a
raster ends close to that."""


def read_warped(layers: Sequence[Layer], grid: Grid, access: Access | None) -> None:
    """Fill the layers from files of one scene that lie on another grid than the port's."""
    reads = tuple(
        BandRead(layer.source, _resampling(layer, grid), layer.dtypes, layer.measured)
        for layer in layers
    )
    with sharing_files():  # several bands may lie in one file
        stack = _stack(reads, grid, access)
        if not stack.sizes["band"]:  # stackstac drops bands that nowhere overlap the grid
            return
        _check_grid(stack, grid)
        values = stack.compute(scheduler="synchronous")
    found = {str(name): array for name, array in zip(values.band.values, values[0], strict=True)}
    for number, layer in enumerate(layers):
        if str(number) in found:
            numbers = found[str(number)].to_numpy()
            layer.out[...] = layer.encoder.encode(physical(layer.source, numbers))


def _resampling(layer: Layer, grid: Grid) -> Resampling:
    """Classes are taken from the nearest pixel; finer pixels are averaged, by the area that each
    has in the grid's, over those with data; others are interpolated.
    """
    if layer.categorical:
        return Resampling.nearest
    return Resampling.average if is_finer(layer.source, grid) else Resampling.bilinear


def _stack(reads: Sequence[BandRead], grid: Grid, access: Access | None) -> xr.DataArray:
    """The scene's bands on the grid, lazy: (time 1, band, y, x), float32, NaN without data."""
    stack: xr.DataArray = stackstac.stack(
        [_stac_item([read.source for read in reads])],
        assets=[str(number) for number in range(len(reads))],
        epsg=grid.epsg,
        resolution=grid.resolution_m,
        bounds=grid.bounds,
        dtype=np.dtype("float32"),
        fill_value=np.float32("nan"),
        rescale=False,
        sortby_date=False,
        chunksize=(1, 1, grid.height, grid.width),
        reader=partial(BandReader, reads, access),
        xy_coords="center",
        properties=False,
        band_coords=False,
    )
    return stack


def _stac_item(sources: Sequence[Source]) -> dict[str, object]:
    """The smallest item that stackstac accepts: one asset per source, named by its number.

    Its projection is in ``proj:epsg``, the only form that stackstac 0.5 reads.
    """
    return {
        "id": "scene",
        "type": "Feature",
        "bbox": None,
        "geometry": None,
        "links": [],
        "properties": {"datetime": "2000-01-01T00:00:00Z"},
        "assets": {
            str(number): {
                "href": str(number),
                "type": "image/tiff",
                "proj:epsg": source.epsg,
                "proj:shape": list(source.shape),
                "proj:transform": list(source.transform),
            }
            for number, source in enumerate(sources)
        },
    }


def _check_grid(stack: xr.DataArray, grid: Grid) -> None:
    """Raise SceneError for a stack whose grid is not the given one."""
    transform = stack.rio.transform(recalc=True)
    same = transform.almost_equals(Affine(*grid.transform), precision=1e-6)
    if not same or stack.rio.shape != grid.shape or stack.rio.crs.to_epsg() != grid.epsg:
        raise SceneError(
            f"stackstac made a grid of {stack.rio.shape} in {stack.rio.crs} at "
            f"{tuple(transform)[:6]}, expected {grid.shape} in EPSG:{grid.epsg} at "
            f"{grid.transform}: please report this"
        )


@dataclass(frozen=True)
class BandRead:
    """One band that stackstac reads through BandReader."""

    source: Source
    resampling: Resampling
    dtypes: Sequence[str]
    measured: frozenset[int] = frozenset()


class Spec(Protocol):
    """The grid as stackstac passes it to its readers."""

    epsg: int
    bounds: tuple[float, float, float, float]
    transform: Affine
    vrt_params: dict[str, object]


class BandReader:
    """A stackstac reader for one band of a file with one or several bands, as float32 with NaN.

    stackstac's own reader refuses files of several bands (true colour is one), rounds to the
    file's integers before values are scaled, and warps twice, the second time for the mask.
    """

    def __init__(
        self, reads: Sequence[BandRead], access: Access | None, *, url: str, spec: Spec, **_: object
    ) -> None:
        self.wanted = reads[int(url)]
        self.access = access
        self.spec = spec

    def read(self, window: Window, **_: object) -> NDArray[np.float32]:
        """One window of the spec's grid, (y, x)."""
        source = self.wanted.source
        return use(
            Place(source.href, self.access),
            [source],
            self.wanted.dtypes,
            lambda file: self._warped(file, window),
        )

    def _warped(self, file: DatasetReader, window: Window) -> NDArray[np.float32]:
        source = with_nodata(file, self.wanted.source)
        if has_mask(file, source.index, self.wanted.measured):
            return self._warped_with_mask(file, source, window)
        # Without nodata GDAL warps twice as fast, to the same numbers where there are no holes.
        no_holes = _has_no_holes(file, source, self.spec)
        return self._warp(
            file,
            source.index,
            window,
            src_nodata=None if no_holes else source.nodata,
            nodata=None if no_holes else np.nan,
        )

    def _warped_with_mask(
        self, file: DatasetReader, source: Source, window: Window
    ) -> NDArray[np.float32]:
        """The window from a copy of what the warp may read, NaN where a pixel does not exist.

        GDAL takes a mask, an alpha band or a no-data value into account, never two of them.
        """
        part = _clipped(file, self.spec)
        if part is None:
            return np.full((window.height, window.width), np.nan, np.float32)
        with MemoryFile() as memory:
            with memory.open(
                driver="GTiff",
                count=1,
                height=part.height,
                width=part.width,
                dtype="float32",
                crs=file.crs,
                transform=file.window_transform(part),
                nodata=np.nan,
            ) as copy:
                copy.write(_with_holes(file, source, self.wanted.measured, part), 1)
            with memory.open() as copy:
                return self._warp(copy, 1, window, src_nodata=np.nan, nodata=np.nan)

    def _warp(
        self, file: DatasetReader, band: int, window: Window, **nodata: float | None
    ) -> NDArray[np.float32]:
        with WarpedVRT(
            file,
            resampling=self.wanted.resampling,
            dtype="float32",
            **nodata,
            **self.spec.vrt_params,
        ) as warped:
            values: NDArray[np.float32] = warped.read(band, window=window)
        return values

    def close(self) -> None:
        """Nothing to close: each read opens and closes its file."""

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)


def _has_no_holes(file: DatasetReader, source: Source, spec: Spec) -> bool:
    """Whether the file has data at every pixel that the warp may read."""
    rows, columns = read_range(file, spec.epsg, spec.bounds)
    inside = 0 <= rows[0] < rows[1] <= file.height and 0 <= columns[0] < columns[1] <= file.width
    if not inside or source.nodata is None:
        return bool(inside)
    # The blocks decoded here stay in GDAL's cache for the warp.
    values = file.read(source.index, window=Window.from_slices(rows, columns))
    return not bool((values == source.nodata).any())


def _clipped(file: DatasetReader, spec: Spec) -> Window | None:
    """The part of the file that the warp may read, with a margin; None where none is inside."""
    rows, columns = read_range(file, spec.epsg, spec.bounds)
    margin = COPY_MARGIN_PX * max(1, round(spec.transform.a / abs(file.transform.a)))
    top, bottom = max(rows[0] - margin, 0), min(rows[1] + margin, file.height)
    left, right = max(columns[0] - margin, 0), min(columns[1] + margin, file.width)
    if top >= bottom or left >= right:
        return None
    return Window.from_slices((top, bottom), (left, right))


def _with_holes(
    file: DatasetReader, source: Source, measured: Set[int], part: Window
) -> NDArray[np.float32]:
    """The numbers of a part of the file, NaN where a pixel is no data or does not exist."""
    numbers = file.read(source.index, window=part)
    valid = existing(file, source.index, measured, part)
    if source.nodata is not None:
        is_data = numbers != source.nodata
        valid = is_data if valid is None else valid & is_data
    values: NDArray[np.float32] = numbers.astype(np.float32)
    if valid is not None:
        values[~valid] = np.nan
    return values
