"""What a clear look without a ship proves, by what its sensor sees of ships of that length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from jobs.domain import BerthKind, LookState
from jobs.domain.sensor import SensorErrors
from jobs.visits.absence import OVERLOOKED, overlooks_at
from jobs.visits.looks import Look, Sighting
from jobs.visits.meanings import VISIT_MEANINGS
from jobs.visits.stays import MISSED_GAP, stays_at
from jobs.visits.tables import port_tables, visit_rows
from tests.support.factories import START, make_berth, make_port, make_record, make_vessel

OIL = make_berth()
SHARP, DIM = "sentinel-2-l2a", "landsat-c2-l2"


def errors(sensor: str, recall: float, slope: float = 0.0) -> SensorErrors:
    return SensorErrors(sensor, "berth", "here", recall, 1.0, slope, 0.01, 1.0, 20, 200)


MEASURED = (errors(SHARP, 0.8), errors(DIM, 0.2))


def look(
    days: float, *lengths_m: float, sensor: str = SHARP, whole: bool = False, **state: LookState
) -> Look:
    time, name = START + timedelta(days=days), f"{sensor}-{days:07.3f}"
    seen = tuple(
        Sighting(f"{name}-{n:03d}", name, time, make_vessel(length_m=length))
        for n, length in enumerate(lengths_m)
    )
    clear = state.get("state", LookState.CLEAR)
    return Look(OIL.id, name, time, sensor, "", 1.0, 1.0, 0.0, True, clear, seen, whole)


def rows(looks: Sequence[Look]) -> list[dict[str, object]]:
    stays = {OIL.id: stays_at(OIL, looks, errors=MEASURED)}
    return visit_rows(make_port(berths=(OIL,)), stays, looks, MEASURED)[0]


def test_a_look_that_would_hardly_have_seen_the_ship_does_not_part_its_stay() -> None:
    looks = [look(0, 90), look(0.4, sensor=DIM), look(0.8, 90), look(4)]
    (stay,) = stays_at(OIL, looks, errors=MEASURED)
    assert len(stay.sightings) == 2
    assert stay.departure_before == START + timedelta(days=4)


def test_a_look_that_would_have_seen_it_does() -> None:
    looks = [look(0, 90), look(0.4), look(0.8, 90)]
    assert len(stays_at(OIL, looks, errors=MEASURED)) == 2


def test_many_such_looks_together_prove_it_gone_and_a_sighting_begins_their_count_anew() -> None:
    enough = next(n for n in range(1, 99) if 0.8**n <= OVERLOOKED)
    assert enough > 1
    dim = [look(0.1 + n / 10, sensor=DIM) for n in range(enough)]
    assert len(stays_at(OIL, [look(0, 90), *dim[:-1], look(0.9, 90)], errors=MEASURED)) == 1
    first, _ = stays_at(OIL, [look(0, 90), *dim, look(0.9, 90)], errors=MEASURED)
    assert first.departure_before == dim[-1].time
    seen_again = [look(0, 90), *dim[:-1], look(0.9, 90), look(1.4, sensor=DIM), look(1.8, 90)]
    assert len(stays_at(OIL, seen_again, errors=MEASURED)) == 1


def test_the_same_look_proves_a_long_ship_gone_and_a_short_one_not() -> None:
    steep = (errors(SHARP, 0.5, slope=3.0),)
    for length_m, stays in ((200.0, 2), (50.0, 1)):
        looks = [look(0, length_m), look(0.4), look(0.8, length_m)]
        assert len(stays_at(OIL, looks, errors=steep)) == stays


def test_a_look_that_a_reviewer_checked_as_a_whole_proves_it_whatever_its_sensor() -> None:
    looks = [look(0, 90), look(0.4, sensor=DIM, whole=True), look(0.8, 90)]
    assert len(stays_at(OIL, looks, errors=MEASURED)) == 2


def test_another_ship_in_the_only_place_proves_it_whatever_the_sensor() -> None:
    looks = [look(0, 90), look(0.4, 250, sensor=DIM), look(0.8, 90)]
    assert len(stays_at(OIL, looks, errors=MEASURED)) == 3


def test_an_arrival_is_bounded_by_looks_that_would_have_seen_the_ship() -> None:
    (row,) = rows([look(0), look(2, sensor=DIM), look(3, 90), look(4, sensor=DIM), look(5)])
    assert row["arrival_after"] == START
    assert row["departure_before"] == START + timedelta(days=5)
    (row,) = rows([look(2, sensor=DIM), look(3, 90), look(4, sensor=DIM)])
    assert row["arrival_after"] is None
    assert row["departure_before"] is None


@pytest.mark.parametrize(("gap", "stays"), [(MISSED_GAP, 1), (1.01 * MISSED_GAP, 2)])
def test_a_ship_that_a_look_missed_is_not_joined_to_one_long_after(
    gap: timedelta, stays: int
) -> None:
    days = gap / timedelta(days=1)
    found = stays_at(OIL, [look(0, 90), look(0.5, sensor=DIM), look(days, 90)], errors=MEASURED)
    assert len(found) == stays
    # the dim look found nothing out; that the place is taken does
    assert found[0].departure_before in (None, START + gap)


def test_a_port_s_tables_go_by_the_errors_they_are_given() -> None:
    port = make_port(berths=(OIL,))
    records = [
        make_record(hours=0, vessels=[make_vessel()]),
        replace(make_record(hours=10), sensor=DIM),
        make_record(hours=20, vessels=[make_vessel()]),
    ]
    assert len(port_tables(port, records, errors=MEASURED).visits) == 1
    sharp = (errors(SHARP, 0.8), errors(DIM, 0.8))
    assert len(port_tables(port, records, errors=sharp).visits) == 2


@pytest.mark.parametrize("kind", [BerthKind.OIL_TERMINAL, BerthKind.ANCHORAGE])
def test_what_a_look_overlooks_is_what_the_estimate_takes_it_to(kind: BerthKind) -> None:
    berth = make_berth(kind=kind, capacity=1 if kind is BerthKind.OIL_TERMINAL else None)
    measured = errors(SHARP, 0.6, slope=1.5)
    measured = replace(measured, place="berth" if berth.capacity else "anchorage")
    missed = overlooks_at(berth, (measured,))
    assert missed(look(0), 100.0) == pytest.approx(0.4)
    odds = 0.6 / 0.4 * (180 / 100) ** 1.5
    assert missed(look(0), 180.0) == pytest.approx(1 / (1 + odds))
    # of no sensor that was measured: as the estimate's broad guess
    assert missed(look(0, sensor="other"), 100.0) == pytest.approx(0.5)
    assert np.isclose(missed(look(0, whole=True), 20.0), 0.0)


def test_the_columns_say_what_counts_as_proof() -> None:
    for name in ("arrival_after", "departure_before"):
        assert f"at most {100 * OVERLOOKED:.0f} %" in VISIT_MEANINGS[name].source
