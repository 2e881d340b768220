"""What the sensors' archives of a simulation differ in: delivery, files, items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.simulate import catalog, landsat, planetscope
from jobs.simulate.moorings import Harbour
from jobs.simulate.passes import Pass, Tile, deliver
from jobs.simulate.settings import SimulationConfig
from jobs.simulate.shot import Shot


@dataclass(frozen=True)
class Product:
    """The images of one sensor."""

    collection: str
    title: str
    platform: Callable[[str], str]
    """Of a pass's satellite, ``a`` or ``b``."""
    tiles: Callable[[SimulationConfig, int, Harbour, Pass], tuple[Tile, ...]]
    """Those of one pass over the config's port of that index."""
    write_item: Callable[[Path, str, Tile, Shot], dict[str, Any]]
    """Writes a tile of a pass over a port's files and item to a folder."""


def _write_sentinel_2(folder: Path, port: str, tile: Tile, shot: Shot) -> dict[str, Any]:
    whole = catalog.encode(shot.view.reflectance, shot.scl, shot.window, tile.baseline)
    return catalog.write_item(folder, port, tile, catalog.cut(whole, tile))


PRODUCTS: Mapping[str, Product] = {
    "sentinel-2-l2a": Product(
        catalog.COLLECTION,
        "Sentinel-2 Level-2A",
        lambda satellite: f"sentinel-2{satellite}",
        deliver,
        _write_sentinel_2,
    ),
    "landsat-c2-l2": Product(
        landsat.COLLECTION,
        "Landsat Collection 2 Level-2",
        landsat.platform,
        landsat.tiles,
        landsat.write_item,
    ),
    "planetscope-sr": Product(
        planetscope.COLLECTION,
        "PlanetScope surface reflectance",
        planetscope.platform,
        planetscope.tiles,
        planetscope.write_item,
    ),
}
"""By sensor."""

RADAR_TITLES: Mapping[str, str] = {
    "sentinel-1-rtc": "Sentinel-1, radiometrically terrain-corrected",
    "sentinel-1-grd": "Sentinel-1, ground range",
}
"""Of the radar's collections."""
