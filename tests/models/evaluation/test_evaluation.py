"""Evaluation against values by hand: classes, places, calibration and intervals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.config import Calibration, UNetConfig
from models.dataset.boxes import Box
from models.dataset.scenes import LabelledScene
from models.dataset.targets import HULL_PLANES
from models.evaluation.bootstrap import Interval, bootstrap
from models.evaluation.evaluate import evaluate_scene, trained_on
from models.evaluation.failures import FailureKind, failures_of, worst
from models.evaluation.metrics import Comparison, MatchCriteria, Pair, Rule, compare
from models.evaluation.rafts import Company, Rafts, rafts_of
from models.evaluation.reliability import reliability
from models.evaluation.report import Report, SceneReport
from models.evaluation.shore import Shore, Water, Zone, alarm_rates, shore_of
from models.evaluation.slices import by_company, by_length, by_motion, by_zone
from models.evaluation.summary import summarise_report, to_json
from models.evaluation.text import report_lines
from models.geometry import box_corners
from models.inference.instances import Prediction
from models.inference.vessels import Detection
from models.network.normalise import BANDS
from models.training import cross_validation
from models.training.cross_validation import held_out_by, networks_for_groups, report_on
from models.training.folds import FoldsError
from models.weights import Weights, save_weights


def detection(row: float, col: float, length_m: float = 150, score: float = 0.9) -> Detection:
    corners = box_corners(row, col, length_m / 10, 3, 90)
    return Detection(row, col, length_m, 10, 30, 90, score, False, corners)


def box(row: float, col: float, length_m: float = 150) -> Box:
    return Box(row, col, length_m, 30, 90, "ship", 3)


def scene(group: str, *boxes: Box, size: int = 200) -> LabelledScene:
    image = np.full((4, size, size), 0.04, np.float32)
    return LabelledScene(f"scene-{group}", group, BANDS, image, boxes)


def shore_on_the_left(size: int = 200) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    ground = np.zeros((size, size), bool)
    ground[:, :20] = True
    return ground


# --- classes ------------------------------------------------------------------------------------


def test_recall_goes_by_true_length_and_precision_by_reported_length() -> None:
    boxes = [box(20, 20, 59.9), box(20, 60, 60), box(20, 100, 120), box(60, 20, 250)]
    found = [detection(20, 20, 70), detection(20, 100, 99.9), detection(160, 100, 80)]
    parts = {part.name: part for part in by_length(compare(found, boxes, Rule.DISTANCE))}
    counts = {name: (p.seen, p.ships, p.right, p.reports) for name, p in parts.items()}
    assert counts == {
        "40 to 60 m": (1, 1, 0, 0),
        "60 to 100 m": (0, 1, 2, 3),
        "100 to 150 m": (1, 1, 0, 0),
        "150 to 200 m": (0, 0, 0, 0),
        "200 m and more": (0, 1, 0, 0),
    }
    assert parts["60 to 100 m"].recall == 0
    assert parts["60 to 100 m"].precision == pytest.approx(2 / 3)
    assert np.isnan(parts["150 to 200 m"].recall)


def test_each_hull_lies_in_the_zone_of_its_nearest_point() -> None:
    """The ground ends at column 19; a hull of 150 m reaches 75 m, and 10 m more, to either side."""
    boxes = (box(20, 36), box(60, 60), box(100, 120))
    found = [detection(60, 60), detection(160, 120)]
    shore = shore_of(scene("a", *boxes), found, shore_on_the_left())
    assert [shore.zones[b] for b in boxes] == [Zone.ALONGSIDE, Zone.NEAR, Zone.FAR]
    comparison = compare(found, boxes, Rule.DISTANCE)
    parts = by_zone([(comparison, shore), (comparison, shore), (comparison, Shore())])
    counts = [(part.seen, part.ships, part.right, part.reports) for part in parts]
    assert counts == [(0, 2, 0, 0), (2, 2, 2, 2), (0, 2, 0, 2)]
    assert by_zone([(comparison, Shore())]) == ()


def test_hulls_within_a_pixel_of_another_are_a_raft() -> None:
    """Boxes are 15 x 3 pixels, heading east: 3.5 rows leave half a pixel, 5 rows leave two."""
    boxes = (box(20, 20), box(23.5, 20), box(60, 20), box(65, 20))
    area = replace(box(100, 20), kind="ignore")
    beside_area = box(103.5, 20)
    found = [detection(20, 20), detection(60, 20), detection(63.5, 20)]
    rafts = rafts_of((*boxes, area, beside_area), found)
    assert [rafts.company(hull) for hull in (*boxes, beside_area)] == [
        Company.RAFT,
        Company.RAFT,
        *[Company.SINGLE] * 3,
    ]
    assert [rafts.company(hull) for hull in found] == [Company.SINGLE, Company.RAFT, Company.RAFT]
    assert rafts_of((), ()) == Rafts()
    comparison = compare(found, boxes, Rule.OVERLAP)
    counts = [
        (part.name, part.seen, part.ships, part.right, part.reports)
        for part in by_company([(comparison, rafts), (comparison, rafts)])
    ]
    assert counts == [("single hulls", 4, 4, 2, 2), ("within a pixel of another", 2, 4, 4, 4)]


def test_ships_under_way_and_lying_are_those_whose_label_says_so() -> None:
    boxes = [
        replace(box(20, 20), moving=True),
        replace(box(60, 20), moving=True),
        replace(box(100, 20), moving=False),
        box(140, 20),
    ]
    parts = by_motion(compare([detection(20, 20), detection(140, 20)], boxes, Rule.DISTANCE))
    assert [(part.name, part.seen, part.ships) for part in parts] == [
        ("under way", 1, 2),
        ("lying", 0, 1),
    ]
    assert all(np.isnan(part.precision) for part in parts)
    assert by_motion(compare([], [box(20, 20)], Rule.DISTANCE)) == ()


def test_false_alarms_are_counted_on_the_water_they_lie_on() -> None:
    """2 km by 2 km of which 200 m are ground: 500 m of harbour, 1300 m of open water."""
    at_quay, inland = detection(30, 17), detection(60, 5)
    in_harbour, outside = detection(90, 60), detection(120, 150)
    found = [at_quay, inland, in_harbour, outside]
    view = scene("a")
    view.image[:, 100:] = np.nan
    shore = shore_of(view, found, shore_on_the_left())
    assert shore.areas_km2[Water.HARBOUR] == pytest.approx(0.5)
    assert shore.areas_km2[Water.OPEN] == pytest.approx(1.3)
    assert shore.areas_km2[Water.ASHORE] == pytest.approx(0.15)
    rates = {rate.water: rate for rate in alarm_rates([(compare(found, [], Rule.OVERLAP), shore)])}
    alarms = {water: rate.false_alarms for water, rate in rates.items()}
    assert alarms == {Water.OPEN: 1, Water.HARBOUR: 2, Water.ASHORE: 1}
    assert rates[Water.HARBOUR].per_100_km2 == pytest.approx(400)
    assert alarm_rates([(compare(found, [], Rule.OVERLAP), Shore())]) == ()


# --- calibration --------------------------------------------------------------------------------


def comparison_of(hits: list[float], alarms: list[float]) -> Comparison:
    pairs = tuple(Pair(detection(9, 9, score=s), box(9, 9), 1.0) for s in hits)
    return Comparison(pairs, (), tuple(detection(9, 9, score=s) for s in alarms))


def test_calibration_error_by_hand() -> None:
    """Scores .9 and 1.0 all ships; .42 and .48: one of two; .3 none: gaps .05, .05, .3."""
    curve = reliability(comparison_of([0.9, 1.0, 0.42], [0.48, 0.3]))
    filled = {round(tenth.low, 1): tenth for tenth in curve.bins if tenth.reports}
    assert {low: (t.reports, t.share) for low, t in filled.items()} == {
        0.3: (1, 0),
        0.4: (2, 0.5),
        0.9: (2, 1),
    }
    assert filled[0.4].mean_score == pytest.approx(0.45)
    assert curve.ece == pytest.approx((2 * 0.05 + 2 * 0.05 + 1 * 0.3) / 5)
    assert np.isnan(reliability(comparison_of([], [])).ece)


# --- intervals ----------------------------------------------------------------------------------


def mean(units: list[float] | tuple[float, ...]) -> dict[str, float]:
    return {"mean": sum(units) / len(units), "never": float("nan")}


def test_two_ports_are_drawn_as_one_or_the_other_or_both() -> None:
    """Both from the one in a quarter of the draws: the middle 90 % reaches from end to end."""
    found = bootstrap([0.0, 1.0], lambda units: mean(list(units)))
    assert found["mean"] == Interval(0, 1)
    assert np.isnan(found["never"].low)


def test_intervals_narrow_as_theory_says_and_are_the_same_each_time() -> None:
    values = list(np.random.default_rng(5).normal(0, 1, 400))
    one, other = (bootstrap(values, lambda units: mean(list(units)))["mean"] for _ in range(2))
    assert one == other
    assert one.high - one.low == pytest.approx(2 * 1.645 * np.std(values) / 20, rel=0.1)


def test_one_port_gives_no_interval() -> None:
    found = bootstrap([0.7], lambda units: mean(list(units)))["mean"]
    assert np.isnan(found.low)
    assert np.isnan(found.high)


# --- summary ------------------------------------------------------------------------------------


def report_of(group: str, found: list[Detection], *boxes: Box) -> SceneReport:
    ship = np.full((200, 200), 1e-6, np.float32)
    return evaluate_scene(
        scene(group, *boxes),
        Prediction(ship, ship, np.stack([ship] * len(HULL_PLANES))),
        found,
        MatchCriteria(),
        shore_on_the_left(),
    )


def two_ports() -> Report:
    """Port a: found, and a false alarm; port b: found 20 m too long, and one of 90 m missed."""
    a = report_of("a", [detection(60, 100), detection(150, 60, score=0.5)], box(60, 100))
    b = report_of("b", [detection(60, 100, 170)], box(60, 100), box(120, 100, 90))
    return Report((a, b))


def test_figures_add_up_over_ports() -> None:
    figures = to_json(summarise_report(two_ports()))
    distance = figures["distance"]
    assert (distance["ships"], distance["f1"]) == (3, pytest.approx(4 / 6))
    assert distance["length_mae_m"] == pytest.approx(10)
    assert distance["intervals"]["recall"] == [0.5, 1.0]
    assert distance["long"]["least_length_m"] == 60
    assert [port["group"] for port in figures["ports"]] == ["a", "b"]
    assert figures["ports"][1]["by_rule"]["distance"]["recall"] == 0.5
    assert figures["ports"][0]["by_rule"]["distance"]["length_bias_m"] == 0
    assert figures["pixel_iou"] == 0
    assert distance["by_length"][0]["recall"] is None


def test_of_one_port_the_intervals_are_over_its_scenes() -> None:
    """One scene with all found, one with half of two: with both drawn alike, from .5 to 1."""
    scenes = [replace(one, group="a") for one in two_ports().scenes]
    figures = summarise_report(Report(tuple(scenes)))
    assert figures.resampled == "scenes of this one port"
    assert figures.by_rule[Rule.DISTANCE].every.intervals["recall"] == Interval(0.5, 1.0)
    alone = summarise_report(Report(tuple(scenes[:1])))
    assert np.isnan(alone.by_rule[Rule.DISTANCE].every.intervals["recall"].low)


def test_tables_have_numbers_and_dashes_for_undefined_ones() -> None:
    lines = report_lines(two_ports())
    (f1,) = (line for line in lines if line.startswith("F1"))
    assert f1.split()[1:5] == ["0.667", "(0.667", "to", "0.667)"]
    assert any(line.split()[:3] == ["40", "to", "60"] and "-" in line for line in lines)
    assert any("false alarms by distance, harbour" in line for line in lines)
    assert lines[-1].startswith("anchorage: ")


def test_failures_come_worst_first() -> None:
    failures = [one for report in two_ports().scenes for one in failures_of(report)]
    (miss,) = worst(failures, FailureKind.MISSED, 5)
    (alarm,) = worst(failures, FailureKind.FALSE_ALARM, 5)
    lengths = worst(failures, FailureKind.LENGTH, 5)
    assert (miss.group, miss.severity, miss.zone) == ("b", 90, Zone.FAR)
    assert (alarm.group, alarm.severity, alarm.truth) == ("a", 0.5, None)
    assert [one.severity for one in lengths] == [20, 0]
    assert worst(failures, FailureKind.LENGTH, 1) == lengths[:1]


# --- ports left out -----------------------------------------------------------------------------


def test_every_port_gets_the_network_that_left_it_out() -> None:
    one, other = Path("one.safetensors"), Path("other.safetensors")
    networks = {one: ("a", "b"), other: ("c", "elsewhere")}
    assert networks_for_groups(["c", "a", "b"], networks) == {one: ("a", "b"), other: ("c",)}
    with pytest.raises(FoldsError, match=r"port d is left out by no network \(one.safe"):
        networks_for_groups(["a", "d"], networks)
    with pytest.raises(FoldsError, match="port a is left out by 2 networks"):
        networks_for_groups(["a"], {**networks, other: ("a",)})


def test_the_folder_of_folds_is_read_and_an_empty_one_refused(tmp_path: Path) -> None:
    with pytest.raises(FoldsError, match="no weights files"):
        held_out_by(tmp_path)
    weights = Weights(UNetConfig(), Calibration(), {"x": np.zeros(1, np.float32)}, {})
    held_out = replace(weights, training={"settings": {"held_out": ["a", "b"]}, "scenes": {}})
    save_weights(held_out, tmp_path / "ab.safetensors")
    save_weights(weights, tmp_path / "none.safetensors")
    assert {path.name: groups for path, groups in held_out_by(tmp_path).items()} == {
        "ab.safetensors": ("a", "b"),
        "none.safetensors": (),
    }


def test_scenes_of_the_training_record_are_identified(tmp_path: Path) -> None:
    weights = Weights(UNetConfig(), Calibration(), {"x": np.zeros(1, np.float32)}, {})
    save_weights(
        replace(weights, training={"scenes": {"scene-b": "digest"}}), tmp_path / "w.safetensors"
    )
    assert trained_on(tmp_path / "w.safetensors", two_ports()) == ("scene-b",)
    save_weights(weights, tmp_path / "w.safetensors")
    assert trained_on(tmp_path / "w.safetensors", two_ports()) == ()


def test_no_port_is_calibrated_on_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fit gives its own length offset, which shows by which fit a scene was calibrated."""
    fits: list[int] = []

    def calibrate(examples: list[object]) -> Calibration:
        fits.append(len(examples))
        return Calibration(length_offset_m=1000.0 * len(examples))

    monkeypatch.setattr(cross_validation, "calibrate", calibrate)
    ship = np.full((60, 60), 1e-6, np.float32)
    ship[28:32, 20:40] = 0.95
    prediction = Prediction(ship, np.zeros_like(ship), np.stack([ship] * len(HULL_PLANES)))
    held = [
        (scene(group, box(29.5, 29.5, 200), size=60), prediction) for group in ("a", "b", "b", "c")
    ]
    report = report_on(held, MatchCriteria())
    assert fits == [3, 2, 3]
    lengths = [round(one.found[0].length_m, -3) for one in report.scenes]
    assert lengths == [3000, 2000, 2000, 3000]
    assert [one.group for one in report_on(held, MatchCriteria(), only=("c",)).scenes] == ["c"]
    with pytest.raises(FoldsError, match="only a was left out; expected two ports"):
        report_on(held[:1], MatchCriteria())
