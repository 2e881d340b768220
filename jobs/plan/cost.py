"""Costs of a plan: requests, bytes, CPU and GPU hours, storage, and money at given prices.

They are those of a run from nothing to its published results, with the losses that the user
expects. What things cost is in ``rates``; prices are the user's. The speed of a GPU is not
estimated: the user gives it, or segment is costed on CPUs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from jobs.domain import StageName, did_you_mean
from jobs.errors import InputError
from jobs.plan.estimate import Estimate
from jobs.plan.rates import (
    ARCHIVE_RATIO,
    BATCH_S,
    BERTH_CPU_S,
    BERTHS_WRITES,
    COMMIT_CPU_S,
    COMMIT_S,
    COUNT_CPU_S,
    COUNT_PORT_CPU_S,
    CUTOUT_READS,
    LEASE_S,
    LISTS,
    LOOK_CPU_S,
    MOST_CUTOUTS,
    MOST_IN_BATCH,
    PORT_CPU_S,
    READS,
    REFIT_SHARE,
    RUN_CPU_S,
    VESSELS_OBJECT_MEGAPIXELS,
    WORKER_CPU_S,
    WRITES,
    Requests,
    stage_cpu_s,
)

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
    cpu_factor: float = 1.0
    """No price: CPU seconds that the user's processor takes for one of ours. A finished run says
    it."""


DEFAULT_PRICES = Prices()


@dataclass(frozen=True)
class Running:
    """How a plan is run, as far as that changes its cost."""

    workers: int = 2
    """Threads of workers that work at once, in each part."""
    parts: int = 1
    """Parts of a backfill, each a run of its own with its own workers."""
    together: float = 1.0
    """Ports whose overpasses end at the same time, as they come from the same scenes, on average:
    each has a commit of its own."""
    work_s: float | None = None
    """Duration of the work on overpasses, all parts added; None: as long as its CPU time takes."""
    lost_workers: float = 0.0
    """Workers that are lost and replaced, all parts added: each starts anew and does half a batch
    once more."""
    lost_runners: float = 0.0
    """Coordinators that are lost and replaced; on Kubernetes the workers stay."""


DEFAULT_RUNNING = Running()


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


def costs(
    counted: Estimate, prices: Prices = DEFAULT_PRICES, running: Running = DEFAULT_RUNNING
) -> tuple[Cost, ...]:
    """Costs of a run that starts from nothing: its parts, their sum, and the archive's month."""
    work = (*_transfers(counted, prices, running), *_hours(counted, prices, running))
    total = sum(line.usd or 0.0 for line in work)
    stored = counted.bytes_out / ARCHIVE_RATIO / GB
    return (
        *work,
        Cost("the run, once", total, "USD", total),
        Cost("archive kept, a month", stored, "GB", stored * prices.gb_month),
    )


def cost_rows(
    counted: Estimate, prices: Prices = DEFAULT_PRICES, running: Running = DEFAULT_RUNNING
) -> list[dict[str, str]]:
    """Sizes and costs of an estimate as rows of text: ``estimate``, ``amount`` and ``usd``."""
    sizes = (
        Cost("overpasses", counted.units, ""),
        Cost("scenes", counted.scenes, ""),
        Cost("files opened", counted.files, ""),
        Cost("tasks", counted.tasks, ""),
        Cost("commits", round(commits(counted, prices, running)), ""),
        Cost("memory of a worker", counted.peak_memory / GB, "GB"),
    )
    return [_row(line) for line in (*sizes, *costs(counted, prices, running))]


def work_s(counted: Estimate, prices: Prices, running: Running) -> float:
    """Duration of the work on overpasses, all parts added, where workers wait for nothing."""
    if running.work_s is not None:
        return running.work_s
    busy = _stage_s(StageName.TILE, counted, prices)
    if prices.gpu_megapixels_s == 0:
        busy += _stage_s(StageName.SEGMENT, counted, prices)
    return busy / running.workers


def commits(counted: Estimate, prices: Prices, running: Running) -> float:
    """Commits of overpasses: one of each port in each part, and one each COMMIT_S of the ports that
    are at work then; no more than overpasses.
    """
    between = work_s(counted, prices, running) / COMMIT_S * running.together
    return min(counted.units, counted.ports * running.parts + between)


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


def _transfers(counted: Estimate, prices: Prices, running: Running) -> tuple[Cost, ...]:
    again = 1 + _done_twice(counted, running)
    gets = counted.requests * again
    read = counted.bytes_fetched / GB * again
    puts = _requests(WRITES, counted, prices, running) + _vessel_objects(counted)
    puts += work_s(counted, prices, running) / LEASE_S
    puts += BERTHS_WRITES if counted.looks else 0
    reads = _requests(READS, counted, prices, running) + _cutouts(counted) * CUTOUT_READS
    lists = _requests(LISTS, counted, prices, running)
    return (
        Cost("read requests", gets, "GET", gets / 1000 * prices.get_1000),
        Cost("bytes read", read, "GB", read * prices.gb_out),
        Cost("write requests", puts, "PUT", puts / 1000 * prices.put_1000),
        Cost("bytes written", counted.bytes_out / ARCHIVE_RATIO / GB, "GB"),
        Cost("requests to read the archive", reads, "GET", reads / 1000 * prices.get_1000),
        Cost("requests to list the archive", lists, "LIST", lists / 1000 * prices.put_1000),
    )


