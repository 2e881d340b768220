"""Labels in three formats: boxes as CSV, hulls as GeoJSON, an instance mask."""

from pathlib import Path

from models.dataset.catalog import DatasetError
from models.dataset.labels.csv_boxes import read_csv_labels
from models.dataset.labels.geojson_hulls import read_geojson_labels
from models.dataset.labels.instance_masks import InstanceMask, MaskLabels
from models.dataset.labels.protocol import KINDS, Labels

__all__ = ["KINDS", "InstanceMask", "Labels", "open_labels"]


def open_labels(labels: Path | InstanceMask) -> Labels:
    """The labels of a mask asset, of a CSV or GeoJSON file, or of a folder of either.

    Raises DatasetError where there are no labels or both CSV and GeoJSON.
    """
    if isinstance(labels, InstanceMask):
        return MaskLabels(labels)
    tables, polygons = _files(labels)
    if tables and polygons:
        raise DatasetError(
            f"{labels}: has both {tables[0].name} and {polygons[0].name}; give the CSV and the "
            "GeoJSON labels each a folder and a source of their own"
        )
    if not tables and not polygons:
        raise DatasetError(f"{labels}: no CSV files with labels, nor any .geojson")
    return read_csv_labels(tables) if tables else read_geojson_labels(polygons)


def _files(labels: Path) -> tuple[list[Path], list[Path]]:
    """The CSV files and the GeoJSON files of a path."""
    if labels.is_dir():
        return sorted(labels.glob("*.csv")), sorted(labels.glob("*.geojson"))
    if labels.suffix.lower() in (".geojson", ".json"):
        return [], [labels]
    return [labels], []
