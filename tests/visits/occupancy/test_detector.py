"""The detector's figures, and where a berth's come from."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from jobs.domain import SENSORS, BerthKind
from jobs.errors import InputError
from jobs.run.settings import detector_errors
from jobs.visits.occupancy.detector import (
    ANCHORAGE,
    BERTH,
    UNKNOWN,
    Detector,
    detectors_for,
    place_of,
)
from models.weights import load_weights


@dataclass(frozen=True)
class Error:
    place: str
    recall: float = 0.3
    recall_sd: float = 0.8
    recall_slope: float = 1.2
    false_alarms: float = 0.03
    false_alarms_sd: float = 0.6
    ports: int = 10
    ships: int = 180
    sensor: str = ""
    measured_at: str = "ports the network had not seen"
    steps: tuple[()] = ()


def test_recall_at_the_reference_length_is_the_stated_one_and_grows() -> None:
    detector = Detector("s", 0.3, 0.8, 1.2, 0.03, 0.6)
    odds = np.exp(detector.recall_logit(np.array([100, 100 * np.e])))
    assert odds == pytest.approx([0.3 / 0.7, np.exp(1.2) * 0.3 / 0.7])


def test_each_place_gets_its_own_error() -> None:
    errors = (Error(BERTH), Error(ANCHORAGE, recall=0.9, ports=4, ships=50))
    berth, anchorage = (detectors_for(errors, "s2", place) for place in (BERTH, ANCHORAGE))
    assert (berth.sensor, berth.recall, berth.recall_sd, berth.recall_slope) == (
        "s2",
        0.3,
        0.8,
        1.2,
    )
    assert (berth.false_alarms, berth.false_alarms_sd) == (0.03, 0.6)
    assert anchorage.recall == 0.9
    assert "50 ships at 4 ports" in anchorage.source


def test_what_nobody_measured_is_unknown_and_says_so() -> None:
    detector = detectors_for([Error(ANCHORAGE)], "s2", BERTH)
    assert detector.sensor == "s2"
    assert detector.recall_sd == UNKNOWN[BERTH].recall_sd > 1
    assert "not measured" in detector.source


def test_a_place_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="'quay' was found; expected berth or anchorage"):
        detectors_for([], "s2", "quay")


def test_only_anchorages_are_anchorages() -> None:
    assert {kind for kind in BerthKind if place_of(kind) == ANCHORAGE} == {BerthKind.ANCHORAGE}
    assert place_of(BerthKind.OIL_TERMINAL) == BERTH


def test_a_weights_files_errors_are_not_those_of_a_sensor_it_was_not_measured_on() -> None:
    """Of Sentinel-2, and of names that only a simulation has; a sensor's own come first."""
    weights = load_weights(None).detector_errors
    (berth,) = (error for error in weights if error.place == BERTH)
    assert detectors_for(weights, "sentinel-2-l2a", BERTH).recall == berth.recall
    assert detectors_for(weights, "a simulation's", BERTH).recall == berth.recall
    assert detectors_for(weights, "landsat-c2-l2", BERTH) == replace(
        UNKNOWN[BERTH], sensor="landsat-c2-l2"
    )
    both = detector_errors(None)
    (own,) = (e for e in SENSORS["landsat-c2-l2"].errors or () if e.place == BERTH)
    assert detectors_for(both, "landsat-c2-l2", BERTH).recall == own.recall
    assert detectors_for(both, "sentinel-2-l2a", BERTH).recall == berth.recall
    assert own.recall < berth.recall
