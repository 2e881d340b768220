"""Columns of the published tables of imagery, and what is handed from stage to stage of a port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import pandas as pd

from jobs.domain import Port
from jobs.visits.cargo import StayVolumes
from jobs.visits.columns import (
    COUNT,
    FLAG,
    NUMBER,
    OPTIONAL_WHOLE,
    SHAPE,
    TEXT,
    TIME,
    Columns,
    PublishedTable,
    table,
)
from jobs.visits.meanings import (
    BERTH_MEANINGS,
    ESTIMATE_MEANINGS,
    HISTORY_MEANINGS,
    LOOK_MEANINGS,
    PAIR_MEANINGS,
    PORT_MEANINGS,
    SENSOR_MEANINGS,
    TRAFFIC_MEANINGS,
    VESSEL_MEANINGS,
    VISIT_MEANINGS,
    VOYAGE_MEANINGS,
)
from jobs.visits.occupancy.draws import StayDraws

VESSEL_COLUMNS: Columns = {
    "vessel_id": TEXT,
    "port": TEXT,
    "berth": TEXT,
    "overpass_id": TEXT,
    "time": TIME,
    "sensor": TEXT,
    "platform": TEXT,
    "length_m": NUMBER,
    "length_sd_m": NUMBER,
    "beam_m": NUMBER,
    "beam_sd_m": NUMBER,
    "heading_deg": NUMBER,
    "score": NUMBER,
    "truncated": FLAG,
    "background": NUMBER,
    "fixed": FLAG,
    "place_seen": NUMBER,
    "place_looks": NUMBER,
    "visit_id": TEXT,
    "counted": FLAG,
    "review": TEXT,
    "review_length_m": NUMBER,
    "review_beam_m": NUMBER,
    "review_heading_deg": NUMBER,
    "review_footprint": TEXT,
    "found_berth": TEXT,
    "geometry": SHAPE,
    "footprint": SHAPE,
}
"""A row is one vessel in one overpass; berth and visit_id are empty away from every berth.
``background`` is how much the port itself looks like a ship there, 0..1, missing where that is
unknown; vessels that are ``fixed`` are taken for a part of the port, as in ``place_seen`` of
``place_looks`` clear looks the same lies there. Only those ``counted`` are
counted elsewhere. ``review`` is what reviewers take it for (ship, not_ship, structure, duplicate,
drawn by hand), empty without a decision that is used; the ``review_`` columns hold the hull they
corrected, ``review_footprint`` as WKT, and ``found_berth`` the berth by position where they chose
another. All other columns stay as the network reported them."""

REVIEW_COLUMNS = {
    "review": "",
    "review_length_m": float("nan"),
    "review_beam_m": float("nan"),
    "review_heading_deg": float("nan"),
    "review_footprint": "",
    "found_berth": "",
}
"""The columns of the review in a table of vessels, with their values without one."""

LOOK_COLUMNS: Columns = {
    "port": TEXT,
    "berth": TEXT,
    "overpass_id": TEXT,
    "time": TIME,
    "sensor": TEXT,
    "platform": TEXT,
    "clear_fraction": NUMBER,
    "state": TEXT,
    "vessels": COUNT,
    "imaged_fraction": NUMBER,
    "thin_cloud_fraction": NUMBER,
    "screened": FLAG,
    "reviewed": FLAG,
    "geometry": SHAPE,
}
"""A row is one overpass over one berth; geometry is a point inside the berth. ``reviewed``: a
reviewer checked the whole look, and nothing in it was missed."""

FULL_LOOK_COLUMNS: Columns = {
    **{name: kind for name, kind in LOOK_COLUMNS.items() if kind != SHAPE},
    "recall": NUMBER,
    "recall_low": NUMBER,
    "recall_high": NUMBER,
    "recall_prior": NUMBER,
    "geometry": SHAPE,
}
"""The looks table as published: ``recall`` is the chance that this look finds a ship that is
there, with 90 %, and before any look."""

VISIT_COLUMNS: Columns = {
    "visit_id": TEXT,
    "port": TEXT,
    "berth": TEXT,
    "arrival_after": TIME,
    "arrival_before": TIME,
    "departure_after": TIME,
    "departure_before": TIME,
    "looks": COUNT,
    "vessels": COUNT,
    "length_m": NUMBER,
    "length_sd_m": NUMBER,
    "beam_m": NUMBER,
    "beam_sd_m": NUMBER,
    "deadweight_from": TEXT,
    "confidence": NUMBER,
    "truncated": FLAG,
    "overpass_ids": TEXT,
    "geometry": SHAPE,
}
"""A row is one seen stay; overpass_ids are parted by blanks, geometry is the mean position."""

PAIR_COLUMNS: Columns = {
    "port": TEXT,
    "berth": TEXT,
    "seen": TEXT,
    "both_clear": FLAG,
    "first_overpass_id": TEXT,
    "first_time": TIME,
    "first_sensor": TEXT,
    "first_vessel_id": TEXT,
    "second_overpass_id": TEXT,
    "second_time": TIME,
    "second_sensor": TEXT,
    "second_vessel_id": TEXT,
    "moved_m": NUMBER,
    "speed_kn": NUMBER,
    "length_difference_m": NUMBER,
    "heading_difference_deg": NUMBER,
    "probability": NUMBER,
    "geometry": SHAPE,
}
"""A row is one ship in two overpasses of different sensors at most half an hour apart, seen in both
or in one alone."""

ESTIMATE_COLUMNS: Columns = {
    "port": TEXT,
    "berth": TEXT,
    "model": TEXT,
    "usable_looks": COUNT,
    "visits_seen": COUNT,
    "visits": NUMBER,
    "visits_low": NUMBER,
    "visits_high": NUMBER,
    "visits_low_50": NUMBER,
    "visits_high_50": NUMBER,
    "occupancy": NUMBER,
    "occupancy_low": NUMBER,
    "occupancy_high": NUMBER,
    "dwell_days": NUMBER,
    "dwell_low_days": NUMBER,
    "dwell_high_days": NUMBER,
    "recall": NUMBER,
    "recall_low": NUMBER,
    "recall_high": NUMBER,
    "dwell_prior_days": NUMBER,
    "dwell_prior_source": TEXT,
    "dwell_learned": NUMBER,
    "dwell_share": NUMBER,
    "compared_again": COUNT,
    "seen_again": COUNT,
    "visits_half_dwell": NUMBER,
    "visits_half_dwell_low": NUMBER,
    "visits_half_dwell_high": NUMBER,
    "visits_double_dwell": NUMBER,
    "visits_double_dwell_low": NUMBER,
    "visits_double_dwell_high": NUMBER,
    "recall_source": TEXT,
    "effective_points": NUMBER,
    "agreement": NUMBER,
    "rate_changed": NUMBER,
    "rate_changed_prior": NUMBER,
    "barrels": NUMBER,
    "barrels_low": NUMBER,
    "barrels_high": NUMBER,
    "geometry": SHAPE,
}
"""A row is one berth over the whole period; low and high hold 90 %, _50 hold 50 %. ``visits`` are
the stays that began in the period, ``occupancy`` the mean number of ships there, ``recall`` that of
a clear look of the sensor with the most looks. ``dwell_learned`` is how far the looks narrowed the
dwell (0 not at all, 1 known), ``dwell_share`` the share of the variance of visits that is explained
by it; of ``compared_again`` sure reports at a road ``seen_again`` were there at the next look too;
``agreement`` is how probable looks as odd as these are under the model (near 0: it does not
explain them); half and double are the visits under a prior dwell of half or twice the length.
Barrels only at oil terminals."""

TRAFFIC_COLUMNS: Columns = {
    "port": TEXT,
    "berth": TEXT,
    "month": TIME,
    "calls_per_30_days": NUMBER,
    "calls_per_30_days_low": NUMBER,
    "calls_per_30_days_high": NUMBER,
    "changed": NUMBER,
    "changed_prior": NUMBER,
    "began": NUMBER,
    "ended": NUMBER,
    "began_prior": NUMBER,
    "factor": NUMBER,
    "factor_low": NUMBER,
    "factor_high": NUMBER,
    "geometry": SHAPE,
}
"""A row is one calendar month of a berth: the rate of its traffic with 90 %, and the probability
that it changed, began or ended with that month, with that of before any look."""

SENSOR_COLUMNS: Columns = {
    "port": TEXT,
    "berth": TEXT,
    "sensor": TEXT,
    "usable_looks": COUNT,
    "visits_seen": COUNT,
    "visits_seen_alone": COUNT,
    "recall": NUMBER,
    "recall_low": NUMBER,
    "recall_high": NUMBER,
    "recall_prior": NUMBER,
    "recall_prior_low": NUMBER,
    "recall_prior_high": NUMBER,
    "others_reports": COUNT,
    "found_of_these": COUNT,
    "visits": NUMBER,
    "visits_low": NUMBER,
    "visits_high": NUMBER,
    "visits_without": NUMBER,
    "visits_without_low": NUMBER,
    "visits_without_high": NUMBER,
    "occupancy": NUMBER,
    "occupancy_low": NUMBER,
    "occupancy_high": NUMBER,
    "occupancy_without": NUMBER,
    "occupancy_without_low": NUMBER,
    "occupancy_without_high": NUMBER,
    "barrels": NUMBER,
    "barrels_low": NUMBER,
    "barrels_high": NUMBER,
    "barrels_without": NUMBER,
    "barrels_without_low": NUMBER,
    "barrels_without_high": NUMBER,
    "effective_points_without": NUMBER,
    "geometry": SHAPE,
}
"""A row is one sensor at one berth over the whole period, or, with an empty berth, at all berths
of a port but anchorages; low and high hold 90 %. ``recall`` is that of a clear look, ``_prior``
before any look; ``_without`` is the same estimate without the looks of this sensor, missing where
no other looked. ``others_reports`` are those of other sensors minutes from its clear looks."""

ESTIMATED_VISIT_COLUMNS: Columns = {
    "visit_id": TEXT,
    "probability": NUMBER,
    "arrival_low": TIME,
    "arrival_median": TIME,
    "arrival_high": TIME,
    "departure_low": TIME,
    "departure_median": TIME,
    "departure_high": TIME,
}
"""Posterior of one seen visit: the share of the histories in which a ship was there, and median and
90 % interval of arrival and departure."""

FULL_VISIT_COLUMNS: Columns = {
    **{name: kind for name, kind in VISIT_COLUMNS.items() if kind != SHAPE},
    **ESTIMATED_VISIT_COLUMNS,
    "geometry": SHAPE,
}
"""The visits table as published."""

VOYAGE_COLUMNS: Columns = {
    "from_visit": TEXT,
    "to_visit": TEXT,
    "from_port": TEXT,
    "to_port": TEXT,
    "probability": NUMBER,
    "hours_min": NUMBER,
    "hours_median": NUMBER,
    "hours_max": NUMBER,
    "distance_km": NUMBER,
    "from_length_m": NUMBER,
    "from_length_sd_m": NUMBER,
    "to_length_m": NUMBER,
    "to_length_sd_m": NUMBER,
    "geometry": SHAPE,
}
"""A row is a pair of visits that may be one ship's; hours are under way if it is, with 90 %;
geometry is the shortest way by sea, not a track."""

HISTORY_COLUMNS: Columns = {
    "history": COUNT,
    "port": TEXT,
    "berth": TEXT,
    "arrival": TIME,
    "departure": TIME,
    "length_m": NUMBER,
    "visit_id": TEXT,
}
"""A row is one stay in one of the equally likely histories; visit_id is empty for an
unseen stay."""

BERTH_COLUMNS: Columns = {
    "port": TEXT,
    "berth": TEXT,
    "name": TEXT,
    "kind": TEXT,
    "capacity": OPTIONAL_WHOLE,
    "source": TEXT,
    "area_m2": NUMBER,
    "centroid_lon": NUMBER,
    "centroid_lat": NUMBER,
    "geometry": SHAPE,
}
"""A row is one berth; capacity is missing for an anchorage, which has no limit."""

PORT_COLUMNS: Columns = {
    "port": TEXT,
    "name": TEXT,
    "country": TEXT,
    "locode": TEXT,
    "source": TEXT,
    "berths": COUNT,
    "epsg": COUNT,
    "area_m2": NUMBER,
    "centroid_lon": NUMBER,
    "centroid_lat": NUMBER,
    "geometry": SHAPE,
}
"""A row is one port: its area of interest."""

PUBLISHED: Mapping[str, PublishedTable] = {
    "vessels": PublishedTable(VESSEL_COLUMNS, "one vessel in one overpass", VESSEL_MEANINGS),
    "looks": PublishedTable(
        FULL_LOOK_COLUMNS, "what one overpass could see of one berth", LOOK_MEANINGS
    ),
    "visits": PublishedTable(
        FULL_VISIT_COLUMNS,
        "one seen stay of one ship, with bounds for arrival and departure",
        VISIT_MEANINGS,
    ),
    "pairs": PublishedTable(
        PAIR_COLUMNS,
        "one ship in two looks of different sensors minutes apart: seen in both, or in one alone",
        PAIR_MEANINGS,
    ),
    "estimates": PublishedTable(
        ESTIMATE_COLUMNS,
        "one berth over the whole period: visits seen or not, with intervals",
        ESTIMATE_MEANINGS,
    ),
    "traffic": PublishedTable(
        TRAFFIC_COLUMNS,
        "one calendar month of a berth: its rate, and whether traffic changed with it",
        TRAFFIC_MEANINGS,
    ),
    "sensors": PublishedTable(
        SENSOR_COLUMNS,
        "one sensor at one berth: its recall, and the estimates with and without its looks",
        SENSOR_MEANINGS,
    ),
    "voyages": PublishedTable(
        VOYAGE_COLUMNS,
        "a visit that may be the next stop of a ship seen at another port",
        VOYAGE_MEANINGS,
    ),
    "berths": PublishedTable(BERTH_COLUMNS, "one berth: its polygon", BERTH_MEANINGS),
    "ports": PublishedTable(PORT_COLUMNS, "one port: its area of interest", PORT_MEANINGS),
}
"""The published tables with a geometry, by file name; descriptions are published too."""

HISTORIES_TABLE = PublishedTable(
    HISTORY_COLUMNS,
    "one stay in one of 200 equally likely histories of a berth",
    HISTORY_MEANINGS,
)
"""The published table without a geometry."""


@dataclass(frozen=True)
class PortEstimate:
    """Posterior histories of the berths of one port, and the tables computed from them."""

    port: Port
    berths: gpd.GeoDataFrame
    """ESTIMATE_COLUMNS, in the order of the port's berths."""
    visits: pd.DataFrame
    """ESTIMATED_VISIT_COLUMNS, a row a seen visit of a berth for one ship."""
    stays: tuple[StayDraws, ...]
    """By berth, in the port's order; draw i of all of them is one history of the port."""
    volumes: tuple[StayVolumes, ...] = ()
    """Of those of oil terminals."""
    traffic: gpd.GeoDataFrame = field(default_factory=lambda: table(TRAFFIC_COLUMNS, []))
    """TRAFFIC_COLUMNS, by berth in the port's order and month."""
    sensors: gpd.GeoDataFrame = field(default_factory=lambda: table(SENSOR_COLUMNS, []))
    """SENSOR_COLUMNS, by berth in the port's order and sensor; those of the whole port last."""


@dataclass(frozen=True)
class PortTables:
    """The vessels, looks and seen visits of one port."""

    port: Port
    vessels: gpd.GeoDataFrame
    """VESSEL_COLUMNS."""
    looks: gpd.GeoDataFrame
    """LOOK_COLUMNS, or FULL_LOOK_COLUMNS once the port is estimated."""
    visits: gpd.GeoDataFrame
    """VISIT_COLUMNS, or FULL_VISIT_COLUMNS once the port is estimated."""
    pairs: gpd.GeoDataFrame = field(default_factory=lambda: table(PAIR_COLUMNS, []))
    """PAIR_COLUMNS, by the time of the first look."""
    missed: float = 0.0
    """Reviewers' chance to overlook or reject a ship; without effect where nothing was reviewed."""
    invented: float = 0.0
    """Reviewers' chance to take something else for a ship."""

    @property
    def ships(self) -> gpd.GeoDataFrame:
        """The vessels that count: neither fixed structure nor rejected by reviewers."""
        return self.vessels[self.vessels["counted"]].reset_index(drop=True)
