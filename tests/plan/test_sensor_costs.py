"""The plan's costs by sensor: shares of the whole, from the plan and from its file alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.plan import (
    Estimate,
    Prices,
    costs,
    estimate_plan,
    estimate_sensors,
    read_plan,
    sensor_costs,
    sensor_rows,
    write_plan,
)
from tests.support.plans import of_two_sensors

PRICES = Prices(get_1000=0.4, gb_out=0.05, cpu_hour=10.0)
SHARED = ("read requests", "bytes read", "tile", "segment")


def test_sensors_add_up_to_the_lines_of_the_whole() -> None:
    plan = of_two_sensors()
    found = sensor_costs(estimate_sensors(plan), PRICES)
    assert [(each.sensor, each.overpasses) for each in found] == [
        ("sentinel-1-rtc", 1),
        ("sentinel-2-l2a", 2),
    ]
    whole = {line.what: line for line in costs(estimate_plan(plan), PRICES)}
    assert sum(each.requests for each in found) == whole["read requests"].amount
    assert sum(each.gb_read for each in found) == pytest.approx(whole["bytes read"].amount)
    assert sum(each.tile_hours for each in found) == pytest.approx(whole["tile"].amount)
    assert sum(each.segment_hours for each in found) == pytest.approx(whole["segment"].amount)
    shared = sum(whole[what].usd or 0 for what in SHARED)
    assert sum(each.usd for each in found) == pytest.approx(shared)
    assert all(0 < each.gb_needed < each.gb_read for each in found)


def test_they_are_the_same_from_the_notes_of_a_plan_file(tmp_path: Path) -> None:
    plan = of_two_sensors()
    write_plan(plan, tmp_path / "plan.jsonl")
    assert estimate_sensors(read_plan(tmp_path / "plan.jsonl")) == estimate_sensors(plan)
    assert estimate_plan(read_plan(tmp_path / "plan.jsonl")) == estimate_plan(plan)


def test_on_a_gpu_a_radar_keeps_the_worker_for_as_long_as_on_a_cpu() -> None:
    radar = estimate_sensors(of_two_sensors())["sentinel-1-rtc"]
    on_cpu, on_gpu = (
        sensor_costs({"x": radar}, Prices(gpu_megapixels_s=speed))[0].segment_hours
        for speed in (0.0, 1e9)
    )
    assert on_gpu == pytest.approx(on_cpu)
    optical = {"x": Estimate(units=1, pixels=3_600_000_000)}
    fast = sensor_costs(optical, Prices(gpu_megapixels_s=100.0))[0]
    assert fast.segment_hours == pytest.approx(0.01)


def test_rows_are_for_people() -> None:
    rows = sensor_rows(sensor_costs(estimate_sensors(of_two_sensors())))
    assert [row["sensor"] for row in rows] == ["sentinel-1-rtc", "sentinel-2-l2a"]
    assert rows[1]["overpasses"] == "2"
