"""Beams of the vessels of an overpass, from small windows of the files' own pixels.

The archive holds pixels of 10 m, in which a beam of 13 m is little more than one. Where the files'
pixels are fine enough, those around each vessel are read once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, floor

from jobs.domain import SENSORS, Grid, Overpass, Source, Vessel
from jobs.segment.hull import ROOM_M, measured_beam
from jobs.segment.network import visible
from jobs.segment.protocol import ReadWindow
from jobs.segment.shows_beams import pixels_of


def with_beams(
    vessels: Sequence[Vessel], overpass: Overpass, epsg: int, read: ReadWindow
) -> tuple[Vessel, ...]:
    """The vessels, in their order; beam and its error of those whose beam could be measured are the
    measured ones.

    ``epsg``: of the port's grid. Raises SceneError, as ``read`` does, where a file cannot be read.
    """
    source = pixels_of(overpass)
    if source is None:
        return tuple(vessels)
    return tuple(_with_beam(each, vessels, overpass, source, epsg, read) for each in vessels)


def _with_beam(
    vessel: Vessel,
    vessels: Sequence[Vessel],
    overpass: Overpass,
    source: Source,
    epsg: int,
    read: ReadWindow,
) -> Vessel:
    if vessel.truncated:
        return vessel
    sensor, grid = SENSORS[overpass.sensor], window_around(vessel, source, epsg)
    image = visible(read(overpass.scenes, sensor, grid), sensor)
    others = [each for each in vessels if each is not vessel]
    beam = measured_beam(image, grid, vessel, others)
    return vessel if beam is None else replace(vessel, beam_m=beam.beam_m, beam_sd_m=beam.sd_m)


def window_around(vessel: Vessel, source: Source, epsg: int) -> Grid:
    """The source's own pixels around a vessel; of another zone, pixels of their size."""
    pixel_m, _, left, _, _, top = source.transform
    reach_m = vessel.length_m / 2 + ROOM_M
    column = floor((vessel.x - reach_m - left) / pixel_m)
    row = floor((top - vessel.y - reach_m) / pixel_m)
    size = ceil(2 * reach_m / pixel_m) + 1
    return Grid(epsg, left + column * pixel_m, top - row * pixel_m, size, size, pixel_m)
