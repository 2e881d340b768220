"""What the variables of the port-visit time series mean, in the order of the files."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.domain import BerthKind, Meaning

_NO_OIL = "the berth is no oil terminal"

COUNTS: Mapping[str, Meaning] = {
    "looks": Meaning(
        "overpasses that imaged at least half of the berth, or a ship at it",
        "1",
        source="`looks` whose state is not outside",
    ),
    "clear_looks": Meaning(
        "looks in which all of the berth was free of cloud",
        "1",
        source="`looks` whose state is clear: 90 % of the berth and more",
    ),
    "vessels_seen": Meaning("sightings of ships, summed over the looks", "1"),
    "visits_seen": Meaning("stays seen, each counted in the period of its first sighting", "1"),
    "days_without_look": Meaning(
        "days of the period on which no look saw anything of the berth", "1"
    ),
}
"""The counts of what was seen."""

ESTIMATES: Mapping[str, Meaning] = {
    "visits": Meaning("stays that began in the period, seen or not: mean of the histories", "1"),
    "visits_low": Meaning("5 % of the histories have fewer visits", "1"),
    "visits_high": Meaning("5 % of the histories have more visits", "1"),
    "visits_low_50": Meaning("25 % of the histories have fewer visits", "1"),
    "visits_high_50": Meaning("25 % of the histories have more visits", "1"),
    "occupancy": Meaning("mean number of ships at the berth: mean of the histories", "1"),
    "occupancy_low": Meaning("5 % of the histories have a lower occupancy", "1"),
    "occupancy_high": Meaning("5 % of the histories have a higher occupancy", "1"),
    "barrels": Meaning(
        "barrels of the ships that came, at oil terminals: mean of the histories",
        "barrel",
        missing=_NO_OIL,
    ),
    "barrels_low": Meaning("5 % of the histories have fewer barrels", "barrel", missing=_NO_OIL),
    "barrels_high": Meaning("5 % of the histories have more barrels", "barrel", missing=_NO_OIL),
}
"""The estimates, which include what was not seen."""

PLACES: Mapping[str, Meaning] = {
    "port_berth": Meaning("port and berth", values="PORT/BERTH"),
    "port": Meaning("port id"),
    "berth": Meaning("berth id"),
    "berth_name": Meaning("berth name"),
    "kind": Meaning("kind of berth", values=", ".join(BerthKind)),
}
"""The coordinates of a berth."""

PERIODS: Mapping[str, Meaning] = {
    "period": Meaning(
        "first day of the day, week or month, UTC",
        values="weeks begin on Monday; may lie before the job's period",
    ),
    "period_end": Meaning(
        "last day, inclusive, UTC", values="may lie after the end of the job's period"
    ),
    "days": Meaning("days that belong to the job's period", "d", values="1 to 31"),
}
"""The coordinates of a period."""

SERIES: Mapping[str, Meaning] = {**COUNTS, **ESTIMATES, **PLACES, **PERIODS}
"""Every variable of each group: day, week, month."""
