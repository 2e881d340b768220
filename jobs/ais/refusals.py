"""Refusals of tables that cannot be read as a whole, each with what was found and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.ais.counts import Reason, Tally, Why
from jobs.ais.lines import Damage
from jobs.errors import InputError

ADVICE: dict[Why, str] = {
    Damage.FIELDS: (
        "expected as many fields as column names, with quotes around a name that has a delimiter "
        "in it: write the table again"
    ),
    Damage.QUOTE: "expected quotes in pairs around whole fields: write the table again",
    Damage.TEXT: "expected text: fetch the file again, or unpack it",
    Damage.HEADER: "expected rows after the column names: fetch the file again",
    Reason.NUMBER: "expected the MMSI's digits: write them without an exponent",
    Reason.TIME: (
        "expected UTC as 2024-03-05T12:00:00Z, or seconds or milliseconds since 1970: write the "
        "times so"
    ),
    Reason.POSITION: (
        "expected degrees with a decimal point: write longitude and latitude so, or fetch the file "
        "again"
    ),
    Reason.RANGE: (
        "expected longitude -180 to 180 and latitude -90 to 90 in degrees: write them so, and see "
        "that the two columns are not swapped"
    ),
}


def nothing_read(tally: Tally) -> InputError:
    """None of the table's rows could be read."""
    rows = tally.counts["rows"]
    parts = [f"{n} with {why} ({tally.first[why]})" for why, n in tally.reasons.most_common()]
    most = tally.reasons.most_common(1)[0][0]
    return InputError(
        f"{tally.name}: none of its {rows} rows can be read: {'; '.join(parts)}; {ADVICE[most]}"
    )


def days_without_time(tally: Tally) -> InputError:
    """Every time of the table is a day alone."""
    return InputError(
        f"{tally.name}: its times are days without a time of day; expected UTC as "
        "2024-03-05T12:00:00Z: write the times so"
    )


def undecided_dates(table: str, example: str, day: int, month: int) -> InputError:
    """Times as 03/04/2024 of which nothing, or everything, tells the order."""
    found = (
        f"{day} times have the day first and {month} the month"
        if day or month
        else f"times such as {example} may have the day first or the month, and none tells which"
    )
    return InputError(
        f"{table}: {found}; expected one order that the table shows, or UTC as "
        "2024-03-05T12:00:00Z: write the times so"
    )


def contradicting_columns(
    table: str, name: str, line: int, said: Sequence[tuple[str, object]]
) -> InputError:
    """Two columns of one meaning say different things."""
    texts = " and ".join(f"{column.strip()} {value}" for column, value in said)
    return InputError(
        f"{table}: two columns mean {name} and differ in line {line}: {texts}; expected one: "
        "remove the other or give it another name"
    )
