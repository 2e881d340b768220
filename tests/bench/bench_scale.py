"""A plan of thousands of ports and years: made, opened, listed, counted, estimated and resumed.

python -m tests.bench.bench_scale [--quick] [--ports 3669 --years 10] [--archives 8] [--work DIR]

The plan is synthetic; grouping and file are those of the package. Each step runs in a process of
its own and prints its time and its peak memory, which show how they grow with the plan. The part of
resuming that reads archives is measured on some real ones, with two thirds of their overpasses
done, and printed per port. At full size the plan takes more than an hour to make on
one core and 3 GB of disk; ``--quick`` makes 40 ports.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from jobs.archive import PortArchive
from jobs.archive.pool import Archives
from jobs.domain import Settings, UnitResult, UnitState
from jobs.plan import Plan, estimate_plan, read_plan
from jobs.plan.cost import cost_rows
from jobs.plan.estimate import estimate_port
from jobs.plan.file import write_findings
from jobs.run.backlog import RunOptions, work_items
from jobs.run.task import STAGES
from jobs.run.unit_state import port_units
from jobs.storage import Storage, storage_at
from tests.bench.many_ports import findings, header, many_ports

PORTS, YEARS = 3669, 10
QUICK = 40
SETTINGS = Settings("bench", None, "weights")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ports", type=int, default=PORTS)
    parser.add_argument("--years", type=int, default=YEARS)
    parser.add_argument("--archives", type=int, default=8, help="how many real ones to resume from")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} ports")
    parser.add_argument("--work", type=Path, help="folder for the plan")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.ports = QUICK
    if chosen.step:
        STEPS[chosen.step](chosen)
        return
    with tempfile.TemporaryDirectory(dir=chosen.work) as folder:
        print(f"{chosen.ports} ports x {chosen.years} years")
        print(f"{'step':<10} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
        for step in STEPS:
            _in_its_own_process(step, chosen, Path(folder))


def _in_its_own_process(step: str, chosen: argparse.Namespace, folder: Path) -> None:
    sizes = [f"--{name}={getattr(chosen, name)}" for name in ("ports", "years", "archives")]
    command = [sys.executable, "-m", "tests.bench.bench_scale", *sizes, f"--work={folder}"]
    subprocess.run([*command, f"--step={step}"], check=True)


@contextmanager
def _measured(step: str) -> Iterator[dict[str, object]]:
    """Print what a step took and, after it, what it found."""
    facts: dict[str, object] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield facts
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = time.perf_counter() - wall, time.process_time() - cpu
    shown = ", ".join(f"{name} {value}" for name, value in facts.items())
    print(f"{step:<10} {took[0]:8.2f} {took[1]:8.2f} {peak_mb:8.0f}  {shown}", flush=True)


# --- the steps ----------------------------------------------------------------------------------


def _nothing(chosen: argparse.Namespace) -> None:
    """What the imports alone take."""
    with _measured("nothing"):
        pass


def _make(chosen: argparse.Namespace) -> None:
    with _measured("make") as facts:
        ports = many_ports(chosen.ports)
        write_findings(header(ports, chosen.years), findings(ports, chosen.years), _path(chosen))
        facts["GB"] = f"{_path(chosen).stat().st_size / 1e9:.3f}"


def _open(chosen: argparse.Namespace) -> None:
    with _measured("open") as facts:
        plan = _plan(chosen)
        facts["overpasses"] = len(plan.overpasses)
        facts["hash"] = plan.hash[:12]


def _list_one(chosen: argparse.Namespace) -> None:
    plan = _plan(chosen)
    with _measured("list one") as facts:
        facts["overpasses"] = len(plan.of(plan.ports[len(plan.ports) // 2].id))


def _estimate(chosen: argparse.Namespace) -> None:
    plan = _plan(chosen)
    with _measured("estimate") as facts:
        facts["units"] = estimate_plan(plan).units


def _go_through(chosen: argparse.Namespace) -> None:
    plan = _plan(chosen)
    with _measured("iterate") as facts:
        facts["overpasses"] = sum(1 for _ in plan.overpasses)


def _resume(chosen: argparse.Namespace) -> None:
    """What is to do, for ports whose archives exist; the plan is the whole one."""
    plan, root = _plan(chosen), storage_at(str(chosen.work / "archive"))
    few = plan.ports[: chosen.archives]
    for port in few:
        _two_thirds_done(root, plan, port.id)
    some = replace(plan, ports=few)
    with _measured("resume") as facts:
        start = time.process_time()
        archives = Archives(some.ports, root)
        facts["to do"] = sum(1 for _ in work_items(some, archives, SETTINGS, RunOptions()))
        each = (time.process_time() - start) / len(few)
        facts["ms CPU a port"] = f"{each * 1000:.0f}"
        facts[f"minutes for {PORTS} ports"] = f"{each * PORTS / 60:.0f}"


def _two_thirds_done(root: Storage, plan: Plan, port_id: str) -> None:
    port = plan.port(port_id)
    archive = PortArchive.create_or_open(root, port, np.zeros(port.grid.shape, bool))
    archive.ensure(plan.of(port_id))
    units = (unit for unit, step in port_units(plan, port, archive.steps()) if step.index % 3)
    done = [
        (UnitResult(unit.overpass.id, stage.name, UnitState.DONE), stage.key(unit, SETTINGS))
        for unit in units
        for stage in STAGES
    ]
    archive.commit(done, [], "two thirds", {})


def _bill(chosen: argparse.Namespace) -> None:
    """For one port and for all, at the default prices."""
    plan = _plan(chosen)
    port = plan.ports[0]
    for title, counted in (
        ("one port", estimate_port(port, plan.of(port.id))),
        (f"{len(plan.ports)} ports", estimate_plan(plan)),
    ):
        print(f"\n{title}, {chosen.years} years")
        for row in cost_rows(counted):
            print(f"  {row['estimate']:<26} {row['amount']:>22} {row['usd']:>14}")


def _path(chosen: argparse.Namespace) -> Path:
    return Path(chosen.work) / "plan.jsonl.gz"


def _plan(chosen: argparse.Namespace) -> Plan:
    return read_plan(_path(chosen))


STEPS: dict[str, Callable[[argparse.Namespace], None]] = {
    "nothing": _nothing,
    "make": _make,
    "open": _open,
    "list": _list_one,
    "estimate": _estimate,
    "iterate": _go_through,
    "resume": _resume,
    "bill": _bill,
}

if __name__ == "__main__":
    main()
