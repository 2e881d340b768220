"""What every column of the published tables of imagery means: the registry that the files' own
metadata, the data dictionary and its page are made from.

The types are in ``jobs.visits.schema``; a test asks that each column has its meaning here.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobs.domain import BerthKind, LookState, Meaning
from jobs.visits.polygon_source import PolygonSource

Meanings = Mapping[str, Meaning]

PROBABILITY = "0 to 1"
SHARE = "0 to 1"
LOW_90, HIGH_90 = "5 % of the histories are below", "5 % of the histories are above"
_DETECTOR = "the packaged or given network, of radar images a CFAR detector"

PORT = Meaning("id of the port", values="as in the job file or a bundled one, such as RUVYP")
BERTH = Meaning("id of the berth", values="one of `berths`, unique within the port")
OVERPASS = Meaning(
    "id of the overpass: all scenes of one satellite on one pass over the port",
    source="port, sensor family, time and a digest of the catalog's items",
)
SENSOR = Meaning(
    "sensor and level of its product",
    values="as `berthwatch sensors` lists them",
    source="the catalog's collection",
)
PLATFORM = Meaning("satellite, in lower case", source="the catalog's item")
CENTROID = "the polygon's centroid"
SHAPE_SOURCE = "WGS 84 (longitude, latitude), to 7 decimals, about a centimetre"
LENGTH_SD = Meaning(
    "standard deviation of the length's error", "m", source="as calibrated on labelled ships"
)
VISIT_ID = "port, berth, first sighting and rank: later looks do not change it"
HISTORIES = "1000 equally likely histories unless the job says otherwise (`provenance.json`)"


def _interval(text: str, unit: str, middle: str, missing: str = "") -> tuple[Meaning, ...]:
    """Mean of the histories and the ends of its 90 % interval."""
    return (
        Meaning(f"{text}: {middle}", unit, source=HISTORIES, missing=missing),
        Meaning(f"{text}: low end of the 90 % interval", unit, source=LOW_90, missing=missing),
        Meaning(f"{text}: high end of the 90 % interval", unit, source=HIGH_90, missing=missing),
    )


def _triple(name: str, meanings: tuple[Meaning, ...]) -> dict[str, Meaning]:
    """By column: a number, and the ends of its interval."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), meanings, strict=True))


_VISITS = _interval("stays that began in the period, seen or not", "1", "mean of the histories")
_OCCUPANCY = _interval("mean number of ships at the berth", "1", "mean of the histories")
_DWELL = _interval("length of stay", "d", "posterior mean")
_RECALL = _interval(
    "share of the ships there that a clear look finds, of the sensor with most looks",
    "1",
    "posterior mean",
)
_HALF = _interval(
    "visits, were stays believed half as long", "1", "mean of at most 200 histories made for it"
)
_DOUBLE = _interval(
    "visits, were stays believed twice as long", "1", "mean of at most 200 histories made for it"
)
_NOT_USABLE = "clouded or outside: no observation of the berth"
_PRIOR_ERRORS = "the detector's errors as measured elsewhere, or a broad guess (`recall_source`)"
_PROOF = (
    "clear looks that would all have overlooked a ship of its length with a probability of at most "
    "60 %, by the detector's errors as measured elsewhere; none within half an hour of a sighting"
)
_NO_OIL = "the berth is no oil terminal"
_BARRELS = _interval("barrels of the ships that came", "barrel", "mean of the histories", _NO_OIL)
_NOT_IDENTIFIED = "the berth holds several ships, so that the histories name no single one"

_ONE_MONTH = "the period lies within one calendar month"
_FIRST_MONTH = "the first month of the period"

HULL_SOURCE = "drawn by a reviewer over the picture"
NOT_CORRECTED = "not corrected"

