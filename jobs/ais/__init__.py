"""AIS as a cross-check of imagery: matched vessels, dark vessels, gaps and visits from AIS alone.

``read_ais`` reads position tables; ``match_ais`` matches the vessels of a port's overpasses with
ships or calls them dark; ``ais_gaps`` and ``visit_gaps`` list silences around visits;
``ais_visits`` is a series of port visits from AIS alone; ``compare_visits`` compares the two.
``cross_check`` in ``jobs.ais.crosscheck`` does all of it for a published result.
"""

from jobs.ais.compare import compare_visits
from jobs.ais.gaps import GapSettings, Relation, ais_gaps, visit_gaps
from jobs.ais.match import Tier, match_ais
from jobs.ais.odds import AisMatchSettings
from jobs.ais.port_state import AisVisitSettings
from jobs.ais.reader import ReadSummary, read_ais
from jobs.ais.schema import (
    AIS_COLUMNS,
    AIS_COMPARISON_COLUMNS,
    AIS_GAP_COLUMNS,
    AIS_MATCH_COLUMNS,
    AIS_STAY_COLUMNS,
    AIS_VISIT_COLUMNS,
    VISIT_GAP_COLUMNS,
)
from jobs.ais.visits import AisVisits, ais_visits
from jobs.ais.window import Window

__all__ = [
    "AIS_COLUMNS",
    "AIS_COMPARISON_COLUMNS",
    "AIS_GAP_COLUMNS",
    "AIS_MATCH_COLUMNS",
    "AIS_STAY_COLUMNS",
    "AIS_VISIT_COLUMNS",
    "VISIT_GAP_COLUMNS",
    "AisMatchSettings",
    "AisVisitSettings",
    "AisVisits",
    "GapSettings",
    "ReadSummary",
    "Relation",
    "Tier",
    "Window",
    "ais_gaps",
    "ais_visits",
    "compare_visits",
    "match_ais",
    "read_ais",
    "visit_gaps",
]
