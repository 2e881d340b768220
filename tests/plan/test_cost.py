"""The bill: it adds up, grows in proportion, and takes a user's own prices and rates."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import EstimateSettings, Grid, StageName
from jobs.errors import InputError
from jobs.plan import Estimate, Running, estimate_plan, rates
from jobs.plan import cost as bills
from jobs.plan.cost import (
    DEFAULT_PRICES,
    DEFAULT_RUNNING,
    Prices,
    commits,
    cost_rows,
    costs,
    read_prices,
)
from jobs.plan.estimate import estimate_port
from tests.support.plans import PORT, make, scene, source

COUNTED = Estimate(
    units=1000,
    tasks=2000,
    bytes_in=10**10,
    bytes_out=10**12,
    scenes=1500,
    files=7500,
    pixels=3600 * 10**6,
    bytes_fetched=5 * 10**10,
    requests=20_000.0,
    chunks=12_000,
    ports=10,
    berths=20,
    looks=3000,
    refitted_berths=40,
    refitted_looks=3000,
    background_pixels=10**9,
    reread_chunks=2000,
)


CPU_LINES = {"tile", "segment", "count visits", "start, commit, publish"}


def bill(
    counted: Estimate = COUNTED,
    prices: Prices = DEFAULT_PRICES,
    running: Running = DEFAULT_RUNNING,
) -> dict[str, bills.Cost]:
    return {line.what: line for line in costs(counted, prices, running)}


def test_the_sum_is_that_of_the_lines_before_it() -> None:
    *lines, total, _month = costs(COUNTED)
    assert total.usd == pytest.approx(sum(line.usd or 0 for line in lines))
    assert total.usd > 0


def test_each_price_moves_its_own_lines() -> None:
    free = Prices(0, 0, 0, 0, 0, 0)
    moved = {
        field.name: {
            what
            for what, line in bill(prices=dataclasses.replace(free, **{field.name: 1.0})).items()
            if line.usd
        }
        for field in dataclasses.fields(Prices)
    }
    total = {"the run, once"}
    assert moved == {
        "get_1000": {"read requests", "requests to read the archive"} | total,
        "put_1000": {"write requests", "requests to list the archive"} | total,
        "gb_out": {"bytes read"} | total,
        "cpu_hour": CPU_LINES | total,
        "gpu_hour": set(),
        "gb_month": {"archive kept, a month"},
        "gpu_megapixels_s": set(),
        "cpu_factor": set(),
    }


def test_a_gpu_is_counted_at_the_rate_its_owner_gives() -> None:
    line = bill(prices=Prices(gpu_megapixels_s=100.0, gpu_hour=2.0))["segment"]
    assert (line.amount, line.unit, line.usd) == (pytest.approx(0.01), "GPU hours", 0.02)
    assert bill()["segment"].unit == "CPU hours"


def test_bytes_and_requests_are_those_of_the_estimate() -> None:
    lines = bill()
    assert lines["read requests"].amount == 20_000
    assert lines["bytes read"].amount == 50
    assert lines["archive kept, a month"].amount == pytest.approx(1000 / rates.ARCHIVE_RATIO)
    tile = rates.stage_cpu_s(StageName.TILE, COUNTED)
    assert lines["tile"].amount == pytest.approx(tile / 3600)


def test_every_chunk_is_a_put_and_so_is_what_comes_with_overpass_commit_port_and_run() -> None:
    run = Running(workers=2, work_s=3000)
    made = commits(COUNTED, DEFAULT_PRICES, run)
    assert made == 10 + 3000 / rates.COMMIT_S
    each = rates.WRITES
    assert bill(running=run)["write requests"].amount == pytest.approx(
        12_000
        + 1000  # objects of vessels
        + made * each.commit
        + 10 * each.port
        + each.part
        + each.run
        + rates.BERTHS_WRITES
        + 3000 / rates.LEASE_S
    )


def test_a_longer_run_commits_more_often_but_never_more_than_it_has_overpasses() -> None:
    def count(**how: Any) -> float:
        return commits(COUNTED, DEFAULT_PRICES, Running(**how))

    assert count(workers=1) > count(workers=2) > count(workers=1000) >= COUNTED.ports
    assert count(workers=1, work_s=10**9) == COUNTED.units
    assert count(work_s=3000, together=4.0) == 10 + 4 * 3000 / rates.COMMIT_S
    assert count(work_s=3000, parts=5) == 50 + 3000 / rates.COMMIT_S
    on_gpus = Prices(gpu_megapixels_s=100.0)
    assert commits(COUNTED, on_gpus, Running()) < commits(COUNTED, DEFAULT_PRICES, Running())


def test_each_part_of_a_backfill_has_starts_of_its_own() -> None:
    one, three = bill(running=Running(work_s=1)), bill(running=Running(work_s=1, parts=3))
    more = three["start, commit, publish"].amount - one["start, commit, publish"].amount
    commits_s = 2 * COUNTED.ports * rates.COMMIT_CPU_S
    starts_s = 2 * (rates.RUN_CPU_S + 2 * rates.WORKER_CPU_S)
    assert more * 3600 == pytest.approx(starts_s + commits_s)


def test_each_lost_worker_starts_again_and_does_half_a_batch_once_more() -> None:
    whole = bill(running=Running(work_s=1))
    lossy = bill(running=Running(work_s=1, lost_workers=10))
    again = lossy["read requests"].amount / whole["read requests"].amount - 1
    each_s = sum(rates.stage_cpu_s(stage, COUNTED) for stage in StageName) / COUNTED.units
    assert again == pytest.approx(10 * max(1, rates.BATCH_S / each_s) / 2 / COUNTED.units)
    for what in ("bytes read", "tile", "segment"):
        assert lossy[what].amount == pytest.approx(whole[what].amount * (1 + again))
    more = lossy["start, commit, publish"].amount - whole["start, commit, publish"].amount
    assert more * 3600 == pytest.approx(10 * rates.WORKER_CPU_S)
    shared = bill(running=Running(work_s=1, together=8.0, lost_workers=10))
    assert shared["bytes read"].amount == pytest.approx(50 * (1 + 10 * 4 / COUNTED.units))


def test_a_lost_runner_starts_again_and_its_workers_stay() -> None:
    whole, lossy = bill(running=Running(work_s=1)), bill(running=Running(work_s=1, lost_runners=2))
    more = lossy["start, commit, publish"].amount - whole["start, commit, publish"].amount
    assert more * 3600 == pytest.approx(2 * rates.RUN_CPU_S)
    assert lossy["read requests"] == whole["read requests"]


def test_nothing_is_lost_where_there_is_nothing_to_do() -> None:
    assert bill(Estimate(), running=Running(lost_workers=3))["read requests"].amount == 0


def test_a_slower_processor_takes_longer_for_everything_and_commits_more_often() -> None:
    ours, theirs = bill(), bill(prices=Prices(cpu_factor=2.0))
    for what in ("tile", "segment", "count visits"):
        assert theirs[what].amount == pytest.approx(2 * ours[what].amount)
    assert theirs["start, commit, publish"].amount > 2 * ours["start, commit, publish"].amount
    assert theirs["write requests"].amount > ours["write requests"].amount
    assert theirs["read requests"] == ours["read requests"]


@given(st.integers(1, 1000))
def test_more_work_adds_to_the_bill_in_proportion(times: int) -> None:
    def of(times: int) -> tuple[bills.Cost, ...]:
        sizes = {
            field.name: getattr(COUNTED, field.name) * times
            for field in dataclasses.fields(Estimate)
        }
        return costs(Estimate(**sizes))

    for one, two, more in zip(of(1), of(2), of(1 + times), strict=True):
        added = two.amount - one.amount
        assert added > 0
        assert more.amount - one.amount == pytest.approx(times * added)


def test_the_estimates_without_each_sensor_are_paid_for_where_there_are_several() -> None:
    two = make(scene("a"), scene("b", 86400.0))
    first, second = two.overpasses
    several = dataclasses.replace(
        two, overpasses=(first, dataclasses.replace(second, sensor="landsat-c2-l2"))
    )
    apart = EstimateSettings(without_each_sensor=False)
    berths = len(PORT.berths)
    assert berths > 0
    counted = estimate_plan(several)
    assert (counted.refitted_berths, counted.refitted_looks) == (2 * berths, 2 * berths)
    for none in (estimate_plan(two), estimate_plan(dataclasses.replace(several, estimates=apart))):
        assert (none.refitted_berths, none.refitted_looks) == (0, 0)
        assert bill(none)["count visits"].amount < bill(counted)["count visits"].amount


def test_prices_are_read_by_name() -> None:
    read = read_prices(["cpu_hour=0.03", " gb_out = 0.09 "])
    assert read == dataclasses.replace(DEFAULT_PRICES, cpu_hour=0.03, gb_out=0.09)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cpu_hours=1", "did you mean 'cpu_hour'"),
        ("zzz=1", "expected one of get_1000"),
        ("cpu_hour", "cpu_hour=0.04"),
        ("cpu_hour=cheap", "expected name=number"),
        ("cpu_hour=-1", "expected name=number"),
        ("cpu_hour=nan", "expected name=number"),
        ("cpu_hour=inf", "expected name=number"),
    ],
)
def test_prices_that_make_no_sense_are_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_prices([text])


def test_rows_are_for_people() -> None:
    counted = estimate_plan(make(scene(mask=source("/d/scl.tif"))))
    rows = {row["estimate"]: row for row in cost_rows(counted)}
    assert rows["overpasses"]["amount"] == "1"
    assert rows["files opened"]["amount"] == "5"
    assert rows["read requests"]["amount"] == f"{counted.requests:.3g} GET"
    assert rows["memory of a worker"]["amount"].endswith(" GB")
    assert rows["the run, once"]["usd"] == "0.00"


def test_whole_blocks_are_fetched() -> None:
    counted = estimate_plan(make(scene()))
    assert counted.bytes_fetched > counted.bytes_in
    whole = {"shape": (50, 50)}  # a file smaller than a block is read once, whatever the window
    small = estimate_plan(
        make(scene(grid=whole | {"transform": (10.0, 0.0, 499900.0, 0.0, -10.0, 4.74e6)}))
    )
    assert small.bytes_fetched <= 50 * 50 * 2 * 4


def placed(row: int, column: int, height: int, width: int) -> Estimate:
    """The estimate of a port of that size so many pixels from the corner of its scene."""
    _, _, left, _, _, top = source().transform
    grid = Grid(PORT.grid.epsg, left + 10 * column, top - 10 * row, width, height)
    port = dataclasses.replace(PORT, grid=grid)
    return estimate_port(port, make(scene()).overpasses)


@pytest.mark.parametrize(
    ("row", "height", "rows"),
    [(0, 1024, 1), (1, 1024, 2), (1023, 2, 2), (1024, 1024, 1), (500, 1600, 3), (10_900, 80, 1)],
)
def test_requests_are_a_header_and_the_rows_of_blocks_under_the_window(
    row: int, height: int, rows: int
) -> None:
    assert placed(row, 300, height, 500).requests == 4 * (1 + rows)
    assert placed(300, row, 500, height).requests == 4 * (1 + 1)  # blocks beside each other


def test_a_web_server_is_asked_for_no_size() -> None:
    web = {
        band: source(f"https://x.example/{band}.tif") for band in ("blue", "green", "red", "nir")
    }
    asked = estimate_plan(make(scene(bands=web))).requests
    assert asked == estimate_plan(make(scene())).requests  # their size is not asked for


@pytest.mark.parametrize(
    ("row", "column", "pixels"),
    [(0, 0, 1024**2), (1000, 0, 2 * 1024**2), (1000, 1000, 4 * 1024**2)],
)
def test_every_block_under_the_window_is_fetched_whole(row: int, column: int, pixels: int) -> None:
    assert placed(row, column, 500, 500).bytes_fetched == 4 * 2 * pixels


def test_blocks_end_with_the_file() -> None:
    found = placed(10_900, 10_900, 80, 80)  # the last blocks have 740 rows and columns
    assert found.bytes_fetched == 4 * 2 * 740**2


@pytest.mark.parametrize(
    ("side", "chunks"),
    [(512, 3), (1024, 12), (1032, 12 + 5), (1200, 3 * 9)],  # as bench_costs counts them
)
def test_every_chunk_is_an_object_but_slim_ones_of_masks(side: int, chunks: int) -> None:
    grid = dataclasses.replace(PORT.grid, width=side, height=side)
    port = dataclasses.replace(PORT, grid=grid)
    assert estimate_port(port, make(scene()).overpasses).chunks == chunks
