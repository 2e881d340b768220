"""The classes of labels, and the interface of every label format."""

from collections.abc import Sequence
from typing import Protocol

from models.dataset.boxes import Box, PixelGrid
from models.dataset.catalog import Item

KINDS = ("ship", "small", "dock", "ignore", "wrong")
"""ship: a vessel; small, dock, ignore: neither hit nor miss; wrong: inspected, and no vessel."""


class Labels(Protocol):
    """The labels of a collection."""

    def check(self, items: Sequence[Item]) -> None:
        """Raise DatasetError where the labels do not fit a collection of these items."""

    def boxes(self, overpass: Sequence[Item], grid: PixelGrid) -> tuple[Box, ...] | None:
        """The boxes of one overpass on its grid; None where it is not labelled."""
