"""Which decisions a result uses, what follows from them, and why others are not used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.domain import DEFAULT_REVIEWS, LookState, OverpassRecord, Vessel
from jobs.review import resolution
from jobs.review.decision import Decision, Seen, What, identified
from jobs.review.ledger import in_force
from jobs.review.resolution import Resolved, resolve, with_cargo
from jobs.review.use import use_json, use_lines
from jobs.visits import Cargo, CargoEntry, PortTables, port_tables
from tests.support.factories import LEFT, TOP, make_port, make_record, make_vessel

PORT = make_port()
AT_OIL = make_vessel()
NEXT = make_vessel(y=TOP - 1300, length_m=60)
BESIDE = make_vessel(x=LEFT + 3000, y=TOP - 300)
FIXED = replace(make_vessel(x=LEFT + 1670, y=TOP - 1530), fixed=True)
MODEL = "m1"
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def record(*vessels: Vessel, hours: float = 0.0) -> OverpassRecord:
    return make_record(hours=hours, vessels=vessels)


def id_of(of: OverpassRecord, vessel: Vessel) -> str:
    ordered = sorted(of.vessels, key=lambda each: (each.y, each.x, each.length_m))
    return f"{of.overpass_id}-{ordered.index(vessel):03d}"


def said(
    what: str,
    of: OverpassRecord,
    vessel: Vessel | None = None,
    *,
    who: str = "anna",
    at: int = 0,
    berth: str = "oil-1",
    model: str = MODEL,
    id: str = "",
    **more: Any,
) -> Decision:
    """A decision about a vessel of a record as it stands there."""
    seen = Seen("job", "tag", model)
    if vessel is not None:
        seen = replace(seen, score=vessel.score, fixed=vessel.fixed, corners=vessel.corners)
        id = id_of(of, vessel)
    when = (NOON + timedelta(minutes=at)).isoformat(timespec="microseconds")
    made = Decision(who, when, What(what), PORT.id, of.overpass_id, berth, id, seen, **more)
    return identified(made)


def counted(
    decisions: Sequence[Decision], *records: OverpassRecord, model: str = MODEL
) -> tuple[Resolved, PortTables]:
    found = resolve(PORT, in_force(decisions), records, model, DEFAULT_REVIEWS)
    return found, port_tables(PORT, records, found.review)


def ships_at(tables: PortTables, berth: str) -> list[int]:
    return list(tables.looks.loc[tables.looks["berth"] == berth, "vessels"])


def box_at(x: float, y: float, length: float = 90, beam: float = 16) -> dict[str, Any]:
    return {"corners": [[x, y], [x + beam, y], [x + beam, y - length], [x, y - length]]}


def test_a_rejected_vessel_stays_in_the_table_and_counts_nowhere() -> None:
    of = record(AT_OIL)
    found, tables = counted([said("not_ship", of, AT_OIL)], of)
    assert ships_at(tables, "oil-1") == [0]
    assert tables.visits.empty
    (row,) = tables.vessels.to_dict("records")
    assert (row["review"], row["counted"], row["fixed"], row["visit_id"]) == (
        "not_ship",
        False,
        False,
        "",
    )
    assert (row["length_m"], row["score"]) == (AT_OIL.length_m, AT_OIL.score)
    assert len(found.used) == 1


def test_struck_out_structure_counts_again_once_it_is_called_a_ship() -> None:
    of = record(FIXED)
    _, before = counted([], of)
    found, after = counted([said("ship", of, FIXED, berth="oil-2")], of)
    assert (ships_at(before, "oil-2"), ships_at(after, "oil-2")) == ([0], [1])
    assert list(after.vessels["fixed"]) == [True]  # as the machine said
    assert list(after.vessels["counted"]) == [True]
    use = use_json([found], DEFAULT_REVIEWS)
    assert use is not None
    assert use["restored_from_fixed"] == 1
    assert after.visits["confidence"].iloc[0] == pytest.approx(0.99)


def test_a_corrected_hull_gives_the_visit_its_length_and_leaves_the_machines() -> None:
    of = record(AT_OIL)
    hull = box_at(AT_OIL.x - 10, AT_OIL.y + 70, 140, 20)
    _, tables = counted([said("hull", of, AT_OIL, value=hull)], of)
    assert tables.visits["length_m"].iloc[0] == pytest.approx(140)
    assert tables.visits["length_sd_m"].iloc[0] == pytest.approx(7)
    (row,) = tables.vessels.to_dict("records")
    assert (row["length_m"], row["review_length_m"]) == (AT_OIL.length_m, pytest.approx(140))
    assert row["review_beam_m"] == pytest.approx(20)
    assert row["review_heading_deg"] % 180 == pytest.approx(0)
    assert row["review_footprint"].startswith("POLYGON")


def test_two_ships_of_one_box_and_one_of_two() -> None:
    of = record(BESIDE)
    first, second = box_at(LEFT + 2990, TOP - 250, 40), box_at(LEFT + 2990, TOP - 300, 45)
    split = [
        said("hull", of, BESIDE, berth="", value=first),
        said("drawn", of, berth="", id=f"{of.overpass_id}-dx", value=second),
    ]
    _, tables = counted(split, of)
    assert list(tables.vessels["review"]) == ["ship", "drawn"]
    assert tables.vessels["counted"].sum() == 2
    both = record(AT_OIL, NEXT)
    merged = [
        said("hull", both, AT_OIL, value=box_at(AT_OIL.x, AT_OIL.y + 50, 170)),
        said("duplicate", both, NEXT),
    ]
    _, tables = counted(merged, both)
    assert ships_at(tables, "oil-1") == [1]
    assert tables.visits["length_m"].iloc[0] == pytest.approx(170)


def test_a_ship_drawn_by_hand_counts_and_is_a_row_of_its_own() -> None:
    of = record()
    id = f"{of.overpass_id}-dabc"
    drawn = said("drawn", of, id=id, value=box_at(AT_OIL.x, AT_OIL.y + 40))
    found, tables = counted([drawn], of)
    assert ships_at(tables, "oil-1") == [1]
    (row,) = tables.vessels.to_dict("records")
    assert (row["vessel_id"], row["review"], row["length_m"]) == (id, "drawn", pytest.approx(90))
    longer = said("hull", of, id=id, at=1, value=box_at(AT_OIL.x, AT_OIL.y + 50, 110))
    _, tables = counted([drawn, longer], of)
    assert tables.visits["length_m"].iloc[0] == pytest.approx(110)
    assert len(found.used) == 1


def test_another_berth_and_a_whole_look() -> None:
    of = record(AT_OIL)
    chosen = [
        said("berth", of, AT_OIL, value={"berth": "oil-2"}),
        said("look", of, berth="oil-1"),
    ]
    _, tables = counted(chosen, of)
    assert (ships_at(tables, "oil-1"), ships_at(tables, "oil-2")) == ([0], [1])
    (row,) = tables.vessels.to_dict("records")
    assert (row["berth"], row["found_berth"]) == ("oil-2", "oil-1")
    assert list(tables.looks.loc[tables.looks["reviewed"], "berth"]) == ["oil-1"]
    assert set(tables.looks["state"]) == {LookState.CLEAR.value}


def test_a_look_with_a_ship_that_nobody_judged_is_not_whole() -> None:
    of = record(AT_OIL)
    look = said("look", of)
    for decisions, whole in (([look, said("ship", of, AT_OIL)], True), ([look], False)):
        found, tables = counted(decisions, of)
        _, found = with_cargo(found, tables, ())
        assert bool(tables.looks["reviewed"].any()) == whole
        assert (look.id in found.used) == whole
        assert (found.unused.get(look.id) == resolution.NOT_ALL_JUDGED) != whole


def test_why_decisions_are_not_used() -> None:
    of, other = record(AT_OIL, BESIDE), record(hours=24)
    moved = replace(AT_OIL, corners=tuple((x + 30, y) for x, y in AT_OIL.corners))
    x, y = AT_OIL.x, AT_OIL.y + 40
    cases = {
        resolution.OTHER_MODEL: [said("ship", of, AT_OIL, model="m0")],
        resolution.GONE: [
            replace(said("ship", of, AT_OIL), seen=Seen("j", "t", MODEL, corners=moved.corners))
        ],
        resolution.NOT_DONE: [replace(said("look", of), overpass="not-there")],
        resolution.NO_BERTH: [said("berth", of, AT_OIL, value={"berth": "sold"})],
        resolution.DISPUTED: [said("ship", of, AT_OIL), said("not_ship", of, AT_OIL, who="ben")],
        resolution.FOUND_NOW: [said("drawn", of, id="o-d1", model="m0", value=box_at(x - 8, y))],
        resolution.TWICE: [
            said("drawn", other, id="o-d1", value=box_at(x, y)),
            said("drawn", other, id="o-d2", who="ben", at=1, value=box_at(x + 3, y)),
        ],
        resolution.REJECTED: [
            said("drawn", other, id="o-d1", value=box_at(x, y)),
            said("not_ship", other, id="o-d1", at=1),
        ],
    }
    for reason, decisions in cases.items():
        found = resolve(PORT, decisions, [of, other], MODEL, DEFAULT_REVIEWS)
        assert reason in found.unused.values(), reason
        assert set(found.used) | set(found.unused) == {each.id for each in decisions}
        use = use_json([found], DEFAULT_REVIEWS)
        assert use is not None
        assert use["used"] + use["unused"] == len(decisions)  # type: ignore[operator]
        assert any(reason in line for line in use_lines(use))


def test_a_ship_drawn_over_a_box_that_counts_is_not_counted_twice() -> None:
    of = record(AT_OIL)
    over = said("drawn", of, id="o-d1", value={"corners": [list(each) for each in AT_OIL.corners]})
    found, tables = counted([over], of)
    assert ships_at(tables, "oil-1") == [1]
    assert list(found.unused.values()) == [resolution.FOUND_NOW]
    # nor is it where that box was rejected: then it takes its place
    _, tables = counted([over, said("not_ship", of, AT_OIL)], of)
    assert ships_at(tables, "oil-1") == [1]
    assert list(tables.vessels.loc[tables.vessels["counted"], "review"]) == ["drawn"]


def test_what_was_said_of_another_networks_vessel_contradicts_nobody() -> None:
    of = record(AT_OIL)
    before = said("not_ship", of, AT_OIL, who="ben", at=1, model="m0")
    now = said("ship", of, AT_OIL, at=2)
    found, _ = counted([before, now], of)
    assert found.used == (now.id,)
    assert dict(found.unused) == {before.id: resolution.OTHER_MODEL}


def test_a_ship_drawn_by_two_counts_once() -> None:
    of = record()
    x, y = AT_OIL.x, AT_OIL.y + 40
    both = [
        said("drawn", of, id="o-d1", value=box_at(x, y)),
        said("drawn", of, id="o-d2", who="ben", at=1, value=box_at(x + 3, y)),
    ]
    _, tables = counted(both, of)
    assert ships_at(tables, "oil-1") == [1]


def test_cargo_is_the_visits_and_the_jobs_own_file_has_the_word() -> None:
    of, after = record(AT_OIL), record(AT_OIL, hours=24)
    laden = {"cargo": "laden_in", "source": "patrol"}
    found, tables = counted([said("cargo", after, AT_OIL, value=laden)], of, after)
    entries, kept = with_cargo(found, tables, ())
    (visit,) = tables.visits["visit_id"]
    assert entries == (CargoEntry(visit, Cargo.LADEN_IN, "patrol"),)
    assert len(kept.used) == 1
    file = (CargoEntry(visit, Cargo.BALLAST, "the file"),)
    entries, kept = with_cargo(found, tables, file)
    assert entries == file
    assert list(kept.unused.values()) == [resolution.OTHER_CARGO]


def test_cargo_of_a_ship_in_no_visit_is_not_used() -> None:
    of = record(BESIDE)
    made = said("cargo", of, BESIDE, berth="", value={"cargo": "ballast", "source": "x"})
    found, tables = counted([made], of)
    entries, kept = with_cargo(found, tables, ())
    assert entries == ()
    assert list(kept.unused.values()) == [resolution.NO_VISIT]


def test_without_a_decision_nothing_is_said() -> None:
    found, _ = counted([], record(AT_OIL))
    assert use_json([found], DEFAULT_REVIEWS) is None
    assert use_lines(None) == ()
