"""Arguments and options that several commands take."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.completion import job_files, jobs_and_plans, run_ids
from jobs.errors import InputError

JobFile = Annotated[
    Path, typer.Argument(metavar="JOB", help="The job file (YAML).", autocompletion=job_files)
]
JobOrPlan = Annotated[
    Path,
    typer.Argument(
        metavar="JOB_OR_PLAN",
        help="A job file, or a plan made from one.",
        autocompletion=jobs_and_plans,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ClusterOption = Annotated[
    str,
    typer.Option(
        "--cluster",
        help="`local` (processes on this machine), a scheduler such as tcp://host:8786 or "
        "tls://host:8786, or the .json file that it wrote (docs/clusters.md).",
        autocompletion=lambda: ["local"],
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Worker processes of a local cluster; one per core, fewer for a first taste.",
    ),
]
WaitOption = Annotated[
    str | None,
    typer.Option(
        "--wait-for-workers",
        metavar="TIME",
        help="How long to wait while the cluster has no worker, such as 90s, 30m or 2h; 60 s at "
        "the beginning and 300 s later on unless told otherwise.",
    ),
]
Replan = Annotated[
    bool, typer.Option("--replan", help="Search the catalogs again instead of the pinned plan.")
]
WithoutReviews = Annotated[
    bool,
    typer.Option(
        "--without-reviews", help="Publish what the machine found, whatever reviewers decided."
    ),
]

JobOrRun = Annotated[
    str,
    typer.Argument(
        metavar="JOB_OR_RUN",
        help="A job file or a plan, for its newest run on Kubernetes; or the id of a run whose "
        "Job is still there.",
        autocompletion=jobs_and_plans,
    ),
]
RunOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="RUN-ID",
        help="This run of the job instead of the newest.",
        autocompletion=run_ids,
    ),
]
ListenOption = Annotated[
    str,
    typer.Option(
        "--listen",
        metavar="HOST:PORT",
        help="Where to serve; port 0 takes a free one. Any other host than this machine's loopback "
        "lets others in who have the address, without encryption.",
    ),
]
LISTEN = "127.0.0.1:0"
"""Where pages are served unless told otherwise: to this machine alone, at a free port."""
BrowserOption = Annotated[
    bool, typer.Option("--browser", help="Open the page in the browser at once.")
]


def seconds(time: str | None) -> float | None:
    """The seconds of a TIME such as 90, 30m or 2h; InputError for anything else."""
    if time is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?", time.strip())
    if match is None:
        raise InputError(f"--wait-for-workers {time!r}: expected a time such as 90s, 30m or 2h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2] or "s"]


class Form(StrEnum):
    """How a command prints what it found."""

    TEXT = "text"
    JSON = "json"


OutputForm = Annotated[Form, typer.Option("--output", "-o", help="Print text or JSON.")]
NamespaceOption = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Kubernetes namespace; the run's or the context's own."),
]
ContextOption = Annotated[
    str | None,
    typer.Option("--context", help="Context of the kubeconfig; the current one."),
]
