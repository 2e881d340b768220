"""What a long run showed, as JSON and in lines: its end, costs against the plan, and growth."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.support.long_run.growth import growth
from tests.support.long_run.run import Seen
from tests.support.long_run.samples import Sample

GROWING = (
    *(("runner", name) for name in ("memory", "threads", "files", "sockets")),
    *(("scheduler", name) for name in ("memory", "threads", "files", "sockets")),
    *(("worker", "memory"), ("submit", "memory")),
)
Summary = dict[str, Any]


def summarise(plan: Mapping[str, Any], alone: Seen, run: Seen) -> Summary:
    """Everything but the samples themselves."""
    made = run.published()
    return {
        "plan": {line["what"]: line["amount"] for line in plan["cost"]},
        "overpasses": plan["estimate"]["units"],
        "partitions": plan["partitions"],
        "workers": plan["workers"],
        "alone": _end(alone),
        "run": {
            **_end(run),
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


def _end(seen: Seen) -> Summary:
    last = seen.samples[-1]
    return {
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
    run, alone, plan = summary["run"], summary["alone"], summary["plan"]
    met = Counter(one["what"] for one in run["happened"] if one["met"])
    yield (
        f"{summary['overpasses']} overpasses in {len(summary['partitions'])} parts, exit "
        f"{run['exit']} after {run['minutes']:.1f} min (undisturbed on this machine "
        f"{alone['minutes']:.1f} min); bytes {'equal' if run['bytes_equal'] else 'DIFFERENT'} in "
        f"{run['published']} files; left behind: {', '.join(run['left']) or 'nothing'}"
    )
    yield "; ".join(f"{count} x {what}" for what, count in met.most_common())
    yield f"{'':28}{'planned':>10}{'alone':>10}{'disturbed':>10}"
    for what, planned, of in _costs(plan):
        values = (planned, of(alone), of(run))
        yield f"{what:<28}" + "".join(f"{value:>10,.4g}" for value in values)
    for name, found in run["growth"].items():
        if found:
            yield (
                f"{name:<20} {found['least']:>8.1f} to {found['most']:>8.1f}, "
                f"{found['per_hour']:+.1f} +- {found['error']:.1f} an hour "
                f"({found['processes']} processes)"
            )
    yield f"most objects: {run['most_objects']}"
    yield f"at the end: {run['objects']}; in the bucket {run['bucket']}"


def _costs(plan: Mapping[str, float]) -> Iterator[tuple[str, float, Any]]:
    yield "imagery GET", plan["read requests"], lambda seen: _of(seen, "imagery GET")
    yield "imagery GB", plan["bytes read"], lambda seen: _of(seen, "imagery GET bytes") / 1e9
    yield "archive PUT", plan["write requests"], lambda seen: _of(seen, "archive PUT")
    yield "archive PUT GB", plan["bytes written"], lambda seen: _of(seen, "archive PUT bytes") / 1e9
    reads, lists = plan["requests to read the archive"], plan["requests to list the archive"]
    yield "archive GET, HEAD", reads, lambda seen: _of(seen, "archive GET", "archive HEAD")
    yield "archive LIST", lists, lambda seen: _of(seen, "archive LIST")
    cpu_s = (plan["tile"] + plan["segment"] + plan["count visits"]) * 3600
    yield "workers' CPU seconds", cpu_s, lambda seen: _workers_cpu(seen)
    for role in ("nanny", "runner", "scheduler", "submit"):
        yield f"{role} CPU seconds", 0.0, lambda seen, role=role: seen["cpu_s"].get(role, 0.0)


def _of(seen: Summary, *names: str) -> float:
    return float(sum(seen["requests"].get(name, 0) for name in names))


def _workers_cpu(seen: Summary) -> float:
    return float(seen["cpu_s"].get("worker", seen["cpu_s"].get("local worker", 0.0)))
