"""The bill: it adds up, grows in proportion, and takes a user's own prices and rates."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InputError
from jobs.plan import Estimate, estimate_plan
from jobs.plan import cost as bills
from jobs.plan.cost import DEFAULT_PRICES, Prices, cost_rows, costs, read_prices
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
)


def bill(counted: Estimate = COUNTED, prices: Prices = DEFAULT_PRICES) -> dict[str, bills.Cost]:
    return {line.what: line for line in costs(counted, prices)}


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
        "get_1000": {"read requests"} | total,
        "put_1000": {"write requests"} | total,
        "gb_out": {"bytes read"} | total,
        "cpu_hour": {"tile", "segment"} | total,
        "gpu_hour": set(),
        "gb_month": {"archive kept, a month"},
        "gpu_megapixels_s": set(),
    }


def test_a_gpu_is_counted_at_the_rate_its_owner_gives() -> None:
    line = bill(prices=Prices(gpu_megapixels_s=100.0, gpu_hour=2.0))["segment"]
    assert (line.amount, line.unit, line.usd) == (pytest.approx(0.01), "GPU hours", 0.02)
    assert bill()["segment"].unit == "CPU hours"


def test_bytes_and_requests_are_those_of_the_estimate() -> None:
    lines = bill()
    assert lines["read requests"].amount == 20_000
    written = 12_000 + 1000 * bills.OBJECTS_PER_OVERPASS
    assert lines["write requests"].amount == pytest.approx(written)
    assert lines["bytes read"].amount == 50
    assert lines["archive kept, a month"].amount == pytest.approx(1000 / bills.ARCHIVE_RATIO)
    assert lines["tile"].amount == pytest.approx(bills.TILE_CPU_S)


@given(st.integers(1, 1000))
def test_twice_the_work_is_twice_the_bill(times: int) -> None:
    many = Estimate(
        **{
            field.name: getattr(COUNTED, field.name) * times
            for field in dataclasses.fields(Estimate)
        }
    )
    for one, more in zip(costs(COUNTED), costs(many), strict=True):
        assert more.amount == pytest.approx(times * one.amount)


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


def test_requests_are_a_header_and_the_rows_of_blocks_under_the_window() -> None:
    grid = PORT.grid
    rows = (grid.height + 1023) / 1024  # on average over the window's place among the blocks
    assert estimate_plan(make(scene())).requests == pytest.approx(4 * (1 + rows))
    web = {
        band: source(f"https://x.example/{band}.tif") for band in ("blue", "green", "red", "nir")
    }
    asked_for_the_size = estimate_plan(make(scene(bands=web))).requests
    assert asked_for_the_size == pytest.approx(4 * (2 + rows))


@pytest.mark.parametrize(
    ("side", "chunks"),
    [(512, 3), (1024, 12), (1032, 12 + 5), (1200, 3 * 9)],  # as bench_costs counts them
)
def test_every_chunk_is_an_object_but_slim_ones_of_masks(side: int, chunks: int) -> None:
    grid = dataclasses.replace(PORT.grid, width=side, height=side)
    port = dataclasses.replace(PORT, grid=grid)
    assert estimate_port(port, make(scene()).overpasses).chunks == chunks
