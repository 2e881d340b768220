"""The figures of an evaluation as lines of text."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import exp, isnan

from scipy.special import expit, logit

from models.config import DetectorError
from models.evaluation.bootstrap import Interval
from models.evaluation.looks import Place
from models.evaluation.metrics import Rule
from models.evaluation.slices import SliceCounts
from models.evaluation.summary import EvaluationSummary, RuleSummary, ScoreSummary

NONE = "-"
"""Where there is no number."""

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
"""Title, name in ScoreSummary, and form of the rows of the main table."""


def lines(figures: EvaluationSummary) -> list[str]:
    """Everything, in sections with an empty line between them; the detector's errors last."""
    sections = [
        _overview(figures),
        _sums(figures),
        *(_parts(rule, of_rule) for rule, of_rule in figures.by_rule.items()),
        _reliability(figures),
        _ports(figures),
        [error_line(error) for error in figures.detector_errors],
    ]
    spaced = [[*section, ""] for section in sections if section]
    return [line for section in spaced for line in section][:-1]


def number(value: float, form: str, interval: Interval | None = None) -> str:
    """A figure with its interval, 0.82 (0.75 to 0.88), or a dash where there is none."""
    if isnan(value):
        return NONE
    if interval is None or isnan(interval.low):
        return format(value, form)
    return f"{value:{form}} ({interval.low:{form}} to {interval.high:{form}})"


def _overview(figures: EvaluationSummary) -> list[str]:
    match = figures.match
    return [
        f"{figures.scenes} scenes, {len(figures.ports)} ports; in brackets 90 % intervals over "
        f"{figures.drawn}, drawn anew",
        f"found by {Rule.OVERLAP}: rotated boxes overlap by {match.least_iou:.2g} and more; "
        f"by {Rule.DISTANCE}: centres within {match.reach_m:.0f} m",
        f"pixel IoU {number(figures.pixel_iou, '.3f')}",
    ]


def _sums(figures: EvaluationSummary) -> list[str]:
    columns = [
        (f"{rule}, {summary.least_length_m:.0f} m and more", summary)
        for rule, of_rule in figures.by_rule.items()
        for summary in (of_rule.every, of_rule.long)
    ]
    rows = [
        (title, *(figure(summary, name, form) for _, summary in columns))
        for title, name, form in ROWS
    ]
    return _table([("", *(title for title, _ in columns)), *rows])


def figure(summary: ScoreSummary, name: str, form: str) -> str:
    """A cell of the main table, by the name of ROWS."""
    value = asdict(summary.scores).get(name, summary.ece)
    return number(value, form, summary.intervals.get(name))


def _parts(rule: Rule, figures: RuleSummary) -> list[str]:
    sections = (("by length", figures.by_length), ("by distance to ground", figures.by_zone))
    rows = [row for title, parts in sections for row in _part_rows(f"{title}, {rule}", parts)]
    return _table(rows) + _alarms(rule, figures)


def _part_rows(title: str, parts: Sequence[SliceCounts]) -> list[tuple[str, ...]]:
    if not parts:
        return []
    rows = [
        (
            f"  {part.name}",
            number(part.recall, ".3f"),
            f"{part.seen} of {part.ships}",
            number(part.precision, ".3f"),
            f"{part.right} of {part.reports}",
        )
        for part in parts
    ]
    return [(title, "recall", "ships", "precision", "reports"), *rows]


def _alarms(rule: Rule, figures: RuleSummary) -> list[str]:
    return [
        f"  false alarms by {rule}, {rate.water.value}: {number(rate.per_100_km2, '.1f')} "
        f"per 100 km2 ({rate.false_alarms} on {rate.area_km2:.0f} km2)"
        for rate in figures.alarms
    ]


def _reliability(figures: EvaluationSummary) -> list[str]:
    """Mean score, share of ships and number of reports by tenth of the score, under each rule."""
    titles = (f"{rule}: {what}" for rule in Rule for what in ("score", "ships", "reports"))
    tenths = zip(*(figures.by_rule[rule].reliability for rule in Rule), strict=True)
    rows = [
        (
            f"  {row[0].low:.1f} to {row[0].high:.1f}",
            *(
                text
                for tenth in row
                for text in (
                    number(tenth.mean_score, ".2f"),
                    number(tenth.share, ".2f"),
                    str(tenth.reports),
                )
            ),
        )
        for row in tenths
        if any(tenth.reports for tenth in row)
    ]
    return _table([("by score", *titles), *rows])


def _ports(figures: EvaluationSummary) -> list[str]:
    names = ("f1", "precision", "recall")
    titles = (f"{rule}: {name}" for rule in Rule for name in ("F1", *names[1:]))
    rows = [
        (
            f"  {port.group}",
            str(port.by_rule[Rule.DISTANCE].ships),
            *(number(asdict(port.by_rule[rule])[name], ".3f") for rule in Rule for name in names),
            number(port.by_rule[Rule.DISTANCE].length_mae_m, ".1f"),
            number(port.by_rule[Rule.DISTANCE].length_bias_m, "+.1f"),
        )
        for port in figures.ports
    ]
    return _table([("by port", "ships", *titles, "length error m", "bias m"), *rows])


def error_line(error: DetectorError) -> str:
    """Recall and false alarms at one place, each with what two thirds of new ports have."""
    low, high = (expit(logit(error.recall) + side * error.recall_sd) for side in (-1, 1))
    spread = exp(error.false_alarms_sd)
    unit = "berth" if error.place == Place.BERTH else "km2"
    return (
        f"{error.place}: a ship of 100 m is seen with {error.recall:.2f} ({low:.2f} to {high:.2f} "
        f"at a new port), logit + {error.recall_slope:.2f} ln(length / 100 m); "
        f"{error.false_alarms:.4f} false alarms per look at an empty {unit} "
        f"({error.false_alarms / spread:.4f} to {error.false_alarms * spread:.3f} at a new one); "
        f"from {error.ships} ships at {error.ports} ports and {error.empty:.0f} empty {unit}"
    )


def _table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows as columns: the first to the left, the others to the right."""
    rows = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
