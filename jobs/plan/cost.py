"""Costs of a plan: requests, bytes, CPU and GPU hours, storage, and money at given prices.

The rates were measured, each by the bench that it names; prices are the user's. The speed of a GPU
is not estimated: the user gives it, or segment is costed on CPUs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from jobs.domain import did_you_mean
from jobs.errors import InputError
from jobs.plan.estimate import Estimate

TILE_CPU_S = 0.25
"""Seconds per megapixel of the port's grid, four bands and the mask; tests/bench/bench_costs.py."""

SEGMENT_CPU_S = 1.5
"""Seconds per megapixel, on a CPU; tests/bench/bench_costs.py."""

ARCHIVE_RATIO = 2.3
"""Uncompressed bytes of an archive to its bytes on disk; tests/bench/bench_costs.py."""

OBJECTS_PER_OVERPASS = 0.8
"""Objects written per overpass besides its chunks; tests/bench/bench_costs.py."""

GB = 1e9


@dataclass(frozen=True)
class Prices:
    """US dollars. The defaults are examples in the order of public list prices, not quotes.

    Give those of your provider, region and contract: ``--price cpu_hour=0.031``.
    """

    get_1000: float = 0.0004
    """Of 1,000 read requests; many open buckets charge the reader nothing."""
    put_1000: float = 0.005
    """Of 1,000 write requests."""
    gb_out: float = 0.0
    """Of 1 GB read from the catalogs' files: nothing for open data within its region, some .02 to
    .09 across regions or to the outside where the reader pays."""
    cpu_hour: float = 0.04
    """Of one core for an hour."""
    gpu_hour: float = 1.0
    """Of one GPU for an hour; used only where ``gpu_megapixels_s`` is above 0."""
    gb_month: float = 0.023
    """Of 1 GB stored for a month."""
    gpu_megapixels_s: float = 0.0
    """No price: megapixels that one GPU segments in a second, as the user measured it. 0: segment
    runs on CPUs."""


DEFAULT_PRICES = Prices()


@dataclass(frozen=True)
class Cost:
    """One line of the estimate of costs."""

    what: str
    amount: float
    unit: str
    usd: float | None = None
    """US dollars; None for a quantity without a price."""


def read_prices(texts: Iterable[str], prices: Prices = DEFAULT_PRICES) -> Prices:
    """Prices with some replaced, each as ``name=value``; InputError names what is wrong."""
    for text in texts:
        name, _, value = text.partition("=")
        prices = replace(prices, **{_known(name.strip()): _amount(text, value)})
    return prices


def costs(counted: Estimate, prices: Prices = DEFAULT_PRICES) -> tuple[Cost, ...]:
    """Costs of a run that starts from nothing: its parts, their sum, and the archive's month."""
    work = (*_transfers(counted, prices), *_hours(counted, prices))
    total = sum(line.usd or 0.0 for line in work)
    stored = counted.bytes_out / ARCHIVE_RATIO / GB
    return (
        *work,
        Cost("the run, once", total, "USD", total),
        Cost("archive kept, a month", stored, "GB", stored * prices.gb_month),
    )


def cost_rows(counted: Estimate, prices: Prices = DEFAULT_PRICES) -> list[dict[str, str]]:
    """Sizes and costs of an estimate as rows of text: ``estimate``, ``amount`` and ``usd``."""
    sizes = (
        Cost("overpasses", counted.units, ""),
        Cost("scenes", counted.scenes, ""),
        Cost("files opened", counted.files, ""),
        Cost("tasks", counted.tasks, ""),
        Cost("memory of a worker", counted.peak_memory / GB, "GB"),
    )
    return [_row(line) for line in (*sizes, *costs(counted, prices))]


def _known(name: str) -> str:
    names = [field.name for field in fields(Prices)]
    if name in names:
        return name
    hint = did_you_mean(name, names, f"expected one of {', '.join(names)}")
    raise InputError(f"unknown price {name!r}; {hint}")


def _amount(text: str, value: str) -> float:
    try:
        amount = float(value)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise InputError(f"price {text!r}: expected name=number, such as cpu_hour=0.04")
    return amount


def _transfers(counted: Estimate, prices: Prices) -> tuple[Cost, ...]:
    gets = counted.requests
    puts = counted.units * OBJECTS_PER_OVERPASS + counted.chunks
    read = counted.bytes_fetched / GB
    return (
        Cost("read requests", gets, "GET", gets / 1000 * prices.get_1000),
        Cost("bytes read", read, "GB", read * prices.gb_out),
        Cost("write requests", puts, "PUT", puts / 1000 * prices.put_1000),
        Cost("bytes written", counted.bytes_out / ARCHIVE_RATIO / GB, "GB"),
    )


def _hours(counted: Estimate, prices: Prices) -> tuple[Cost, ...]:
    megapixels = counted.pixels / 1e6
    tile = megapixels * TILE_CPU_S / 3600
    if prices.gpu_megapixels_s > 0:
        hours = megapixels / prices.gpu_megapixels_s / 3600
        segment = Cost("segment", hours, "GPU hours", hours * prices.gpu_hour)
    else:
        hours = megapixels * SEGMENT_CPU_S / 3600
        segment = Cost("segment", hours, "CPU hours", hours * prices.cpu_hour)
    return (Cost("tile", tile, "CPU hours", tile * prices.cpu_hour), segment)


def _row(line: Cost) -> dict[str, str]:
    usd = "" if line.usd is None else f"{line.usd:,.2f}"
    amount = "" if line.unit == "USD" else f"{_readable(line.amount)} {line.unit}".strip()
    return {"estimate": line.what, "amount": amount, "usd": usd}


def _readable(amount: float) -> str:
    """Three significant digits; whole numbers whole."""
    if amount == int(amount) or amount >= 100:
        return f"{amount:,.0f}"
    return f"{amount:.3g}"
