"""GDAL's C interface for bytes and HTTP, which rasterio does not offer; stable for many years."""

from __future__ import annotations

import ctypes
from functools import cache

import rasterio._base


class Answer(ctypes.Structure):
    """``CPLHTTPResult``, as far as it is read here."""

    _fields_ = (
        ("status", ctypes.c_int),
        ("content_type", ctypes.c_char_p),
        ("error", ctypes.c_char_p),
        ("length", ctypes.c_int),
        ("allocated", ctypes.c_int),
        ("content", ctypes.c_void_p),
        ("headers", ctypes.POINTER(ctypes.c_char_p)),
    )


@cache
def reaches_gdal() -> bool:
    """Whether `gdal` can be used: not where the linker does not find GDAL's functions."""
    try:
        gdal()
    except (OSError, AttributeError):
        return False
    return True


@cache
def gdal() -> ctypes.CDLL:
    """The GDAL that rasterio uses: names are looked up in the libraries of its module."""
    library = ctypes.CDLL(rasterio._base.__file__)
    handle, offset, size = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_size_t
    text, number, buffer = ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p
    texts, answer = ctypes.POINTER(text), ctypes.POINTER(Answer)
    for name, result, arguments in (
        ("VSIErrorReset", None, ()),
        ("VSIFOpenExL", handle, (text, text, number)),
        ("VSIGetLastErrorMsg", text, ()),
        ("VSIFSeekL", number, (handle, offset, number)),
        ("VSIFTellL", offset, (handle,)),
        ("VSIFReadL", size, (buffer, size, size, handle)),
        ("VSIFReadMultiRangeL", number, (number, buffer, buffer, buffer, handle)),
        ("VSIFCloseL", number, (handle,)),
        ("CPLErrorReset", None, ()),
        ("CPLGetLastErrorMsg", text, ()),
        ("CPLPushErrorHandler", None, (buffer,)),
        ("CPLPopErrorHandler", None, ()),
        ("CPLGetConfigOption", text, (text, text)),
        ("CPLHTTPFetch", answer, (text, texts)),
        ("CPLHTTPDestroyResult", None, (answer,)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
