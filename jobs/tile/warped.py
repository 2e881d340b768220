"""Reader for files of another projection or pixel raster: warped to the grid through stackstac.

One stack per scene with all its bands, computed at once in this thread. The stack's grid is checked
with rioxarray: stackstac infers a grid where its arguments leave it open.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import rioxarray  # noqa: F401  (the accessor `.rio`)
import stackstac
import xarray as xr
from affine import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window

from jobs.domain import FileAccess, Grid, Source
from jobs.errors import SceneError
from jobs.tile.encoding import Layer, physical
from jobs.tile.pixel_size import is_finer
from jobs.tile.raster import Place, sharing_files, use
from jobs.tile.warped_file import BandRead, Spec, Warped, warp_bands


def read_warped(layers: Sequence[Layer], grid: Grid, access: FileAccess | None) -> None:
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


def _stack(reads: Sequence[BandRead], grid: Grid, access: FileAccess | None) -> xr.DataArray:
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
        reader=partial(BandReader, FileReads(reads, access)),
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


class FileReads:
    """The bands of a scene, read file by file: the first band of a file that is taken brings those
    that are read with it.
    """

    def __init__(self, reads: Sequence[BandRead], access: FileAccess | None) -> None:
        self._reads = reads
        self._access = access
        self._found: dict[int, Warped] = {}

    def take(self, number: int, spec: Spec) -> Warped:
        """A band on the whole grid, (y, x); it is not kept."""
        if number not in self._found:
            self._read(number, spec)
        return self._found.pop(number)

    def _read(self, number: int, spec: Spec) -> None:
        first = self._reads[number]
        numbers = [n for n, read in enumerate(self._reads) if read.is_with(first)]
        reads = [self._reads[n] for n in numbers]
        warped = use(
            Place(first.source.href, self._access),
            [read.source for read in reads],
            first.dtypes,
            lambda file: warp_bands(file, reads, spec),
        )
        self._found.update(zip(numbers, warped, strict=True))


class BandReader:
    """A stackstac reader for one band of a file with one or several bands, as float32 with NaN.

    stackstac's own reader refuses files of several bands (true colour is one), rounds to the
    file's integers before values are scaled, and warps twice, the second time for the mask.
    """

    def __init__(self, files: FileReads, *, url: str, spec: Spec, **_: object) -> None:
        self.files = files
        self.number = int(url)
        self.spec = spec

    def read(self, window: Window, **_: object) -> Warped:
        """One window of the spec's grid, (y, x)."""
        band: Warped = self.files.take(self.number, self.spec)[window.toslices()]
        return band

    def close(self) -> None:
        """Nothing to close: each read opens and closes its file."""

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
