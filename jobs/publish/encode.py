"""Pixels as image files and data URLs."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def photo(pixels: NDArray[np.uint8], most_px: int | None = None) -> bytes:
    """(y, x, 3) as JPEG, made smaller where its longer side exceeds ``most_px``."""
    image = Image.fromarray(pixels)
    if most_px is not None:
        image.thumbnail((most_px, most_px), Image.Resampling.LANCZOS)
    # Colour at full resolution: a ship is two or three pixels wide, and its paint is evidence.
    # Not optimised or progressive: Pillow's buffer for these is too small for a noisy picture.
    return _file(image, "jpeg", quality=90, subsampling=0)


def exact(pixels: NDArray[np.uint8]) -> bytes:
    """(y, x, 3) as PNG, every pixel as it is."""
    return _file(Image.fromarray(pixels), "png", compress_level=9)


def data_url(file: bytes, kind: str) -> str:
    """A file as a data URL; kind: jpeg, png."""
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def _file(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
