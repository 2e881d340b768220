"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JobFile = Annotated[Path, typer.Argument(metavar="JOB", help="The job file (YAML).")]
JobOrPlan = Annotated[
    Path, typer.Argument(metavar="JOB_OR_PLAN", help="A job file, or a plan made from one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ClusterOption = Annotated[
    str,
    typer.Option(
        "--cluster",
        help="`local` (processes on this machine), or a scheduler such as tcp://host:8786.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Worker processes of a local cluster; one per core."),
]
Replan = Annotated[
    bool, typer.Option("--replan", help="Search the catalogs again instead of the pinned plan.")
]
