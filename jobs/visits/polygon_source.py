"""Where the polygons of a port come from: drawn by hand and bundled, or of the user's file."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from jobs.domain import Port, bundled_ports, load_port

SAME_DEGREES = 1e-6
"""Polygons that differ by less are the same: a plan and a publication round them to 1e-7."""


class PolygonSource(StrEnum):
    """Origin of the area and the berths of a port."""

    BUNDLED = "hand-drawn approximate"
    """A port that comes with Berthwatch."""
    FILE_APPROXIMATE = "user file approximate"
    FILE = "user file"


def polygon_source(port: Port) -> PolygonSource:
    """The origin of a port's polygons; a file that changed a bundled port is a file of the job."""
    if port.id in bundled_ports() and _same(port, _bundled(port.id)):
        return PolygonSource.BUNDLED
    return PolygonSource.FILE_APPROXIMATE if port.approximate else PolygonSource.FILE


@cache
def _bundled(port_id: str) -> Port:
    return load_port(port_id)


def _same(port: Port, other: Port) -> bool:
    """Whether area and berths are the same, but for rounding."""
    shapes = {berth.id: berth.polygon for berth in port.berths}
    others = {berth.id: berth.polygon for berth in other.berths}
    return (
        shapes.keys() == others.keys()
        and bool(port.area.equals_exact(other.area, SAME_DEGREES))
        and all(shapes[id].equals_exact(others[id], SAME_DEGREES) for id in shapes)
    )
