"""Whether GDAL and PROJ work on this machine, found out by a small trial before any work.

Variables such as PROJ_DATA or GDAL_SKIP, left by QGIS, PostGIS or conda, can point GDAL at the
database of another installation. Every file would then fail, and seem to be at fault.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.warp import transform

from jobs.errors import SetupError

_EPSG, _POINT, _LONLAT = 32653, (420_000.0, 4_730_000.0), (134.022960, 42.718336)
"""A point in a projection of UTM, and where it lies on the globe."""
_TOLERANCE_DEG = 1e-5

_OF_PROJ = re.compile(r"PROJ_(?!CURL_CA_BUNDLE$)\w+|GTIFF_SRS_SOURCE|OSR_\w+")
_OF_GDAL = re.compile(r"(GDAL|CPL|VSI|GTIFF|JP2|OPJ|CURL|SSL)_\w+")
_SECRET = re.compile(r"USERPWD|PASS|AUTH|HEADER|BEARER|TOKEN|SECRET|KEY|COOKIE")

_PROJ_FAULT = re.compile(r"proj\.db|DATABASE\.LAYOUT|PROJ: \w*(database|context)", re.I)
"""GDAL's words for a PROJ database that is missing or of another version."""
_TLS_FAULT = re.compile(
    r"setting certificate|certificate verify locations|adding trust anchors|SSL CA cert", re.I
)
"""libcurl's words for a file of certificates that cannot be read."""
_UNTRUSTED = re.compile(r"SSL certificate problem", re.I)
"""libcurl's words for a server it does not trust: it may, where the file named here exists."""
_CERTIFICATES = re.compile(r"(GDAL_)?CURL_CA_BUNDLE|SSL_CERT_(FILE|DIR)")
_PROXY_FAULT = re.compile(r"resolve proxy", re.I)
_OF_PROXIES = re.compile(r"(GDAL_HTTPS?|https?|all)_proxy", re.I)


@cache
def check_setup() -> None:
    """Raise SetupError where GDAL or PROJ cannot do on this machine what reading a file takes.

    Names the variables that may be the cause, with their values. The trial is repeated only where
    it failed.
    """
    failure = _trial_of_proj()
    if failure:
        raise proj_fault(failure)
    failure = _trial_of_gdal()
    if failure:
        raise _fault("GDAL cannot write and read a GeoTIFF", failure, _OF_GDAL)


def local_fault(message: str) -> SetupError | None:
    """The error for a message of GDAL that tells of this machine, not of the file; else None."""
    if _PROJ_FAULT.search(message):
        return proj_fault(message)
    if _TLS_FAULT.search(message) or (_UNTRUSTED.search(message) and _lacks_certificates()):
        return _fault("the certificates for https cannot be read", message, _CERTIFICATES)
    if _PROXY_FAULT.search(message):
        return _fault("the proxy for web addresses is unknown", message, _OF_PROXIES)
    return None


def _lacks_certificates() -> bool:
    """Whether a variable names certificates that are not there."""
    return any(
        _CERTIFICATES.fullmatch(name) and not Path(value).exists()
        for name, value in os.environ.items()
    )


def proj_fault(message: str) -> SetupError:
    """The error for a PROJ that gave this message."""
    return _fault("PROJ does not know EPSG codes, or converts them wrongly", message, _OF_PROJ)


def _trial_of_proj() -> str:
    """Why PROJ fails; empty where it does not."""
    try:
        crs = CRS.from_epsg(_EPSG)
        xs, ys = transform(crs, CRS.from_epsg(4326), [_POINT[0]], [_POINT[1]])
    except (RasterioError, ValueError) as error:  # CRSError is a ValueError
        return str(error)
    if not np.allclose((xs[0], ys[0]), _LONLAT, rtol=0, atol=_TOLERANCE_DEG):
        return f"{_POINT} of EPSG:{_EPSG} becomes {(xs[0], ys[0])}, expected {_LONLAT}"
    return ""


def _trial_of_gdal() -> str:
    """Why GDAL cannot write and read a small file; empty where it can."""
    values = np.arange(64 * 64, dtype=np.uint16).reshape(1, 64, 64)
    form = {
        "driver": "GTiff",
        "count": 1,
        "width": 64,
        "height": 64,
        "dtype": "uint16",
        "crs": f"EPSG:{_EPSG}",
        "transform": Affine(10.0, 0.0, _POINT[0], 0.0, -10.0, _POINT[1]),
        "compress": "deflate",
    }
    try:
        with MemoryFile() as memory:
            with memory.open(**form) as file:
                file.write(values)
            with memory.open() as file:
                same = file.crs == CRS.from_epsg(_EPSG) and np.array_equal(file.read(), values)
    except (RasterioError, OSError, ValueError) as error:
        return str(error)
    return "" if same else "what was written and what was read differ"


def _fault(what: str, message: str, names: re.Pattern[str]) -> SetupError:
    found = {name: value for name, value in os.environ.items() if names.fullmatch(name)}
    said = ", ".join(f"{name}={_shown(name, value)}" for name, value in sorted(found.items()))
    advice = (
        f"set here: {said}; unset what does not belong to this installation (rasterio and pyproj "
        "bring their own GDAL, PROJ and data), or correct it"
        if found
        else "no variable that concerns it is set here: install rasterio and pyproj anew"
    )
    return SetupError(
        f"{what} on this machine ({message}); {advice}; no overpass is marked as failed for this"
    )


def _shown(name: str, value: str) -> str:
    return "(not shown)" if _SECRET.search(name) or "@" in value else repr(value)
