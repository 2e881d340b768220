"""Formats of pictures, which the help of the command names before anything is drawn."""

from enum import StrEnum


class PictureFormat(StrEnum):
    """Formats of the pictures in a folder."""

    WEBP = "webp"
    """Small; colours differ by a few levels."""
    PNG = "png"
    """Exact, and about six times as large."""
