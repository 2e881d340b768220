"""The page of an evaluation: scores and pictures of the failures in one HTML file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.publish import fix_rendering, levels_of, pages, visible_of
from models.config import PIXEL_M
from models.dataset import Box, LabelledScene
from models.evaluation import (
    ROWS,
    EvaluationSummary,
    Failure,
    FailureKind,
    Rule,
    SceneReport,
    ScoreBin,
    error_line,
    failures_of,
    number_text,
    score_text,
    worst,
)
from models.geometry import Corners, box_corners
from models.inference import Detection

TEMPLATE = Path(__file__).parent / "evaluation.html.j2"
CHIP_PX = 56
"""Edge of a picture in pixels; the page shows it about six times as large."""
PLOT_PX = 260
"""Edge of the square in which the reliability curve is drawn."""
BARS_PX = 50
"""Height of the bars of counts below it."""
Z90 = 1.645
"""Standard deviations to either end of a 90 % interval."""
TITLES = {
    FailureKind.MISSED: "Missed ships, the longest first",
    FailureKind.FALSE_ALARM: "False alarms, the highest score first",
    FailureKind.LENGTH: "Ships found with a wrong length, the worst first",
}


@dataclass(frozen=True)
class Outline:
    """The outline of a label or a detection over a picture."""

    points: str
    """SVG points in pixels of the picture: x,y x,y ..."""
    kind: str
    """CSS classes: truth, doubt or found, and about where it is part of the failure."""


@dataclass(frozen=True)
class FailureChip:
    """The picture of one failure."""

    failure: Failure
    pixels: NDArray[np.uint8]
    """(y, x, 3), CHIP_PX square."""
    outlines: tuple[Outline, ...]

    @property
    def href(self) -> str:
        """The pixels as a data URL of a PNG, not resampled."""
        buffer = BytesIO()
        Image.fromarray(self.pixels).save(buffer, "png", compress_level=9)
        return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@dataclass(frozen=True)
class Mark:
    """A bin of the score in the reliability diagram, in its units, y downwards."""

    x: float
    y: float
    top: float
    bottom: float
    """Ends of the 90 % interval of the share."""
    bar: float
    """Height of the bar of its count."""
    title: str


class Album:
    """Collects a picture, 9 kB, of each failure during an evaluation."""

    def __init__(self) -> None:
        self._chips: list[FailureChip] = []

    def add(self, scene: LabelledScene, report: SceneReport) -> None:
        """Add the failures of a scene; an observer of an evaluation."""
        failures = failures_of(report)
        picture = true_colour(scene) if failures else np.zeros((0, 0, 3), np.uint8)
        self._chips += [_chip(failure, picture, report) for failure in failures]

    def render(self, summary: EvaluationSummary, subject: str, limit: int, seen: int = 0) -> str:
        """The page as HTML; the same album and summary give the same text.

        subject: what was evaluated, in words; limit: number of pictures of each kind; seen: number
        of the scenes that the network was trained on.
        """
        environment = pages(TEMPLATE.parent)
        environment.filters["number"] = number_text
        return environment.get_template(TEMPLATE.name).render(
            figures=summary,
            subject=subject,
            seen=seen,
            rules=list(summary.by_rule.items()),
            rows=_rows(summary),
            main=summary.by_rule[Rule.DISTANCE],
            Rule=Rule,
            curves=[(rule, marks(of.reliability), of) for rule, of in summary.by_rule.items()],
            errors=[error_line(error) for error in summary.detector_errors],
            albums=[(kind, TITLES[kind], *self._worst(kind, limit)) for kind in FailureKind],
            chip_px=CHIP_PX,
            plot_px=PLOT_PX,
            bars_px=BARS_PX,
        )

    def _worst(self, kind: FailureKind, limit: int) -> tuple[list[FailureChip], int]:
        """The most severe failures of a kind, and the number of all."""
        chips = {id(chip.failure): chip for chip in self._chips if chip.failure.kind is kind}
        chosen = worst((chip.failure for chip in chips.values()), kind, limit)
        return [chips[id(failure)] for failure in chosen], len(chips)


def _rows(summary: EvaluationSummary) -> list[tuple[str, list[str]]]:
    """Title and cells of the main table: for each rule all ships, then the long ones."""
    columns = [
        scores for of_rule in summary.by_rule.values() for scores in (of_rule.every, of_rule.long)
    ]
    return [(title, [score_text(one, name, form) for one in columns]) for title, name, form in ROWS]


def true_colour(scene: LabelledScene) -> NDArray[np.uint8]:
    """A scene as a picture (y, x, 3), rendered as in a report but fixed by the scene itself; grey
    where a visible band is missing.
    """
    visible = visible_of(scene.image, scene.bands)
    # a scene of the visible bands alone is one that was rendered for the eye
    variable = "true_colour" if set(scene.bands) == {"red", "green", "blue"} else "reflectance"
    return fix_rendering(scene.name, variable, {scene.name: levels_of(visible)}).show(visible)


def _chip(failure: Failure, picture: NDArray[np.uint8], report: SceneReport) -> FailureChip:
    top, left = (round(at) - CHIP_PX // 2 for at in (failure.row, failure.col))
    return FailureChip(
        failure, _cut(picture, top, left), tuple(_outlines(failure, report, top, left))
    )


def _cut(picture: NDArray[np.uint8], top: int, left: int) -> NDArray[np.uint8]:
    """A square of CHIP_PX from its upper left corner; black beyond the picture."""
    cut = np.zeros((CHIP_PX, CHIP_PX, 3), np.uint8)
    down, right = max(top, 0), max(left, 0)
    inside = picture[down : max(top + CHIP_PX, 0), right : max(left + CHIP_PX, 0)]
    height, width = inside.shape[:2]
    cut[down - top : down - top + height, right - left : right - left + width] = inside
    return cut


def _outlines(failure: Failure, report: SceneReport, top: int, left: int) -> Iterable[Outline]:
    """The labels and detections near a chip; those of the failure last, drawn on top."""
    drawn: list[tuple[Box | Detection, Corners, str]] = [
        *((box, _corners(box), "truth" if box.is_ship else "doubt") for box in report.boxes),
        *((vessel, vessel.corners, "found") for vessel in report.found),
    ]
    drawn.sort(key=lambda one: one[0] in (failure.truth, failure.found))
    for hull, corners, kind in drawn:
        if abs(hull.row - failure.row) < CHIP_PX and abs(hull.col - failure.col) < CHIP_PX:
            about = hull in (failure.truth, failure.found)
            yield Outline(_points(corners, top, left), f"{kind} about" if about else kind)


def _corners(box: Box) -> Corners:
    length_px, beam_px = box.length_m / PIXEL_M, box.beam_m / PIXEL_M
    return box_corners(box.row, box.col, length_px, beam_px, box.heading_deg)


def _points(corners: Corners, top: int, left: int) -> str:
    """Corners as SVG points; 0.0 is a pixel's centre here and its edge in SVG."""
    return " ".join(f"{col - left + 0.5:.2f},{row - top + 0.5:.2f}" for row, col in corners)


def marks(bins: Sequence[ScoreBin]) -> tuple[Mark, ...]:
    """The bins with detections, in a square of PLOT_PX with bars of counts below."""
    most = max((one.reports for one in bins), default=0)
    return tuple(_mark(one, most) for one in bins if one.reports)


def _mark(score_bin: ScoreBin, most: int) -> Mark:
    low, high = wilson(score_bin.share, score_bin.reports)
    return Mark(
        x=round(PLOT_PX * score_bin.mean_score, 1),
        y=round(PLOT_PX * (1 - score_bin.share), 1),
        top=round(PLOT_PX * (1 - high), 1),
        bottom=round(PLOT_PX * (1 - low), 1),
        bar=round(BARS_PX * score_bin.reports / most, 1),
        title=f"score {score_bin.mean_score:.2f}: {score_bin.share:.2f} ships "
        f"of {score_bin.reports} reports",
    )


def wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson score interval of 90 % for a share of count trials."""
    middle = (share + Z90**2 / (2 * count)) / (1 + Z90**2 / count)
    half = sqrt(share * (1 - share) / count + Z90**2 / (4 * count**2)) * Z90 / (1 + Z90**2 / count)
    return max(middle - half, 0.0), min(middle + half, 1.0)
