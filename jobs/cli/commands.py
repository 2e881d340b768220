"""The commands of ``berthwatch``: in which module each lies, and its line in ``--help``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BEGINS_AGAIN = "stopped; no file was left half-written: the same command begins anew"
GOES_ON = "stopped; what was committed is safe: the same command goes on from there"


@dataclass(frozen=True)
class CommandEntry:
    """One command, described without importing the module that defines it."""

    module: str
    """Name of the module in ``jobs.cli``; its ``app`` holds the command."""
    summary: str
    """First paragraph of the command's own help."""
    hidden: bool = False
    """Left out of ``--help``."""
    stopped: str = BEGINS_AGAIN
    """What is said after a Ctrl-C."""


COMMANDS: Mapping[str, CommandEntry] = {
    "ports": CommandEntry("ports", "List the bundled ports, or show one as GeoJSON."),
    "sensors": CommandEntry("ports", "List the sensors: names for `sensor:` in a job file."),
    "search": CommandEntry(
        "plan", "What the catalogs hold: overpasses per port, sensor and month, cloud, bytes."
    ),
    "plan": CommandEntry(
        "plan",
        "Pin what a job will read: items, unit ids, estimates. A run never asks a catalog again.",
    ),
    "run": CommandEntry(
        "run",
        "Do everything that is still missing: tile, segment, visits, estimates, publish.",
        stopped=GOES_ON,
    ),
    "status": CommandEntry(
        "status",
        "How far a job is: per port, sensor and stage what is done, pending, failed, stale.",
    ),
    "submit": CommandEntry(
        "submit",
        "Do a job on Kubernetes: one Job, which makes its own Dask cluster and removes it.",
    ),
    "resume": CommandEntry(
        "submit",
        "Resume a run on Kubernetes that ended, failed or was cancelled: only what is missing.",
    ),
    "runner": CommandEntry(
        "submit",
        "Run one partition of a submitted run: the command in the pods of its Job.",
        hidden=True,
    ),
    "runs": CommandEntry(
        "runs", "A job's runs on Kubernetes, the newest first, with their states."
    ),
    "logs": CommandEntry(
        "runs", "What a run's pods wrote, also when they are gone: logs are kept in the archive."
    ),
    "cancel": CommandEntry(
        "runs",
        "End a run; nothing of it stays in Kubernetes, what it finished stays in the archive.",
    ),
    "report": CommandEntry("report", "Where the HTML report of the newest results lies."),
    "ais": CommandEntry(
        "ais", "Cross-check the newest results with AIS: vessels matched or dark, silences, visits."
    ),
    "voyages": CommandEntry(
        "voyages",
        "Which visits may be one ship's, flows from port to port, and how many ships there are.",
    ),
    "verify": CommandEntry(
        "archive",
        "Recompute overpasses from the pinned inputs and compare the bytes with the archive.",
    ),
    "export": CommandEntry(
        "archive",
        "A plain copy of one port's archive, for tools that do not know Icechunk.",
    ),
    "archive": CommandEntry(
        "archive",
        "What the port archives hold: commits, tags, sizes; deletes what no commit refers to.",
    ),
    "train": CommandEntry(
        "train",
        "Train a network on labelled scenes; split by port, never by chip.",
        stopped="stopped; the same command begins anew, but for networks that --keep has",
    ),
    "evaluate": CommandEntry(
        "evaluate",
        "Evaluate a network on labelled scenes: detection, measures, calibration, failures.",
    ),
    "simulate": CommandEntry(
        "simulate",
        "Make a valid STAC archive of synthetic port scenes, with its truth and a job file.",
    ),
    "demo": CommandEntry(
        "simulate",
        "Simulate two ports, run the whole job on them, compare with the truth. Offline.",
        stopped=GOES_ON,
    ),
}
"""In the order of ``--help``."""
