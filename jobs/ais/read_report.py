"""What was read of AIS files, in sentences for a person."""

from __future__ import annotations

from jobs.ais.counts import FileSummary, ReadSummary, Reason
from jobs.ais.unpack import is_litter
from jobs.errors import InputError

KINDS = {
    "outside": "at other places or times",
    "stations": "of stations, beacons or aircraft",
    "duplicates": "repeats",
}


def file_lines(summary: ReadSummary) -> list[str]:
    """A line a table: its rows, those used, and the others by reason."""
    found = [_counts(one) for one in summary.files]
    if summary.not_tables:
        found.append(f"not read, for they are no tables: {', '.join(summary.not_tables)}")
    return found


def _counts(one: FileSummary) -> str:
    twice = f" ({one.conflicts:,} at a second place in one second)" if one.conflicts else ""
    parts = [f"{one.kept:,} used{twice}"]
    parts += [f"{n:,} {words}" for kind, words in KINDS.items() if (n := getattr(one, kind))]
    parts += [f"{n:,} with {why}" for why, n in one.reasons.items()]
    span = f", {one.start[:16]} to {one.end[:16]}" if one.start and one.end else ""
    return f"{one.name} ({one.layout}{span}): {one.rows:,} rows = {' + '.join(parts)}"


def warnings(summary: ReadSummary) -> list[str]:
    """What may make the result wrong: damaged rows, columns not read, tables without a row."""
    found = [sentence for one in summary.files for sentence in _warnings(one)]
    strange = [name for name in summary.not_tables if not is_litter(name)]
    return [*found, *(f"{name}: is not read; a table's name ends in .csv" for name in strange)]


def _warnings(one: FileSummary) -> list[str]:
    found = [f"{one.name}: {remark}" for remark in one.remarks]
    if not one.rows:
        found.append(f"{one.name}: has column names and no row")
    found += [
        f"{one.name}: {n:,} of {one.rows:,} rows not used, with {why}; the first: {one.first[why]}"
        for why, n in one.reasons.items()
        if why != Reason.POSITION  # ships without a fix send such messages
    ]
    found += [
        f"{one.name}: {n:,} of {one.kept:,} rows used have no number in "
        f"{one.columns[name]}; {name} is missing there"
        for name, n in one.not_numbers.items()
    ]
    found += [
        f"{one.name}: {n:,} of {one.kept:,} rows used have a number in {one.columns[name]} that no "
        f"ship can send as {name}, which is missing there; see that its unit is right"
        for name, n in one.off_scale.items()
    ]
    return found


def refuse_nothing(summary: ReadSummary) -> None:
    """InputError where no message of any file can be used."""
    if not summary.kept:
        exchanged = sum(one.exchanged for one in summary.files)
        raise InputError(
            "no message of the AIS files is of a ship around the ports in the job's period: "
            f"{'; '.join(file_lines(summary))}; expected messages within 30 km of a port and a day "
            "of the period: give the files of those days and places"
            + f" ({exchanged:,} rows lie there where longitude and latitude change places)"
            * bool(exchanged)
        )
