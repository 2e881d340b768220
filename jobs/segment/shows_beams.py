"""Whether an overpass's files have pixels fine enough to measure a ship's beam.

Apart from the measuring, whose imports take seconds: the stage's digest asks it.
"""

from __future__ import annotations

from jobs.domain import SENSORS, Overpass, Source, is_utm

FINE_TO_M = 5.0
"""Largest pixel: of a beam of 13 m it leaves one of clear deck between two of edge."""


def pixels_of(overpass: Overpass) -> Source | None:
    """The first file that is read, where the pixels of all are square, of at most FINE_TO_M and in
    a zone of UTM; else None.
    """
    if SENSORS[overpass.sensor].is_radar:
        return None
    sources = [source for scene in overpass.scenes for source in scene.bands.values()]
    return sources[0] if sources and all(map(_is_fine, sources)) else None


def _is_fine(source: Source) -> bool:
    a, b, _, d, e, _ = source.transform
    return is_utm(source.epsg) and b == d == 0 and a == -e and a <= FINE_TO_M
