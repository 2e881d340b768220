"""Looks, berths and stays: known cases, and laws that hold for any history of one berth."""

import itertools
import math
import weakref
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.domain import Berth, BerthKind, LookState, OverpassRecord, Quality
from jobs.domain.sensor import SensorErrors
from jobs.visits.looks import Look, Sighting, berth_areas, look_state
from jobs.visits.schema import LOOK_COLUMNS, VESSEL_COLUMNS, VISIT_COLUMNS, PortTables
from jobs.visits.stays import MAX_GAP, Stay, assign, confidence, mismatch, pooled_length, stays_at
from jobs.visits.tables import port_tables, visit_rows
from tests.support.factories import (
    LEFT,
    START,
    TOP,
    make_berth,
    make_grid,
    make_port,
    make_record,
    make_records,
    make_vessel,
)

OIL = make_berth()
ROADS = make_berth(
    id="roads", kind=BerthKind.ANCHORAGE, capacity=None, place_m=(2300, 2300, 1500, 1500)
)
USABLE = (LookState.CLEAR, LookState.PARTLY)


def make_look(
    hours: float,
    *lengths_m: float,
    state: LookState = LookState.CLEAR,
    berth: Berth = OIL,
    east_m: float = 0.0,
    truncated: bool = False,
) -> Look:
    time = START + timedelta(hours=hours)
    name = f"look-{hours:09.2f}"
    vessels = [
        make_vessel(
            x=LEFT + 1530 + east_m, y=TOP - 1230 + 60 * n, length_m=length, truncated=truncated
        )
        for n, length in enumerate(lengths_m)
    ]
    sightings = tuple(Sighting(f"{name}-{n:03d}", name, time, v) for n, v in enumerate(vessels))
    return Look(berth.id, name, time, "s2", "s2b", 1.0, 1.0, 0.0, True, state, sightings)


def tables_of(*records: OverpassRecord, berths: tuple[Berth, ...] = (OIL, ROADS)) -> PortTables:
    return port_tables(make_port(berths=berths), records)


# --- known histories ----------------------------------------------------------------------------


def test_one_ship_in_three_looks_is_one_visit():
    stays = stays_at(OIL, [make_look(0), make_look(24, 85), make_look(48, 92), make_look(72, 80)])
    assert [len(stay.sightings) for stay in stays] == [3]
    assert stays[0].departure_before is None


def test_another_ship_is_another_visit():
    stays = stays_at(OIL, [make_look(0, 85), make_look(24, 170), make_look(48)])
    assert [stay.departure_before for stay in stays] == [
        START + timedelta(hours=24),
        START + timedelta(hours=48),
    ]


def test_a_clear_look_without_the_ship_ends_the_visit():
    stays = stays_at(OIL, [make_look(0, 85), make_look(24), make_look(48, 85)])
    assert len(stays) == 2


@pytest.mark.parametrize("state", [LookState.PARTLY, LookState.CLOUDED, LookState.OUTSIDE])
def test_any_other_look_without_the_ship_leaves_the_visit_open(state):
    stays = stays_at(OIL, [make_look(0, 85), make_look(24, state=state), make_look(48, 85)])
    assert len(stays) == 1


def test_another_ship_in_a_single_berth_proves_the_first_gone_even_when_partly_clouded():
    looks = [make_look(0, 85), make_look(24, 170, state=LookState.PARTLY)]
    assert stays_at(OIL, looks)[0].departure_before == START + timedelta(hours=24)


@pytest.mark.parametrize(("hours", "visits"), [(MAX_GAP / timedelta(hours=1), 1), (97, 2)])
def test_sightings_too_far_apart_are_two_visits(hours, visits):
    assert len(stays_at(OIL, [make_look(0, 85), make_look(hours, 85)])) == visits


@pytest.mark.parametrize(("moved_m", "visits"), [(390, 1), (410, 2)])
def test_an_anchored_ship_may_swing_but_not_move(moved_m, visits):
    looks = [make_look(0, 85, berth=ROADS), make_look(24, 85, berth=ROADS, east_m=moved_m)]
    assert len(stays_at(ROADS, looks)) == visits


