"""Column names of AIS tables: how publishers spell each fact, and which columns a table has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.ais.schema import AIS_COLUMNS
from jobs.errors import InputError
from jobs.visits import CATEGORY

MARINE_CADASTRE = "MarineCadastre"
DANISH = "Danish Maritime Authority"
OWN = "Berthwatch"
OTHER = "other names"

TEXTS = tuple(name for name, kind in AIS_COLUMNS.items() if kind == CATEGORY)
REQUIRED = ("lat", "lon", "mmsi", "time")
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "mmsi": ("mmsi",),
    "time": ("time", "basedatetime", "timestamp", "datetime", "datetimeutc", "timestamputc"),
    "lon": ("lon", "longitude"),
    "lat": ("lat", "latitude"),
    "sog_kn": ("sogkn", "sog", "speedoverground"),
    "cog_deg": ("cogdeg", "cog", "courseoverground"),
    "heading_deg": ("headingdeg", "heading", "trueheading"),
    "status": ("status", "navigationalstatus", "navigationstatus", "navstatus"),
    "name": ("name", "vesselname", "shipname"),
    "imo": ("imo",),
    "callsign": ("callsign",),
    "ship_type": ("shiptype", "vesseltype"),
    "length_m": ("lengthm", "length"),
    "beam_m": ("beamm", "width", "beam"),
    "draught_m": ("draughtm", "draught", "draft"),
    "to_bow_m": ("tobowm", "a", "sizea"),
    "to_stern_m": ("tosternm", "b", "sizeb"),
    "transceiver": ("transceiver", "transceiverclass", "typeofmobile"),
}
"""By our name; lower case, without blanks, underscores and #. MarineCadastre renamed its columns
with the files of 2025 (base_date_time, longitude, ...)."""

SEEMING: Mapping[str, str] = {
    "speed": "sog_kn",
    "course": "cog_deg",
    "hdg": "heading_deg",
    "long": "lon",
    "lng": "lon",
    "date": "time",
    "second": "time",
    "type": "ship_type",
}
"""Names that may mean one of our columns, in a unit or form that they do not tell (a speed in
knots, tenths of a knot, m/s): never read, always said."""

GEOMETRY = "geometry"
"""Column of points in GeoParquet; read where there is no longitude and latitude."""


@dataclass(frozen=True)
class Columns:
    """What a table's columns mean; columns are given by their position."""

    layout: str
    header: tuple[str, ...]
    used: Mapping[str, int]
    """Position by our name."""
    doubles: Mapping[str, tuple[int, ...]]
    """Further columns of the same meaning, by our name; they must say the same."""

    @property
    def day_first(self) -> bool | None:
        """Order of day and month in 03/04/2024 as the publisher documents it; None: not known."""
        return True if self.layout == DANISH else None

    @property
    def positions(self) -> list[int]:
        """Every column that is read, in the table's order."""
        return sorted({*self.used.values(), *(p for many in self.doubles.values() for p in many)})

    def names(self) -> dict[str, str]:
        """The table's spelling by our name."""
        return {name: self.header[position].strip() for name, position in self.used.items()}

    def unused(self) -> list[str]:
        """Columns of the table that are not read."""
        read = set(self.positions)
        return [text.strip() for at, text in enumerate(self.header) if at not in read]

    def remarks(self) -> list[str]:
        """What a person should know of the choice of columns, a sentence each."""
        found = []
        for name, others in self.doubles.items():
            used, *rest = (self.header[at].strip() for at in (self.used[name], *others))
            found.append(f"{name} is read from {used}; {', '.join(rest)} must say the same")
        for text in self.unused():
            meant = _seeming(text)
            if meant is not None:
                source = self.names().get(meant)
                instead = f"{meant} is read from {source}" if source else f"{meant} stays empty"
                found.append(
                    f"column {text} is not read, for its unit or form may be another: {instead}; "
                    f"rename it to {meant} if it is that"
                )
        return found


def _seeming(column: str) -> str | None:
    """Our name that a column which is not read may mean: speed, or SOG (m/s)."""
    bare = squeezed(re.sub(r"[(\[].*", "", column))
    spelled = {text: name for name, texts in SPELLINGS.items() for text in texts}
    return SEEMING.get(bare) or spelled.get(bare)


def squeezed(column: str) -> str:
    """The column's name as SPELLINGS has it."""
    return "".join(c for c in column.casefold() if c not in " _#\ufeff\u00a0")


def columns_of(header: Sequence[str], required: Sequence[str] = REQUIRED) -> Columns | None:
    """The meaning of a header; None where it lacks a required column."""
    places: dict[str, list[tuple[int, int]]] = {}
    for position, text in enumerate(header):
        for name, spellings in SPELLINGS.items():
            if squeezed(text) in spellings:
                places.setdefault(name, []).append((spellings.index(squeezed(text)), position))
    if not set(required) <= set(places):
        return None
    ranked = {name: [position for _, position in sorted(found)] for name, found in places.items()}
    return Columns(
        layout=_layout(header),
        header=tuple(header),
        used={name: found[0] for name, found in ranked.items()},
        doubles={name: tuple(found[1:]) for name, found in ranked.items() if len(found) > 1},
    )


def _layout(header: Sequence[str]) -> str:
    """Name of the publisher whose way of naming this is."""
    names = {squeezed(text) for text in header}
    hashed = any(text.replace(" ", "").casefold() == "#timestamp" for text in header)
    if hashed or "typeofmobile" in names:
        return DANISH
    if "basedatetime" in names:
        return MARINE_CADASTRE
    return OWN if names >= {"mmsi", "time", "lon", "lat"} else OTHER


def unknown_columns(table: str, header: Sequence[str]) -> InputError:
    """The refusal of a table without the columns that are needed."""
    plain = ("".join(c if c.isprintable() else "?" for c in text.strip()) for text in header[:40])
    shown = ", ".join(text[:40] for text in plain) or "none"
    spelled = "; ".join(f"{name} ({', '.join(SPELLINGS[name])})" for name in REQUIRED)
    return InputError(
        f"{table}: columns {shown}; expected a first line with the column names of "
        f"{MARINE_CADASTRE}, the {DANISH} or {OWN}, with these four at least: {spelled}, in upper "
        "or lower case, divided by comma, semicolon, tab or |: rename the columns"
    )


assert set(SPELLINGS) == set(AIS_COLUMNS) - {"mmsi_valid"}