VESSEL_MEANINGS: Meanings = {
    "vessel_id": Meaning("id of the vessel in this overpass", source="overpass and number"),
    "port": PORT,
    "berth": Meaning(
        "id of the berth it lies at",
        values="one of `berths`",
        source="the berth its box overlaps most, else the nearest within 50 m",
        missing="at no berth",
    ),
    "overpass_id": OVERPASS,
    "time": Meaning(
        "moment of the overpass, UTC", source="acquisition of its earliest scene in the catalog"
    ),
    "sensor": SENSOR,
    "platform": PLATFORM,
    "length_m": Meaning("length of the hull", "m", source=f"{_DETECTOR}; calibrated"),
    "length_sd_m": LENGTH_SD,
    "beam_m": Meaning(
        "beam of the hull",
        "m",
        source="where `beam_sd_m` is known measured at the file's own pixels; else "
        f"{_DETECTOR}, at 10 m pixels blurred and too wide",
        missing="found by radar, which does not measure it",
    ),
    "beam_sd_m": Meaning(
        "standard deviation of the error of a measured beam",
        "m",
        source="scatter of the hull's sides, and what simulated harbours show besides",
        missing="not measured: pixels above 5 m, or no water on both sides of the hull",
    ),
    "heading_deg": Meaning(
        "direction of the hull, clockwise from grid north",
        "degree",
        values="0 to 180: bow and stern are not told apart",
        source=_DETECTOR,
    ),
    "score": Meaning(
        "probability that this is a ship",
        "1",
        values=PROBABILITY,
        source=f"{_DETECTOR}, calibrated on labelled ships",
    ),
    "truncated": Meaning(
        "whether the hull is cut by the image's edge or by cloud: its length is a lower bound"
    ),
    "background": Meaning(
        "how much the port itself looks like a ship at this place",
        "1",
        values=PROBABILITY,
        source="the network on what stays: of every pixel one of the calmest of many looks; of "
        "radar the share of the vessel's brightness that other looks of the same orbit show too",
        missing="unknown: too few clear looks, or the job keeps fixed structure",
    ),
    "fixed": Meaning(
        "whether it is taken for a fixed part of the port, an inference from many looks: then it "
        "counts only where reviewers say that it is a ship"
    ),
    "place_seen": Meaning(
        "looks that show the same thing at this place, of place_looks",
        "1",
        values="0 to 30",
        source="pattern and colour of the pixels under the box, compared between looks; of radar "
        "its brightness",
        missing="the port itself looks like no ship there, or vessels were found there once only",
    ),
    "place_looks": Meaning(
        "looks in which this place was clear, of those that the port's own background is made of",
        "1",
        values="0 to 30; at least 8 where fixed, of one orbit of a radar at least 6",
        missing="as place_seen; of radar also where an unsure vessel is fixed, its orbit having "
        "fewer than 6 looks",
    ),
    "visit_id": Meaning(
        "id of the seen stay it belongs to",
        values="one of `visits`",
        missing="at no berth, or not counted",
    ),
    "counted": Meaning(
        "whether it counts as a ship: neither fixed structure nor rejected by reviewers"
    ),
    "review": Meaning(
        "what reviewers take it for",
        values="ship, not_ship, structure, duplicate (part of another), drawn (by hand)",
        source="decisions of reviewers that these results use",
        missing="no such decision",
    ),
    "review_length_m": Meaning(
        "length of the hull that a reviewer corrected",
        "m",
        source=HULL_SOURCE,
        missing=NOT_CORRECTED,
    ),
    "review_beam_m": Meaning(
        "beam of the hull that a reviewer corrected", "m", source=HULL_SOURCE, missing=NOT_CORRECTED
    ),
    "review_heading_deg": Meaning(
        "heading of the hull that a reviewer corrected, clockwise from grid north",
        "degree",
        values="0 up to 180: bow and stern are not told apart",
        source=HULL_SOURCE,
        missing=NOT_CORRECTED,
    ),
    "review_footprint": Meaning(
        "least rectangle around the hull that a reviewer corrected, WKT in WGS 84",
        source=HULL_SOURCE,
        missing=NOT_CORRECTED,
    ),
    "found_berth": Meaning(
        "id of the berth by position, where reviewers chose another",
        missing="`berth` is that by position",
    ),
    "geometry": Meaning("centre of the hull, a point", source=SHAPE_SOURCE),
    "footprint": Meaning("rotated box around the hull, a polygon", source=SHAPE_SOURCE),
}

