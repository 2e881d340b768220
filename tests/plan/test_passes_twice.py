"""Passes that a job reads as two products are said: they are one look, not two."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from jobs.plan.passes_twice import passes_twice
from tests.plan.test_ground_range_plan import PORT, on_points, only

GRD = only(on_points())
RTC = replace(GRD, sensor="sentinel-1-rtc", acquired=GRD.acquired + timedelta(seconds=40))


def later(overpass, days: int):
    return replace(overpass, acquired=overpass.acquired + timedelta(days=days))


def test_two_products_of_the_same_passes_are_said_with_their_number():
    passes = [later(each, days) for each in (GRD, RTC) for days in (12, 0, 24)]
    (line,) = passes_twice(PORT, [*passes, later(RTC, 36)])
    assert line.startswith(
        "TESTP: 3 passes are read twice, as sentinel-1-grd and as sentinel-1-rtc"
    )
    assert "name one of the two in the job" in line


def test_passes_of_their_own_are_not():
    other = replace(RTC, platform="sentinel-1c")
    optical = replace(RTC, sensor="sentinel-2-l2a", platform="sentinel-2a")
    assert not list(passes_twice(PORT, [GRD, other, optical, later(RTC, 1), later(GRD, 2)]))
    assert not list(passes_twice(PORT, []))


def test_each_pair_is_one_line_over_all_satellites():
    c = [replace(each, platform="sentinel-1c") for each in (RTC, GRD)]
    (line,) = passes_twice(PORT, [GRD, RTC, *c])
    assert "2 passes" in line
