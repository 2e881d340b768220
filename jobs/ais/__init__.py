"""AIS as the other witness: who was heard, who was seen and not heard, and who fell silent.

``read_ais`` reads position tables; ``match_ais`` names the vessels of a port's overpasses or calls
them dark; ``ais_gaps`` and ``visit_gaps`` list silences around visits; ``ais_visits`` is a series
of port visits that owes nothing to imagery; ``compare_visits`` holds the two side by side.
"""

from jobs.ais.compare import compare_visits
from jobs.ais.gaps import GapSettings, Relation, ais_gaps, visit_gaps
from jobs.ais.match import MatchSettings, Tier, match_ais
from jobs.ais.reader import ReadSummary, Window, read_ais
from jobs.ais.schema import (
    AIS_COLUMNS,
    AIS_COMPARISON_COLUMNS,
    AIS_GAP_COLUMNS,
    AIS_MATCH_COLUMNS,
    AIS_STAY_COLUMNS,
    AIS_VISIT_COLUMNS,
    VISIT_GAP_COLUMNS,
)
from jobs.ais.visits import AisVisits, AisVisitSettings, ais_visits

__all__ = [
    "AIS_COLUMNS",
    "AIS_COMPARISON_COLUMNS",
    "AIS_GAP_COLUMNS",
    "AIS_MATCH_COLUMNS",
    "AIS_STAY_COLUMNS",
    "AIS_VISIT_COLUMNS",
    "VISIT_GAP_COLUMNS",
    "AisVisitSettings",
    "AisVisits",
    "GapSettings",
    "MatchSettings",
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
