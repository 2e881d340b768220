"""Files of an order: against what its manifest says, and their pixel grids."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jobs.catalog.stac_item import Item
from jobs.domain import Access, gdal_settings, read_checksum, scheme_of
from jobs.errors import InputError

_PIECE_BYTES = 2**20


def file_fault(path: str, size: int | None, checksum: str | None) -> str:
    """How a file on disk differs from its size and checksum (a multihash in hex), as stated; empty
    where it does not, and for a file that is not on disk.
    """
    if scheme_of(path):
        return ""
    file = Path(path)
    if not file.is_file():
        return "is listed in the manifest and is not there"
    found = file.stat().st_size
    if size is not None and found != size:
        return f"has {found:,} bytes, the manifest says {size:,}"
    stated = None if checksum is None else read_checksum(checksum)
    made = None if stated is None else stated.hash()
    if stated is None or made is None:
        return ""
    with file.open("rb") as content:
        while piece := content.read(_PIECE_BYTES):
            made.update(piece)
    if made.hexdigest() != stated.digest:
        return f"has another {stated.algorithm} digest than the manifest says"
    return ""


def checksum_of(digests: Item) -> str | None:
    """The strongest digest of a manifest's entry as a multihash; None where there is none."""
    if digests.get("sha256"):
        return f"1220{digests['sha256']}"
    return f"d50110{digests['md5']}" if digests.get("md5") else None


def grid_of(href: str, access: Access | None) -> dict[str, Any]:
    """Projection, shape and transform in a file's header, as fields of STAC's extension.

    Raises InputError for a file that cannot be opened, or lies on no grid with an EPSG code.
    """
    import rasterio  # which catalogs of other kinds do without
    from rasterio.errors import RasterioError
    from rasterio.session import DummySession

    name = re.sub(r"^s3://", "/vsis3/", href)
    settings = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", **gdal_settings(access)}
    try:
        # without a session of boto3, which would ask for credentials that GDAL finds itself
        with rasterio.Env(DummySession(), **settings), rasterio.open(name) as file:
            epsg = None if file.crs is None else file.crs.to_epsg()
            shape, transform = list(file.shape), list(file.transform)[:6]
    except (RasterioError, OSError) as error:
        raise InputError(f"{href} cannot be read as an image: {error}") from error
    if epsg is None:
        raise InputError(
            f"{href} lies on no projection with an EPSG code; expected an orthorectified asset, "
            "such as ortho_analytic_4b_sr"
        )
    return {"proj:code": f"EPSG:{epsg}", "proj:shape": shape, "proj:transform": transform}
