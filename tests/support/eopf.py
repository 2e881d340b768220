"""Bands and masks as ESA's EOPF products hold them: Zarr arrays whose attributes say what they are.

The layout and the attributes are those of a product of baseline 05.11 (2025), whose metadata is in
a public repository: github.com/clausmichele/eopf-stac, tests/data-files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numcodecs
import rasterio
import zarr
from numpy.typing import NDArray

from jobs.domain import Source
from tests.support.scenes import GRID

NUMBERS = {"scale_factor": 1e-4, "add_offset": -0.1}


def write_array(
    store: Path,
    name: str,
    values: NDArray[Any],
    *,
    epsg: int = GRID.epsg,
    transform: tuple[float, ...] = GRID.transform,
    chunk: int = 32,
    compressor: Any = None,
    **attributes: Any,
) -> Source:
    """An array (y, x) of a store, as of Zarr's format 2, and its Source; chunks of no data alone
    are not written.
    """
    group = zarr.open_group(store, mode="a", zarr_format=2)
    array = group.create_array(
        name,
        shape=values.shape,
        chunks=(chunk, chunk),
        dtype=values.dtype,
        compressors=compressor or numcodecs.Blosc("zstd", 3, numcodecs.Blosc.BITSHUFFLE),
        fill_value=0,
        config={"write_empty_chunks": False},
    )
    array[:] = values
    about = {"proj:epsg": epsg, "proj:transform": [*transform, 0.0, 0.0, 1.0]}
    array.attrs.update({"_ARRAY_DIMENSIONS": ["y", "x"], **about, **attributes})
    a, b, c, d, e, f = transform
    return Source(
        href=f"{store}/{name}",
        index=1,
        epsg=epsg,
        transform=(a, b, c, d, e, f),
        shape=(values.shape[0], values.shape[1]),
        scale=attributes.get("scale_factor", 1.0),
        offset=attributes.get("add_offset", 0.0),
        nodata=0,
    )


PATHS = {
    "blue": "measurements/reflectance/r10m/b02",
    "green": "measurements/reflectance/r10m/b03",
    "red": "measurements/reflectance/r10m/b04",
    "nir": "measurements/reflectance/r10m/b08",
    "scl": "conditions/mask/l2a_classification/r20m/scl",
}


def as_eopf(catalog: Path) -> int:
    """Moves the bands of every Sentinel-2 item of a catalog on disk into Zarr stores; how many
    items there are.
    """
    items = [path for path in catalog.glob("*/*/*.json") if path.parent.name == path.stem]
    for path in items:
        item = json.loads(path.read_text())
        store = path.parent / f"{path.stem}.zarr"
        for name, array in PATHS.items():
            _moved(path.parent, item["assets"][name], store, array)
        path.write_text(json.dumps(item))
    return len(items)


def _moved(folder: Path, asset: dict[str, Any], store: Path, array: str) -> None:
    old = folder / asset["href"]
    with rasterio.open(old) as file:
        values, epsg, transform = file.read(1), file.crs.to_epsg(), tuple(file.transform)[:6]
    numbers = NUMBERS if array.startswith("measurements") else {}
    write_array(store, array, values, epsg=epsg, transform=transform, chunk=305, **numbers)
    asset |= {"href": f"{store.name}/{array}", "type": "application/vnd+zarr", "roles": ["data"]}
    old.unlink()
