"""Damaged AIS tables: each line is judged by itself, counted by its reason, and harms no other."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ais import read_ais
from jobs.ais.counts import ReadSummary
from jobs.errors import InputError

HEADER = (
    "MMSI,BaseDateTime,LAT,LON,SOG,COG,Heading,VesselName,IMO,CallSign,VesselType,Status,Length,"
    "Width,Draft,Cargo,TransceiverClass"
)


def line(number: int = 0, name: str = "ALPHA", last: str = "A") -> str:
    """A sound message; ``number`` gives the minute and the latitude."""
    return (
        f"367000001,2022-01-03T{number // 60:02}:{number % 60:02}:00,{29 + number / 1e4:.4f},"
        f"-94.71,9.4,45.0,46,{name},IMO9792395,WAB1,81,0,183,32,11.2,80,{last}"
    )


def read(folder: Path, *lines: str, name: str = "x.csv") -> tuple[pd.DataFrame, ReadSummary]:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_ais([path])


def balanced(summary: ReadSummary) -> bool:
    """Every row of every file is in exactly one count."""
    return all(
        one.rows
        == one.kept + one.outside + one.stations + one.duplicates + sum(one.reasons.values())
        for one in summary.files
    )


MADE = {
    "too few fields": (line(1)[:40], "other number of fields than columns"),
    "too many fields": (line(1) + ",,,", "other number of fields than columns"),
    "a comma in a name": (line(1, "SEA, ONE"), "other number of fields than columns"),
    "an open quote": (line(1, '"ALPHA'), "a quote that is not closed or stands inside a field"),
    "a quote inside": (line(1, '"AL"PHA'), "a quote that is not closed or stands inside a field"),
    "a zero byte": (line(1, "AL\0HA"), "bytes that are no text"),
    "a header": (HEADER, "the column names again"),
    "a header in capitals": (HEADER.upper(), "the column names again"),
    "no number": (line(1).replace("367000001", ""), "no MMSI of nine digits or fewer"),
    "a rounded number": (
        line(1).replace("367000001", "3.67E+08"),
        "no MMSI of nine digits or fewer",
    ),
    "no time": (line(1).replace("2022-01-03T00:01:00", "soon"), "no time that can be read"),
    "no place": (
        line(1).replace("29.0001", "91.0").replace("-94.71", "181.0"),
        "no position (missing, or latitude 91 or longitude 181)",
    ),
    "off the Earth": (
        line(1).replace("29.0001", "133.0"),
        "a position that is not on the Earth",
    ),
    "nothing": ("," * HEADER.count(","), "no MMSI of nine digits or fewer"),
}


@pytest.mark.parametrize(("bad", "why"), MADE.values(), ids=MADE)
def test_a_damaged_line_is_counted_by_its_reason_and_quoted(
    tmp_path: Path, bad: str, why: str
) -> None:
    whole, _ = read(tmp_path, HEADER, line(0), line(2))
    found, summary = read(tmp_path, HEADER, line(0), bad, line(2))
    pd.testing.assert_frame_equal(found, whole)
    (one,) = summary.files
    assert (one.rows, one.kept, one.reasons) == (3, 2, {why: 1})
    assert one.first[why].startswith("line 3: ")
    assert (summary.rows, summary.kept, summary.unreadable) == (3, 2, 1)


def test_an_empty_field_is_said_to_be_empty(tmp_path: Path) -> None:
    _, summary = read(tmp_path, HEADER, line(0), line(1).replace("2022-01-03T00:01:00", ""))
    assert [first.endswith(" is empty") for first in summary.files[0].first.values()] == [True]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from(sorted(MADE))), max_size=6),
    st.sampled_from((3, 100)),
)
def test_damaged_lines_anywhere_leave_the_sound_ones_and_are_counted_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, str]], chunk_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("ais")
    sound = [line(number, f"SHIP {number}") for number in range(2, 10)]
    whole, _ = read(folder, HEADER, *sound)
    lines = list(sound)
    for place, kind in damage:
        lines.insert(place, MADE[kind][0])
    path = folder / "damaged.csv"
    path.write_text("\n".join([HEADER, *lines]))
    found, summary = read_ais([path], chunk_rows=chunk_rows)
    pd.testing.assert_frame_equal(found, whole)
    wanted: dict[str, int] = {}
    for _, kind in damage:
        wanted[MADE[kind][1]] = wanted.get(MADE[kind][1], 0) + 1
    assert summary.files[0].reasons == wanted
    assert balanced(summary)


def test_quotes_around_whole_fields_hold_commas_and_quotes_inside_words_are_words(
    tmp_path: Path,
) -> None:
    names = ('"SEA, ONE"', 'THE 5" GUN', '"THE ""OTHER"""', ' "SEA, TWO"')
    found, summary = read(tmp_path, HEADER, *(line(n, name) for n, name in enumerate(names)))
    assert list(found["name"]) == ["SEA, ONE", 'THE 5" GUN', 'THE "OTHER"', "SEA, TWO"]
    assert summary.unreadable == 0


def test_a_delimiter_behind_every_line_is_no_field(tmp_path: Path) -> None:
    whole, _ = read(tmp_path, HEADER, line(0), line(1))
    for header in (HEADER, HEADER + ","):
        found, summary = read(tmp_path, header, line(0) + ",", line(1) + ",")
        pd.testing.assert_frame_equal(found, whole)
        assert summary.unreadable == 0
    found, _ = read(tmp_path, HEADER + ",", line(0), line(1))
    pd.testing.assert_frame_equal(found, whole)