def test_a_ship_cut_by_cloud_is_the_longer_one_seen_before_but_not_a_shorter_one():
    cut = make_look(24, 60, state=LookState.PARTLY, truncated=True)
    assert len(stays_at(OIL, [make_look(0, 170), cut])) == 1
    cut = make_look(24, 170, state=LookState.PARTLY, truncated=True)
    assert len(stays_at(OIL, [make_look(0, 60), cut])) == 2


def test_two_sensors_of_one_instant_that_disagree_do_not_end_a_visit():
    empty = make_look(0)
    stays = stays_at(OIL, [make_look(0, 85), empty, make_look(24, 85)])
    assert len(stays) == 1


def test_the_pooled_length_prefers_whole_sightings_and_weighs_by_variance():
    looks = [make_look(0, 100), make_look(24, 60, truncated=True), make_look(48, 110)]
    (stay,) = stays_at(OIL, looks)
    assert pooled_length(stay.measured) == pytest.approx((105, 12 / math.sqrt(2)))
    weighted = [make_vessel(length_m=100, length_sd_m=5), make_vessel(length_m=160, length_sd_m=10)]
    assert pooled_length(weighted)[0] == pytest.approx(112)


def test_confidence_grows_with_sightings_and_is_less_for_cut_ships():
    (stay,) = stays_at(OIL, [make_look(0, 85), make_look(24, 85)])
    assert confidence(stay) == pytest.approx(0.99)
    (cut,) = stays_at(OIL, [make_look(0, 85, truncated=True)])
    assert confidence(cut) == pytest.approx(0.45)


def test_a_visit_keeps_its_id_when_looks_are_added():
    looks = [make_look(0, 85), make_look(24), make_look(48, 120)]
    ids = [
        {
            row["visit_id"]
            for row in visit_rows(make_port(), {"oil-1": stays_at(OIL, seen)}, seen)[0]
        }
        for seen in (looks, [*looks, make_look(72, 120), make_look(96, 60)])
    ]
    assert ids[0] == {"RUVYP-oil-1-20240301T021000Z-1", "RUVYP-oil-1-20240303T021000Z-1"}
    assert ids[0] < ids[1]


# --- laws ---------------------------------------------------------------------------------------

lengths = st.sampled_from([60.0, 75.0, 95.0, 170.0])


@st.composite
def histories(draw: st.DrawFn, berth: Berth, most: int) -> list[Look]:
    hours = sorted(draw(st.lists(st.integers(0, 400), max_size=9, unique=True)))
    looks = []
    for hour in hours:
        seen = draw(st.lists(lengths, max_size=most))
        state = draw(st.sampled_from(USABLE if seen else list(LookState)))
        looks.append(make_look(hour, *seen, state=state, berth=berth))
    return looks


berth_histories = st.sampled_from([OIL, ROADS]).flatmap(
    lambda berth: st.tuples(st.just(berth), histories(berth, most=2 if berth.capacity == 1 else 4))
)


SEES_ALL = tuple(
    SensorErrors("s2", place, "here", 0.95, 0.5, 0.0, 0.01, 1.0, 20, 200)
    for place in ("berth", "anchorage")
)


def rows_of(berth: Berth, looks: list[Look]) -> list[dict[str, object]]:
    port = make_port(berths=(berth,))
    stays = {berth.id: stays_at(berth, looks, errors=SEES_ALL)}
    return visit_rows(port, stays, looks, SEES_ALL)[0]


@given(berth_histories)
@settings(max_examples=80)
def test_bounds_are_in_order_and_what_a_brute_force_search_of_the_looks_gives(history):
    berth, looks = history
    clear = [look.time for look in looks if look.state is LookState.CLEAR]
    for row in rows_of(berth, looks):
        first, last = row["arrival_before"], row["departure_after"]
        assert first <= last
        assert row["arrival_after"] == max((t for t in clear if t < first), default=None)
        left, next_clear = (
            row["departure_before"],
            min((t for t in clear if t > last), default=None),
        )
        if left != next_clear:  # another ship took the only place before that
            assert berth.capacity == 1
            assert last < left
            assert next_clear is None or left < next_clear


@given(berth_histories)
@settings(max_examples=80)
def test_every_vessel_belongs_to_just_one_visit(history):
    berth, looks = history
    stays = stays_at(berth, looks)
    in_stays = sorted(s.vessel_id for stay in stays for s in stay.sightings)
    assert in_stays == sorted(s.vessel_id for look in looks for s in look.sightings)
    for stay in stays:
        times = [s.time for s in stay.sightings]
        assert all(a < b <= a + MAX_GAP for a, b in itertools.pairwise(times))


