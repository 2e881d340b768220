"""The page of an evaluation: its figures, and pictures of what went wrong, in one HTML file."""

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

from jobs.publish.html import pages
from jobs.publish.imagery import stretch
from models.config import PIXEL_M
from models.dataset.boxes import Box
from models.dataset.scenes import LabelledScene
from models.evaluation.failures import Failure, FailureKind, failures_of, worst
from models.evaluation.metrics import Rule
from models.evaluation.reliability import ScoreBin
from models.evaluation.report import SceneReport
from models.evaluation.summary import EvaluationSummary
from models.evaluation.text import ROWS, error_line, figure, number
from models.geometry import Corners, box_corners
from models.inference.vessels import Detection

TEMPLATE = Path(__file__).parent / "evaluation.html.j2"
CHIP_PX = 56
"""Edge of a picture; the page shows it about six times as large."""
PLOT_PX = 260
"""Edge of the square in which the reliability curve is drawn."""
BARS_PX = 50
"""Room of the counts beneath it."""
Z90 = 1.645
"""Standard deviations to either end of a 90 % interval."""
TITLES = {
    FailureKind.MISSED: "Ships that were missed, the longest first",
    FailureKind.FALSE_ALARM: "False alarms, the surest first",
    FailureKind.LENGTH: "Ships found with a wrong length, the worst first",
}


@dataclass(frozen=True)
class Shape:
    """An outline over a picture, in its pixels."""

    points: str
    """As SVG wants them: x,y x,y ..."""
    kind: str
    """truth, doubt or found; and whether it is what the picture is about"""


@dataclass(frozen=True)
class Chip:
    """One failure as it lies in its scene."""

    failure: Failure
    pixels: NDArray[np.uint8]
    """(y, x, 3), CHIP_PX square"""
    shapes: tuple[Shape, ...]

    @property
    def href(self) -> str:
        """A data URL; the pixels as they are, not resampled."""
        buffer = BytesIO()
        Image.fromarray(self.pixels).save(buffer, "png", compress_level=9)
        return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@dataclass(frozen=True)
class Mark:
    """A tenth of the score in the reliability picture, in its units, y downwards."""

    x: float
    y: float
    top: float
    bottom: float
    """ends of the 90 % interval of the share"""
    bar: float
    """height of the count's bar"""
    title: str


class Album:
    """Watches an evaluation and keeps a picture, 9 kB, of each failure."""

    def __init__(self) -> None:
        self._chips: list[Chip] = []

    def add(self, scene: LabelledScene, report: SceneReport) -> None:
        """Cut out what went wrong in a scene."""
        failures = failures_of(report)
        picture = true_colour(scene) if failures else np.zeros((0, 0, 3), np.uint8)
        self._chips += [_chip(failure, picture, report) for failure in failures]

    def render(self, figures: EvaluationSummary, subject: str, limit: int, seen: int = 0) -> str:
        """The page as HTML; the same album and figures give the same text.

        subject: what was measured, in words; limit: so many pictures of each kind; seen: how many
        of the scenes the network was trained on.
        """
        environment = pages(TEMPLATE.parent)
        environment.filters["number"] = number
        return environment.get_template(TEMPLATE.name).render(
            figures=figures,
            subject=subject,
            seen=seen,
            rules=list(figures.by_rule.items()),
            rows=_rows(figures),
            main=figures.by_rule[Rule.DISTANCE],
            Rule=Rule,
            curves=[(rule, marks(of.reliability), of) for rule, of in figures.by_rule.items()],
            errors=[error_line(error) for error in figures.detector_errors],
            albums=[(kind, TITLES[kind], *self._worst(kind, limit)) for kind in FailureKind],
            chip_px=CHIP_PX,
            plot_px=PLOT_PX,
            bars_px=BARS_PX,
        )

    def _worst(self, kind: FailureKind, limit: int) -> tuple[list[Chip], int]:
        """The worst of a kind, and how many there are."""
        chips = {id(chip.failure): chip for chip in self._chips if chip.failure.kind is kind}
        chosen = worst((chip.failure for chip in chips.values()), kind, limit)
        return [chips[id(failure)] for failure in chosen], len(chips)