def test_a_comma_in_every_name_is_no_delimiter_at_the_end(tmp_path: Path) -> None:
    """The last column is empty, so that moved fields look like a delimiter at the end."""
    with pytest.raises(InputError, match="none of its 2 rows can be read: 2 with other number"):
        read(tmp_path, HEADER, line(0, "SEA, ONE", ""), line(1, "SEA, TWO", ""))


def test_column_names_in_the_middle_that_differ_are_refused(tmp_path: Path) -> None:
    other = HEADER.replace("LAT,LON", "LON,LAT")
    with pytest.raises(InputError, match="line 3 names the columns again"):
        read(tmp_path, HEADER, line(0), other, line(1))
    with pytest.raises(InputError, match="line 3 names the columns again"):
        read(tmp_path, HEADER, line(0), HEADER.replace(",", ";"), line(1).replace(",", ";"))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("2022-01-03T", "3 January 22, ", "no time that can be read"),
        ("-94.71", "", "no position"),
        ("-94.71", "94 42 W", "no position"),
        ("367000001", "WAB1", "no MMSI"),
    ],
)
def test_a_table_of_which_nothing_can_be_read_is_refused(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    lines = [HEADER, line(0), line(1)]
    with pytest.raises(InputError, match=f"none of its 2 rows can be read: 2 with .*{why}|number"):
        read(tmp_path, *(text.replace(old, new) for text in lines))


def test_swapped_coordinates_are_refused_with_what_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two columns are not swapped"):
        read(tmp_path, HEADER.replace("LAT,LON", "LON,LAT"), line(0))


def test_a_file_without_rows_is_counted_and_one_without_anything_refused(tmp_path: Path) -> None:
    found, summary = read(tmp_path, HEADER)
    assert (len(found), summary.rows, summary.files[0].rows) == (0, 0, 0)
    with pytest.raises(InputError, match=r"x\.csv: is empty"):
        read(tmp_path, "")


def test_counts_are_kept_per_file_with_repeats_in_the_later_one(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("\n".join([HEADER, line(0), line(1)]))
    far = line(1).replace("29.0001", "29.9")
    second.write_text("\n".join([HEADER, line(0), far, line(2), line(3)[:30], ""]))
    _, summary = read_ais([first, second])
    rows = [(one.rows, one.kept, one.duplicates, one.conflicts) for one in summary.files]
    assert rows == [(2, 2, 0, 0), (4, 2, 1, 1)]
    assert balanced(summary)
    assert (summary.rows, summary.kept, summary.unreadable) == (6, 4, 1)


def test_two_files_of_one_name_are_counted_apart(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "x.csv" for folder in ("a", "b")]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        path.write_text("\n".join([HEADER, *(line(n + 10 * number) for n in range(number + 1))]))
    _, summary = read_ais(paths)
    assert [one.rows for one in summary.files] == [1, 2]


def test_texts_in_columns_of_numbers_are_counted(tmp_path: Path) -> None:
    knots = [line(n).replace(",9.4,", f",{speed},") for n, speed in enumerate(("9 kn", "", "8"))]
    found, summary = read(tmp_path, HEADER, *knots)
    assert found["sog_kn"].isna().tolist() == [True, True, False]
    assert summary.files[0].not_numbers == {"sog_kn": 1}


def test_words_where_imo_numbers_stand_are_counted(tmp_path: Path) -> None:
    """A comma in the name and one field too few: the line has the right number of fields."""
    moved = line(0, "SEA, ONE").removesuffix(",A")
    rows = [moved, *(line(n).replace("IMO9792395", text) for n, text in ((1, ""), (2, "Unknown")))]
    _, summary = read(tmp_path, HEADER, *rows)
    assert summary.files[0].not_numbers == {"imo": 1}


def test_numbers_that_no_ship_can_send_are_counted_and_not_available_is_not(
    tmp_path: Path,
) -> None:
    speeds = ("102.3", "95", "102.4", "-1", "")
    rows = [line(n).replace(",9.4,", f",{speed},") for n, speed in enumerate(speeds)]
    rows.append(line(9).replace(",45.0,46,", ",-0.5,511,"))
    found, summary = read(tmp_path, HEADER, *rows)
    assert found["sog_kn"].notna().tolist() == [False, True, False, False, False, True]
    assert summary.files[0].off_scale == {"sog_kn": 2, "cog_deg": 1}


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    found, summary = read(tmp_path, "", HEADER, line(0), "", "   ", line(1), "")
    assert (len(found), summary.rows, summary.unreadable) == (2, 2, 0)


def test_line_ends_of_every_system_are_line_ends(tmp_path: Path) -> None:
    whole, _ = read(tmp_path, HEADER, line(0), line(1))
    for end in ("\r\n", "\r"):
        path = tmp_path / "other.csv"
        path.write_bytes(end.join([HEADER, line(0), line(1), ""]).encode())
        pd.testing.assert_frame_equal(read_ais([path])[0], whole)


def test_first_lines_are_named_as_an_editor_counts_them(tmp_path: Path) -> None:
    _, summary = read(tmp_path, "", "sep=,", HEADER, line(0), "", line(1)[:20])
    ((_, text),) = summary.files[0].first.items()
    assert text.startswith("line 6: 367000001")


@pytest.mark.parametrize("text", ["9" * 400, "1e400"])
def test_numbers_beyond_all_numbers_are_none(tmp_path: Path, text: str) -> None:
    """pandas' own parsers read beyond their memory at some of them."""
    places = [line(n).replace(old, text) for n, old in enumerate(("9.4", "29.0001", "-94.71"))]
    found, summary = read(tmp_path, HEADER, *places)
    assert found["sog_kn"].isna().tolist() == [True]
    assert summary.unreadable == 2
