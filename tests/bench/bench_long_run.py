"""24 hours of a backfill in one: its costs, whether anything grows, whether its bytes are equal.

python -m tests.bench.bench_long_run OUT [--minutes 60] [--months 6] [--per-month 50] [--seed 1]

A backfill by month, two parts at once, on the tests' Kubernetes cluster with the real operator; the
same plan runs undisturbed beside it, by ``berthwatch run`` on this machine. Workers and schedulers
are lost, workers and runners evicted with notice, the API goes away, the bucket refuses and is
slow: tests/support/long_run/schedule.py says how often. ``--minutes`` is the length into which the
24 hours are compressed, ``--undisturbed`` lets nothing happen. OUT keeps samples, output, summary
and picture; ``--picture`` draws it again from OUT.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jobs.plan import read_plan
from tests.support.long_run.picture import draw
from tests.support.long_run.run import long_site, planned, run_here, submitted
from tests.support.long_run.schedule import schedule
from tests.support.long_run.summary import lines, read_summary, summarise

LIMIT = 3.0
"""A run that takes so many times the schedule's length is given up."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--months", type=int, default=6)
    parser.add_argument("--per-month", type=int, default=50, help="overpasses of a port")
    parser.add_argument("--pixels", type=int, default=512, help="along each side of a port")
    parser.add_argument("--workers", type=int, default=2, help="of each part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--undisturbed", action="store_true")
    parser.add_argument("--picture", action="store_true")
    chosen = parser.parse_args()
    if not chosen.picture:
        _run(chosen)
    summary = read_summary(chosen.out)
    print("\n".join(lines(summary)))
    draw(chosen.out, chosen.out / "long-run.png")


def _run(chosen: argparse.Namespace) -> None:
    chosen.out.mkdir(parents=True)
    day_s = chosen.minutes * 60
    entries = () if chosen.undisturbed else schedule(chosen.seed, day_s)
    size = (chosen.months, chosen.per_month, chosen.workers, chosen.pixels)
    with long_site(chosen.out / "site", *size) as place:
        said = planned(place)
        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(
                run_here, place, chosen.out / "alone.jsonl", chosen.workers, day_s * LIMIT
            )
            run = submitted(place, chosen.out / "run.jsonl", entries, day_s * LIMIT)
            alone = beside.result()
            summary = summarise(said, read_plan(place.site.plan), alone, run)
        (chosen.out / "summary.json").write_text(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
