from .absence import OVERLOOKED
from .cargo.barrels import StayVolumes, band, outside_fit_share, scenario_in
from .cargo.cap import CapYear, cap_years, year_to_date
from .cargo.deadweight import FIT_LENGTH_M
from .cargo.entries import Cargo, CargoEntry, read_entries
from .cargo.settings import OFFICIAL_LOADS
from .columns import (
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
    frame,
    table,
    typed,
)
from .crowding import CrowdedBerth, crowded_berths
from .degrees import DEGREE_DECIMALS
from .disagreement import disagreement_text, doubted_estimates, is_doubted
from .estimate import FITTING, HISTORIES, OTHER_DWELLS, estimate_port, with_estimates
from .looks import CLEAR_FROM, Sighting, named_vessels
from .occupancy.detector import MeasuredError
from .occupancy.draws import DAY_S, StayDraws, credible, days_since
from .places import berth_table, port_table
from .reviewed import HULL_SD_M, DrawnShip, PortReview, Verdict, VesselReview
from .same_ship import NEAR
from .schema import (
    HISTORIES_TABLE,
    HISTORY_COLUMNS,
    PUBLISHED,
    REVIEW_COLUMNS,
    VOYAGE_COLUMNS,
    PortEstimate,
    PortTables,
)
from .sensor_recall import RECALLS
from .series import joined_series, port_series
from .series_meanings import SERIES
from .stays import MAX_GAP, Stay, misfit
from .tables import port_tables
from .voyages.capture_recapture import CaptureRecapture, ships_from_names
from .voyages.fleet import SHIPS_PER_VISIT, ShipDraws, ships_from_lengths
from .voyages.flows import Flows, flow_matrix
from .voyages.linking import link
from .voyages.names import NamedVisit, read_named_visits, read_names
from .voyages.sea_routes import SeaRoute, sea_routes
from .voyages.seen_visits import seen_visits
from .voyages.transit import KNOT_KMH
from .voyages.voyage_table import voyage_table
from .without_sensor import WITHOUT_EACH

__all__ = [
    "CATEGORY",
    "CLEAR_FROM",
    "COUNT",
    "DAY_S",
    "DEGREE_DECIMALS",
    "FITTING",
    "FIT_LENGTH_M",
    "FLAG",
    "HISTORIES",
    "HISTORIES_TABLE",
    "HISTORY_COLUMNS",
    "HULL_SD_M",
    "KNOT_KMH",
    "MAX_GAP",
    "NEAR",
    "NUMBER",
    "OFFICIAL_LOADS",
    "OPTIONAL_WHOLE",
    "OTHER_DWELLS",
    "OVERLOOKED",
    "PUBLISHED",
    "RECALLS",
    "REVIEW_COLUMNS",
    "SERIES",
    "SHIPS_PER_VISIT",
    "SINGLE",
    "TEXT",
    "TIME",
    "VOYAGE_COLUMNS",
    "WHOLE",
    "WITHOUT_EACH",
    "CapYear",
    "CaptureRecapture",
    "Cargo",
    "CargoEntry",
    "Columns",
    "CrowdedBerth",
    "DrawnShip",
    "Flows",
    "MeasuredError",
    "NamedVisit",
    "PortEstimate",
    "PortReview",
    "PortTables",
    "PublishedTable",
    "SeaRoute",
    "ShipDraws",
    "Sighting",
    "Stay",
    "StayDraws",
    "StayVolumes",
    "Verdict",
    "VesselReview",
    "band",
    "berth_table",
    "cap_years",
    "credible",
    "crowded_berths",
    "days_since",
    "disagreement_text",
    "doubted_estimates",
    "estimate_port",
    "flow_matrix",
    "frame",
    "is_doubted",
    "joined_series",
    "link",
    "misfit",
    "named_vessels",
    "outside_fit_share",
    "port_series",
    "port_table",
    "port_tables",
    "read_entries",
    "read_named_visits",
    "read_names",
    "scenario_in",
    "sea_routes",
    "seen_visits",
    "ships_from_lengths",
    "ships_from_names",
    "table",
    "typed",
    "voyage_table",
    "with_estimates",
    "year_to_date",
]