LOOK_MEANINGS: Meanings = {
    "port": PORT,
    "berth": BERTH,
    "overpass_id": OVERPASS,
    "time": VESSEL_MEANINGS["time"],
    "sensor": SENSOR,
    "platform": PLATFORM,
    "clear_fraction": Meaning(
        "share of the berth that was imaged without cloud; thin cloud counts as clear",
        "1",
        values=SHARE,
        source="the archive's `quality`",
    ),
    "state": Meaning(
        "what the overpass could see of the berth",
        values=", ".join(LookState),
        source="clear: 90 % of the berth and more; clouded: under 30 % of what was imaged; "
        "outside: under half was imaged; with a ship found it is partly at least",
    ),
    "vessels": Meaning("ships found at the berth", "1", values="0 or more"),
    "imaged_fraction": Meaning(
        "share of the berth inside the image", "1", values=SHARE, source="the archive's `quality`"
    ),
    "thin_cloud_fraction": Meaning(
        "share of the berth under thin cloud", "1", values=SHARE, source="the archive's `quality`"
    ),
    "screened": Meaning("whether all of the berth came with a cloud mask"),
    "reviewed": Meaning("whether a reviewer checked the whole look: nothing in it was missed"),
    **_triple(
        "recall",
        _interval(
            "chance that this look finds a ship that is there",
            "1",
            "posterior mean of a clear look of its sensor at the berth, times the clear share",
            _NOT_USABLE,
        ),
    ),
    "recall_prior": Meaning(
        "mean of recall as believed before any look",
        "1",
        values=PROBABILITY,
        source=_PRIOR_ERRORS,
        missing=_NOT_USABLE,
    ),
    "geometry": Meaning("a point inside the berth", source=SHAPE_SOURCE),
}

VISIT_MEANINGS: Meanings = {
    "visit_id": Meaning("id of the seen stay", source=VISIT_ID),
    "port": PORT,
    "berth": BERTH,
    "arrival_after": Meaning(
        "last look before from which on clear ones show that the ship had not come, UTC",
        source=_PROOF,
        missing="no looks before it show that, so no bound",
    ),
    "arrival_before": Meaning("first sighting, UTC: the ship had come by then"),
    "departure_after": Meaning("last sighting, UTC: the ship was still there"),
    "departure_before": Meaning(
        "look by which it was found gone, UTC",
        source=f"{_PROOF}; or one with all places taken by others",
        missing="no look found it gone, so no bound",
    ),
    "looks": Meaning(
        "looks from first to last sighting that were clear or partly clear", "1", values="1 or more"
    ),
    "vessels": Meaning("sightings that were put together", "1", values="1 or more"),
    "length_m": Meaning(
        "length of the hull",
        "m",
        source="its sightings weighted by inverse variance; those seen whole, where there are any",
    ),
    "length_sd_m": LENGTH_SD,
    "beam_m": Meaning(
        "beam of the hull as measured at the files' own pixels",
        "m",
        source="its sightings with a measured beam weighted by inverse variance",
        missing="no sighting has one",
    ),
    "beam_sd_m": Meaning(
        "standard deviation of the beam's error", "m", missing="no sighting has a measured beam"
    ),
    "deadweight_from": Meaning(
        "what the deadweight of the stay is drawn from, where it is a tanker's at an oil terminal",
        values="length, length and beam",
    ),
    "confidence": Meaning(
        "probability that any of its sightings is a ship",
        "1",
        values=PROBABILITY,
        source="their scores taken as independent; halved where no sighting shows the whole hull",
    ),
    "truncated": Meaning("whether no sighting shows the whole hull: its length is a lower bound"),
    "overpass_ids": Meaning("ids of the overpasses that saw it, parted by blanks"),
    "probability": Meaning(
        "share of the histories in which a ship was there",
        "1",
        values=PROBABILITY,
        source=HISTORIES,
        missing=_NOT_IDENTIFIED,
    ),
    **{
        f"{event}_{which}": Meaning(
            f"{event}, UTC: {text}",
            source="histories, to the minute",
            missing=_NOT_IDENTIFIED + ", or the stay is in none of them",
        )
        for event in ("arrival", "departure")
        for which, text in (
            ("low", "5 % of the histories are earlier"),
            ("median", "median of the histories"),
            ("high", "5 % of the histories are later"),
        )
    },
    "geometry": Meaning("mean of the hull's centres, a point", source=SHAPE_SOURCE),
}

_IN_BOTH = "seen in one look alone"
_NOT_SEEN = "this look did not report it"

