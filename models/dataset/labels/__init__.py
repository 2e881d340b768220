"""What users labelled, in any of three ways: boxes as CSV, hulls as GeoJSON, an instance mask."""

from pathlib import Path

from models.dataset.catalog import SceneError
from models.dataset.labels.csv_boxes import read_tables
from models.dataset.labels.geojson_hulls import read_polygons
from models.dataset.labels.instance_masks import Mask, MaskLabels
from models.dataset.labels.protocol import KINDS, Labels

__all__ = ["KINDS", "Labels", "Mask", "open_labels"]


def open_labels(labels: Path | Mask) -> Labels:
    """The labels of a mask asset, of a CSV or GeoJSON file, or of a folder of either.

    Raises SceneError where there is nothing of the kind, or of both.
    """
    if isinstance(labels, Mask):
        return MaskLabels(labels)
    tables, polygons = _files(labels)
    if tables and polygons:
        raise SceneError(
            f"{labels}: has both {tables[0].name} and {polygons[0].name}; give the CSV and the "
            "GeoJSON labels each a folder and a source of their own"
        )
    if not tables and not polygons:
        raise SceneError(f"{labels}: no CSV files with labels, nor any .geojson")
    return read_tables(tables) if tables else read_polygons(polygons)


def _files(labels: Path) -> tuple[list[Path], list[Path]]:
    """The CSV files and the GeoJSON files that a path names."""
    if labels.is_dir():
        return sorted(labels.glob("*.csv")), sorted(labels.glob("*.geojson"))
    if labels.suffix.lower() in (".geojson", ".json"):
        return [], [labels]
    return [labels], []
