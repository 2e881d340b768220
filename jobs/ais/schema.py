"""Columns of the AIS tables: position messages as read, and the tables that are published."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.ais.meanings import (
    AIS_DWELL_MEANINGS,
    AIS_STAY_MEANINGS,
    AIS_VISIT_MEANINGS,
    COMPARISON_MEANINGS,
    FLAG_MEANINGS,
    GAP_MEANINGS,
    MATCH_MEANINGS,
    VISIT_GAP_MEANINGS,
)
from jobs.visits import (
    CATEGORY,
    COUNT,
    FLAG,
    NUMBER,
    OPTIONAL_WHOLE,
    SINGLE,
    TEXT,
    TIME,
    WHOLE,
    Columns,
    PublishedTable,
)

AIS_COLUMNS: Columns = {
    "mmsi": WHOLE,
    "mmsi_valid": FLAG,
    "time": TIME,
    "lon": NUMBER,
    "lat": NUMBER,
    "sog_kn": SINGLE,
    "cog_deg": SINGLE,
    "heading_deg": SINGLE,
    "status": CATEGORY,
    "name": CATEGORY,
    "imo": CATEGORY,
    "callsign": CATEGORY,
    "ship_type": CATEGORY,
    "length_m": SINGLE,
    "beam_m": SINGLE,
    "draught_m": SINGLE,
    "to_bow_m": SINGLE,
    "to_stern_m": SINGLE,
    "transceiver": CATEGORY,
}
"""A row is one position message, ordered by mmsi, then time; what was not sent is NaN. to_bow_m and
to_stern_m are from the antenna; transceiver is A or B; ship_type and status are words."""

AIS_MATCH_COLUMNS: Columns = {
    "vessel_id": TEXT,
    "port": TEXT,
    "berth": TEXT,
    "overpass_id": TEXT,
    "time": TIME,
    "tier": TEXT,
    "mmsi": OPTIONAL_WHOLE,
    "hull": OPTIONAL_WHOLE,
    "name": TEXT,
    "imo": TEXT,
    "ship_type": TEXT,
    "ais_length_m": NUMBER,
    "probability": NUMBER,
    "any_probability": NUMBER,
    "distance_m": NUMBER,
    "position_sd_m": NUMBER,
    "length_difference_m": NUMBER,
    "heading_difference_deg": NUMBER,
    "minutes_to_nearest_message": NUMBER,
    "gap_minutes": NUMBER,
    "ships_near": COUNT,
    "ships_heard": COUNT,
    "carriage_expected": FLAG,
}
"""A row is one vessel. hull tells apart the ships of one mmsi, as in every table: 1 is the one with
most messages, and usually the only one. mmsi to gap_minutes are of the best candidate, and are
empty for a vessel neither matched nor possible; probability is that pair's, any_probability that
any AIS ship is this vessel. ships_near: AIS ships around; ships_heard: those of them with a message
within minutes of the overpass. carriage_expected: long enough that a ship in trade must carry
AIS."""

AIS_GAP_COLUMNS: Columns = {
    "mmsi": WHOLE,
    "hull": COUNT,
    "name": TEXT,
    "imo": TEXT,
    "ship_type": TEXT,
    "length_m": NUMBER,
    "start": TIME,
    "end": TIME,
    "hours": NUMBER,
    "start_lon": NUMBER,
    "start_lat": NUMBER,
    "end_lon": NUMBER,
    "end_lat": NUMBER,
    "distance_km": NUMBER,
    "speed_kn": NUMBER,
    "start_sog_kn": NUMBER,
    "ships_heard": COUNT,
}
"""A row is one silence: from the last message before it to the first after it. None is listed where
the mmsi was heard elsewhere meanwhile, unless two hulls send under it at one time. An open gap has
no end; its hours run to the end of the record. speed_kn is the least speed that covers the
distance; ships_heard counts other ships received near its start during its first whole hour."""

VISIT_GAP_COLUMNS: Columns = {
    "visit_id": TEXT,
    "port": TEXT,
    "berth": TEXT,
    "relation": TEXT,
    "probability": NUMBER,
    "mmsi": WHOLE,
    "hull": COUNT,
    "name": TEXT,
    "imo": TEXT,
    "ship_type": TEXT,
    "length_difference_m": NUMBER,
    "start": TIME,
    "end": TIME,
    "hours": NUMBER,
    "start_km": NUMBER,
    "end_km": NUMBER,
    "ships_heard": COUNT,
}
"""A row is one gap at one visit. probability is that of the ship's match with the visit, empty for
a candidate; length_difference_m is AIS minus imagery; start_km and end_km are from the berth."""

AIS_VISIT_COLUMNS: Columns = {
    "ais_visit_id": TEXT,
    "port": TEXT,
    "berth": TEXT,
    "mmsi": WHOLE,
    "hull": COUNT,
    "name": TEXT,
    "imo": TEXT,
    "ship_type": TEXT,
    "length_m": NUMBER,
    "start": TIME,
    "entry": TIME,
    "stop_begin": TIME,
    "stop_end": TIME,
    "gap_begin": TIME,
    "gap_end": TIME,
    "exit": TIME,
    "end": TIME,
    "hours": NUMBER,
    "messages": COUNT,
    "confidence": COUNT,
}
"""A row is one ship's time in one port. start and end are the first and last message in port;
entry, first stop_begin, last stop_end, the longest gap and exit are empty where not seen. berth is
where it lay longest, an anchorage only where it lay at no berth; empty where at neither."""

AIS_STAY_COLUMNS: Columns = {
    "ais_visit_id": TEXT,
    "port": TEXT,
    "berth": TEXT,
    "mmsi": WHOLE,
    "hull": COUNT,
    "begin": TIME,
    "end": TIME,
    "hours": NUMBER,
    "begin_seen": FLAG,
    "end_seen": FLAG,
    "confidence": COUNT,
}
"""A row is one ship stopped at one berth, from coming to leaving: where it lay elsewhere meanwhile,
it has two. begin_seen: the ship has a message before
it stopped there, so that begin is an arrival and not the record's start; end_seen likewise."""