PAIR_MEANINGS: Meanings = {
    "port": PORT,
    "berth": Meaning(
        "id of the berth at which the first look saw it, or the second alone",
        values=BERTH.values,
        missing="at no berth; then it is here only if both looks saw it",
    ),
    "seen": Meaning("looks that reported it", values="both, first, second"),
    "both_clear": Meaning("whether both looks saw all of the berth; false at no berth"),
    **{
        f"{which}_{name}": meaning
        for which in ("first", "second")
        for name, meaning in {
            "overpass_id": OVERPASS,
            "time": Meaning(f"moment of the {which} look, UTC"),
            "sensor": SENSOR,
            "vessel_id": Meaning(
                f"its report in the {which} look", values="one of `vessels`", missing=_NOT_SEEN
            ),
        }.items()
    },
    "moved_m": Meaning(
        "distance of the two centres; radar shows ships under way beside their place",
        "m",
        missing=_IN_BOTH,
    ),
    "speed_kn": Meaning(
        "speed over ground that this would be, most of it error where minutes are few",
        "knot",
        missing=f"{_IN_BOTH}, or both at one instant",
    ),
    "length_difference_m": Meaning(
        "second length less the first; 0 where one that is cut may be longer",
        "m",
        missing=_IN_BOTH,
    ),
    "heading_difference_deg": Meaning(
        "angle between the headings", "degree", values="0 to 90", missing=_IN_BOTH
    ),
    "probability": Meaning(
        "that both are one ship, by place, heading and length",
        "1",
        values="0.5 to 1",
        source="densities assumed for one ship and for two (docs/visits.md), not calibrated",
        missing=_IN_BOTH,
    ),
    "geometry": Meaning(
        "centre of the hull in the first look, or the second alone, a point", source=SHAPE_SOURCE
    ),
}

ESTIMATE_MEANINGS: Meanings = {
    "port": PORT,
    "berth": BERTH,
    "model": Meaning(
        "model of the berth",
        values="one ship, several ships",
        source="by the berth's capacity",
    ),
    "usable_looks": Meaning("looks that say something of the berth", "1", values="0 or more"),
    "visits_seen": Meaning("stays seen in the whole period", "1", values="0 or more"),
    **dict(zip(("visits", "visits_low", "visits_high"), _VISITS, strict=True)),
    "visits_low_50": Meaning(
        "stays that began in the period: low end of the 50 % interval",
        "1",
        source="25 % of the histories are below",
    ),
    "visits_high_50": Meaning(
        "stays that began in the period: high end of the 50 % interval",
        "1",
        source="25 % of the histories are above",
    ),
    **dict(zip(("occupancy", "occupancy_low", "occupancy_high"), _OCCUPANCY, strict=True)),
    **dict(zip(("dwell_days", "dwell_low_days", "dwell_high_days"), _DWELL, strict=True)),
    **dict(zip(("recall", "recall_low", "recall_high"), _RECALL, strict=True)),
    "dwell_prior_days": Meaning(
        "length of stay believed before any look, median", "d", source="the job's `dwell`, or ours"
    ),
    "dwell_prior_source": Meaning("where that belief comes from, in words"),
    "dwell_learned": Meaning(
        "how far the looks narrowed the length of stay",
        "1",
        values="0 (not at all) to 1 (known)",
        source="1 - posterior variance / prior variance of its logarithm",
    ),
    "dwell_share": Meaning(
        "share of the variance of `visits` that goes with the length of stay",
        "1",
        values=SHARE,
        source="squared correlation of their logarithms in the histories",
    ),
    "compared_again": Meaning(
        "sure reports of ships that were looked for at the next look, up to 12 days later",
        "1",
        values="0 or more; 0 at berths, where ships follow each other at one place",
    ),
    "seen_again": Meaning(
        "those of `compared_again` that were there again, by place and length",
        "1",
        values="0 or more; some of them by chance, another ship lying there",
    ),
    **dict(
        zip(
            ("visits_half_dwell", "visits_half_dwell_low", "visits_half_dwell_high"),
            _HALF,
            strict=True,
        )
    ),
    **dict(
        zip(
            ("visits_double_dwell", "visits_double_dwell_low", "visits_double_dwell_high"),
            _DOUBLE,
            strict=True,
        )
    ),
    "recall_source": Meaning(
        "where the recall believed before any look comes from, in words; of several kinds of "
        "sensors each, first the one with the most looks, whose recall the other columns hold"
    ),
    "effective_points": Meaning(
        "effective sample size of the parameters", "1", source="adaptive importance sampling"
    ),
    "agreement": Meaning(
        "how probable looks as odd as these are under the model",
        "1",
        values="0 to 1; near 0 the model does not explain the looks",
        missing="no usable look",
    ),
    "rate_changed": Meaning(
        "probability that the rate of the traffic changed within the period",
        "1",
        values=PROBABILITY,
        source="share of the histories in which it did, at a border of calendar months",
        missing=_ONE_MONTH,
    ),
    "rate_changed_prior": Meaning(
        "the same before any look",
        "1",
        values=PROBABILITY,
        source="the prior of rates that change",
        missing=_ONE_MONTH,
    ),
    **dict(zip(("barrels", "barrels_low", "barrels_high"), _BARRELS, strict=True)),
    "geometry": Meaning("a point inside the berth", source=SHAPE_SOURCE),
}

