"""Recall and false alarms found again in simulated archives whose truth is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.special import expit, logit

from jobs.detector import Detector
from jobs.errors import InputError
from jobs.occupancy.panel import Panel
from jobs.recall import (
    ClosePasses,
    EmptyLooks,
    EmptyWindow,
    close_passes,
    empty_looks,
    false_alarms_from_empty,
    recall_from_close_passes,
)

ONE = Detector("a", 0.5, 1.5, 1.0, 0.03, 0.6)
OTHER = Detector("b", 0.5, 1.5, 1.0, 0.03, 0.6)
ORIGIN = datetime(2024, 1, 1, tzinfo=UTC)


def simulate(
    seed: int,
    pairs: int,
    recalls: tuple[float, float],
    *,
    share: float = 0.5,
    gap_days: float = 0.02,
    dwell_days: float = 1.5,
    alarms: float = 0.03,
) -> ClosePasses:
    """Looks at a berth that ships come to and leave at random."""
    random = np.random.default_rng(seed)
    before = random.random(pairs) < share
    forgets = random.random(pairs) > np.exp(-gap_days / dwell_days / (1 - share))
    after = np.where(forgets, random.random(pairs) < share, before)
    seen = [
        (occupied & (random.random(pairs) < recall)) | (random.random(pairs) < 1 - np.exp(-alarms))
        for occupied, recall in ((before, recalls[0]), (after, recalls[1]))
    ]
    return ClosePasses(seen[0], seen[1], np.full(pairs, gap_days))


def low_high(detector: Detector, sds: float) -> tuple[float, float]:
    middle = float(logit(detector.recall))
    return tuple(float(expit(middle + k * sds * detector.recall_sd)) for k in (-1, 1))  # type: ignore[return-value]


def test_many_pairs_find_both_recalls() -> None:
    one, other = recall_from_close_passes(simulate(1, 3000, (0.4, 0.8)), (ONE, OTHER), 1.5)
    assert one.recall == pytest.approx(0.4, abs=0.05)
    assert other.recall == pytest.approx(0.8, abs=0.08)
    assert max(one.recall_sd, other.recall_sd) < 0.5
    assert "3000 close passes" in one.source


def test_no_pairs_change_nothing_but_the_grid() -> None:
    nothing = ClosePasses(np.zeros(0, bool), np.zeros(0, bool), np.zeros(0))
    one, other = recall_from_close_passes(nothing, (ONE, OTHER), 1.5)
    for found in (one, other):
        assert found.recall == pytest.approx(0.5, abs=1e-6)
        assert found.recall_sd == pytest.approx(1.5, rel=0.01)


def test_ships_that_leave_in_between_are_not_taken_for_missed() -> None:
    passes = simulate(2, 3000, (0.8, 0.8), gap_days=0.7)
    told, _ = recall_from_close_passes(passes, (ONE, ONE), 1.5)
    deaf, _ = recall_from_close_passes(passes, (ONE, ONE), 1e6)
    assert told.recall == pytest.approx(0.8, abs=0.05)
    assert deaf.recall < 0.7


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random, hits, runs = np.random.default_rng(3), 0, 40
    for run in range(runs):
        truth = float(expit(random.normal(0, 1.5)))
        passes = simulate(100 + run, 60, (truth, truth), share=random.uniform(0.2, 0.8))
        found, _ = recall_from_close_passes(passes, (ONE, ONE), 1.5)
        low, high = low_high(found, 1.28)
        hits += low <= truth <= high
    assert 0.68 <= hits / runs <= 0.92


def test_recall_is_stated_for_the_reference_length() -> None:
    passes = simulate(4, 3000, (0.8, 0.8))
    found, _ = recall_from_close_passes(passes, (ONE, ONE), 1.5, length_m=100 * np.e)
    assert found.recall_at(100 * np.e) == pytest.approx(0.8, abs=0.05)
    assert found.recall < 0.7


def test_a_stay_must_last() -> None:
    with pytest.raises(InputError, match="more than 0"):
        recall_from_close_passes(simulate(5, 3, (0.5, 0.5)), (ONE, OTHER), 0)


def panel(times: list[float], detector: list[int], clear: list[float], vessels: list[int]) -> Panel:
    count = len(times)
    return Panel(
        port="P",
        berth="1",
        origin=ORIGIN,
        days=30,
        time=np.array(times),
        detector=np.array(detector, dtype=np.int32),
        clear=np.array(clear),
        vessels=np.array(vessels, dtype=np.int32),
        length_m=np.full(count, np.nan),
        length_sd_m=np.full(count, np.nan),
        visit=np.full(count, -1, dtype=np.int32),
        detectors=(OTHER, ONE),
    )


def test_pairs_are_close_clear_used_once_and_in_the_order_of_names() -> None:
    looks = panel(
        times=[1.0, 1.1, 1.2, 5.0, 5.05, 9.0, 9.1, 20.0],
        detector=[0, 1, 0, 1, 0, 0, 0, 1],
        clear=[1, 1, 1, 1, 0.5, 1, 1, 1],
        vessels=[1, 0, 1, 1, 1, 1, 2, 0],
    )
    pairs = close_passes([looks, looks])
    assert set(pairs) == {(ONE, OTHER), (OTHER, OTHER)}
    mixed, same = pairs[ONE, OTHER], pairs[OTHER, OTHER]
    assert (mixed.first.tolist(), mixed.second.tolist()) == ([False] * 2, [True] * 2)
    assert mixed.gap_days == pytest.approx([0.1, 0.1])
    assert same.first.all()
    assert same.second.all()


def window(
    start: float, end: float, berth: str = "1", source: str = "port call list"
) -> EmptyWindow:
    days = (ORIGIN + timedelta(days=day) for day in (start, end))
    return EmptyWindow("P", berth, *days, source)


def test_only_clear_looks_within_the_berths_windows_count() -> None:
    looks = panel(
        times=[1.0, 2.0, 3.0, 4.0, 5.0],
        detector=[0, 1, 1, 1, 1],
        clear=[1, 1, 0.5, 1, 1],
        vessels=[0, 2, 1, 0, 1],
    )
    found = empty_looks([looks], [window(1, 5), window(5, 6, berth="2")])
    assert found == {OTHER: EmptyLooks(1, 0), ONE: EmptyLooks(2, 2)}


def test_an_empty_time_needs_a_source_and_an_end() -> None:
    with pytest.raises(InputError, match="no source"):
        window(1, 2, source=" ")
    with pytest.raises(InputError, match="expected an end after"):
        window(2, 2)


def test_false_alarms_go_where_the_looks_say() -> None:
    few = false_alarms_from_empty(ONE, EmptyLooks(10, 0))
    many = false_alarms_from_empty(ONE, EmptyLooks(10_000, 1000))
    assert few.false_alarms < ONE.false_alarms
    assert few.false_alarms_sd > many.false_alarms_sd
    assert many.false_alarms == pytest.approx(0.1, rel=0.05)
    assert many.false_alarms_sd == pytest.approx(1000**-0.5, rel=0.05)
    assert "10000 looks at empty berths" in many.source


def test_no_looks_or_no_doubt_leave_false_alarms_alone() -> None:
    assert false_alarms_from_empty(ONE, EmptyLooks(0, 0)) == ONE
    sure = replace(ONE, false_alarms_sd=0.0)
    assert false_alarms_from_empty(sure, EmptyLooks(50, 20)) == sure


def test_almost_no_looks_keep_the_prior() -> None:
    found = false_alarms_from_empty(ONE, EmptyLooks(1, 0))
    assert found.false_alarms == pytest.approx(ONE.false_alarms, rel=0.05)
    assert found.false_alarms_sd == pytest.approx(ONE.false_alarms_sd, rel=0.05)
