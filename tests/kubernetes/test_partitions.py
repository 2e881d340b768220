from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs.domain import Period
from jobs.errors import InputError
from jobs.kubernetes.partitions import WHOLE, Partition, covered, make_partitions, sliced

ALWAYS = Period(date(1, 1, 1), date(9999, 12, 31))


def names(parts: tuple[Partition, ...]) -> list[str]:
    return [part.name for part in parts]


def test_years_are_whole_and_inclusive() -> None:
    parts = make_partitions("2017..2024", "year", ALWAYS)
    assert names(parts) == [str(year) for year in range(2017, 2025)]
    assert parts[0].period == Period(date(2017, 1, 1), date(2017, 12, 31))
    assert parts[-1].period == Period(date(2024, 1, 1), date(2024, 12, 31))


def test_quarters_and_months() -> None:
    quarters = make_partitions("2017-05..2018-02", "quarter", ALWAYS)
    assert names(quarters) == ["2017-q2", "2017-q3", "2017-q4", "2018-q1"]
    assert quarters[0].period == Period(date(2017, 5, 1), date(2017, 6, 30))
    assert quarters[-1].period == Period(date(2018, 1, 1), date(2018, 2, 28))
    months = make_partitions("2020-02..2020-03-05", "month", ALWAYS)
    assert [part.period for part in months] == [
        Period(date(2020, 2, 1), date(2020, 2, 29)),
        Period(date(2020, 3, 1), date(2020, 3, 5)),
    ]
    assert names(make_partitions("2017", "quarter", ALWAYS))[-1] == "2017-q4"


def test_a_range_covers_whole_years_months_or_days() -> None:
    assert covered("2017..2018") == Period(date(2017, 1, 1), date(2018, 12, 31))
    assert covered("2017-05..2018-02") == Period(date(2017, 5, 1), date(2018, 2, 28))
    assert covered(" 2017-05-03 .. 2018 ") == Period(date(2017, 5, 3), date(2018, 12, 31))


def test_parts_are_cut_to_the_plan() -> None:
    parts = make_partitions("2017..2024", "year", Period(date(2018, 6, 1), date(2019, 3, 1)))
    assert parts == (
        Partition("2018", Period(date(2018, 6, 1), date(2018, 12, 31))),
        Partition("2019", Period(date(2019, 1, 1), date(2019, 3, 1))),
    )


@given(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(0, 3000), st.sampled_from("yqm"))
def test_every_day_is_in_exactly_one_partition(start: date, days: int, by: str) -> None:
    end = start + timedelta(days=days)
    word = {"y": "year", "q": "quarter", "m": "month"}[by]
    parts = make_partitions(f"{start}..{end}", word, ALWAYS)
    periods = [part.period for part in parts if part.period]
    assert periods[0].start == start
    assert periods[-1].end == end
    for one, after in pairwise(periods):
        assert one.start <= one.end
        assert after.start == one.end + timedelta(days=1)
    assert len(set(names(parts))) == len(parts)


@pytest.mark.parametrize(
    ("backfill", "by", "says"),
    [
        ("2017...2024", "year", "no range"),
        ("17..18", "year", "no range"),
        ("2017..2018..2019", "year", "no range"),
        ("2017-13", "year", "no range"),
        ("2017-02-30", "year", "no range"),
        ("0000", "year", "no range"),
        ("", "year", "no range"),
        ("2024..2017", "year", "earlier end first"),
        ("2017..2018", "years", "did you mean 'year'"),
        ("2017..2018", "fortnight", "expected one of"),
        ("0001..9999", "month", "more than 1000"),
    ],
)
def test_an_invalid_backfill_is_refused(backfill: str, by: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        make_partitions(backfill, by, ALWAYS)


def test_the_last_representable_day() -> None:
    assert make_partitions("9999-12", "month", ALWAYS)[0].period == Period(
        date(9999, 12, 1), date(9999, 12, 31)
    )


def test_a_backfill_outside_the_plan_is_refused() -> None:
    with pytest.raises(InputError, match="the plan covers 2018-01-01"):
        make_partitions("2017", "year", Period(date(2018, 1, 1), date(2018, 2, 1)))


numbers = st.none() | st.integers(-30, 30)


@given(numbers, numbers, numbers)
def test_slices_are_those_of_python(start: int | None, stop: int | None, step: int | None) -> None:
    parts = make_partitions("2017..2018", "month", ALWAYS)
    assume(step != 0)
    text = ":".join("" if number is None else str(number) for number in (start, stop, step))
    expected = parts[start:stop:step]
    if expected:
        assert sliced(parts, text) == expected
    else:
        with pytest.raises(InputError, match="is empty"):
            sliced(parts, text)


def test_slices_without_a_step() -> None:
    parts = make_partitions("2017..2018", "month", ALWAYS)
    assert sliced(parts, ":3") == parts[:3]
    assert sliced(parts, "1::10") == parts[1::10]


@pytest.mark.parametrize("text", ["1", "", "a:b", "1:2:3:4", "::0", "1.5:"])
def test_an_invalid_slice_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected"):
        sliced((WHOLE,), text)
