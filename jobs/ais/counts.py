"""What became of every row of the AIS files: used, elsewhere, no ship's, or unreadable and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

import pandas as pd

from jobs.ais.layouts import Columns
from jobs.ais.lines import Damage, shortened
from jobs.domain import Json


class Reason(StrEnum):
    """Why a row of the right number of fields cannot be read."""

    NUMBER = "no MMSI of nine digits or fewer"
    TIME = "no time that can be read"
    POSITION = "no position (missing, or latitude 91 or longitude 181)"
    RANGE = "a position that is not on the Earth"


Why = Damage | Reason


@dataclass(frozen=True)
class FileSummary:
    """Counts of one table; ``rows`` is every line after the header that is not blank.

    ``rows`` = kept + outside + stations + duplicates + unreadable, and ``unreadable`` is the sum of
    ``reasons``.
    """

    name: str
    """The file's name; file/member for a member of a zip."""
    layout: str
    columns: Mapping[str, str]
    """The table's column by our name."""
    unused: tuple[str, ...]
    rows: int
    kept: int
    outside: int
    stations: int
    duplicates: int
    conflicts: int
    unreadable: int
    reasons: Mapping[str, int]
    """Number of unreadable rows by reason."""
    first: Mapping[str, str]
    """The first such row by reason: its line and text."""
    not_numbers: Mapping[str, int]
    """Kept rows by column whose text there is no number; the value is missing."""
    start: str | None
    """First time of the rows that can be read, wherever they are; UTC, ISO 8601."""
    end: str | None
    off_scale: Mapping[str, int]
    """Kept rows by column whose number there no ship can send; the value is missing."""
    exchanged: int
    """Rows elsewhere that lie in the window where longitude and latitude change places; counted
    only in parts of the table that have no row inside."""
    remarks: tuple[str, ...]
    """What a person should know of how the table was read."""


@dataclass(frozen=True)
class ReadSummary:
    """Counts of the rows of the files; ``rows`` is the sum of the five that follow it."""

    rows: int
    kept: int
    outside: int
    """Elsewhere, or at another time."""
    unreadable: int
    """Damaged lines, and rows without a number, a time or a position; by reason in ``files``."""
    stations: int
    """Not from a ship: base stations, aids to navigation, aircraft, beacons."""
    duplicates: int
    """A second message of one number in one second."""
    conflicts: int
    """Kept rows of one number in one second with another, but over a kilometre apart: which of them
    is wrong, or that there are two ships, ``hulls_of`` says."""
    odd_numbers: int
    """Kept rows whose MMSI no ship can have; they still prove a transmission at that place."""
    ships: int
    """Different MMSIs among the kept rows."""
    files: tuple[FileSummary, ...] = ()
    """A table each."""
    not_tables: tuple[str, ...] = ()
    """Members of zips that are no tables and were not read."""

    @property
    def layouts(self) -> dict[str, str]:
        """Name of the layout by name of the table."""
        return {one.name: one.layout for one in self.files}

    def as_json(self) -> dict[str, Json]:
        """Plain values for a summary as JSON."""
        return {**asdict(self), "layouts": self.layouts}


@dataclass
class Tally:
    """The counts of one table while it is read."""

    name: str
    columns: Columns | None = None
    remarks: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[Why] = field(default_factory=Counter)
    not_numbers: Counter[str] = field(default_factory=Counter)
    off_scale: Counter[str] = field(default_factory=Counter)
    span: tuple[pd.Timestamp, pd.Timestamp] | None = None
    first: dict[Why, str] = field(default_factory=dict)

    def describe(self, columns: Columns) -> None:
        """Keep what the table's columns mean."""
        self.columns = columns
        self.remarks += columns.remarks()

    def damage(self, found: Sequence[tuple[Damage, int, str]]) -> None:
        """Count damaged lines."""
        self.counts["rows"] += len(found)
        for why, line, text in found:
            self.lost(why, 1, f"line {line}: {shortened(text)}")

    def heard(self, times: pd.Series) -> None:
        """Widen the span to times of rows that can be read."""
        if len(times):
            found = [*(self.span or ()), times.min(), times.max()]
            self.span = min(found), max(found)

    def lost(self, why: Why, rows: int, first: str) -> None:
        """Count unreadable rows; ``first`` is kept where it is the first of its reason."""
        self.reasons[why] += rows
        self.first.setdefault(why, first)

    @property
    def unreadable(self) -> int:
        """Rows that cannot be read, of whatever reason."""
        return sum(self.reasons.values())

    def summary(self) -> FileSummary:
        """The counts as they are now."""
        kinds = ("outside", "stations", "duplicates")
        left_out = {kind: self.counts[kind] for kind in kinds}
        return FileSummary(
            name=self.name,
            layout=self.columns.layout if self.columns else "",
            columns=self.columns.names() if self.columns else {},
            unused=tuple(self.columns.unused()) if self.columns else (),
            rows=self.counts["rows"],
            kept=self.counts["rows"] - self.unreadable - sum(left_out.values()),
            conflicts=self.counts["conflicts"],
            unreadable=self.unreadable,
            reasons={str(why): n for why, n in self.reasons.items()},
            first={str(why): text for why, text in self.first.items()},
            not_numbers=dict(self.not_numbers),
            start=self.span[0].isoformat() if self.span else None,
            end=self.span[1].isoformat() if self.span else None,
            off_scale=dict(self.off_scale),
            exchanged=self.counts["exchanged"],
            remarks=tuple(self.remarks),
            **left_out,
        )
