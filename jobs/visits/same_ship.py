"""Whether two sightings minutes apart are one ship, by place, heading and length.

A ship that lies is found again where it lay, one under way farther along its heading, up to
FASTEST_KN times the gap. How much better that explains a sighting than another ship does is a ratio
of densities; sightings are put together one to one so that the product of the ratios is greatest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import atan2, degrees, exp, hypot, log, pi, sqrt

import numpy as np
from scipy.optimize import linear_sum_assignment

from jobs.domain import Vessel

NEAR = timedelta(minutes=30)
"""Two looks so far apart see the same ships: of stays of 1.5 days one in seventy begins or ends in
between. Landsat and Sentinel-2 pass within 10 to 30 minutes of each other where they meet."""
FASTEST_KN = 20.0
"""Speed under way, at the most."""
METRES_PER_S_KN = 1852 / 3600
UNDER_WAY = 0.1
"""Share of the ships of a port that are under way, and as likely of any speed. Judgement."""
STILL_SD_M = 50.0
"""Of two places of one ship that lies, each way: boxes that miss a part of the hull, a swing about
the anchor in half an hour, the images' own errors of position."""
COURSE_SD_DEG = 12.0
"""Of a ship's way through the water from its heading: wind, current, a turn."""
AZIMUTH_SHIFT_M = 70.0
"""Along the flight, by which radar shows a ship for each m/s towards it (docs/radar.md)."""
HEADING_SD_DEG, HEADING_WRONG = 8.0, 0.2
"""Of the difference of two headings of one ship, 98 % being right to 10 degrees; and the share that
is of no use: short ships, and radar by quays, where 39 % are right to 10 degrees."""
LENGTH_FLOOR_M = 10.0
"""Part of the error of a length that its ``length_sd_m`` does not tell: a pixel."""
MISSED = 0.1
"""How probable it is that each of two looks misses the ship that the other sees, beside that both
see one. With less, more ships under way are found again, and more strangers are taken for them: of
51 under way in tests/visits/test_pairs.py 22, 30 and 40 with .25, .1 and .04; strangers: 1, 4, 12.
"""
FLEET_MEDIAN_M, FLEET_SD = 120.0, 0.55
"""Lengths of other ships, lognormal."""


def matched(
    first: Sequence[Vessel],
    second: Sequence[Vessel],
    gap: timedelta,
    area_km2: float,
    radar: bool,
) -> dict[int, tuple[int, float]]:
    """Of each sighting of the first look that is one ship with one of the second: the index of that
    one, and the odds that they are.

    area_km2: in which the second look's sightings lie; radar: whether either look is by radar,
    which shows ships under way beside their place.
    """
    if not first or not second:
        return {}
    others = len(second) / area_km2
    evidence = np.array([[log_odds(a, b, gap, others, radar) for b in second] for a in first])
    rows, columns = linear_sum_assignment(np.maximum(evidence, 0.0), maximize=True)
    return {
        int(row): (int(column), exp(evidence[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if evidence[row, column] > 0
    }


def log_odds(a: Vessel, b: Vessel, gap: timedelta, others_km2: float, radar: bool) -> float:
    """Ln of how much better one ship explains both sightings than two ships of which each look
    missed one, where there are so many ships per km2.
    """
    same = (
        _place_km2(a, b, gap.total_seconds(), radar)
        * _normal(length_difference_m(a, b), _length_sd_m(a, b))
        * _heading(heading_difference_deg(a, b))
    )
    apart = log(b.length_m / FLEET_MEDIAN_M) / FLEET_SD
    other = others_km2 * _normal(apart, 1.0) / (b.length_m * FLEET_SD) / 180
    return log(max(same, 1e-300) / (MISSED * other))


def moved_m(a: Vessel, b: Vessel) -> float:
    """Distance between the centres of two sightings, metres."""
    return hypot(b.x - a.x, b.y - a.y)


def heading_difference_deg(a: Vessel, b: Vessel) -> float:
    """Angle between two headings, 0 to 90: bow and stern are not told apart."""
    return _folded(b.heading_deg - a.heading_deg)


def length_difference_m(a: Vessel, b: Vessel) -> float:
    """Difference of two lengths, metres, 0 where one that is cut may be longer."""
    excess_m = b.length_m - a.length_m
    if a.truncated and b.truncated:
        return 0.0
    if a.truncated:
        return min(excess_m, 0.0)
    return max(excess_m, 0.0) if b.truncated else excess_m


def _place_km2(a: Vessel, b: Vessel, gap_s: float, radar: bool) -> float:
    """Density of the place of the second sighting of one ship, per km2."""
    away_m = moved_m(a, b)
    still = exp(-0.5 * (away_m / STILL_SD_M) ** 2) / (2 * pi * STILL_SD_M**2)
    fastest = FASTEST_KN * METRES_PER_S_KN
    shift_m = AZIMUTH_SHIFT_M * fastest if radar else 0.0
    reach_m = fastest * gap_s + shift_m + 2 * STILL_SD_M
    moving = 0.0
    if away_m <= reach_m:
        off_m = max(away_m, STILL_SD_M)
        # at half of the greatest speed: radar shifts the place by that much across the course
        sd = hypot(COURSE_SD_DEG, degrees(atan2(hypot(STILL_SD_M, shift_m / 2), off_m)))
        course = degrees(atan2(b.x - a.x, b.y - a.y))
        along = _normal(_folded(course - a.heading_deg), sd) * 180 / pi / 2
        moving = along / off_m / reach_m
    return 1e6 * ((1 - UNDER_WAY) * still + UNDER_WAY * moving)


def _heading(difference_deg: float) -> float:
    """Density of the difference of two headings of one ship, per degree."""
    right = _normal(difference_deg, HEADING_SD_DEG)
    return (1 - HEADING_WRONG) * right + HEADING_WRONG / 180


def _length_sd_m(a: Vessel, b: Vessel) -> float:
    return sqrt(a.length_sd_m**2 + b.length_sd_m**2 + LENGTH_FLOOR_M**2)


def _folded(angle_deg: float) -> float:
    """An angle between two lines, 0 to 90."""
    turned = abs(angle_deg) % 180
    return min(turned, 180 - turned)


def _normal(apart: float, sd: float) -> float:
    return exp(-0.5 * (apart / sd) ** 2) / (sd * sqrt(2 * pi))
