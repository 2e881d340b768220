from .evaluate import (
    EvaluateConfig,
    Progress,
    SceneObserver,
    evaluate_network,
    evaluate_scene,
    report_scene,
    trained_on,
)
from .failures import Failure, FailureKind, failures_of, worst
from .metrics import Comparison, MatchCriteria, Rule, compare, merge, summarise
from .reliability import ScoreBin
from .report import Report, SceneReport
from .summary import EvaluationSummary, summarise_report, to_json
from .text import ROWS, error_line, number_text, report_lines, score_text, summary_lines

__all__ = [
    "ROWS",
    "Comparison",
    "EvaluateConfig",
    "EvaluationSummary",
    "Failure",
    "FailureKind",
    "MatchCriteria",
    "Progress",
    "Report",
    "Rule",
    "SceneObserver",
    "SceneReport",
    "ScoreBin",
    "compare",
    "error_line",
    "evaluate_network",
    "evaluate_scene",
    "failures_of",
    "merge",
    "number_text",
    "report_lines",
    "report_scene",
    "score_text",
    "summarise",
    "summarise_report",
    "summary_lines",
    "to_json",
    "trained_on",
    "worst",
]
