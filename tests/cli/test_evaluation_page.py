"""The page of an evaluation: complete, in order, with pictures at the right positions."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from jobs import cli
from jobs.cli.evaluation_page import CHIP_PX, PLOT_PX, Album, marks, true_colour, wilson
from jobs.errors import BerthwatchError
from models.dataset.boxes import Box
from models.dataset.scenes import LabelledScene
from models.dataset.targets import HULL_PLANES
from models.evaluation.evaluate import evaluate_scene
from models.evaluation.metrics import MatchCriteria
from models.evaluation.reliability import ScoreBin
from models.evaluation.report import Report
from models.evaluation.summary import summarise_report
from models.geometry import box_corners
from models.inference.instances import Prediction
from models.inference.vessels import Detection
from models.network.normalise import BANDS


def detection(row: float, col: float, length_m: float, score: float) -> Detection:
    corners = box_corners(row, col, length_m / 10, 3, 90)
    return Detection(row, col, length_m, 10, 30, 90, score, False, corners)


def scene() -> LabelledScene:
    """Dark water with one bright pixel at row 40, column 50; land to the left."""
    image = np.full((4, 120, 120), 0.04, np.float32)
    image[:, :, :12] = 0.3
    image[:, 40, 50] = 1.0
    boxes = (
        Box(40, 50, 120, 30, 90, "ship", 3),
        Box(80, 50, 210, 30, 90, "ship", 3),
        Box(100, 100, 100, 30, 90, "ship", 3),
    )
    return LabelledScene("scene-<a>", "port & <co>", BANDS, image, boxes)


def page(limit: int = 24, seen: int = 0) -> str:
    """One ship found 30 m too long, two missed, two false alarms."""
    found = [
        detection(100, 100, 130, 0.9),
        detection(20, 40, 70, 0.41),
        detection(20, 80, 90, 0.83),
    ]
    ship = np.full((120, 120), 1e-6, np.float32)
    report = evaluate_scene(
        scene(), Prediction(ship, ship, np.stack([ship] * len(HULL_PLANES))), found, MatchCriteria()
    )
    album = Album()
    album.add(scene(), report)
    return album.render(summarise_report(Report((report,))), "a network", limit, seen)


def test_failures_are_in_order_with_their_measures() -> None:
    text = page()
    order = [text.index(words) for words in ("a ship of 210 m", "a ship of 120 m")]
    order += [text.index(f"m, score {score}") for score in ("0.83", "0.41")]
    order += [text.index("100 m, reported 130 ± 10 m (+30), score 0.90")]
    assert order == sorted(order)
    assert text.count("data:image/png;base64,") == 5
    assert "row 40, column 50" in text


def test_the_limit_holds_for_each_kind() -> None:
    text = page(limit=1)
    assert text.count("data:image/png;base64,") == 3
    assert "a ship of 120 m" not in text
    assert "1 of 2 are shown" in text
    assert page(limit=0).count("None is shown") == 3


def test_the_page_is_self_contained_and_reproducible() -> None:
    text = page()
    assert text == page()
    assert not re.findall(r"(?:src|href)=\"(?!data:)", text)
    assert "<co>" not in text
    assert "port &amp; &lt;co&gt;" in text
    HTMLParser().feed(text)


def test_scenes_of_the_training_are_mentioned() -> None:
    assert "scores are too high" in page(seen=1)
    assert "scores are too high" not in page()


def nothing_found() -> Album:
    ship = np.full((120, 120), 1e-6, np.float32)
    prediction = Prediction(ship, ship, np.stack([ship] * len(HULL_PLANES)))
    album = Album()
    album.add(scene(), evaluate_scene(scene(), prediction, [], MatchCriteria()))
    return album


def test_a_chip_has_its_ship_in_the_middle_under_its_outline() -> None:
    album = nothing_found()
    (chip,) = (chip for chip in album._chips if chip.failure.row == 40)
    assert chip.pixels.shape == (CHIP_PX, CHIP_PX, 3)
    middle = CHIP_PX // 2
    assert chip.pixels[middle, middle].min() > 150
    assert chip.pixels[middle + 5, middle + 9].max() < 150
    (outline,) = (one for one in chip.outlines if "about" in one.kind)
    corners = np.array([point.split(",") for point in outline.points.split()], float)
    assert corners.mean(axis=0) == pytest.approx([middle + 0.5, middle + 0.5], abs=0.01)
    assert np.ptp(corners, axis=0) == pytest.approx([12, 3], abs=0.02)


def test_a_chip_at_the_edge_is_black_beyond_it() -> None:
    album = nothing_found()
    (chip,) = (chip for chip in album._chips if chip.failure.row == 100)
    assert not chip.pixels[-8:].any()
    assert not chip.pixels[:, -8:].any()
    assert chip.pixels[0, 0].any()


def test_true_colour_is_grey_where_a_band_is_missing() -> None:
    whole = scene()
    grey = true_colour(LabelledScene("s", "p", ("blue", "nir"), whole.image[[0, 3]], ()))
    assert grey.shape == (120, 120, 3)
    assert (grey[..., 0] == grey[..., 2]).all()


def test_reliability_marks_lie_at_the_values_of_their_bin() -> None:
    bins = (
        ScoreBin(0.0, 0.1, 0, float("nan"), float("nan")),
        ScoreBin(0.5, 0.6, 10, 0.55, 0.5),
        ScoreBin(0.9, 1.0, 5, 0.95, 1.0),
    )
    half, whole = marks(bins)
    assert (half.x, half.y) == (PLOT_PX * 0.55, PLOT_PX * 0.5)
    assert whole.y == whole.top == 0
    assert whole.bar == half.bar / 2
    assert half.top < half.y < half.bottom


def test_wilson_interval_by_hand() -> None:
    """Of 10, 5: the ends solve |share - 1/2| = 1.645 sqrt(share (1 - share) / 10)."""
    low, high = wilson(0.5, 10)
    for end in (low, high):
        assert abs(end - 0.5) == pytest.approx(1.645 * (end * (1 - end) / 10) ** 0.5)
    assert wilson(1.0, 4)[1] == 1.0


def refusal(*arguments: str) -> str:
    result = CliRunner().invoke(cli.app, ["evaluate", *arguments])
    assert isinstance(result.exception, BerthwatchError)
    return str(result.exception)


def test_what_cannot_work_is_refused_before_the_work(tmp_path: Path) -> None:
    source = ("--source", "catalog.json,ships,labels")
    assert "both given" in refusal(*source, "--weights", "w", "--folds", str(tmp_path))
    assert "no such folder" in refusal(*source, "--folds", str(tmp_path / "none"))
    assert "make it first" in refusal(*source, "--page", str(tmp_path / "none" / "p.html"))