TRAFFIC_MEANINGS: Meanings = {
    "port": PORT,
    "berth": BERTH,
    "month": Meaning(
        "first moment of the calendar month, UTC", values="may lie before the job's period"
    ),
    **dict(
        zip(
            ("calls_per_30_days", "calls_per_30_days_low", "calls_per_30_days_high"),
            _interval(
                "ships that would come in 30 days in the long run, if the month's rate held on",
                "1",
                "median of the histories",
            ),
            strict=True,
        )
    ),
    "changed": Meaning(
        "probability that the rate changed with the begin of this month",
        "1",
        values=PROBABILITY,
        source="share of the histories in which it did",
        missing=_FIRST_MONTH,
    ),
    "changed_prior": Meaning(
        "the same before any look", "1", values=PROBABILITY, missing=_FIRST_MONTH
    ),
    "began": Meaning(
        "probability that traffic began with this month: less than a ship a year before, and five "
        "times as much at least from then on",
        "1",
        values=PROBABILITY,
        source="share of the histories in which it did",
        missing=_FIRST_MONTH,
    ),
    "ended": Meaning(
        "probability that traffic ended before this month, as of `began`",
        "1",
        values=PROBABILITY,
        source="share of the histories in which it did",
        missing=_FIRST_MONTH,
    ),
    "began_prior": Meaning(
        "probability of `began`, and of `ended`, before any look",
        "1",
        values=PROBABILITY,
        missing=_FIRST_MONTH,
    ),
    "factor": Meaning(
        "by which the rate changed, if it did: median of the histories in which it did",
        "1",
        values="0.001 to 1000: from or to no traffic it is the greatest",
        missing=f"{_FIRST_MONTH}, or it changed there in no history",
    ),
    "factor_low": Meaning("the same: 5 % of them are below", "1", missing="as of `factor`"),
    "factor_high": Meaning("the same: 5 % of them are above", "1", missing="as of `factor`"),
    "geometry": Meaning("a point inside the berth", source=SHAPE_SOURCE),
}

_ALONE = (
    "no other sensor has usable looks at the port, or the job says `without_each_sensor: false`"
)
_WITHOUT = "without the looks of this sensor"
_WHOLE_PORT = "of all berths together"

SENSOR_MEANINGS: Meanings = {
    "port": PORT,
    "berth": Meaning(
        "id of the berth", values=BERTH.values, missing="all berths but anchorages together"
    ),
    "sensor": SENSOR,
    "usable_looks": Meaning("its looks that say something of the berth", "1", values="0 or more"),
    "visits_seen": Meaning("seen stays of which it has a sighting", "1", values="0 or more"),
    "visits_seen_alone": Meaning("those of them that no other sensor saw", "1", values="0 or more"),
    **_triple(
        "recall",
        _interval(
            "share of the ships there that a clear look of it finds",
            "1",
            "posterior mean",
            _WHOLE_PORT,
        ),
    ),
    "recall_prior": Meaning(
        "mean of recall before any look", "1", source=_PRIOR_ERRORS, missing=_WHOLE_PORT
    ),
    "recall_prior_low": Meaning(
        "recall before any look: 5 % are below", "1", source=_PRIOR_ERRORS, missing=_WHOLE_PORT
    ),
    "recall_prior_high": Meaning(
        "recall before any look: 5 % are above", "1", source=_PRIOR_ERRORS, missing=_WHOLE_PORT
    ),
    "others_reports": Meaning(
        "reports of other sensors within half an hour of one of its looks, both looks clear",
        "1",
        values="0 or more",
        source="`pairs` with both_clear",
    ),
    "found_of_these": Meaning(
        "those of them that are ships it reported too: a check of recall, in which false alarms of "
        "the others count as missed, and ships that are easily seen count more",
        "1",
        values="0 or more",
        source="`pairs` with both_clear, seen in both",
    ),
    **_triple("visits", _VISITS),
    **_triple(
        "visits_without", _interval(f"visits, {_WITHOUT}", "1", "mean of the histories", _ALONE)
    ),
    **_triple("occupancy", _OCCUPANCY),
    **_triple(
        "occupancy_without",
        _interval(f"occupancy, {_WITHOUT}", "1", "mean of the histories", _ALONE),
    ),
    **_triple("barrels", _BARRELS),
    **_triple(
        "barrels_without",
        _interval(
            f"barrels, {_WITHOUT}", "barrel", "mean of the histories", f"{_NO_OIL}, or {_ALONE}"
        ),
    ),
    "effective_points_without": Meaning(
        "effective sample size of the parameters without it, of the berth with the fewest",
        "1",
        source="adaptive importance sampling",
        missing=_ALONE,
    ),
    "geometry": Meaning("a point inside the berth, or inside the port", source=SHAPE_SOURCE),
}