def _requests(rate: Requests, counted: Estimate, prices: Prices, running: Running) -> float:
    return (
        running.parts * rate.part
        + rate.run
        + counted.ports * rate.port
        + commits(counted, prices, running) * rate.commit
        + counted.units * rate.overpass
        + counted.chunks * rate.chunk
        + counted.reread_chunks * rate.reread
    )


def _vessel_objects(counted: Estimate) -> float:
    """Overpasses whose vessels are an object of their own."""
    return min(counted.units, counted.pixels / 1e6 / VESSELS_OBJECT_MEGAPIXELS)


def _cutouts(counted: Estimate) -> int:
    """Cut-outs of ships in the report, where there are enough ships."""
    of_a_port, of_all = MOST_CUTOUTS
    return min(counted.ports * of_a_port, of_all)


def _hours(counted: Estimate, prices: Prices, running: Running) -> tuple[Cost, ...]:
    again = 1 + _done_twice(counted, running)
    tile = _stage_s(StageName.TILE, counted, prices) / 3600 * again
    if prices.gpu_megapixels_s > 0:
        hours = _gpu_s(counted, prices) / 3600 * again
        segment = Cost("segment", hours, "GPU hours", hours * prices.gpu_hour)
    else:
        hours = _stage_s(StageName.SEGMENT, counted, prices) / 3600 * again
        segment = Cost("segment", hours, "CPU hours", hours * prices.cpu_hour)
    count = _count_s(counted, prices) / 3600
    around = _around_s(counted, prices, running) / 3600
    return (
        Cost("tile", tile, "CPU hours", tile * prices.cpu_hour),
        segment,
        Cost("count visits", count, "CPU hours", count * prices.cpu_hour),
        Cost("start, commit, publish", around, "CPU hours", around * prices.cpu_hour),
    )


def _done_twice(counted: Estimate, running: Running) -> float:
    """Overpasses that are done once more because a worker was lost, for each overpass of the plan:
    half of what a worker has in hand. It has those that share a scene, or a second's work.
    """
    if not counted.units:
        return 0.0
    busy_s = sum(stage_cpu_s(stage, counted) for stage in StageName)
    in_hand = min(max(running.together, BATCH_S * counted.units / busy_s), MOST_IN_BATCH)
    return running.lost_workers * in_hand / 2 / counted.units


def _stage_s(stage: StageName, counted: Estimate, prices: Prices) -> float:
    return stage_cpu_s(stage, counted) * prices.cpu_factor


def _gpu_s(counted: Estimate, prices: Prices) -> float:
    """Seconds of a GPU worker in segment; radar, which has no use for the GPU, keeps one too."""
    optical = (counted.pixels - counted.radar_pixels) / 1e6
    radar = Estimate(
        units=counted.radar_units,
        pixels=counted.radar_pixels,
        radar_units=counted.radar_units,
        radar_pixels=counted.radar_pixels,
    )
    return optical / prices.gpu_megapixels_s + _stage_s(StageName.SEGMENT, radar, prices)


def _count_s(counted: Estimate, prices: Prices) -> float:
    """CPU seconds of workers between the last overpass and the publication."""
    pixels = COUNT_CPU_S.of(counted.units, counted.background_pixels / 1e6)
    ports = counted.ports * COUNT_PORT_CPU_S
    berths = (counted.berths + REFIT_SHARE * counted.refitted_berths) * BERTH_CPU_S
    berths += (counted.looks + REFIT_SHARE * counted.refitted_looks) * LOOK_CPU_S
    return (pixels + ports + berths) * prices.cpu_factor


def _around_s(counted: Estimate, prices: Prices, running: Running) -> float:
    """CPU seconds of all that is no work on overpasses or visits."""
    runners = running.parts + running.lost_runners
    workers = running.parts * running.workers + running.lost_workers
    starts = runners * RUN_CPU_S + workers * WORKER_CPU_S
    ports = counted.ports * PORT_CPU_S
    return (starts + ports + commits(counted, prices, running) * COMMIT_CPU_S) * prices.cpu_factor


def _row(line: Cost) -> dict[str, str]:
    usd = "" if line.usd is None else f"{line.usd:,.2f}"
    amount = "" if line.unit == "USD" else f"{readable(line.amount)} {line.unit}".strip()
    return {"estimate": line.what, "amount": amount, "usd": usd}


def readable(amount: float) -> str:
    """An amount as text: three significant digits; whole numbers whole."""
    if amount == int(amount) or amount >= 100:
        return f"{amount:,.0f}"
    return f"{amount:.3g}"
