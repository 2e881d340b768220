"""The summary of an evaluation as lines of text."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import exp, isnan

from scipy.special import expit, logit

from models.config import DetectorError
from models.evaluation.bootstrap import Interval
from models.evaluation.looks import Place
from models.evaluation.metrics import Rule
from models.evaluation.report import Report
from models.evaluation.slices import SliceCounts
from models.evaluation.summary import EvaluationSummary, RuleSummary, ScoreSummary, summarise_report

NONE = "-"
"""Printed for NaN."""

ROWS = (
    ("ships", "ships", "d"),
    ("F1", "f1", ".3f"),
    ("precision", "precision", ".3f"),
    ("recall", "recall", ".3f"),
    ("box IoU of what was found", "mean_iou", ".2f"),
    ("score: calibration error", "ece", ".3f"),
    ("ships of 60 m and more found", "length_ships", "d"),
    ("  length: mean error, m", "length_mae_m", ".1f"),
    ("  length: bias, m", "length_bias_m", "+.1f"),
    ("  length: within 1 sd", "length_within_1_sd", ".2f"),
    ("  length: within 2 sd", "length_within_2_sd", ".2f"),
    ("  beam: mean error, m", "beam_mae_m", ".1f"),
    ("  beam: bias, m", "beam_bias_m", "+.1f"),
    ("  heading: median error, deg", "heading_median_deg", ".1f"),
    ("  heading: within 10 deg", "heading_within_10_deg", ".2f"),
)
"""Title, name in ScoreSummary, and number format of the rows of the main table."""


def report_lines(report: Report) -> list[str]:
    """The summary of a report as text."""
    return summary_lines(summarise_report(report))


def summary_lines(summary: EvaluationSummary) -> list[str]:
    """Sections separated by an empty line; the detector's error rates are the last one."""
    sections = [
        _overview(summary),
        _sums(summary),
        *(_parts(rule, of_rule) for rule, of_rule in summary.by_rule.items()),
        _reliability(summary),
        _ports(summary),
        [error_line(error) for error in summary.detector_errors],
    ]
    spaced = [[*section, ""] for section in sections if section]
    return [line for section in spaced for line in section][:-1]


def number_text(value: float, form: str, interval: Interval | None = None) -> str:
    """A number with its interval, 0.82 (0.75 to 0.88), or a dash for NaN."""
    if isnan(value):
        return NONE
    if interval is None or isnan(interval.low):
        return format(value, form)
    return f"{value:{form}} ({interval.low:{form}} to {interval.high:{form}})"


def _overview(summary: EvaluationSummary) -> list[str]:
    match = summary.match
    return [
        f"{summary.scenes} scenes, {len(summary.ports)} ports; in brackets 90 % intervals over "
        f"{summary.resampled}, drawn anew",
        f"found by {Rule.OVERLAP}: rotated boxes overlap by {match.least_iou:.2g} and more; "
        f"by {Rule.DISTANCE}: centres within {match.reach_m:.0f} m",
        f"pixel IoU {number_text(summary.pixel_iou, '.3f')}",
    ]


def _sums(summary: EvaluationSummary) -> list[str]:
    columns = [
        (f"{rule}, {scores.least_length_m:.0f} m and more", scores)
        for rule, of_rule in summary.by_rule.items()
        for scores in (of_rule.every, of_rule.long)
    ]
    rows = [
        (title, *(score_text(scores, name, form) for _, scores in columns))
        for title, name, form in ROWS
    ]
    return _table([("", *(title for title, _ in columns)), *rows])


def score_text(summary: ScoreSummary, name: str, form: str) -> str:
    """A cell of the main table, by a name of ROWS."""
    value = asdict(summary.scores).get(name, summary.ece)
    return number_text(value, form, summary.intervals.get(name))


def _parts(rule: Rule, summary: RuleSummary) -> list[str]:
    sections = (
        ("by length", summary.by_length),
        ("by distance to ground", summary.by_zone),
        ("by neighbours", summary.by_company),
        ("by motion", summary.by_motion),
    )
    rows = [row for title, parts in sections for row in _part_rows(f"{title}, {rule}", parts)]
    return _table(rows) + _alarms(rule, summary)


def _part_rows(title: str, parts: Sequence[SliceCounts]) -> list[tuple[str, ...]]:
    if not parts:
        return []
    rows = [
        (
            f"  {part.name}",
            number_text(part.recall, ".3f"),
            f"{part.seen} of {part.ships}",
            number_text(part.precision, ".3f"),
            f"{part.right} of {part.reports}",
        )
        for part in parts
    ]
    return [(title, "recall", "ships", "precision", "reports"), *rows]


def _alarms(rule: Rule, summary: RuleSummary) -> list[str]:
    return [
        f"  false alarms by {rule}, {rate.water.value}: {number_text(rate.per_100_km2, '.1f')} "
        f"per 100 km2 ({rate.false_alarms} on {rate.area_km2:.0f} km2)"
        for rate in summary.alarms
    ]


def _reliability(summary: EvaluationSummary) -> list[str]:
    """Mean score, share of ships and number of detections by bin of the score and rule."""
    titles = (f"{rule}: {what}" for rule in Rule for what in ("score", "ships", "reports"))
    bins = zip(*(summary.by_rule[rule].reliability for rule in Rule), strict=True)
    rows = [
        (
            f"  {row[0].low:.1f} to {row[0].high:.1f}",
            *(
                text
                for one in row
                for text in (
                    number_text(one.mean_score, ".2f"),
                    number_text(one.share, ".2f"),
                    str(one.reports),
                )
            ),
        )
        for row in bins
        if any(one.reports for one in row)
    ]
    return _table([("by score", *titles), *rows])


def _ports(summary: EvaluationSummary) -> list[str]:
    names = ("f1", "precision", "recall")
    titles = (f"{rule}: {name}" for rule in Rule for name in ("F1", *names[1:]))
    rows = [
        (
            f"  {port.group}",
            str(port.by_rule[Rule.DISTANCE].ships),
            *(
                number_text(asdict(port.by_rule[rule])[name], ".3f")
                for rule in Rule
                for name in names
            ),
            number_text(port.by_rule[Rule.DISTANCE].length_mae_m, ".1f"),
            number_text(port.by_rule[Rule.DISTANCE].length_bias_m, "+.1f"),
        )
        for port in summary.ports
    ]
    return _table([("by port", "ships", *titles, "length error m", "bias m"), *rows])


def error_line(error: DetectorError) -> str:
    """Recall and false alarms at one kind of place, with the range of two thirds of new ports."""
    low, high = (expit(logit(error.recall) + side * error.recall_sd) for side in (-1, 1))
    ratio = exp(error.false_alarms_sd)
    unit = "berth" if error.place == Place.BERTH else "km2"
    return (
        f"{error.place}: a ship of 100 m is seen with {error.recall:.2f} ({low:.2f} to {high:.2f} "
        f"at a new port), logit + {error.recall_slope:.2f} ln(length / 100 m); "
        f"{error.false_alarms:.4f} false alarms per look at an empty {unit} "
        f"({error.false_alarms / ratio:.4f} to {error.false_alarms * ratio:.3f} at a new one); "
        f"from {error.ships} ships at {error.ports} ports and {error.empty:.0f} empty {unit}"
    )


def _table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows as aligned columns: the first to the left, the others to the right."""
    rows = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
