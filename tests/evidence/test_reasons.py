"""Why bounds are where they are, and what speaks against them, on looks made for each case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jobs.domain import Berth, BerthKind, OverpassRecord, Period, Quality, Vessel
from jobs.errors import InputError
from jobs.evidence.bounds import arrival_json, departure_json
from jobs.evidence.cases import MOST_LISTED, Case, case_of
from jobs.evidence.index import ResultIndex
from jobs.evidence.objections import against_visit
from jobs.evidence.records import hull_role, in_words
from jobs.publish import PublishedResult
from jobs.visits import PUBLISHED, VOYAGE_COLUMNS, port_tables, table
from tests.support.factories import LEFT, TOP, make_berth, make_port, make_record, make_vessel

CLOUD = Quality.CLOUD
ROADS = make_berth(
    id="roads", kind=BerthKind.ANCHORAGE, capacity=None, place_m=(1400, 1000, 400, 460)
)


def cases(
    records: Sequence[OverpassRecord], berth: Berth | None = None, **estimate: float
) -> list[Case]:
    """The cases of all visits that these looks at one berth make."""
    port = make_port(berths=[berth or make_berth()], approximate=False)
    tables = port_tables(port, records)
    times = [f"{end}_{q}" for end in ("arrival", "departure") for q in ("low", "median", "high")]
    visits = tables.visits.assign(probability=np.nan, **dict.fromkeys(times, pd.NaT))
    known = {"recall": 0.8, "recall_low": 0.6, "recall_high": 0.9, "agreement": 0.5, **estimate}
    result = PublishedResult(
        folder=Path("results"),
        job="made",
        tag="tag",
        period=Period(date(2024, 3, 1), date(2024, 3, 31)),
        ports=(port,),
        vessels=tables.vessels,
        looks=tables.looks,
        visits=visits,
        estimates=pd.DataFrame([{"port": port.id, "berth": port.berths[0].id, **known}]),
        traffic=table(PUBLISHED["traffic"].columns, []),
        sensors=table(PUBLISHED["sensors"].columns, []),
        pairs=tables.pairs,
        voyages=table(VOYAGE_COLUMNS, []),
        stays=(),
        provenance={},
    )
    index = ResultIndex(result)
    return [case_of(index, visit) for _, visit in visits.iterrows()]


def look(
    day: float, *vessels: Vessel, hidden: float = 0.0, flag: Quality = CLOUD
) -> OverpassRecord:
    """A look with that share of all rows under a flag."""
    quality = np.zeros((420, 420), np.uint8)
    # the berth has the 26 rows from 110
    quality[110 : 110 + round(27 * hidden)] = int(flag)
    return make_record(hours=24 * day, vessels=vessels, quality=quality)


def ship(length_m: float = 85.0, south_m: float = 0.0) -> Vessel:
    return make_vessel(length_m=length_m, y=TOP - 1230 - south_m, x=LEFT + 1530)


def test_a_full_berth_shows_that_a_ship_left_though_cloud_hid_half_of_it() -> None:
    (first, _) = cases([look(0), look(1, ship()), look(3, ship(160.0), hidden=0.5), look(5)])
    departure = departure_json(first)
    assert departure["not_after_look"] == 3
    assert str(departure["not_after_reason"]) == (
        "Look 3 saw 46\u00a0% of the berth and found 1 other ship there: the berth holds 1, so "
        "this one had left."
    )


def test_a_clear_look_minutes_from_a_sighting_has_missed_the_ship_and_bounds_nothing() -> None:
    minutes = 10 / (24 * 60)
    (only,) = cases([look(0), look(2 - minutes), look(2, ship()), look(2 + minutes), look(4)])
    arrival, departure = arrival_json(only), departure_json(only)
    assert arrival["not_before_look"] == 1
    assert departure["not_after_look"] == 5
    for said in (arrival["between"], departure["between"]):
        assert "of 1 look 1 clear. A clear look within 30 minutes of a sighting" in str(said)


def test_looks_that_settle_nothing_are_counted_by_what_they_saw() -> None:
    records = [look(0, hidden=1.0), look(1, hidden=0.5), look(2, ship()), look(3, hidden=1.0)]
    (only,) = cases(records)
    assert [each.part.value for each in only.looks] == [
        "undecided before",
        "undecided before",
        "during",
        "undecided after",
    ]
    assert "of 2 looks 1 clouded, 1 partly hidden" in str(arrival_json(only)["not_before_reason"])
    assert "of 1 look 1 clouded" in str(departure_json(only)["not_after_reason"])


def test_a_ship_of_like_length_after_more_than_four_days_may_never_have_left() -> None:
    first, second = cases(
        [look(0), look(1, ship(85.0)), look(4, hidden=1.0), look(7, ship(88.0)), look(8)]
    )
    later = departure_json(first)["against"]
    earlier = arrival_json(second)["against"]
    assert isinstance(later, list)
    assert isinstance(earlier, list)
    (said,) = [text for text in later if second.visit_id in str(text)]
    assert "6.0 days later) may be this same ship: sightings more than 4 days apart" in str(said)
    (said,) = [text for text in earlier if first.visit_id in str(text)]
    assert "6.0 days earlier" in str(said)


def test_a_ship_of_another_length_is_another_ship() -> None:
    first, second = cases(
        [look(0), look(1, ship(85.0)), look(4, hidden=1.0), look(7, ship(240.0)), look(8)]
    )
    assert second.visit_id not in str(departure_json(first)["against"])
    assert first.visit_id not in str(arrival_json(second)["against"])


def test_a_clear_look_between_two_visits_parts_them() -> None:
    first, second = cases([look(0), look(1, ship()), look(3), look(7, ship()), look(8)])
    assert second.visit_id not in str(departure_json(first)["against"])
    assert first.visit_id not in str(arrival_json(second)["against"])


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (look(0, hidden=1.0, flag=Quality.UNSCREENED), "came without a cloud mask"),
        (look(0, hidden=1.0, flag=Quality.THIN_CLOUD), "lay under thin cloud in look 1"),
        (look(0, hidden=0.08), "was hidden in a look that bounds the visit (look 1)"),
        (look(0), "found in a clear look with a probability of about 80\u00a0%"),
    ],
)
def test_a_weak_look_at_a_bound_speaks_against_it(record: OverpassRecord, words: str) -> None:
    (only,) = cases([record, look(1, ship())])
    assert words in " ".join(map(str, arrival_json(only)["against"]))  # type: ignore[arg-type]
    assert departure_json(only)["against"] == [], "the departure has no look to be weak"


def test_what_speaks_against_the_visit_itself() -> None:
    weak = replace(ship(), score=0.3, background=0.4)
    (only,) = cases([look(0), look(1, weak), look(2)], agreement=0.0001)
    said = against_visit(only)
    for words in (
        "By the network's own word (0.30) this is more likely no ship",
        "found in one look only",
        "looks like a ship at this place with a probability of 0.40",
        "The estimate of this berth is in doubt",
    ):
        assert any(words in text for text in said), words
    (sure, *_) = cases([look(0), look(1, ship()), look(2, ship()), look(3)])
    assert against_visit(sure) == [
        "Whether the port itself looks like a ship there could not be told: there are too few "
        "clear looks, or the job keeps fixed structure."
    ]


def test_a_ship_beside_the_berth_is_said_to_be_beside_it() -> None:
    # its middle lies 46 m from the berth's side, a beam of 15.6 m does not reach it
    (only,) = cases([look(0), look(1, make_vessel(x=LEFT + 1606, y=TOP - 1230)), look(2)])
    assert any("In no look does its outline touch" in text for text in against_visit(only))


def test_at_an_anchorage_other_ships_lie_in_the_look_before() -> None:
    other = make_vessel(x=LEFT + 1700, y=TOP - 1400, length_m=200.0)
    first, second = cases([look(0, other), look(1, other, ship()), look(2, other)], ROADS)
    mine = first if first.visit["length_m"] < 100 else second
    assert "found 1 other ship there, not this one" in str(arrival_json(mine)["not_before_reason"])
    assert arrival_json(mine)["estimated"] is None


def test_of_very_many_undecided_looks_the_nearest_are_listed_and_all_are_counted() -> None:
    records = [look(day / 4, hidden=1.0) for day in range(60)]
    (only,) = cases([*records, look(20, ship())])
    assert len(only.listed) == MOST_LISTED + 1
    assert only.listed[0].number == 60 - MOST_LISTED + 1
    assert "of 60 looks 60 clouded" in str(arrival_json(only)["not_before_reason"])


def test_tables_that_contradict_each_other_are_refused() -> None:
    (only,) = cases([look(0), look(1, ship()), look(2)])
    result = only.result
    without = replace(result, looks=result.looks.iloc[1:].reset_index(drop=True))
    with pytest.raises(InputError, match="do not belong together"):
        case_of(ResultIndex(without), only.visit)


def test_what_rests_on_the_word_of_reviewers_is_said():
    [case] = cases([look(1), look(2, ship()), look(3)])
    assert not [words for words in against_visit(case) if "review" in words]
    found = next(one for one in case.looks if one.found is not None)

    def reviewed(**columns: object) -> Case:
        changed = found.found.copy()
        for name, value in columns.items():
            changed[name] = value
        looks = [replace(one, found=changed) if one is found else one for one in case.looks]
        return replace(case, looks=tuple(looks))

    drawn = reviewed(review="drawn")
    assert "drew it by hand" in " ".join(against_visit(drawn))
    assert in_words(drawn.sightings[0]).startswith("A reviewer drew the ship by hand")
    assert "confirmed by a reviewer" in in_words(reviewed(review="ship").sightings[0])
    restored = " ".join(against_visit(reviewed(review="ship", fixed=True)))
    assert "a reviewer says that it is a ship all the same" in restored
    corrected = " ".join(against_visit(reviewed(review="ship", review_length_m=120.0)))
    assert "a reviewer corrected the hull to 120 m" in corrected


def test_a_bound_that_rests_on_a_rejected_report_says_so():
    [case] = cases([look(1), look(2, ship()), look(3)])
    found = next(one for one in case.looks if one.found is not None)
    rejected = found.vessels.assign(review="not_ship", counted=False, visit_id="")
    looks = [
        one if one is found or one.number == 1 else replace(one, vessels=rejected)
        for one in case.looks
    ]
    said = against_visit(replace(case, looks=tuple(looks)))
    assert [words for words in said if "reviewers took it for no ship" in words]
    assert hull_role(case, rejected.iloc[0]) == "rejected"
    assert hull_role(case, rejected.assign(fixed=True, review="").iloc[0]) == "fixed"
