"""What every column of the tables of an AIS cross-check means.

The types are in ``jobs.ais.schema``; a test asks that each column has its meaning here.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobs.domain import Meaning

Meanings = Mapping[str, Meaning]

PROBABILITY = "0 to 1"
_NO_PARTNER = "neither matched nor possible"
_NOT_SENT = "not sent"
_NOT_SEEN = "not seen"

PORT = Meaning("id of the port")
BERTH = Meaning("id of the berth")
MMSI = Meaning("MMSI, the number under which the ship sends", values="9 digits")
HULL = Meaning(
    "tells apart the ships that send under one MMSI",
    "1",
    values="1 or more; 1 has most messages and is usually the only one",
)
NAME = Meaning("name of the ship", source="sent most often", missing=_NOT_SENT)
IMO = Meaning("IMO number of the ship", source="sent most often", missing=_NOT_SENT)
SHIP_TYPE = Meaning("type of the ship, a word", source="sent most often", missing=_NOT_SENT)
LENGTH = Meaning("length of the ship", "m", source="sent most often", missing=_NOT_SENT)
CONFIDENCE = Meaning(
    "how well the visit is seen",
    "1",
    values="1 (no stop or silence seen) to 4 (one, with entry and exit)",
)
HEARD = Meaning("other ships heard near its start, in the first whole hour of the silence", "1")
GAP_START = Meaning("last message before the silence, UTC")
GAP_END = Meaning("first message after the silence, UTC", missing="silent to the end of the record")
GAP_HOURS = Meaning("length of the silence; an open one runs to the end of the record", "h")

MATCH_MEANINGS: Meanings = {
    "vessel_id": Meaning("id of the vessel", values="a vessel_id of `vessels`"),
    "port": PORT,
    "berth": Meaning("id of the berth it lies at", missing="at no berth"),
    "overpass_id": Meaning("id of the overpass"),
    "time": Meaning("moment of the overpass, UTC"),
    "tier": Meaning(
        "result of the match",
        values="matched, possible, dark, unknown_coverage (no partner, and no reception shown "
        "there: may or may not be dark)",
    ),
    "mmsi": Meaning("MMSI of the best candidate", values="9 digits", missing=_NO_PARTNER),
    "hull": Meaning(HULL.text, "1", values=HULL.values, missing=_NO_PARTNER),
    "name": Meaning("name of the best candidate", missing=f"{_NO_PARTNER}, or {_NOT_SENT}"),
    "imo": Meaning("IMO number of the best candidate", missing=f"{_NO_PARTNER}, or {_NOT_SENT}"),
    "ship_type": Meaning("type of the best candidate", missing=f"{_NO_PARTNER}, or {_NOT_SENT}"),
    "ais_length_m": Meaning(
        "length of the best candidate by AIS", "m", missing=f"{_NO_PARTNER}, or {_NOT_SENT}"
    ),
    "probability": Meaning(
        "probability that the best candidate is this vessel",
        "1",
        values=PROBABILITY,
        missing=_NO_PARTNER,
    ),
    "any_probability": Meaning(
        "probability that any ship heard is this vessel", "1", values=PROBABILITY
    ),
    "distance_m": Meaning(
        "distance of the candidate's position at that moment from the vessel",
        "m",
        missing=_NO_PARTNER,
    ),
    "position_sd_m": Meaning(
        "standard deviation of that distance's error", "m", missing=_NO_PARTNER
    ),
    "length_difference_m": Meaning(
        "length by AIS minus length in the image", "m", missing=f"{_NO_PARTNER}, or {_NOT_SENT}"
    ),
    "heading_difference_deg": Meaning(
        "difference of the directions, bow and stern not told apart",
        "degree",
        values="0 to 90",
        missing=f"{_NO_PARTNER}, or {_NOT_SENT}",
    ),
    "minutes_to_nearest_message": Meaning(
        "time between the overpass and the candidate's nearest message", "min", missing=_NO_PARTNER
    ),
    "gap_minutes": Meaning(
        "time between the candidate's messages before and after the overpass",
        "min",
        missing=f"{_NO_PARTNER}, or the overpass lies before its first or after its last message",
    ),
    "ships_near": Meaning("ships of AIS around the vessel", "1"),
    "ships_heard": Meaning("those of them with a message within minutes of the overpass", "1"),
    "carriage_expected": Meaning(
        "whether it is so long that a ship in trade must carry AIS", source="60 m and more, surely"
    ),
}

GAP_MEANINGS: Meanings = {
    "port": PORT,
    "mmsi": MMSI,
    "hull": HULL,
    "name": NAME,
    "imo": IMO,
    "ship_type": SHIP_TYPE,
    "length_m": LENGTH,
    "start": GAP_START,
    "end": GAP_END,
    "hours": GAP_HOURS,
    "start_lon": Meaning("longitude of the last message, WGS 84", "degree_east"),
    "start_lat": Meaning("latitude of the last message, WGS 84", "degree_north"),
    "end_lon": Meaning(
        "longitude of the first message after, WGS 84", "degree_east", missing="open"
    ),
    "end_lat": Meaning(
        "latitude of the first message after, WGS 84", "degree_north", missing="open"
    ),
    "distance_km": Meaning("distance between these two", "km", missing="open"),
    "speed_kn": Meaning("least speed that covers the distance", "knot", missing="open"),
    "start_sog_kn": Meaning("speed that the last message gave", "knot", missing=_NOT_SENT),
    "ships_heard": HEARD,
    "may_have_left": Meaning(
        "whether it was last heard near the edge of the positions' area, and may have left it"
    ),
}

VISIT_GAP_MEANINGS: Meanings = {
    "visit_id": Meaning("id of the seen stay", values="a visit_id of `visits`"),
    "port": PORT,
    "berth": BERTH,
    "relation": Meaning(
        "position of the silence relative to the seen stay",
        values="before, during, after: of the matched ship; candidate: of a ship that could have "
        "been there by place, speed and length, no claim that it was",
    ),
    "probability": Meaning(
        "probability of the ship's match with the visit",
        "1",
        values=PROBABILITY,
        missing="a candidate",
    ),
    "mmsi": MMSI,
    "hull": HULL,
    "name": NAME,
    "imo": IMO,
    "ship_type": SHIP_TYPE,
    "length_difference_m": Meaning(
        "length by AIS minus length in the images", "m", missing=_NOT_SENT
    ),
    "start": GAP_START,
    "end": GAP_END,
    "hours": GAP_HOURS,
    "start_km": Meaning("distance of the last message from the berth", "km"),
    "end_km": Meaning("distance of the first message after from the berth", "km", missing="open"),
    "ships_heard": HEARD,
}

AIS_VISIT_MEANINGS: Meanings = {
    "ais_visit_id": Meaning("id of the ship's time in port"),
    "port": PORT,
    "berth": Meaning(
        "berth where it lay longest; an anchorage only where it lay at no berth",
        missing="at neither",
    ),
    "mmsi": MMSI,
    "hull": HULL,
    "name": NAME,
    "imo": IMO,
    "ship_type": SHIP_TYPE,
    "length_m": LENGTH,
    "start": Meaning("first message in port, UTC"),
    "entry": Meaning("moment at which it entered the port's area, UTC", missing=_NOT_SEEN),
    "stop_begin": Meaning("begin of the first stop, UTC", missing=_NOT_SEEN),
    "stop_end": Meaning("end of the last stop, UTC", missing=_NOT_SEEN),
    "gap_begin": Meaning("begin of the longest silence in port, UTC", missing=_NOT_SEEN),
    "gap_end": Meaning("end of the longest silence in port, UTC", missing=_NOT_SEEN),
    "exit": Meaning("moment at which it left the port's area, UTC", missing=_NOT_SEEN),
    "end": Meaning("last message in port, UTC"),
    "hours": Meaning("time between first and last message in port", "h"),
    "messages": Meaning("messages in port", "1"),
    "confidence": CONFIDENCE,
}

AIS_STAY_MEANINGS: Meanings = {
    "ais_visit_id": Meaning("id of the ship's time in port", values="one of `ais_visits`"),
    "port": PORT,
    "berth": BERTH,
    "mmsi": MMSI,
    "hull": HULL,
    "begin": Meaning("moment at which it came to the berth, UTC"),
    "end": Meaning("moment at which it left the berth, UTC"),
    "hours": Meaning("time at the berth", "h"),
    "begin_seen": Meaning(
        "whether it was heard before it stopped there: the begin is an arrival, not the record's"
    ),
    "end_seen": Meaning("whether it was heard after: the end is a departure, not the record's"),
    "confidence": CONFIDENCE,
}

COMPARISON_MEANINGS: Meanings = {
    "port": PORT,
    "berth": BERTH,
    "start": Meaning("begin of the month within the comparison, UTC"),
    "end": Meaning("end of the month within the comparison, UTC, exclusive"),
    "ais_visits": Meaning("stays heard that began in it", "1"),
    "ais_visits_sure": Meaning("those of visits with confidence 3 or 4", "1"),
    "visits": Meaning("visits estimated from imagery: mean of the histories", "1"),
    "visits_low": Meaning("5 % of the histories have fewer visits", "1"),
    "visits_high": Meaning("5 % of the histories have more visits", "1"),
    "excess_probability": Meaning(
        "probability that there were more visits than AIS has, the sign of dark ships",
        "1",
        values=PROBABILITY,
    ),
    "days": Meaning("length of the window", "d"),
    "days_heard": Meaning("days of it on which any message was received around the port", "1"),
}

_NO_MEAN = "fewer than 8 whole stays or 4 ships, or more than a quarter cut"
AIS_DWELL_MEANINGS: Meanings = {
    "port": PORT,
    "berth": BERTH,
    "stays_whole": Meaning(
        "stays of ships of 40 m and more of which begin and end were heard", "1"
    ),
    "stays_cut": Meaning("those whose end was not heard: the ship is not heard after", "1"),
    "begin_unheard": Meaning("stays left out, as the ship was not heard before", "1"),
    "small_or_unknown": Meaning("stays left out, of ships below 40 m or of unknown length", "1"),
    "ships": Meaning("ships that made the stays whole or cut", "1"),
    "mean_days": Meaning(
        "mean length of stay",
        "d",
        source="days at the berth, of stays whole and cut, divided by the whole ones",
        missing=_NO_MEAN,
    ),
    "low_days": Meaning(
        "low end of the mean's 95 % interval", "d", source="ships drawn anew", missing=_NO_MEAN
    ),
    "high_days": Meaning(
        "high end of the mean's 95 % interval", "d", source="ships drawn anew", missing=_NO_MEAN
    ),
}

FLAG_MEANINGS: Meanings = {
    "mmsi": MMSI,
    "reason": Meaning(
        "what is odd about it",
        values="stray (positions left out), two_hulls (two ships at one time), jump (no possible "
        "way between two tracks), imo_changed, lone (one or two positions, of which nothing is "
        "made)",
    ),
    "positions": Meaning("positions that it concerns", "1"),
    "first": Meaning("first of them, UTC"),
    "last": Meaning("last of them, UTC"),
    "detail": Meaning("what was found, in words"),
}
