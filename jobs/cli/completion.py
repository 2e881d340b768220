"""What the shell completes: job files, ids of ports, runs, visits and tags.

Every function reads the least that tells, a file or a folder's names, and completes nothing where
that is not at hand: an archive in a bucket is not asked. For ``autocompletion=`` of typer.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

JOBS = (".yaml", ".yml")
PLANS = (".jsonl", ".jsonl.gz")
MOST = 500
"""Ids offered at once."""


def job_files(incomplete: str) -> list[str]:
    """Job files that begin so, and the folders on the way."""
    return _files(incomplete, JOBS)


def jobs_and_plans(incomplete: str) -> list[str]:
    """Job files and plans that begin so, and the folders on the way."""
    return _files(incomplete, JOBS + PLANS)


def bundled_ids(incomplete: str) -> list[str]:
    """Ids of bundled ports, and port files."""
    from jobs.domain import bundled_ports

    return [*_beginning(bundled_ports(), incomplete), *_files(incomplete, (".geojson", ".json"))]


def port_ids(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of the ports of the job that the command line names."""
    ports = _job(context).get("ports") or []
    ids = (one.get("id") if isinstance(one, dict) else one for one in ports)
    return _beginning(map(str, ids), incomplete)


def run_ids(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of the job's runs on Kubernetes that its archive knows."""
    return _beginning(_names_below(context, "runs"), incomplete)


def result_tags(context: typer.Context, incomplete: str) -> list[str]:
    """Tags of the job's published results."""
    return _beginning(_names_below(context, "published"), incomplete)


def archive_tags(context: typer.Context, incomplete: str) -> list[str]:
    """Tags that port archives have for the job's published results."""
    name = _job(context).get("name")
    tags = _names_below(context, "published")
    return _beginning((f"{name}-{tag}" for tag in tags if "partial-" not in tag), incomplete)


def visit_ids(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of the visits in the job's newest results."""
    home = _home(context, "published")
    if home is None:
        return []
    try:
        folder = json.loads((home / "latest.json").read_bytes())["folder"]
        with (home / folder / "visits.csv").open(newline="", encoding="utf-8") as file:
            return _beginning((row["visit_id"] for row in csv.DictReader(file)), incomplete)
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))[:MOST]


def _files(incomplete: str, endings: tuple[str, ...]) -> list[str]:
    folder, slash, start = incomplete.rpartition("/")
    try:
        here = sorted(Path(f"{folder}{slash}" or ".").expanduser().iterdir())
    except OSError:
        return []
    wanted = (path for path in here if path.name.startswith(start))
    visible = (path for path in wanted if start or not path.name.startswith("."))
    return [
        f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}"
        for path in visible
        if path.is_dir() or path.name.endswith(endings)
    ][:MOST]


def _names_below(context: typer.Context, kind: str) -> list[str]:
    home = _home(context, kind)
    try:
        return [] if home is None else [path.name for path in home.iterdir() if path.is_dir()]
    except OSError:
        return []


def _home(context: typer.Context, kind: str) -> Path | None:
    """The job's folder of that kind in its archive; None where that is no local folder."""
    job = _job(context)
    archive, name = job.get("archive"), job.get("name")
    if not isinstance(archive, str) or not isinstance(name, str) or "://" in archive:
        return None
    return Path(_source(context)).parent / archive / kind / name


def _source(context: typer.Context) -> str:
    """The job file on the command line; an option that waits for its value leaves it unparsed."""
    words = [str(context.params.get("source") or ""), *context.args]
    return next((word for word in words if word.endswith(JOBS)), "")


def _job(context: typer.Context) -> dict[str, Any]:
    """The job file on the command line as it stands; empty where there is none to read."""
    import yaml

    try:
        found = yaml.safe_load(Path(_source(context) or ".").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
