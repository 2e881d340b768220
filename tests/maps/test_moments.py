"""What looks tell of berths, and what the page of a map is told of a port."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import box

from jobs.domain import LookState
from jobs.errors import ArchiveError, InputError
from jobs.maps.moments import overall
from jobs.maps.page import port_script
from jobs.maps.places import ring
from jobs.maps.port_facts import Pictures, port_facts, vessel_facts
from jobs.maps.pyramid import one_picture_or_tiles
from jobs.maps.source import MapSource, map_source
from tests.support.factories import make_grid, to_wgs84

CLEAR, PARTLY, CLOUDED, OUTSIDE = LookState


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ([CLEAR, CLEAR], CLEAR),
        ([CLEAR, OUTSIDE], PARTLY),
        ([PARTLY, CLOUDED], PARTLY),
        ([CLOUDED, OUTSIDE], CLOUDED),
        ([OUTSIDE, OUTSIDE], OUTSIDE),
        ([CLOUDED], CLOUDED),
    ],
)
def test_the_state_of_a_look_at_several_berths(states: list[LookState], found: LookState) -> None:
    assert overall(states) is found


def facts(source: MapSource, number: int) -> dict[str, Any]:
    port = source.ports[number]
    pictures = Pictures(one_picture_or_tiles(port.grid), "x", source.without_picture(port))
    script = port_script(port_facts(source.result, port, source.looks(port), pictures))
    found: dict[str, Any] = json.loads(script.removeprefix("berthwatchPort(").removesuffix(");\n"))
    return found


def test_every_look_is_told_with_what_it_says_of_each_berth(source: MapSource) -> None:
    port = facts(source, 0)
    assert [berth["id"] for berth in port["berths"]] == ["oil-1", "oil-2", "coal", "boxes", "roads"]
    looks = port["looks"]
    assert [look["state"] for look in looks] == [
        "clear", "partly", "clouded", "outside", "clear", "clear",
    ]  # fmt: skip
    assert [look["berths"][0]["state"] for look in looks] == [
        "occupied", "occupied", "unknown", "unknown", "empty", "empty",
    ]  # fmt: skip
    assert [look["berths"][4]["state"] for look in looks] == [
        "occupied", "unknown", "unknown", "unknown", "occupied", "empty",
    ]  # fmt: skip
    assert [look["picture"] for look in looks] == [True] * 5 + [False]
    assert [look["time"] for look in looks] == sorted(look["time"] for look in looks)


def test_vessels_stand_in_pixels_with_what_is_known_of_them(source: MapSource) -> None:
    vessels = facts(source, 0)["looks"][0]["vessels"]
    ship = next(vessel for vessel in vessels if vessel["berth"] == 0)
    corners = np.reshape(ship["ring"], (-1, 2))
    assert len(corners) == 4
    assert corners.mean(axis=0) == pytest.approx([153.0, 123.0], abs=0.01)
    assert (ship["length"], ship["sd"], ship["score"], ship["kind"]) == (180.0, 12.0, 0.9, "ship")
    assert ship["visit"].startswith("RUVYP-oil-1-")
    assert [vessel["kind"] for vessel in vessels].count("fixed") == 1


def test_bounds_of_visits_are_the_looks_around_and_null_where_there_is_none(
    source: MapSource,
) -> None:
    port = facts(source, 0)
    times = [look["time"] for look in port["looks"]]
    (visit,) = [each for each in port["visits"] if each["berth"] == 0]
    assert visit["arrival_after"] is None
    assert visit["arrival_before"] == times[0]
    assert visit["departure_after"] == times[1]
    assert visit["departure_before"] == times[4]


def test_a_port_without_berths_shows_every_overpass_of_the_archive(source: MapSource) -> None:
    port = facts(source, 1)
    assert [look["state"] for look in port["looks"]] == [None, None, None]
    assert [len(look["vessels"]) for look in port["looks"]] == [1, 0, 0]


def test_a_ring_is_in_pixels_from_the_upper_left_corner() -> None:
    grid = make_grid()
    left, _, _, top = grid.bounds
    shape = to_wgs84(box(left + 100, top - 300, left + 200, top - 50))
    assert sorted(map(tuple, np.reshape(ring(shape, grid), (-1, 2)).round(1).tolist())) == [
        (10.0, 5.0), (10.0, 30.0), (20.0, 5.0), (20.0, 30.0),
    ]  # fmt: skip


def test_wrong_ports_and_missing_archives_are_refused(job: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no port 'RUVYQ'.*did you mean 'RUVYP'"):
        map_source(job, ["RUVYQ"])
    assert [port.id for port in map_source(job, ["WIDE"]).ports] == ["WIDE"]
    moved = job.parent / "archive" / "ports" / "WIDE"
    away = moved.rename(tmp_path / "WIDE")
    try:
        with pytest.raises(ArchiveError, match=r"no archive of WIDE.*put the archive back"):
            map_source(job)
    finally:
        away.rename(moved)


def test_what_reviewers_said_of_a_vessel_is_told_with_their_hull(source: MapSource) -> None:
    port = source.ports[0]
    vessels = source.result.of_port(port.id).vessels
    number = {berth.id: index for index, berth in enumerate(port.berths)}
    rows = vessels[vessels["overpass_id"] == vessels["overpass_id"].iloc[0]].copy()
    assert [each["kind"] for each in vessel_facts(rows, port, number)] == [
        "fixed" if fixed else "ship" for fixed in rows["fixed"]
    ]
    left, _, _, top = port.grid.bounds
    hull = to_wgs84(box(left + 1500, top - 1300, left + 1520, top - 1100))
    drawn = rows.iloc[:1].assign(
        review="ship",
        review_footprint=hull.wkt,
        review_length_m=200.0,
        review_beam_m=20.0,
        counted=True,
    )
    (told,) = vessel_facts(drawn, port, number)
    assert (told["kind"], told["review"], told["drawn"]) == ("ship", "ship", [200.0, 20.0])
    assert np.reshape(told["ring"], (-1, 2)).mean(axis=0) == pytest.approx([151.0, 120.0], abs=0.1)
    rejected = rows[~rows["fixed"]].assign(review="not_ship", counted=False)
    assert {each["kind"] for each in vessel_facts(rejected, port, number)} == {"rejected"}
