"""What the tile stage's output depends on, as a digest; every command asks it of overpasses.

Apart from the stage itself, whose imports take seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobs.domain import Settings, Unit, content_id, own_sensor

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
    if version is None and own_sensor(unit.overpass):
        return f"the file of the sensor {unit.overpass.sensor} is another"
    was = "another one" if version is None else f"{version}"
    return f"the tile stage is version {VERSION}, was {was}"


def _key(unit: Unit, version: int) -> str:
    return content_id(["tile", version, unit.overpass.id, *own_sensor(unit.overpass)])
