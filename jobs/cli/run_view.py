"""Status of a run on Kubernetes as a table row, as a tree and as JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from jobs.kubernetes import PartitionStatus, PortStage, RunState, RunStatus, Throughput, Trouble

MAX_PORTS = 8
"""Ports shown below a partition, those with the most unfinished overpasses; JSON has all."""

MAX_PARTITIONS = 24
"""Limit of the shown partitions; above it, finished and waiting ones are only counted."""

COLOURS = {
    "finished": "green",
    "failed": "red",
    "lost": "red",
    "unknown": "yellow",
    "stalled": "yellow",
}
COUNTED = ("finished", "submitted")
"""States of partitions that are only counted."""
COUNTS = ("done", "failed", "stale", "pending")


def run_table(found: Iterable[RunStatus]) -> Table:
    """Runs, one row each. Ids are folded, never cut off, so that they can be copied."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("run", overflow="fold")
    for name in ("state", "finished", "submitted"):
        table.add_column(name, no_wrap=True)
    for one in found:
        finished = sum(str(part.state) == "finished" for part in one.partitions)
        of = f"{finished} of {len(one.partitions)}"
        table.add_row(one.run.id, _state(one.state), of, _time(one.run.submitted_at))
    return table


def run_tree(found: RunStatus) -> Tree:
    """Run, its troubles, partitions with their pods, ports with their stages."""
    tree = Tree(_run_line(found), guide_style="dim")
    for trouble in found.troubles:
        tree.add(_trouble_line(trouble))
    for part in _shown(found):
        branch = tree.add(_partition_line(part))
        for line in _below(part):
            branch.add(line)
    hidden = _hidden(found)
    if hidden:
        tree.add(Text(f"{len(hidden)} more partitions: {state_counts(hidden)}", style="dim"))
    return tree


def _shown(found: RunStatus) -> list[PartitionStatus]:
    if len(found.partitions) <= MAX_PARTITIONS:
        return list(found.partitions)
    shown = [part for part in found.partitions if str(part.state) not in COUNTED]
    return shown[:MAX_PARTITIONS]


def _hidden(found: RunStatus) -> list[PartitionStatus]:
    shown = {part.index for part in _shown(found)}
    return [part for part in found.partitions if part.index not in shown]


def run_values(found: RunStatus) -> dict[str, Any]:
    """The whole status as JSON values."""
    run = found.run
    return {
        "run": run.id,
        "job": run.job,
        "state": str(found.state),
        "namespace": run.namespace,
        "archive": run.archive,
        "submitted": run.submitted_at,
        "plan": run.identity.plan,
        "code": run.identity.code,
        "verify": run.verify,
        "use_reviews": run.use_reviews,
        "asked_kubernetes": found.polled,
        "troubles": [asdict(trouble) for trouble in found.troubles],
        "partitions": [_partition_values(found, part) for part in found.partitions],
    }


def _partition_values(found: RunStatus, part: PartitionStatus) -> dict[str, Any]:
    period = found.run.partitions[part.index].period
    return {
        "index": part.index,
        "name": part.name,
        "start": None if period is None else period.start.isoformat(),
        "end": None if period is None else period.end.isoformat(),
        "state": str(part.state),
        "why": part.why,
        "pods": [asdict(count) for count in part.pods],
        "record": None if part.record is None else asdict(part.record),
        "stages": [asdict(row) for row in part.stages],
        "pace": None
        if part.throughput is None
        else {**asdict(part.throughput), "minutes_left": minutes_left(part)},
    }


def state_counts(partitions: Iterable[PartitionStatus]) -> str:
    """Such as ``3 finished, 1 running``."""
    states = [part.state for part in partitions]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def minutes_left(part: PartitionStatus) -> float | None:
    """Minutes until its last stage is finished at the present throughput; None if unknown."""
    if part.throughput is None or not part.throughput.per_minute or not part.stages:
        return None
    last = part.stages[-1].stage
    unfinished = sum(row.pending + row.stale for row in part.stages if row.stage == last)
    return unfinished / part.throughput.per_minute


# --- lines ---------------------------------------------------------------------------------------


