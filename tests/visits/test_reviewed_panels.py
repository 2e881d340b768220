"""What reviewers said of a port's vessels, as the panels of its berths have it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from jobs.domain import EstimateSettings, Period, Vessel
from jobs.visits.estimate import estimate_port
from jobs.visits.panels import panel_of
from jobs.visits.reviewed import HULL_SD_M, DrawnShip, PortReview, Verdict, VesselReview
from jobs.visits.tables import port_tables
from tests.support.factories import TOP, make_berth, make_port, make_record, make_vessel

PORT = make_port(berths=(make_berth(),))
BERTH = PORT.berths[0]
PERIOD = Period(date(2024, 3, 1), date(2024, 3, 20))
SHIP = make_vessel()
OTHER = make_vessel(y=TOP - 1290, length_m=60, score=0.95)
FIXED = replace(make_vessel(y=TOP - 1180), fixed=True)


def looks(*vessels: tuple[Vessel, ...]) -> list:
    return [make_record(hours=48 * n, vessels=each) for n, each in enumerate(vessels)]


def id_of(records: list, number: int, rank: int = 0) -> str:
    return f"{records[number].overpass_id}-{rank:03d}"


def test_without_a_review_the_panel_has_none() -> None:
    tables = port_tables(PORT, looks((SHIP,), ()))
    assert panel_of(tables, BERTH, PERIOD, ()).review is None


def test_reports_are_counted_by_what_was_said_of_them() -> None:
    records = looks((SHIP,), (SHIP,), (), (OTHER, SHIP), ())
    review = PortReview(
        vessels={
            id_of(records, 0): VesselReview(Verdict.SHIP, hull=make_vessel(length_m=130)),
            id_of(records, 1): VesselReview(Verdict.NOT_SHIP),
            id_of(records, 3, 1): VesselReview(Verdict.SHIP),
        },
        drawn={records[2].overpass_id: (DrawnShip("d", make_vessel(length_m=70)),)},
        whole=frozenset({(records[4].overpass_id, BERTH.id)}),
        missed=0.03,
        invented=0.02,
    )
    panel = panel_of(port_tables(PORT, records, review), BERTH, PERIOD, ())
    said = panel.review
    assert said is not None
    assert list(panel.vessels) == [1, 0, 1, 2, 0]
    assert list(panel.reported) == [1, 1, 0, 2, 0]
    assert list(said.accepted) == [1, 0, 0, 1, 0]
    assert list(said.rejected) == [0, 1, 0, 0, 0]
    assert list(said.drawn) == [0, 0, 1, 0, 0]
    assert list(said.whole) == [False, False, False, False, True]
    assert (said.missed, said.invented) == (0.03, 0.02)
    # the corrected hull; of two, that of the accepted ship, though the other's score is higher
    assert panel.length_m[[0, 2, 3]] == pytest.approx([130, 70, SHIP.length_m])
    assert panel.length_sd_m[0] == HULL_SD_M


def test_structure_that_was_struck_out_before_is_no_false_alarm_of_the_network() -> None:
    records = looks((FIXED,), (SHIP,))
    review = PortReview(
        vessels={
            id_of(records, 0): VesselReview(Verdict.STRUCTURE),
            id_of(records, 1): VesselReview(Verdict.STRUCTURE),
        }
    )
    said = panel_of(port_tables(PORT, records, review), BERTH, PERIOD, ()).review
    assert said is not None
    assert list(said.rejected) == [0, 1]


def test_decisions_move_the_estimate_the_way_they_point() -> None:
    records = looks((SHIP,), (), (SHIP,), (), (SHIP,), (), ())
    settings = EstimateSettings(draws=200)
    ids = [id_of(records, number) for number in (0, 2, 4)]
    occupied = {}
    for name, verdict in (("ships", Verdict.SHIP), ("none", Verdict.NOT_SHIP), ("", Verdict.NONE)):
        said = {id: VesselReview(verdict) for id in ids} if name else {}
        tables = port_tables(PORT, records, PortReview(vessels=said))
        found = estimate_port(tables, PERIOD, settings, ())
        occupied[name] = float(found.berths["occupancy"].iloc[0])
    assert occupied["none"] < occupied[""] < occupied["ships"]
