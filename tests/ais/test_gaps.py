"""AIS gaps: how long, where, with which others received; and which lie around a seen visit."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point, box

from jobs.ais import AIS_GAP_COLUMNS, VISIT_GAP_COLUMNS, ais_gaps, visit_gaps
from jobs.ais.schema import AIS_COLUMNS, AIS_MATCH_COLUMNS
from jobs.visits.columns import frame, table
from jobs.visits.schema import VESSEL_COLUMNS, VISIT_COLUMNS
from tests.support.ais_messages import NOON, positions, ship

LON, LAT = 133.05, 42.74
HOUR = 60
TANKER, OTHER = 445000001, 273000001


def at(hours: float) -> pd.Timestamp:
    return pd.Timestamp(NOON) + pd.Timedelta(hours, "h")


def test_a_gap_has_its_ends_its_way_and_the_speed_it_needs() -> None:
    found = ais_gaps(
        positions(
            ship(TANKER, (0, 60, 660, 720), (LON, LON, LON, LON), (LAT, LAT, LAT + 1, LAT + 1)),
            ship(OTHER, (0, 200, 400, 600), LON, LAT),
        )
    )
    assert {n: str(k) for n, k in found.dtypes.items()} == dict(AIS_GAP_COLUMNS)
    (gap,) = found.to_dict("records")
    assert (gap["mmsi"], gap["start"], gap["end"]) == (TANKER, at(1), at(11))
    assert gap["hours"] == 10
    assert gap["distance_km"] == pytest.approx(111.2, rel=0.01)
    assert gap["speed_kn"] == pytest.approx(6.0, rel=0.01)


@pytest.mark.parametrize(("minutes", "gaps"), [(239, 0), (240, 1)])
def test_four_hours_are_a_gap(minutes: int, gaps: int) -> None:
    assert len(ais_gaps(ship(TANKER, (0, minutes), LON, LAT))) == gaps


def test_a_ship_without_later_messages_has_an_open_gap_only_when_the_record_goes_on() -> None:
    messages = ship(TANKER, (-60, 0), LON, LAT)
    assert len(ais_gaps(messages)) == 0
    (gap,) = ais_gaps(messages, until=at(9)).to_dict("records")
    assert pd.isna(gap["end"])
    assert pd.isna(gap["end_lon"])
    assert gap["hours"] == 9


def test_others_received_are_near_in_the_first_whole_hour_and_counted_once() -> None:
    gap = ship(TANKER, (30, 600), LON, LAT)
    found = ais_gaps(
        positions(
            gap,
            ship(OTHER, (61, 70, 80, 300), LON + 0.05, LAT),
            ship(OTHER + 1, (119, 300), LON, LAT - 0.08),
            ship(OTHER + 2, (100, 300), LON + 0.5, LAT),  # too far
            ship(OTHER + 3, (20, 121), LON, LAT),  # in other hours
        )
    )
    assert list(found.loc[found["mmsi"] == TANKER, "ships_heard"]) == [2]
    assert ais_gaps(gap)["ships_heard"].sum() == 0


def test_no_message_no_gap() -> None:
    assert len(ais_gaps(frame(AIS_COLUMNS), until=at(5))) == 0


# --- at visits ----------------------------------------------------------------------------------


def visit(length_m: float = 85.0, truncated: bool = False) -> gpd.GeoDataFrame:
    """One stay, surely there from hour 48 to hour 60."""
    row = {
        "visit_id": "visit-1",
        "port": "RUVYP",
        "berth": "oil-1",
        "arrival_after": at(24),
        "arrival_before": at(48),
        "departure_after": at(60),
        "departure_before": at(84),
        "looks": 2,
        "vessels": 2,
        "length_m": length_m,
        "length_sd_m": 8.0,
        "beam_m": None,
        "beam_sd_m": None,
        "deadweight_from": "length",
        "confidence": 0.95,
        "truncated": truncated,
        "overpass_ids": "a b",
        "geometry": Point(LON, LAT),
    }
    return table(VISIT_COLUMNS, [row])


def sighting(vessel_id: str = "v1", visit_id: str = "visit-1") -> dict[str, object]:
    texts = {name: "" for name, kind in VESSEL_COLUMNS.items() if kind == "string"}
    numbers = {name: 1.0 for name, kind in VESSEL_COLUMNS.items() if kind == "float64"}
    place = {"geometry": Point(LON, LAT), "footprint": box(LON, LAT, LON + 1, LAT + 1)}
    named = {"vessel_id": vessel_id, "visit_id": visit_id, "time": at(48)}
    flags = {"truncated": False, "fixed": False, "counted": True}
    return {**texts, **numbers, **place, **named, **flags}


def matches(tier: str, mmsi: int | None = TANKER) -> pd.DataFrame:
    named = {"mmsi": mmsi, "hull": 1, "probability": 0.97}
    frame = pd.DataFrame({"vessel_id": ["v1"], "tier": tier, **named})
    blank = {"time": at(48), "ships_near": 0, "ships_heard": 0, "carriage_expected": True}
    frame = frame.assign(**blank).reindex(columns=list(AIS_MATCH_COLUMNS))
    return frame.astype(AIS_MATCH_COLUMNS)


def relations(messages: pd.DataFrame, tier: str, seen: gpd.GeoDataFrame | None = None) -> list[str]:
    vessels = table(VESSEL_COLUMNS, [sighting()])
    visits = visit() if seen is None else seen
    found = visit_gaps(visits, vessels, matches(tier), ais_gaps(messages, until=at(500)))
    assert {n: str(k) for n, k in found.dtypes.items()} == dict(VISIT_GAP_COLUMNS)
    return list(found["relation"])


def test_gaps_of_a_matched_ship_are_sorted_by_the_stay() -> None:
    hours = (0, 30, 47, 47.5, 48, 51, 58, 60, 61, 80, 499)
    tanker = ship(TANKER, [hour * HOUR for hour in hours], LON, LAT)
    found = relations(positions(tanker, ship(OTHER, (0, 5000), LON, LAT)), "matched")
    # 0-30, 30-47 | 51-58 | 61-80, 80-499; the stranger's gaps are not this visit's
    assert found == ["before", "before", "during", "after", "after"]


def test_gaps_days_away_from_the_stay_are_left_out() -> None:
    hours = [*range(-200, -100, 3), -40, *range(-39, 140, 3), 150]
    tanker = ship(TANKER, [hour * HOUR for hour in hours], LON, LAT)
    gaps = visit_gaps(
        visit(), table(VESSEL_COLUMNS, [sighting()]), matches("matched"), ais_gaps(tanker)
    )
    assert len(gaps) == 0


def silent(
    start_km: float = 20,
    start_h: float = 40,
    end_km: float = 20,
    end_h: float = 70,
    length_m: float = 88,
) -> pd.DataFrame:
    """A ship silent from start_h to end_h, at kilometres north of the berth."""
    lat = (LAT + start_km / 111.2, LAT + end_km / 111.2)
    return ship(TANKER, (start_h * HOUR, end_h * HOUR), LON, lat, length_m=length_m)


@pytest.mark.parametrize(
    ("messages", "fits"),
    [
        pytest.param(silent(), True, id="silent around the whole stay, near and of the length"),
        pytest.param(silent(start_km=300), False, id="too far to arrive in time"),
        pytest.param(silent(end_km=400), False, id="too far to be back in time"),
        pytest.param(silent(start_h=50), False, id="still sending when the vessel was seen"),
        pytest.param(silent(end_h=59), False, id="sending again while the vessel lay there"),
        pytest.param(silent(length_m=160), False, id="too long"),
        pytest.param(silent(start_km=90, start_h=10, end_km=90), False, id="never near the port"),
        pytest.param(silent(length_m=float("nan")), True, id="of unknown length"),
    ],
)
def test_candidates_for_a_dark_visit(messages: pd.DataFrame, fits: bool) -> None:
    near = relations(messages, "dark")
    assert near.count("candidate") == (1 if fits else 0)


def test_a_cut_vessel_may_be_a_longer_ship() -> None:
    assert relations(silent(length_m=160), "dark", visit(truncated=True)) == ["candidate"]


def test_a_ship_that_never_came_back_is_a_candidate_too() -> None:
    gone = ship(TANKER, (39 * HOUR, 40 * HOUR), LON, LAT, length_m=88)
    assert relations(gone, "dark") == ["candidate"]
