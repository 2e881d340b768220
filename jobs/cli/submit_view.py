"""Output of submitting a run: its facts, cost, manifests and state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer

from jobs.cli.kept_factor import with_kept_factor
from jobs.cli.output import out, print_lines, show
from jobs.kubernetes import (
    Run,
    Submission,
    SubmissionState,
    dask_cluster_manifest,
    gpu_group,
    runner_job,
    tls_secret,
)
from jobs.plan import Plan, Prices, Running, cost_rows, costs, estimate_plan, ports_together


def show_dry_run(run: Run, found: Plan, output: str) -> None:
    """Print what a submission would create, as text, JSON or YAML."""
    cluster = [dask_cluster_manifest(run, 0, None), gpu_group(run, 0, None)]
    made = [runner_job(run), tls_secret(run, None, None), *(one for one in cluster if one)]
    match output:
        case "yaml":
            print_lines(_manifest_lines(made))
        case "json":
            typer.echo(json.dumps({**run_facts(run, found), "manifests": made}, indent=2))
        case _:
            show_run(run, found)
            out.print("nothing was made; -o yaml prints the manifests")


def _manifest_lines(made: Sequence[Mapping[str, Any]]) -> list[str]:
    import yaml

    lines = ["# Made by submit: the Job, suspended, then its Secret, then the Job is unsuspended."]
    for number, manifest in enumerate(made):
        if number == 2:
            lines.append(
                "# Made by the runner of each partition (here the first), owned by the Job:"
            )
        lines += ["---", *yaml.safe_dump(dict(manifest), sort_keys=False).splitlines()]
    return lines


def run_facts(run: Run, found: Plan) -> dict[str, Any]:
    """The run and the estimate of its cost, as JSON values."""
    estimate = estimate_plan(found)
    prices, _ = with_kept_factor(found, Prices())
    return {
        "run": run.id,
        "namespace": run.namespace,
        "identity": asdict(run.identity),
        "partitions": [part.name for part in run.partitions],
        "parallel": run.parallel,
        "workers": run.workers,
        "gpu_workers": run.settings.gpu.count,
        "use_reviews": run.use_reviews,
        "estimate": asdict(estimate),
        "cost": [asdict(line) for line in costs(estimate, prices, _running(run, found))],
        "cpu_factor": prices.cpu_factor,
    }


def _running(run: Run, found: Plan) -> Running:
    threads = run.workers * run.settings.workers.threads
    return Running(threads, parts=len(run.partitions), together=ports_together(found))


def show_run(run: Run, found: Plan) -> None:
    """Print the estimate of a plan, and the run's partitions and workers."""
    prices, measured = with_kept_factor(found, Prices())
    show(cost_rows(estimate_plan(found), prices, _running(run, found)), False, "")
    out.print(measured, style="dim")
    parts = "" if len(run.partitions) == 1 else _parts(run)
    reviews = "" if run.use_reviews else "; decisions of reviewers are left out"
    gpus = f" and {run.settings.gpu.count} GPU" if run.settings.gpu.count else ""
    out.print(
        f"run {run.id} in namespace {run.namespace}{parts}, on {run.workers} CPU{gpus} workers"
        f"{reviews}",
        highlight=False,
        soft_wrap=True,
    )


def _parts(run: Run) -> str:
    first, last = run.partitions[0].name, run.partitions[-1].name
    return f": {len(run.partitions)} parts, {first} to {last}, {run.parallel} at once"


def say_state(submitted: Submission) -> None:
    """Print the result of submitting, and the commands to go on with."""
    run, at = submitted.run, f"-n {submitted.run.namespace}"
    match submitted.state:
        case SubmissionState.SUBMITTED:
            lines = ["submitted; follow and end it with"]
            lines += [f"  berthwatch {name} {run.id} {at}" for name in ("status", "logs", "cancel")]
        case SubmissionState.RUNNING:
            lines = [f"the same run is active: berthwatch status {run.id} {at}"]
        case SubmissionState.FINISHED:
            lines = [
                "nothing to do: the same run has finished; --again does what is missing now, "
                "and counts decisions of reviewers anew"
            ]
        case SubmissionState.CANCELLED:
            lines = [f"the same run was cancelled; what is missing: berthwatch resume JOB {at}"]
        case SubmissionState.FAILED:
            lines = [f"the same run has failed; what is missing: berthwatch resume JOB {at}"]
    print_lines(lines)