VOYAGE_MEANINGS: Meanings = {
    "from_visit": Meaning("visit it may have left", values="a visit_id of `visits`"),
    "to_visit": Meaning("visit it may have come to", values="a visit_id of `visits`"),
    "from_port": Meaning("id of the port of from_visit"),
    "to_port": Meaning("id of the port of to_visit"),
    "probability": Meaning(
        "probability that to_visit is the next seen stop of the ship of from_visit",
        "1",
        values="0.05 to 1: less probable ones are left out",
        source="matchings of visits by length, time and sea route",
    ),
    "hours_min": Meaning("time under way if it is one ship's: 5 % are shorter", "h"),
    "hours_median": Meaning("time under way if it is one ship's: median", "h"),
    "hours_max": Meaning("time under way if it is one ship's: 5 % are longer", "h"),
    "distance_km": Meaning("length of the shortest way by sea between the ports", "km"),
    "from_length_m": Meaning("length of the ship of from_visit", "m"),
    "from_length_sd_m": LENGTH_SD,
    "to_length_m": Meaning("length of the ship of to_visit", "m"),
    "to_length_sd_m": LENGTH_SD,
    "geometry": Meaning(
        "shortest way by sea between the ports, a line: not a track", source=SHAPE_SOURCE
    ),
}

HISTORY_MEANINGS: Meanings = {
    "history": Meaning(
        "number of the history, from 0",
        "1",
        values="0 to 199",
        source="the first 200; all berths of one number are one history",
    ),
    "port": PORT,
    "berth": BERTH,
    "arrival": Meaning("arrival in this history, UTC", source="to the second"),
    "departure": Meaning("departure in this history, UTC", source="to the second"),
    "length_m": Meaning(
        "length of the ship in this history",
        "m",
        source="drawn by the berth's model from what the looks say of it; to a decimetre",
    ),
    "visit_id": Meaning(
        "the seen stay that this is", values="a visit_id of `visits`", missing="an unseen stay"
    ),
}

BERTH_MEANINGS: Meanings = {
    "port": PORT,
    "berth": Meaning("id of the berth, unique within the port"),
    "name": Meaning("name of the berth"),
    "kind": Meaning("what the berth is for", values=", ".join(BerthKind)),
    "capacity": Meaning(
        "ships it holds", "1", values="1 or more", missing="an anchorage, which has no limit"
    ),
    "source": Meaning(
        "where the polygon comes from",
        values=", ".join(PolygonSource),
        source="bundled ones are drawn by hand; of a file of the job's, whether it calls itself "
        "approximate: not checked against imagery",
    ),
    "area_m2": Meaning("area of the polygon on the ellipsoid", "m2"),
    "centroid_lon": Meaning(f"longitude of {CENTROID}, WGS 84", "degree_east"),
    "centroid_lat": Meaning(f"latitude of {CENTROID}, WGS 84", "degree_north"),
    "geometry": Meaning("the berth, a polygon", source=SHAPE_SOURCE),
}

PORT_MEANINGS: Meanings = {
    "port": PORT,
    "name": Meaning("name of the port"),
    "country": Meaning("country", source="as the port's file writes it"),
    "locode": Meaning("UN/LOCODE", source="the port's file", missing="none is known"),
    "source": BERTH_MEANINGS["source"],
    "berths": Meaning("number of berths", "1", values="0 or more"),
    "epsg": Meaning("EPSG code of the archive's grid, a UTM zone"),
    "area_m2": Meaning("area of the polygon on the ellipsoid", "m2"),
    "centroid_lon": BERTH_MEANINGS["centroid_lon"],
    "centroid_lat": BERTH_MEANINGS["centroid_lat"],
    "geometry": Meaning(
        "the area of interest, a polygon: nothing outside is looked at", source=SHAPE_SOURCE
    ),
}
