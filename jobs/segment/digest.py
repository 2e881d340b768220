"""What the segment stage's output depends on, as a digest; every command asks it of overpasses.

Apart from the stage itself, whose imports take seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobs.domain import SENSORS, Engine, Settings, Unit, content_id, own_sensor
from jobs.segment.radar.version import RADAR_VERSION
from jobs.segment.shows_beams import pixels_of

VERSION = 1
"""Increase it when the same pixels give other vessels: stored results then become stale."""

BEAMS_VERSION = 1
"""Of the measuring of beams: part of the digest of those overpasses that show them, and no others.
"""

NEWER = 20
"""Versions beyond VERSION that ``changed`` tries, which a newer Berthwatch may have written."""


def key(unit: Unit, settings: Settings) -> str:
    """Digest of all that the stage's output depends on: pixels, berths, detector."""
    return _key(unit, VERSION, _made_with(unit, settings.model_id))


def changed(unit: Unit, settings: Settings, stored: str, models: Iterable[str]) -> str:
    """Why a stored key differs from the current one, in words.

    ``models`` are ids of models it may be made with: a key is itself a digest, so its inputs are
    found by trying them.
    """
    if _is_radar(unit):
        return _radar_changed(unit, stored)
    for model in (settings.model_id, *models):
        for version, beams in _versions():
            if _key(unit, version, model, beams) == stored:
                changes = _differences(settings.model_id, model, version)
                return " and ".join([*changes, *_beams_changed(beams)])
    others = "berths, or the sensor's file," if own_sensor(unit.overpass) else "berths"
    return f"the {others} were others, or the archive's history no longer names its model"


def _versions() -> Iterator[tuple[int, int]]:
    """Versions of the stage and of the measuring of beams that are tried, the present one first of
    each.
    """
    yield from ((version, BEAMS_VERSION) for version in range(VERSION + NEWER))
    yield from ((version, 0) for version in range(VERSION + NEWER))
    yield from ((VERSION, beams) for beams in range(1, BEAMS_VERSION + NEWER))


def _beams_changed(then: int) -> Iterator[str]:
    if not then:
        yield "beams are measured now at the files' own pixels"
    elif then != BEAMS_VERSION:
        yield f"the measuring of beams is version {BEAMS_VERSION}, was {then}"


def _radar_changed(unit: Unit, stored: str) -> str:
    for version in range(RADAR_VERSION + NEWER):
        if _key(unit, VERSION, f"radar {version}") == stored:
            return f"the radar detector is version {RADAR_VERSION}, was {version}"
    return "the berths were others, or the segment stage was of another version"


def _is_radar(unit: Unit) -> bool:
    return SENSORS[unit.overpass.sensor].is_radar


def _made_with(unit: Unit, model: str) -> str:
    """What finds the ships of such pixels: no weights are used on a radar's."""
    return f"radar {RADAR_VERSION}" if _is_radar(unit) else model


def _differences(now: str, then: str, version: int) -> Iterator[str]:
    weights, engine = _parts(now)
    old_weights, old_engine = _parts(then)
    if old_weights != weights:
        yield f"the model is {weights[:12]}, was {old_weights[:12]}"
    if old_engine != engine:
        yield f"the engine is {engine}, was {old_engine}"
    if version != VERSION:
        yield f"the segment stage is version {VERSION}, was {version}"


def _parts(model: str) -> tuple[str, str]:
    """Digest and engine of a model's id."""
    digest, _, engine = model.partition("+")
    return digest, engine or Engine.TORCH


def _key(unit: Unit, version: int, model: str, beams: int = BEAMS_VERSION) -> str:
    """``beams``: version of their measuring; 0 for none, as in older keys."""
    measured = [f"beams {beams}"] if beams and pixels_of(unit.overpass) else []
    own = own_sensor(unit.overpass)
    berths = [berth.polygon.wkt for berth in unit.port.berths]
    return content_id(["segment", version, unit.overpass.id, berths, model, *own, *measured])