def _rows(figures: EvaluationSummary) -> list[tuple[str, list[str]]]:
    """Title and cells of the main table: each rule for every ship, then for the long ones."""
    summaries = [
        summary for of_rule in figures.by_rule.values() for summary in (of_rule.every, of_rule.long)
    ]
    return [(title, [figure(one, name, form) for one in summaries]) for title, name, form in ROWS]


# --- pictures -----------------------------------------------------------------------------------


def true_colour(scene: LabelledScene) -> NDArray[np.uint8]:
    """A scene (y, x, 3) stretched for the eye; grey of what visible bands there are, where not all
    three are there.
    """
    names = ("red", "green", "blue")
    planes = [scene.image[scene.bands.index(name)] for name in names if name in scene.bands]
    if len(planes) < len(names):
        planes = [np.mean(planes, axis=0, dtype=np.float32)] * len(names)
    return stretch(np.stack(planes))


def _chip(failure: Failure, picture: NDArray[np.uint8], report: SceneReport) -> Chip:
    top, left = (round(at) - CHIP_PX // 2 for at in (failure.row, failure.col))
    return Chip(failure, _cut(picture, top, left), tuple(_shapes(failure, report, top, left)))


def _cut(picture: NDArray[np.uint8], top: int, left: int) -> NDArray[np.uint8]:
    """CHIP_PX square from there on; black where it reaches over the picture's edge."""
    cut = np.zeros((CHIP_PX, CHIP_PX, 3), np.uint8)
    down, right = max(top, 0), max(left, 0)
    inside = picture[down : max(top + CHIP_PX, 0), right : max(left + CHIP_PX, 0)]
    height, width = inside.shape[:2]
    cut[down - top : down - top + height, right - left : right - left + width] = inside
    return cut


def _shapes(failure: Failure, report: SceneReport, top: int, left: int) -> Iterable[Shape]:
    """The labels and reports in reach of a chip; those it is about last, on top of the others."""
    drawn: list[tuple[Box | Detection, Corners, str]] = [
        *((box, _corners(box), "truth" if box.is_ship else "doubt") for box in report.boxes),
        *((vessel, vessel.corners, "found") for vessel in report.found),
    ]
    drawn.sort(key=lambda one: one[0] in (failure.truth, failure.found))
    for hull, corners, kind in drawn:
        if abs(hull.row - failure.row) < CHIP_PX and abs(hull.col - failure.col) < CHIP_PX:
            about = hull in (failure.truth, failure.found)
            yield Shape(_points(corners, top, left), f"{kind} about" if about else kind)


def _corners(box: Box) -> Corners:
    length_px, beam_px = box.length_m / PIXEL_M, box.beam_m / PIXEL_M
    return box_corners(box.row, box.col, length_px, beam_px, box.heading_deg)


def _points(corners: Corners, top: int, left: int) -> str:
    """Corners as x,y pairs; 0.0 is a pixel's centre in them and its edge in SVG."""
    return " ".join(f"{col - left + 0.5:.2f},{row - top + 0.5:.2f}" for row, col in corners)


# --- reliability --------------------------------------------------------------------------------


def marks(tenths: Sequence[ScoreBin]) -> tuple[Mark, ...]:
    """The tenths that hold reports, placed in a square of PLOT_PX with bars of counts beneath."""
    most = max((tenth.reports for tenth in tenths), default=0)
    return tuple(_mark(tenth, most) for tenth in tenths if tenth.reports)


def _mark(tenth: ScoreBin, most: int) -> Mark:
    low, high = wilson(tenth.share, tenth.reports)
    return Mark(
        x=round(PLOT_PX * tenth.mean_score, 1),
        y=round(PLOT_PX * (1 - tenth.share), 1),
        top=round(PLOT_PX * (1 - high), 1),
        bottom=round(PLOT_PX * (1 - low), 1),
        bar=round(BARS_PX * tenth.reports / most, 1),
        title=f"score {tenth.mean_score:.2f}: {tenth.share:.2f} ships of {tenth.reports} reports",
    )


def wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's 90 % interval of a share seen in so many."""
    middle = (share + Z90**2 / (2 * count)) / (1 + Z90**2 / count)
    half = sqrt(share * (1 - share) / count + Z90**2 / (4 * count**2)) * Z90 / (1 + Z90**2 / count)
    return max(middle - half, 0.0), min(middle + half, 1.0)
