"""What the tile stage's output depends on, as a digest; every command asks it of overpasses.

Apart from the stage itself, whose imports take seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobs.domain import Grid, Scene, Settings, Unit, content_id, own_sensor
from jobs.tile.pixel_size import is_aligned, is_finer

VERSION = 4
"""Increase it when the same inputs give other numbers: stored results then become stale."""

NEWER = 20
"""Versions beyond VERSION that ``changed`` tries, which a newer Berthwatch may have written."""


def key(unit: Unit, settings: Settings) -> str:
    """Digest of all that the stage's output depends on; the overpass id covers grid and inputs."""
    return _key(unit, VERSION)


def changed(unit: Unit, settings: Settings, stored: str, models: Iterable[str]) -> str:
    """Why a stored key differs from the current one, in words."""
    version = next((v for v in range(VERSION + NEWER) if _key(unit, v) == stored), None)
    if version is None and stored == _key(unit, VERSION, how=_averaged(unit)):
        return "what one band of a file lacks no longer counts as numbers of it"
    if version is None and stored == _key(unit, VERSION, how=()):
        return "pixels finer than the grid are averaged now; they were interpolated"
    if version is None and own_sensor(unit.overpass):
        return f"the file of the sensor {unit.overpass.sensor} is another"
    was = "another one" if version is None else f"{version}"
    return f"the tile stage is version {VERSION}, was {was}"


def _key(unit: Unit, version: int, how: tuple[str, ...] | None = None) -> str:
    own = own_sensor(unit.overpass)
    how = _how(unit) if how is None else how
    return content_id(["tile", version, unit.overpass.id, *own, *how])


def _how(unit: Unit) -> tuple[str, ...]:
    """How files are put on the grid whose pixels are not its own; empty where older keys hold."""
    several = any(_warps_several(scene, unit.port.grid) for scene in unit.overpass.scenes)
    return (*_averaged(unit), "holes by band") if several else _averaged(unit)


def _averaged(unit: Unit) -> tuple[str, ...]:
    """Whether pixels are finer than the grid, as a part of keys."""
    files = ((*scene.bands.values(), scene.mask) for scene in unit.overpass.scenes)
    sources = (source for scene in files for source in scene if source is not None)
    return ("averaged",) if any(is_finer(source, unit.port.grid) for source in sources) else ()


def _warps_several(scene: Scene, grid: Grid) -> bool:
    """Whether several bands lie in one file whose pixels are not the grid's."""
    hrefs = [each.href for each in scene.bands.values() if not is_aligned(each, grid)]
    return len(set(hrefs)) < len(hrefs)