def _run_line(found: RunStatus) -> Text:
    run = found.run
    line = Text(run.id, style="bold").append("  ").append_text(_state(found.state))
    facts = []
    if run.verify is not None:
        facts.append(f"verifies {run.verify} overpasses")
    if not run.use_reviews:
        facts.append("without reviews")
    if len(found.partitions) > 1:
        facts.append(f"{len(found.partitions)} partitions, {run.parallel} at once")
    facts.append(f"submitted {_time(run.submitted_at)}")
    if not found.polled:
        facts.append("from records alone")
    return line.append(f"  {'; '.join(facts)}", style="dim")


def _trouble_line(trouble: Trouble) -> Text:
    line = Text(f"{trouble.about}: ", style="red" if trouble.fatal else "yellow")
    return line.append(Text(trouble.sentence, style="default"))


def _partition_line(part: PartitionStatus) -> Text:
    line = Text(part.name).append("  ").append_text(_state(part.state))
    facts = [part.why] if part.why else []
    facts += _record_facts(part)
    if part.pods:
        facts.append(", ".join(f"{one.component} {one.ready}/{one.wanted}" for one in part.pods))
    if part.throughput is not None:
        facts.append(_rate(part.throughput, minutes_left(part)))
    return line.append(f"  {'; '.join(facts)}" if facts else "")


def _record_facts(part: PartitionStatus) -> list[str]:
    record = part.record
    if record is None or part.stages:
        return []
    counts = {"done": record.done, "failed": record.failed, "pending": record.pending}
    return [_numbers(counts)]


def _rate(throughput: Throughput, left: float | None) -> str:
    if not throughput.per_minute:
        return f"last overpass at {_time(throughput.newest)}"
    rest = "" if left is None else f", {_duration(left)} left"
    return (
        f"{throughput.per_minute:.1f} overpasses a minute{rest}; last at {_time(throughput.newest)}"
    )


def _below(part: PartitionStatus) -> Iterator[Text]:
    """Lines of a partition: sums over its ports, then the ports with the most unfinished."""
    ports: dict[str, list[PortStage]] = {}
    for row in part.stages:
        ports.setdefault(row.port, []).append(row)
    if len(ports) > 1:
        yield Text(f"{len(ports)} ports  {_stages(_summed(part.stages))}")
    unfinished = [port for port, rows in ports.items() if _missing(rows)]
    wanted = list(ports) if len(ports) == 1 else unfinished
    wanted.sort(key=lambda port: -_missing(ports[port]))
    for port in wanted[:MAX_PORTS]:
        yield Text(f"{port}  {_stages(ports[port])}")
    if len(wanted) > MAX_PORTS:
        more = f"and {len(wanted) - MAX_PORTS} more ports with something to do; --output json"
        yield Text(more, style="dim")


def _summed(rows: Iterable[PortStage]) -> list[PortStage]:
    stages: dict[str, list[PortStage]] = {}
    for row in rows:
        stages.setdefault(row.stage, []).append(row)
    return [
        PortStage("", stage, **{name: sum(getattr(row, name) for row in each) for name in COUNTS})
        for stage, each in stages.items()
    ]


def _missing(rows: Iterable[PortStage]) -> int:
    return sum(row.failed + row.stale + row.pending for row in rows)


def _stages(rows: Iterable[PortStage]) -> str:
    numbers = ((row.stage, {name: getattr(row, name) for name in COUNTS}) for row in rows)
    return "; ".join(f"{stage}: {_numbers(counts)}" for stage, counts in numbers)


def _numbers(counts: dict[str, int]) -> str:
    """Such as ``12 done, 1 failed``, without zeros; ``0 done`` where all are zero."""
    return ", ".join(f"{n:,} {name}" for name, n in counts.items() if n) or "0 done"


def _state(state: RunState) -> Text:
    return Text(str(state), style=COLOURS.get(str(state), ""))


def _time(iso: str) -> str:
    """An ISO 8601 time in UTC, to the minute."""
    return f"{iso[:10]} {iso[11:16]} UTC" if len(iso) >= 16 else iso or "?"


def _duration(minutes: float) -> str:
    if minutes < 1:
        return "less than a minute"
    hours, rest = divmod(round(minutes), 60)
    if not hours:
        return f"{rest} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {rest:02d} min"
