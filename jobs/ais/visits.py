"""Port visits from AIS, in Global Fishing Watch's terms: entry, stop, gap, exit.

A series of its own, to be compared with the estimates from imagery. Ships without AIS are missing,
so it is a lower bound wherever there are some. Rules after GFW's anchorages_pipeline, with one
difference: a ship already stopped at its first message begins its stop there, where GFW's
events begin only with a change and a ship at rest throughout would be no visit at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.ais.hulls import with_hulls
from jobs.ais.port_state import (
    AisVisitSettings,
    Event,
    ShipState,
    callers,
    ship_begins_of,
    ship_states,
    transition_events,
)
from jobs.ais.schema import AIS_STAY_COLUMNS, AIS_VISIT_COLUMNS
from jobs.ais.statics import static_facts
from jobs.ais.stops import berth_stays
from jobs.domain import BerthKind, Port
from jobs.visits import typed

CONFIDENCE: Mapping[tuple[bool, int], int] = {
    (True, 2): 4,
    (True, 1): 3,
    (True, 0): 2,
    (False, 2): 1,
    (False, 1): 1,
    (False, 0): 0,
}
"""By (whether a stop or gap was seen, how many of entry and exit were), as GFW; 0 is no visit."""


@dataclass(frozen=True)
class AisVisits:
    """Visits and stays at one port, from AIS alone."""

    visits: pd.DataFrame
    """AIS_VISIT_COLUMNS."""
    stays: pd.DataFrame
    """AIS_STAY_COLUMNS."""


def ais_visits(
    positions: pd.DataFrame, port: Port, settings: AisVisitSettings | None = None
) -> AisVisits:
    """The visits and berth stays at one port in a table of AIS_COLUMNS, ordered by start.

    Distance is to the nearest berth's outline (0 inside). Needs positions ordered by mmsi and time,
    as ``read_ais`` gives them; memory is a few arrays of the rows of ships that came near.
    """
    rules = settings or AisVisitSettings()
    rows = callers(with_hulls(positions), port, rules)
    ship_begins = ship_begins_of(rows["track"].to_numpy(np.int64))
    state = ship_states(rows, port, ship_begins, rules)
    runs = _runs(rows, state, ship_begins, rules)
    runs = runs[runs["confidence"] > 0]
    firsts = runs["first"].to_numpy(np.int64)
    stays = berth_stays(rows, port, state, firsts, rules)
    stays = _stay_table(rows, port, stays, runs.iloc[stays["visit"]])
    return AisVisits(visits=_visit_table(rows, port, runs, stays), stays=stays)


def _runs(
    rows: pd.DataFrame,
    state: NDArray[np.int64],
    ship_begins: NDArray[np.bool_],
    rules: AisVisitSettings,
) -> pd.DataFrame:
    """One row a visit: first and last row in port, the events and their times, confidence."""
    events = transition_events(state, ship_begins)
    in_port = state != ShipState.AT_SEA
    ship_ends = np.roll(ship_begins, -1)
    first = np.flatnonzero(in_port & (ship_begins | ~np.roll(in_port, 1)))
    last = np.flatnonzero(in_port & (ship_ends | ~np.roll(in_port, -1)))
    time = rows["time"]
    leaves = np.minimum(last + 1, len(rows) - 1)
    runs = pd.DataFrame({"first": first, "last": last})
    runs["start"], runs["end"] = _at(time, first), _at(time, last)
    runs["entry"] = runs["start"].where((events[first] & Event.ENTRY) > 0)
    runs["exit"] = _at(time, leaves).where(~ship_ends[last])
    # the run a row belongs to; the message that shows the exit still belongs to its visit
    number = np.cumsum(np.isin(np.arange(len(rows)), first)) - 1
    runs["stop_begin"] = _event_time(time, number, events, Event.STOP_BEGIN, "first")
    runs["stop_end"] = _event_time(time, number, events, Event.STOP_END, "last")
    runs = runs.join(_longest_gaps(time, number, in_port & ~ship_ends, rules))
    return runs.assign(confidence=_confidence(runs))


def _at(time: pd.Series, rows: NDArray[np.int64]) -> pd.Series:
    return time.iloc[rows].reset_index(drop=True)


def _event_time(
    time: pd.Series, number: NDArray[np.int64], events: NDArray[np.int64], event: Event, keep: str
) -> pd.Series:
    """Time of each visit's first or last event of a kind; the index is the visit's number."""
    rows = np.flatnonzero(events & event)
    times = pd.Series(_at(time, rows).array, index=number[rows])
    return times[~times.index.duplicated(keep=keep)]


def _longest_gaps(
    time: pd.Series, number: NDArray[np.int64], followed: NDArray[np.bool_], rules: AisVisitSettings
) -> pd.DataFrame:
    """gap_begin and gap_end of the longest silence that began in each visit; index: its number."""
    later = time.shift(-1)
    silent = followed & (later - time >= pd.Timedelta(rules.gap_h, "h")).to_numpy()
    rows = np.flatnonzero(silent)
    gaps = pd.DataFrame({"gap_begin": _at(time, rows), "gap_end": _at(later, rows)})
    gaps["visit"] = number[rows]
    longest = (gaps["gap_begin"] - gaps["gap_end"]).sort_values(kind="stable").index
    return gaps.loc[longest].drop_duplicates("visit").set_index("visit")


def _confidence(runs: pd.DataFrame) -> NDArray[np.int64]:
    lay = (runs["stop_begin"].notna() | runs["gap_begin"].notna()).to_numpy()
    ends = runs[["entry", "exit"]].notna().sum(axis=1).to_numpy()
    level = np.array(
        [[CONFIDENCE[known, number] for number in range(3)] for known in (False, True)]
    )
    return np.asarray(level[lay.astype(np.int64), ends])


def _visit_table(
    rows: pd.DataFrame, port: Port, runs: pd.DataFrame, stays: pd.DataFrame
) -> pd.DataFrame:
    table = runs.reset_index(drop=True)
    for name in ("mmsi", "hull", "track"):
        table[name] = rows[name].to_numpy()[table["first"]]
    table["messages"] = table["last"] - table["first"] + 1
    table["hours"] = (table["end"] - table["start"]) / pd.Timedelta(1, "h")
    table["ais_visit_id"] = _ids(port, table)
    table["port"] = port.id
    berths = _main_berth(stays, port)
    table["berth"] = [berths.get(visit_id, "") for visit_id in table["ais_visit_id"]]
    facts = static_facts(rows).reindex(table["track"])
    for name in ("name", "imo", "ship_type", "length_m"):
        table[name] = pd.array(facts[name].astype(AIS_VISIT_COLUMNS[name]))
    ordered = table.sort_values(["start", "mmsi", "hull"], ignore_index=True)
    return typed(ordered, AIS_VISIT_COLUMNS)


def _ids(port: Port, table: pd.DataFrame) -> pd.Series:
    started = table["start"].dt.strftime("%Y%m%dT%H%M%SZ")
    # the first hull's ids are those of a number with one ship
    further = ("." + table["hull"].astype(str)).where(table["hull"] > 1, "")
    return port.id + "-" + table["mmsi"].astype(str) + further + "-" + started


def _stay_table(
    rows: pd.DataFrame, port: Port, stays: pd.DataFrame, runs: pd.DataFrame
) -> pd.DataFrame:
    track = rows["track"].to_numpy(np.int64)
    first, last = stays["first"].to_numpy(np.int64), stays["last"].to_numpy(np.int64)
    table = pd.DataFrame({name: rows[name].to_numpy()[first] for name in ("mmsi", "hull")})
    table["berth"] = stays["berth"]
    table["port"] = port.id
    named = runs.reset_index(drop=True).assign(mmsi=table["mmsi"], hull=table["hull"])
    table["ais_visit_id"] = _ids(port, named)
    table["confidence"] = named["confidence"]
    table["begin"], table["end"] = _at(rows["time"], first), _at(rows["time"], last)
    table["hours"] = (table["end"] - table["begin"]) / pd.Timedelta(1, "h")
    table["begin_seen"] = (first > 0) & (track[first - 1] == track[first])
    after = np.minimum(last + 1, len(track) - 1)
    table["end_seen"] = (after > last) & (track[after] == track[last])
    ordered = table.sort_values(["begin", "mmsi", "hull"], ignore_index=True)
    return typed(ordered, AIS_STAY_COLUMNS)


def _main_berth(stays: pd.DataFrame, port: Port) -> pd.Series:
    """The berth of each visit: the longest stay, quays before anchorages; index: ais_visit_id."""
    anchorages = {berth.id for berth in port.berths if berth.kind is BerthKind.ANCHORAGE}
    ranked = stays.assign(anchorage=stays["berth"].isin(anchorages), hours=-stays["hours"])
    ranked = ranked.sort_values(["anchorage", "hours"], kind="stable")
    return ranked.drop_duplicates("ais_visit_id").set_index("ais_visit_id")["berth"]