@given(
    berth_histories, st.integers(0, 400), st.sampled_from([LookState.CLOUDED, LookState.OUTSIDE])
)
@settings(max_examples=60)
def test_a_look_that_saw_nothing_changes_nothing(history, hour, state):
    berth, looks = history
    blind = make_look(hour + 0.5, state=state, berth=berth)
    more = sorted([*looks, blind], key=lambda look: look.time)
    assert rows_of(berth, more) == rows_of(berth, looks)


@given(st.lists(lengths, max_size=4), st.lists(lengths, max_size=4), st.integers(0, 500))
@settings(max_examples=60)
def test_assignment_is_the_best_of_all(before, now, moved_m):
    stays = [Stay((s,)) for s in make_look(0, *before, berth=ROADS).sightings]
    sightings = make_look(24, *now, berth=ROADS, east_m=moved_m).sightings
    cost = [[mismatch(ROADS, stay, sighting) for sighting in sightings] for stay in stays]
    found = assign(ROADS, stays, sightings)
    value = (-len(found), sum(cost[row][column] for row, column in found.items()))
    assert value == pytest.approx(_best(cost, len(stays), len(sightings)))


def _best(cost: list[list[float]], rows: int, columns: int) -> tuple[int, float]:
    """By trying every way: most pairs, then least cost."""
    best = (0, 0.0)
    for count in range(1, min(rows, columns) + 1):
        for chosen in itertools.combinations(range(rows), count):
            for places in itertools.permutations(range(columns), count):
                total = sum(cost[row][column] for row, column in zip(chosen, places, strict=True))
                if math.isfinite(total):
                    best = min(best, (-count, total))
    return best


# --- one overpass -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("imaged", "clear", "state"),
    [
        (1.0, 1.0, LookState.CLEAR),
        (1.0, 0.9, LookState.CLEAR),
        (1.0, 0.89, LookState.PARTLY),
        (0.6, 0.6, LookState.PARTLY),
        (1.0, 0.29, LookState.CLOUDED),
        (0.6, 0.17, LookState.CLOUDED),
        (0.49, 0.49, LookState.OUTSIDE),
        (0.0, 0.0, LookState.OUTSIDE),
    ],
)
def test_what_a_look_is_worth(imaged, clear, state):
    assert look_state(imaged, clear) is state


@pytest.mark.parametrize(
    ("flag", "state", "clear_fraction", "screened"),
    [
        (Quality.CLOUD, "clouded", 0.0, True),
        (Quality.CLOUD_SHADOW, "clouded", 0.0, True),
        (Quality.DEFECTIVE, "clouded", 0.0, True),
        (Quality.NODATA, "outside", 0.0, True),
        (Quality.THIN_CLOUD, "clear", 1.0, True),
        (Quality.SNOW_ICE, "clear", 1.0, True),
        (Quality.UNSCREENED, "clear", 1.0, False),
    ],
)
def test_flags_of_the_archive_make_the_look(flag, state, clear_fraction, screened):
    record = make_record(quality=np.full(make_grid().shape, flag, np.uint8))
    look = tables_of(record).looks.iloc[0]
    assert (look["state"], look["clear_fraction"]) == (state, clear_fraction)
    assert look["screened"] == screened
    assert look["thin_cloud_fraction"] == (flag is Quality.THIN_CLOUD)


def test_only_the_pixels_of_the_berth_count():
    quality = np.full(make_grid().shape, Quality.CLOUD, np.uint8)
    quality[109:138, 149:158] = 0  # oil-1 lies at rows 110-136, columns 150-156
    looks = tables_of(make_record(quality=quality)).looks.set_index("berth")
    assert looks["state"].to_dict() == {"oil-1": "clear", "roads": "clouded"}


def test_a_berth_narrower_than_a_pixel_still_has_pixels():
    berth = make_berth(place_m=(1506, 1103, 3, 60))
    assert berth_areas(make_port(berths=(berth,)))[0].mask.sum() >= 6


def test_a_berth_off_the_grid_is_outside_every_look():
    berth = make_berth(place_m=(90_000, 1100, 60, 260))
    looks = tables_of(make_record(), berths=(berth,)).looks
    assert looks["state"].tolist() == ["outside"]


