"""Commands that look before a run: search and plan; and the plan pinned for a job."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.destinations import empty_folder, file_to_write, folder_to_make
from jobs.cli.kept_factor import with_kept_factor
from jobs.cli.options import AsJson, JobFile, JobOrPlan
from jobs.cli.output import err, out, say, show, working
from jobs.cli.program import command_app
from jobs.domain import Job, Overpass, Period, read_job, today_utc
from jobs.errors import InputError
from jobs.plan import (
    Plan,
    Prices,
    Running,
    cost_rows,
    costs,
    estimate_plan,
    estimate_sensors,
    is_job,
    left_out_json,
    left_out_lines,
    left_out_of_orders,
    order_requests,
    pinned_plan,
    ports_together,
    read_plan,
    read_prices,
    sensor_costs,
    sensor_rows,
    summarise,
    write_plan,
)

app = command_app()

Every = Annotated[
    bool, typer.Option("--all", help="List every item that is left out, with its reason.")
]


@app.command()
def search(
    job: JobFile,
    order: Annotated[
        Path | None,
        typer.Option(
            "--order",
            metavar="DIR",
            parser=folder_to_make,
            help="New folder for requests to Planet's Orders API, for the scenes that its Data API "
            "found; `planet orders create` sends one. Nothing is ordered here.",
        ),
    ] = None,
    as_json: AsJson = False,
    every: Every = False,
) -> None:
    """What the catalogs hold: overpasses per port, sensor and month, cloud, bytes."""
    if order is not None:
        empty_folder(order)  # requests of an earlier search beside these would be ordered twice
    found = _search(job, to_order=True)
    _say_left_out(found, every)
    if order is not None:
        _write_orders(found, order)
    rows = summarise(found)
    if as_json:
        typer.echo(json.dumps({"months": rows, **left_out_json(found)}, indent=2))
        return
    show(rows, False, "")


def _write_orders(found: Plan, folder: Path) -> None:
    """Write each request as a file of its own, as ``planet orders create`` takes it."""
    requests = order_requests(found)
    for reason in left_out_of_orders(found):
        say(reason)
    if not requests:
        raise InputError(
            "there is nothing to order: no scene of the job is of Planet's Data API and may be "
            "ordered; expected a source such as {catalog: https://api.planet.com/data/v1, "
            "collection: PSScene}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for request in requests:
        path = folder / f"{request.name}.json"
        path.write_text(json.dumps(request.content, indent=2), encoding="utf-8")
        say(f"wrote {path}: {request.items} scenes; `planet orders create {path}` orders them")


def _search(job: Path, to_order: bool = False) -> Plan:
    """Ask the catalogs and keep what they hold in memory."""
    from jobs.plan import make_plan

    with working("searching ...") as tell:
        return make_plan(read_job(job), progress=tell, tell=say, to_order=to_order)


def _search_to(job: Job, output: Path) -> Plan:
    """Ask the catalogs and write what they hold to a file, port by port."""
    from jobs.plan import plan_to_file

    with working("searching ...") as tell:
        return plan_to_file(job, output, progress=tell, tell=say)


def pinned(
    source: Path, replan: bool = False, period: Period | None = None, *, pin: bool = True
) -> Plan:
    """The plan to work with, as ``pinned_plan`` finds or makes it; says which it is."""
    with working("searching ...") as tell:
        got = pinned_plan(source, replan, period, progress=tell, tell=say, pin=pin)
    _tell_of_future(got.plan.period)
    digest = got.plan.hash[:12]
    if got.found:
        err.print(f"plan {digest}, pinned before; --replan searches the catalogs again")
    if got.searched:
        _say_left_out(got.plan)
        done = "pinned" if pin else "found; not pinned, as nothing is written"
        err.print(f"plan {digest}: {len(got.plan.overpasses)} overpasses {done}")
    return got.plan


def _tell_of_future(period: Period) -> None:
    left = (period.end - today_utc()).days
    if left > 0:
        say(
            f"the period ends on {period.end}, in {left} days: estimates cover days that nothing "
            "has imaged yet; expected `end: today`, or a day before"
        )


MOST_REASONS = 5
"""Reasons for which items were left out, and ids to each, that a person is shown without --all."""


def _say_left_out(found: Plan, every: bool = False) -> None:
    for line in left_out_lines(found, None if every else MOST_REASONS):
        say(line)


COST_NOTES = (
    "Of a run from nothing to its results. It loses nothing unless --lost-workers and "
    "--lost-runners say how many: on spot nodes, as many as are reclaimed.",
    "Prices are examples: give your own with --price.",
)

MOST_SHOWN = 200
"""Overpasses that a person is shown of a plan; --json gives them all."""


@app.command()
def plan(
    source: JobOrPlan,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            parser=file_to_write,
            help="Where to write the plan: JSON Lines, X.jsonl or X.jsonl.gz.",
        ),
    ] = None,
    details: Annotated[
        bool, typer.Option("--show", help="Print units, and what they will cost.")
    ] = False,
    price: Annotated[
        list[str] | None,
        typer.Option(
            "--price",
            metavar="NAME=USD",
            help="A price of your own for --show, such as cpu_hour=0.031; may be repeated. Names: "
            "get_1000, put_1000, gb_out, cpu_hour, gpu_hour, gb_month; and two that are none: "
            "gpu_megapixels_s, how fast your GPU is, and cpu_factor, CPU seconds that your "
            "processor takes for one of ours (a run measures it, and the next plan takes it).",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help="How many workers the costs are for: more are done sooner, and commit less often. "
            "One per core of this machine unless told otherwise.",
        ),
    ] = None,
    lost_workers: Annotated[
        int,
        typer.Option(
            "--lost-workers",
            min=0,
            metavar="N",
            help="How many workers the costs expect to be lost over the run, such as spot nodes "
            "that are reclaimed: each starts anew and does half a batch again.",
        ),
    ] = 0,
    lost_runners: Annotated[
        int,
        typer.Option(
            "--lost-runners",
            min=0,
            metavar="N",
            help="And how many coordinators: on Kubernetes the workers stay.",
        ),
    ] = 0,
    as_json: AsJson = False,
    every: Every = False,
) -> None:
    """Pin what a job will read: items, unit ids, estimates. A run never asks a catalog again."""
    prices = read_prices(price or [])
    if output is None:
        found = _search(source) if is_job(source) else read_plan(source)
    elif is_job(source):
        found = _search_to(read_job(source), output)
    else:
        found = read_plan(source)
        write_plan(found, output)
    _say_left_out(found, every)
    if output is not None:
        err.print(f"wrote {output}: {len(found.overpasses)} overpasses, plan {found.hash[:12]}")
    if details or output is None:
        is_given = any(text.partition("=")[0].strip() == "cpu_factor" for text in price or [])
        prices, measured = (prices, "") if is_given else with_kept_factor(found, prices)
        running = Running(
            workers or os.cpu_count() or 1,
            together=ports_together(found),
            lost_workers=lost_workers,
            lost_runners=lost_runners,
        )
        _show_plan(found, prices, running, measured, as_json)


def _show_plan(found: Plan, prices: Prices, running: Running, measured: str, as_json: bool) -> None:
    counted = estimate_plan(found)
    sensors = sensor_costs(estimate_sensors(found), prices)
    if as_json:
        facts = {
            "hash": found.hash,
            "estimate": asdict(counted),
            "cost": [asdict(cost) for cost in costs(counted, prices, running)],
            "sensors": [asdict(sensor) for sensor in sensors],
            "cpu_factor": prices.cpu_factor,
            **left_out_json(found),
            "units": [_overpass_row(overpass) for overpass in found.overpasses],
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    rows = [_overpass_row(overpass) for overpass in islice(found.overpasses, MOST_SHOWN)]
    show(rows, False, "the plan has no overpass")
    if len(found.overpasses) > len(rows):
        out.print(f"... and {len(found.overpasses) - len(rows):,} more; --json gives them all")
    out.print()
    show(cost_rows(counted, prices, running), False, "")
    if len(sensors) > 1:
        show(sensor_rows(sensors), False, "")
    for line in (measured, *COST_NOTES):
        out.print(line, style="dim")


def _overpass_row(overpass: Overpass) -> dict[str, Any]:
    return {
        "overpass": overpass.id,
        "platform": overpass.platform,
        "acquired": overpass.acquired.isoformat(),
        "scenes": len(overpass.scenes),
        "superseded": len(overpass.superseded),
    }