AIS_COMPARISON_COLUMNS: Columns = {
    "port": TEXT,
    "berth": TEXT,
    "start": TIME,
    "end": TIME,
    "ais_visits": COUNT,
    "ais_visits_sure": COUNT,
    "visits": NUMBER,
    "visits_low": NUMBER,
    "visits_high": NUMBER,
    "excess_probability": NUMBER,
}
"""A row is one berth in one window. ais_visits: stays that began in it, ais_visits_sure: those of
visits with confidence 3 or 4; visits: mean of the draws, with their central interval;
excess_probability: that there were more visits than AIS has, the sign of dark ships."""

AIS_DWELL_COLUMNS: Columns = {
    "port": TEXT,
    "berth": TEXT,
    "stays_whole": COUNT,
    "stays_cut": COUNT,
    "begin_unheard": COUNT,
    "small_or_unknown": COUNT,
    "ships": COUNT,
    "mean_days": NUMBER,
    "low_days": NUMBER,
    "high_days": NUMBER,
}
"""A row is one berth. The mean stay, with its 95 % interval, is of stays whole and cut; empty where
they are too few, of too few ships, or too often cut."""

AIS_FLAG_COLUMNS: Columns = {
    "mmsi": WHOLE,
    "reason": TEXT,
    "positions": COUNT,
    "first": TIME,
    "last": TIME,
    "detail": TEXT,
}
"""A row is one thing that is odd about one mmsi: stray (positions left out), two_hulls (two ships
at one time), jump (no possible way between two tracks), imo_changed, lone (one or two positions,
of which nothing is made); positions: how many it concerns, from first to last."""

PORT_GAP_COLUMNS: Columns = {"port": TEXT, **AIS_GAP_COLUMNS, "may_have_left": FLAG}
"""AIS_GAP_COLUMNS around one port; may_have_left: the ship was last received near the edge of the
window of positions, and may only have been outside of it."""

MONTH_COMPARISON_COLUMNS: Columns = {**AIS_COMPARISON_COLUMNS, "days": NUMBER, "days_heard": COUNT}
"""AIS_COMPARISON_COLUMNS by month; days: length of the window; days_heard: UTC days of it on which
any message was received around the port."""

AIS_TABLES: Mapping[str, PublishedTable] = {
    "ais_matches": PublishedTable(
        AIS_MATCH_COLUMNS,
        "one vessel in one overpass, and the ship that AIS says it is, if any",
        MATCH_MEANINGS,
    ),
    "ais_gaps": PublishedTable(
        PORT_GAP_COLUMNS, "one silence of one ship around a port", GAP_MEANINGS
    ),
    "visit_gaps": PublishedTable(
        VISIT_GAP_COLUMNS, "one silence at one seen visit", VISIT_GAP_MEANINGS
    ),
    "ais_visits": PublishedTable(
        AIS_VISIT_COLUMNS, "one ship's time in one port, as AIS heard it", AIS_VISIT_MEANINGS
    ),
    "ais_stays": PublishedTable(
        AIS_STAY_COLUMNS, "one ship stopped at one berth", AIS_STAY_MEANINGS
    ),
    "ais_comparison": PublishedTable(
        MONTH_COMPARISON_COLUMNS,
        "one berth in one month: visits heard and visits estimated",
        COMPARISON_MEANINGS,
    ),
    "ais_dwell": PublishedTable(
        AIS_DWELL_COLUMNS,
        "one berth, and how long ships with AIS stay there",
        AIS_DWELL_MEANINGS,
    ),
    "ais_flags": PublishedTable(
        AIS_FLAG_COLUMNS,
        "one thing that is odd about one MMSI: strays left out, two hulls, ...",
        FLAG_MEANINGS,
    ),
}
"""The tables of a cross-check, by file name; descriptions are published in its summary."""
