"""Labels as CSV: a row is a rotated box by its centre, sides in metres and heading."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rasterio.warp import transform

from models.dataset.boxes import Box, PixelGrid, Rectangle
from models.dataset.catalog import DatasetError, Item
from models.dataset.labels.protocol import KINDS

COLUMNS = (
    "lon",
    "lat",
    "length_m",
    "width_m",
    "heading_mod180_deg",
    "class",
    "confidence",
)
"""Required columns; also required is item or date_utc, optional are at_data_edge and moving."""

_TRUTH = {"true": True, "false": False, "": None, "nan": None}
"""Texts of the column moving."""


def read_csv_labels(files: Sequence[Path]) -> "CsvLabels":
    """The labels of CSV files; DatasetError where a column is missing."""
    return CsvLabels(pd.concat([_read_table(file) for file in files], ignore_index=True))


def _read_table(file: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{file}: cannot be read as CSV ({error}); expected .csv or .geojson"
        ) from error
    missing = [name for name in COLUMNS if name not in table]
    if not {"item", "date_utc"} & set(table):
        missing.append("item (or date_utc)")
    if missing:
        raise DatasetError(
            f"{file}: no column {', '.join(missing)}; it has {', '.join(map(str, table))}"
        )
    return table


@dataclass(frozen=True)
class CsvLabels:
    """Rows with the COLUMNS, matched to items by id or by the text of their datetime."""

    rows: pd.DataFrame

    def check(self, items: Sequence[Item]) -> None:
        """Accept all: rows of other items are ignored, a table may serve several collections."""

    def boxes(self, overpass: Sequence[Item], grid: PixelGrid) -> tuple[Box, ...] | None:
        """The boxes of the overpass's rows; None where it has none."""
        rows = self._of(overpass)
        if not len(rows):
            return None
        # a ship where two items overlap is labelled in both
        rows = rows.drop_duplicates(["lon", "lat"])
        return tuple(_box(row, grid) for row in rows.to_dict("records"))

    def _of(self, overpass: Sequence[Item]) -> pd.DataFrame:
        if "item" in self.rows:
            return self.rows[self.rows["item"].isin([item.id for item in overpass])]
        return self.rows[self.rows["date_utc"] == overpass[0].datetime]


def _box(row: dict[str, Any], grid: PixelGrid) -> Box:
    """A row as a box on the grid; DatasetError where its values make none."""
    numbers = [row[name] for name in (*COLUMNS[:5], "confidence")]
    try:
        is_finite = all(math.isfinite(float(number)) for number in numbers)
    except (TypeError, ValueError):
        is_finite = False
    if not is_finite or row["class"] not in KINDS:
        raise DatasetError(
            f"a label of {row.get('item') or row.get('date_utc')} has "
            f"{', '.join(f'{name} {row[name]!r}' for name in COLUMNS)}; expected numbers, and a "
            f"class among {', '.join(KINDS)}"
        )
    return _north_up(row, grid)


def _north_up(row: dict[str, Any], grid: PixelGrid) -> Box:
    """A row as a box on the grid; its heading is converted from true north to grid north."""
    lon, lat = float(row["lon"]), float(row["lat"])
    x, y = transform("EPSG:4326", grid.crs, [lon, lon], [lat, lat + 0.001])
    convergence = math.degrees(math.atan2(x[1] - x[0], y[1] - y[0]))
    rectangle = Rectangle(
        x=x[0],
        y=y[0],
        length_m=float(row["length_m"]),
        beam_m=float(row["width_m"]),
        heading_deg=(float(row["heading_mod180_deg"]) + convergence) % 180,
    )
    at_edge = str(row.get("at_data_edge", False)) == "True"
    return grid.box(rectangle, str(row["class"]), int(row["confidence"]), at_edge, _moving(row))


def _moving(row: dict[str, Any]) -> bool | None:
    """Whether the vessel is under way; None where the cell is empty or there is no column."""
    text = str(row.get("moving", "")).strip().lower()
    if text not in _TRUTH:
        raise DatasetError(
            f"a label of {row.get('item') or row.get('date_utc')} has moving {row['moving']!r}; "
            "expected true, false or nothing"
        )
    return _TRUTH[text]
