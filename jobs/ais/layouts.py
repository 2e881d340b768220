"""Column layouts of AIS tables: how each publisher names the columns, and which one a file has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.ais.schema import AIS_COLUMNS
from jobs.errors import InputError


@dataclass(frozen=True)
class Layout:
    """One publisher's column names and format of time."""

    name: str
    time_format: str
    spellings: Mapping[str, tuple[str, ...]]
    """Spellings by our name; lower case, without blanks, underscores and #."""

    def columns(self, found: Iterable[str]) -> dict[str, str]:
        """Our column name by the file's, for the columns of this layout."""
        ours = {text: name for name, texts in self.spellings.items() for text in texts}
        known = {column: ours.get(squeezed(column)) for column in found}
        return {column: name for column, name in known.items() if name is not None}


REQUIRED = frozenset({"mmsi", "time", "lon", "lat"})
COMMON: Mapping[str, tuple[str, ...]] = {
    "mmsi": ("mmsi",),
    "sog_kn": ("sog",),
    "cog_deg": ("cog",),
    "heading_deg": ("heading",),
    "imo": ("imo",),
    "callsign": ("callsign",),
    "length_m": ("length",),
    "beam_m": ("width",),
}
LAYOUTS = (
    Layout(
        "MarineCadastre",
        "ISO8601",
        {
            **COMMON,
            "time": ("basedatetime",),
            "lat": ("lat", "latitude"),
            "lon": ("lon", "longitude"),
            "name": ("vesselname",),
            "ship_type": ("vesseltype",),
            "status": ("status",),
            "draught_m": ("draft",),
            "transceiver": ("transceiverclass", "transceiver"),
        },
    ),
    Layout(
        "Danish Maritime Authority",
        "%d/%m/%Y %H:%M:%S",
        {
            **COMMON,
            "time": ("timestamp",),
            "lat": ("latitude",),
            "lon": ("longitude",),
            "name": ("name",),
            "ship_type": ("shiptype",),
            "status": ("navigationalstatus",),
            "draught_m": ("draught",),
            "to_bow_m": ("a", "sizea"),
            "to_stern_m": ("b", "sizeb"),
            "transceiver": ("typeofmobile",),
        },
    ),
    Layout("Berthwatch", "ISO8601", {name: (name.replace("_", ""),) for name in AIS_COLUMNS}),
)


def squeezed(column: str) -> str:
    """The column's name as layouts spell it."""
    return "".join(c for c in column.casefold() if c not in " _#\ufeff")


def layout_of(path: Path, found: Sequence[str]) -> tuple[Layout, dict[str, str]]:
    for layout in LAYOUTS:
        columns = layout.columns(found)
        if set(columns.values()) >= REQUIRED:
            return layout, columns
    known = "; ".join(f"{layout.name} ({_required(layout)})" for layout in LAYOUTS)
    raise InputError(
        f"{path}: columns {', '.join(found) or 'none'}; expected one of the layouts {known}: "
        "rename the columns"
    )


def _required(layout: Layout) -> str:
    return ", ".join("/".join(layout.spellings[name]) for name in sorted(REQUIRED))