def test_a_ship_seen_through_a_gap_in_the_cloud_makes_the_look_partly():
    quality = np.full(make_grid().shape, Quality.CLOUD, np.uint8)
    tables = tables_of(make_record(quality=quality, vessels=[make_vessel()]), berths=(OIL,))
    assert tables.looks["state"].tolist() == ["partly"]
    assert len(tables.visits) == 1


@pytest.mark.parametrize(
    ("east_m", "north_m", "berth"),
    [
        (1530, -1230, "oil-1"),  # in the middle
        (1495, -1230, "oil-1"),  # half on it
        (1500, -1005, ""),  # the centre 95 m off
        (1455, -1230, "oil-1"),  # the box beside it, the centre 45 m off
        (1445, -1230, ""),  # 55 m off
        (3000, -3000, "roads"),
    ],
)
def test_a_vessel_lies_at_the_berth_it_overlaps_or_nearly_touches(east_m, north_m, berth):
    vessel = make_vessel(x=LEFT + east_m, y=TOP + north_m, length_m=50)
    assert tables_of(make_record(vessels=[vessel])).vessels["berth"].tolist() == [berth]


def test_of_two_berths_the_vessel_lies_at_the_one_it_overlaps_most():
    berths = (make_berth(), make_berth(id="next", place_m=(1500, 1370, 60, 260)))
    vessel = make_vessel(y=TOP - 1380, length_m=120)
    assert tables_of(make_record(vessels=[vessel]), berths=berths).vessels["berth"][0] == "next"


# --- tables -------------------------------------------------------------------------------------


def test_a_port_without_overpasses_has_tables_with_all_columns_and_types():
    tables = tables_of()
    full = tables_of(*make_records(port=make_port(), days=12))
    for name, columns in (
        ("vessels", VESSEL_COLUMNS),
        ("looks", LOOK_COLUMNS),
        ("visits", VISIT_COLUMNS),
    ):
        empty = getattr(tables, name)
        assert list(empty.columns) == list(columns)
        assert empty.empty
        assert empty.dtypes.astype(str).to_dict() == (
            getattr(full, name).dtypes.astype(str).to_dict()
        )
        assert empty.crs == "EPSG:4326"


def test_tables_are_linked_and_in_order():
    tables = tables_of(*make_records(port=make_port(), days=30), berths=make_port().berths)
    vessels, visits = tables.vessels, tables.visits
    assert set(vessels.loc[vessels["berth"] != "", "visit_id"]) == set(visits["visit_id"])
    assert (vessels.loc[vessels["berth"] == "", "visit_id"] == "").all()
    assert vessels["time"].is_monotonic_increasing
    assert visits["arrival_before"].is_monotonic_increasing
    assert visits["visit_id"].is_unique
    assert vessels.groupby("visit_id").size().to_dict() == (
        visits.set_index("visit_id")["vessels"].to_dict()
    )
    assert (visits["looks"] >= 1).all()


def test_places_come_out_in_wgs84():
    tables = tables_of(make_record(vessels=[make_vessel()]))
    assert OIL.polygon.contains(tables.vessels.geometry[0])
    assert OIL.polygon.contains(tables.visits.geometry[0])
    footprint = tables.vessels["footprint"].to_crs(32653)[0]
    assert footprint.area == pytest.approx(85 * (0.16 * 85 + 2), rel=1e-3)


def test_vessels_are_numbered_by_place_not_by_the_order_they_came():
    vessels = [make_vessel(y=TOP - 1230), make_vessel(y=TOP - 1330)]
    first = tables_of(make_record(vessels=vessels)).vessels
    again = tables_of(make_record(vessels=vessels[::-1])).vessels
    assert first.drop(columns=["geometry", "footprint"]).equals(
        again.drop(columns=["geometry", "footprint"])
    )


def test_no_record_is_kept_while_the_next_is_read():
    kept: list[weakref.ref[OverpassRecord]] = []

    def stream():
        for hour in range(0, 120, 24):
            assert sum(ref() is not None for ref in kept) <= 1
            record = make_record(hours=hour, vessels=[make_vessel()])
            kept.append(weakref.ref(record))
            yield record

    assert len(tables_of_stream(stream()).visits) == 1


def tables_of_stream(records) -> PortTables:
    return port_tables(make_port(berths=(OIL,)), records)
