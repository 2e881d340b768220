"""Whole runs on an S3 server: what the plan says that they cost, and what they spend.

python -m tests.bench.bench_run_costs [small large many berths ...]

Each run is ``berthwatch run`` with two workers from nothing to published results, undisturbed. All
its processes' CPU time counts, and every request to imagery and archive. Three columns: planned
with the defaults; planned for this machine, whose CPU seconds are measured by the stages' own code
in a process beside the run all the while, and for the time that the run took (commits come every
30 s); spent.
The last lines are lines through the runs, for ``jobs/plan/rates.py``: CPU seconds of an overpass
by stage, divided by what this machine takes for one of its seconds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from jobs.domain import Source, StageName
from jobs.plan import Estimate, Running, costs, estimate_plan
from jobs.plan.cost import DEFAULT_PRICES, Prices, commits
from tests.bench.bench_costs import calibrating, fitted, scene_files
from tests.support.long_run.imagery import write_scenes
from tests.support.whole_run import Size, Spent, place, plan_of, run_whole

SIZES = {
    "small": Size(ports=4, overpasses=10, pixels=512),
    "large": Size(ports=1, overpasses=16, pixels=1032),
    "many": Size(ports=16, overpasses=3, pixels=256),
    "berths": Size(ports=2, overpasses=16, pixels=512, berths=2),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(SIZES), choices=list(SIZES))
    chosen = parser.parse_args()
    of_unit: dict[StageName, dict[int, float]] = {stage: {} for stage in StageName}
    with tempfile.TemporaryDirectory() as folder:
        scenes = Path(folder) / "scenes"
        write_scenes(scenes)
        sources = scene_files(Path(folder))
        for name in chosen.names:
            size = SIZES[name]
            factor, spent = _run(Path(folder), scenes, sources, name, size)
            for stage in StageName:
                of_unit[stage][size.pixels] = median(spent.units_cpu_s(stage)) / factor
    if len({SIZES[name].pixels for name in chosen.names}) > 1:
        for stage, cpu_s in of_unit.items():
            print(f"{stage}: {fitted(cpu_s)}")


def _run(
    folder: Path, scenes: Path, sources: dict[str, Source], name: str, size: Size
) -> tuple[float, Spent]:
    own = folder / name
    own.mkdir()
    with place(scenes) as (behind, front), calibrating(own, sources) as measured:
        plan = plan_of(scenes, size)
        spent = run_whole(own, plan, size.workers, behind, front)
        factor = measured()
    estimate = estimate_plan(plan)
    print(f"{name}: {size}, CPU {factor:.2f} times, {spent.work_s:.0f} s of work")
    print(f"{'':30}{'planned':>10}{'for here':>10}{'spent':>10}{'ratio':>8}")
    as_planned = _planned(estimate, DEFAULT_PRICES, Running(size.workers))
    here = Running(size.workers, work_s=spent.work_s)
    for_here = _planned(estimate, Prices(cpu_factor=factor), here)
    for what, amount in _spent(spent):
        ratio = amount / for_here[what]
        print(
            f"{what:30}{as_planned[what]:>10,.4g}{for_here[what]:>10,.4g}{amount:>10,.4g}"
            f"{ratio:>8.2f}",
            flush=True,
        )
    print(f"  {spent.parts(size.workers)}", flush=True)
    return factor, spent


def _planned(estimate: Estimate, prices: Prices, running: Running) -> dict[str, float]:
    lines = {line.what: line.amount for line in costs(estimate, prices, running)}
    hours = ("tile", "segment", "count visits", "start, commit, publish")
    seconds = {f"CPU-s {what}": lines[what] * 3600 for what in hours}
    return {
        **lines,
        **seconds,
        "CPU-s of the run": sum(seconds.values()),
        "commits": commits(estimate, prices, running),
    }


def _spent(spent: Spent) -> Iterator[tuple[str, float]]:
    of = spent.requests
    yield "read requests", of["imagery GET"]
    yield "bytes read", of["imagery GET bytes"] / 1e9
    yield "commits", len(spent.named("committed"))
    yield "write requests", of["archive PUT"] + of["archive POST"]
    yield "bytes written", spent.stored / 1e9
    yield "requests to read the archive", of["archive GET"] + of["archive HEAD"]
    yield "requests to list the archive", of["archive LIST"]
    for stage in StageName:
        yield f"CPU-s {stage}", median(spent.units_cpu_s(stage)) * len(spent.units_cpu_s(stage))
    yield "CPU-s count visits", spent.counting_cpu_s
    yield "CPU-s of the run", spent.cpu_s


if __name__ == "__main__":
    main()
