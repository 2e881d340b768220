"""Boxes from the masks of real ships compared with boxes drawn by eye: the accuracy of masks.

s2-ports' instance masks against the rows of its labels that name the same ship (given_id is the
mask's number). A mask's box belongs to the row whose centre is nearest to its own, within 60 m.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.dataset.boxes import Box
from models.dataset.catalog import Item, overpasses, read_items
from models.dataset.labels import InstanceMask, open_labels
from models.dataset.scenes import utm_grid

NEAR_M = 60.0
BANDS_M = ((0, 80), (80, 150), (150, 250), (250, 500))

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("shave_px", [0.0, 1.0])
def test_boxes_from_masks_beside_boxes_by_eye(
    shave_px: float, shared: Path, tmp_path: Path
) -> None:
    drawn = given_rows(shared, tmp_path / "given.csv")
    items = read_items(shared / "real-imagery" / "catalog.json", "s2-ports")
    ships, masked = (boxes(labels, items) for labels in (drawn, InstanceMask("ships", shave_px)))
    by_eye = [[box for box in found if box.is_ship] for found in ships]
    rows = [pair for port in zip(by_eye, masked, strict=True) for pair in pairs(*port)]
    wanted = sum(map(len, by_eye))
    off = pd.DataFrame(rows, columns=["length", "centre_m", "length_m", "beam_m", "heading_deg"])
    print(f"\nshave {shave_px:g} px: {len(off)} of {wanted} ships have a box of the mask near them")
    print_medians("all", off)
    for low, high in BANDS_M:
        print_medians(f"{low}-{high} m", off[(off["length"] >= low) & (off["length"] < high)])


def given_rows(shared: Path, path: Path) -> Path:
    """The rows that name a ship of the mask, as one table."""
    files = sorted((shared / "real-imagery" / "s2-ports-labels").glob("*.csv"))
    rows = pd.concat([pd.read_csv(file) for file in files])
    rows[(rows["source"] == "given") & rows["given_id"].notna()].to_csv(path, index=False)
    return path


def boxes(labels: Path | InstanceMask, items: Sequence[Item]) -> list[tuple[Box, ...]]:
    """The boxes of every overpass, without its pixels."""
    opened = open_labels(labels)
    return [opened.boxes(group, utm_grid(group)) or () for group in overpasses(items)]


def pairs(by_eye: Sequence[Box], masked: Sequence[Box]) -> list[tuple[float, ...]]:
    """Length by eye, and the differences of the mask's box: centre, length, beam, heading."""
    found: list[tuple[float, ...]] = []
    for ship in by_eye:
        near = min(masked, key=lambda box: apart_m(ship, box))
        if apart_m(ship, near) < NEAR_M:
            turned = (near.heading_deg - ship.heading_deg + 90) % 180 - 90
            longer, wider = near.length_m - ship.length_m, near.beam_m - ship.beam_m
            found.append((ship.length_m, apart_m(ship, near), longer, wider, turned))
    return found


def apart_m(one: Box, other: Box) -> float:
    return 10 * math.hypot(one.row - other.row, one.col - other.col)


def print_medians(name: str, off: pd.DataFrame) -> None:
    """Median of the difference, and of its size."""
    cells = [
        f"{column} {off[column].median():+6.1f} ({np.abs(off[column]).median():5.1f})"
        for column in ("centre_m", "length_m", "beam_m", "heading_deg")
    ]
    print(f"{name:>10s} {len(off):4d} ships  " + "  ".join(cells))
