from .compare import compare_visits
from .crosscheck import cross_check
from .crosscheck_files import (
    cross_check_summary,
    keep_cross_check,
    refuse_other_folder,
    write_cross_check,
)
from .dwell import dwell_lines
from .gaps import GapSettings, ais_gaps, visit_gaps
from .hulls import hulls_of
from .match import match_ais
from .odds import AisMatchSettings
from .port_state import AisVisitSettings
from .read_report import file_lines, refuse_nothing, warnings
from .reader import read_ais
from .schema import (
    AIS_COLUMNS,
    AIS_COMPARISON_COLUMNS,
    AIS_FLAG_COLUMNS,
    AIS_GAP_COLUMNS,
    AIS_MATCH_COLUMNS,
    AIS_STAY_COLUMNS,
    AIS_TABLES,
    AIS_VISIT_COLUMNS,
    VISIT_GAP_COLUMNS,
)
from .visits import AisVisits, ais_visits
from .window import Window

__all__ = [
    "AIS_COLUMNS",
    "AIS_COMPARISON_COLUMNS",
    "AIS_FLAG_COLUMNS",
    "AIS_GAP_COLUMNS",
    "AIS_MATCH_COLUMNS",
    "AIS_STAY_COLUMNS",
    "AIS_TABLES",
    "AIS_VISIT_COLUMNS",
    "VISIT_GAP_COLUMNS",
    "AisMatchSettings",
    "AisVisitSettings",
    "AisVisits",
    "GapSettings",
    "Window",
    "ais_gaps",
    "ais_visits",
    "compare_visits",
    "cross_check",
    "cross_check_summary",
    "dwell_lines",
    "file_lines",
    "hulls_of",
    "keep_cross_check",
    "match_ais",
    "read_ais",
    "refuse_nothing",
    "refuse_other_folder",
    "visit_gaps",
    "warnings",
    "write_cross_check",
]
