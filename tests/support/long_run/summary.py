"""What a long run showed, as JSON and in lines: its end, costs against the plan, and growth."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jobs.plan import Plan, Prices, Running
from tests.support.long_run.growth import growth
from tests.support.long_run.planned import planned_costs, starts
from tests.support.long_run.run import Seen
from tests.support.long_run.samples import Sample

GROWING = (
    *(("runner", name) for name in ("memory", "threads", "files", "sockets")),
    *(("scheduler", name) for name in ("memory", "threads", "files", "sockets")),
    *(("worker", "memory"), ("submit", "memory")),
)
Summary = dict[str, Any]


def summarise(said: Mapping[str, Any], plan: Plan, alone: Seen, run: Seen) -> Summary:
    """Everything but the samples themselves; ``said`` by the submission's ``--dry-run``."""
    made = run.published()
    workers, parts = said["workers"], len(said["partitions"])
    lost = Running(
        workers,
        parts,
        lost_workers=starts(run.samples, "worker") - parts * workers,
        lost_runners=starts(run.samples, "runner") - parts,
    )
    return {
        "overpasses": said["estimate"]["units"],
        "partitions": said["partitions"],
        "workers": workers,
        "alone": _end(alone, planned_costs(plan, alone.work, Running(workers))),
        "run": {
            **_end(run, planned_costs(plan, run.work, lost)),
            "lost": {"workers": lost.lost_workers, "runners": lost.lost_runners},
            "left": list(run.left),
            "happened": [asdict(one) for one in run.happened],
            "refused": run.refused,
            "bytes_equal": made == alone.published(),
            "published": len(made),
            "most_objects": _most(run.samples),
            "growth": {
                f"{role} {name}": _growth(run.samples, role, name) for role, name in GROWING
            },
        },
    }


def _end(seen: Seen, planned: Mapping[str, float]) -> Summary:
    last = seen.samples[-1]
    return {
        "planned": dict(planned),
        "work": asdict(seen.work),
        "exit": seen.code,
        "minutes": seen.seconds / 60,
        "requests": last.requests,
        "cpu_s": last.cpu_s,
        "bucket": last.bucket,
        "objects": last.objects,
    }


def _most(samples: Sequence[Sample]) -> dict[str, int]:
    most: dict[str, int] = {}
    for sample in samples:
        for kind, count in sample.objects.items():
            most[kind] = max(most.get(kind, 0), count)
    return most


def _growth(samples: Sequence[Sample], role: str, name: str) -> Summary | None:
    found = growth(samples, role, name)
    return None if found is None else asdict(found)


def read_summary(out: Path) -> Summary:
    """The summary in a folder."""
    found: Summary = json.loads((out / "summary.json").read_text())
    return found


def lines(summary: Summary) -> Iterator[str]:
    """The summary for people."""
    run, alone = summary["run"], summary["alone"]
    met = Counter(one["what"] for one in run["happened"] if one["met"])
    yield (
        f"{summary['overpasses']} overpasses in {len(summary['partitions'])} parts, exit "
        f"{run['exit']} after {run['minutes']:.1f} min (undisturbed on this machine "
        f"{alone['minutes']:.1f} min); bytes {'equal' if run['bytes_equal'] else 'DIFFERENT'} in "
        f"{run['published']} files; left behind: {', '.join(run['left']) or 'nothing'}"
    )
    yield "; ".join(f"{count} x {what}" for what, count in met.most_common())
    yield (
        f"pods started beside the first: {run['lost']['workers']:.0f} workers, "
        f"{run['lost']['runners']:.0f} runners; CPU factor alone "
        f"{alone['work']['cpu_factor']:.2f}, disturbed {run['work']['cpu_factor']:.2f}"
    )
    yield f"{'planned, spent':<28}{'alone':>20}{'ratio':>7}{'disturbed':>22}{'ratio':>7}"
    for what, line, spent in COSTS:
        yield f"{what:<28}" + "".join(_compared(seen, line, spent) for seen in (alone, run))
    yield "money, .001 dollars".ljust(28) + "".join(map(_money, (alone, run)))
    for role in ("worker", "nanny", "runner", "scheduler", "submit"):
        yield f"{role} CPU seconds: {run['cpu_s'].get(role, 0.0):,.0f}"
    for name, found in run["growth"].items():
        if found:
            yield (
                f"{name:<20} {found['least']:>8.1f} to {found['most']:>8.1f}, "
                f"{found['per_hour']:+.1f} +- {found['error']:.1f} an hour "
                f"({found['processes']} processes)"
            )
    yield f"most objects: {run['most_objects']}"
    yield f"at the end: {run['objects']}; in the bucket {run['bucket']}"


def _compared(seen: Summary, line: str, spent: Callable[[Summary], float]) -> str:
    return _beside(seen["planned"][line], spent(seen))


def _money(seen: Summary) -> str:
    """All of that at the plan's usual prices."""
    amounts = [(seen["planned"][line], spent(seen), PRICES[line]) for _, line, spent in COSTS]
    planned, actual = (1000 * sum(each[k] * each[2] for each in amounts) for k in (0, 1))
    return _beside(planned, actual)


def _beside(planned: float, actual: float) -> str:
    return f"{planned:>12,.5g}{actual:>10,.5g}{actual / planned:>7.2f}"


def _of(seen: Summary, *names: str) -> float:
    return float(sum(seen["requests"].get(name, 0) for name in names))


def _cpu(seen: Summary) -> float:
    """Of what the plan counts: not of the submission that waits."""
    return float(sum(spent for role, spent in seen["cpu_s"].items() if role in COUNTED))


COUNTED = ("worker", "nanny", "runner", "scheduler", "local worker", "local")
COSTS: tuple[tuple[str, str, Callable[[Summary], float]], ...] = (
    ("imagery GET", "read requests", lambda seen: _of(seen, "imagery GET")),
    ("imagery GB", "bytes read", lambda seen: _of(seen, "imagery GET bytes") / 1e9),
    ("archive PUT", "write requests", lambda seen: _of(seen, "archive PUT", "archive POST")),
    ("archive PUT GB", "bytes written", lambda seen: _of(seen, "archive PUT bytes") / 1e9),
    (
        "archive GET, HEAD",
        "requests to read the archive",
        lambda seen: _of(seen, "archive GET", "archive HEAD"),
    ),
    ("archive LIST", "requests to list the archive", lambda seen: _of(seen, "archive LIST")),
    ("CPU seconds", "CPU-s", _cpu),
)
"""What is compared, with the plan's name for it and what was spent."""

USUAL = Prices()
PRICES = {
    "read requests": USUAL.get_1000 / 1000,
    "bytes read": USUAL.gb_out,
    "write requests": USUAL.put_1000 / 1000,
    "bytes written": 0.0,
    "requests to read the archive": USUAL.get_1000 / 1000,
    "requests to list the archive": USUAL.put_1000 / 1000,
    "CPU-s": USUAL.cpu_hour / 3600,
}
"""US dollars of one, by the plan's name for it."""
