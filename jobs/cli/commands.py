"""The commands of ``berthwatch``: in which module each lies, and what ``--help`` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

BEGINS_AGAIN = "stopped; no file was left half-written: the same command begins anew"
GOES_ON = "stopped; what was committed is safe: the same command goes on from there"


class CommandGroup(StrEnum):
    """The headings of ``--help``, in its order."""

    BEGIN = "Begin"
    RUN = "Run a job"
    LOOK = "Look and prove"
    ARCHIVE = "The archive"
    KUBERNETES = "On Kubernetes"
    MODEL = "The model"


@dataclass(frozen=True)
class CommandEntry:
    """One command, described without importing the module that defines it."""

    module: str
    """Name of the module in ``jobs.cli``; its ``app`` holds the command."""
    summary: str
    """First paragraph of the command's own help."""
    group: CommandGroup
    """Under which heading it is listed."""
    examples: tuple[tuple[str, str], ...] = ()
    """What follows ``berthwatch`` in the shell, and what that does; most useful first."""
    hidden: bool = False
    """Left out of ``--help``."""
    stopped: str = BEGINS_AGAIN
    """What is said after a Ctrl-C."""


COMMANDS: Mapping[str, CommandEntry] = {
    "demo": CommandEntry(
        "simulate",
        "Simulate two ports, run the whole job on them, compare with the truth. Offline.",
        CommandGroup.BEGIN,
        (("demo", "two simulated ports, a few minutes; everything lies in ./demo"),),
        stopped=GOES_ON,
    ),
    "ports": CommandEntry(
        "ports",
        "List the bundled ports, or show one as GeoJSON.",
        CommandGroup.BEGIN,
        (
            ("ports", "their ids, for `ports:` in a job file"),
            ("ports show RUVYP > my_port.geojson", "a full example to draw your own port from"),
            ("ports show my_port.geojson", "your own file, as it is understood"),
        ),
    ),
    "sensors": CommandEntry(
        "ports",
        "List the sensors: names for `sensor:` in a job file.",
        CommandGroup.BEGIN,
        (
            ("sensors", "names, bands and groups of the archive"),
            ("sensors my-camera.yaml --item item.json", "what a file of your own reads of an item"),
        ),
    ),
    "search": CommandEntry(
        "plan",
        "What the catalogs hold: overpasses per port, sensor and month, cloud, bytes.",
        CommandGroup.RUN,
        (
            ("search job.yaml", "before anything is read: is there enough to look at?"),
            ("search job.yaml --all", "with every item that is left out, and why"),
            ("search job.yaml --order requests", "of Planet's Data API: what to order, unsent"),
        ),
    ),
    "plan": CommandEntry(
        "plan",
        "Pin what a job will read: items, unit ids, estimates. A run never asks a catalog again.",
        CommandGroup.RUN,
        (
            ("plan job.yaml --show", "what a run will take in requests, bytes, hours and money"),
            ("plan job.yaml --show --price cpu_hour=0.03", "the same at a price of your own"),
            ("plan job.yaml -o plan.jsonl.gz", "a file to keep, and to hand to `run`"),
        ),
    ),
    "run": CommandEntry(
        "run",
        "Do everything that is still missing: tile, segment, visits, estimates, publish.",
        CommandGroup.RUN,
        (
            ("run job.yaml --limit 3", "a first taste: three overpasses, and results of these"),
            ("run job.yaml", "the rest; after a stop or a crash, the same command goes on"),
            ("run job.yaml --dry-run", "what it would do and why; writes nothing"),
            ("run job.yaml --retry-failed", "once more what failed"),
            ("run job.yaml --cluster tcp://host:8786", "on workers of your own"),
        ),
        stopped=GOES_ON,
    ),
    "status": CommandEntry(
        "status",
        "How far a job is: per port, sensor and stage what is done, pending, failed, stale.",
        CommandGroup.RUN,
        (
            ("status job.yaml", "also while it runs"),
            ("status job.yaml --json", "the same for a script"),
        ),
    ),
    "report": CommandEntry(
        "report",
        "Where the HTML report of the newest results lies, or a copy of it elsewhere.",
        CommandGroup.RUN,
        (
            ("report job.yaml", "its address, to open in a browser"),
            ("report job.yaml -o report.html", "a copy to pass on"),
            ("report job.yaml -o report/", "a folder with a picture of every clear look"),
        ),
    ),
    "columns": CommandEntry(
        "columns",
        "What the columns of the results mean: unit, values, source, what an empty cell says.",
        CommandGroup.LOOK,
        (
            ("columns", "the tables, and how many columns each has"),
            ("columns visits", "the columns of one of them"),
        ),
    ),
    "map": CommandEntry(
        "map",
        "The looks at each port in motion: a slider over time with vessels, berths and visits.",
        CommandGroup.LOOK,
        (
            ("map job.yaml", "serve it on this machine; prints the address"),
            ("map job.yaml --listen 127.0.0.1:8000 --browser", "at that port, opened at once"),
            ("map job.yaml -o map/", "a folder of files that opens without a server"),
            ("map job.yaml --port RUVYP --pictures png -o map/", "one port, every colour exact"),
        ),
    ),
    "voyages": CommandEntry(
        "voyages",
        "Which visits may be one ship's, flows from port to port, and how many ships there are.",
        CommandGroup.LOOK,
        (
            ("voyages job.yaml", "from lengths and times alone"),
            ("voyages job.yaml --names names.csv", "with names that analysts read elsewhere"),
        ),
    ),
    "ais": CommandEntry(
        "ais",
        "Cross-check the newest results with AIS: vessels matched or dark, silences, visits.",
        CommandGroup.LOOK,
        (
            ("ais job.yaml --ais positions.csv.zst", "a table of positions around the ports"),
            ("ais job.yaml --ais may.parquet --ais june.parquet -o checked", "several, elsewhere"),
        ),
    ),
    "evidence": CommandEntry(
        "evidence",
        "What proves each visit, as a ZIP that anyone can check: pictures, bounds, reasons, "
        "digests.",
        CommandGroup.LOOK,
        (
            (
                "evidence job.yaml --visit RUVYP-oil-20240308T021603Z-1",
                "of one visit; ids are in visits.csv and the report",
            ),
            ("evidence job.yaml -o evidence.zip --sign ~/.ssh/id_ed25519", "of all, signed"),
        ),
    ),
    "review": CommandEntry(
        "review",
        "Go through what was found, the least certain first, and decide what is a ship.",
        CommandGroup.LOOK,
        (
            ("review job.yaml", "a page on this machine; the next run uses what is decided"),
            ("review job.yaml --listen 127.0.0.1:8000 --browser", "at that port, opened at once"),
            ("review job.yaml --agreement", "where two reviewers differ"),
            ("review job.yaml --labels labels.geojson", "what was decided, as labels for train"),
        ),
    ),
    "verify": CommandEntry(
        "archive",
        "Recompute overpasses from the pinned inputs and compare them with the archive.",
        CommandGroup.LOOK,
        (
            ("verify job.yaml --sample 5", "five overpasses, from the files to the last byte"),
            ("verify job.yaml --sample 5 --seed 1", "five others"),
            ("verify job.yaml --inputs", "whether the files are still those that were read"),
        ),
    ),
    "archive": CommandEntry(
        "archive",
        "What the port archives hold: commits, tags, sizes; deletes what no commit refers to.",
        CommandGroup.ARCHIVE,
        (
            ("archive job.yaml", "a line per port"),
            ("archive job.yaml --history", "every commit"),
            ("archive job.yaml --expire-days 30 --dry-run", "what old commits take up"),
        ),
    ),
    "export": CommandEntry(
        "archive",
        "A plain copy of one port's archive, for tools that do not know Icechunk.",
        CommandGroup.ARCHIVE,
        (
            ("export job.yaml --port RUVYP -o ruvyp.zarr", "plain Zarr v3, byte for byte"),
            ("export job.yaml --port RUVYP -o ruvyp --format netcdf", "for older readers"),
        ),
    ),
    "submit": CommandEntry(
        "submit",
        "Do a job on Kubernetes: one Job, which makes its own Dask cluster and removes it.",
        CommandGroup.KUBERNETES,
        (
            ("submit job.yaml --dry-run", "what it will do and cost; creates nothing"),
            ("submit job.yaml --wait", "run it, show progress, end with the run's exit code"),
            ("submit job.yaml --backfill 2017..2024 --parallel 2", "years in parts, two at once"),
        ),
    ),
    "runs": CommandEntry(
        "runs",
        "A job's runs on Kubernetes, the newest first, with their states.",
        CommandGroup.KUBERNETES,
        (("runs job.yaml", "their ids, for `status`, `logs`, `cancel` and `resume`"),),
    ),
    "logs": CommandEntry(
        "runs",
        "What a run's pods wrote, also when they are gone: logs are kept in the archive.",
        CommandGroup.KUBERNETES,
        (
            ("logs job.yaml -f", "the newest run's, as it goes on"),
            ("logs job.yaml --component worker --archived", "of pods that are gone"),
        ),
    ),
    "cancel": CommandEntry(
        "runs",
        "End a run; nothing of it stays in Kubernetes, what it finished stays in the archive.",
        CommandGroup.KUBERNETES,
        (("cancel job.yaml", "the newest run of the job; asks before it does"),),
    ),
    "resume": CommandEntry(
        "submit",
        "Resume a run on Kubernetes that ended, failed or was cancelled: only what is missing.",
        CommandGroup.KUBERNETES,
        (("resume job.yaml --wait", "failed overpasses are tried again"),),
    ),
    "runner": CommandEntry(
        "submit",
        "Run one partition of a submitted run: the command in the pods of its Job.",
        CommandGroup.KUBERNETES,
        (("runner s3://bucket/prefix my-port-2024 RUN-ID", "only in a pod of that run"),),
        hidden=True,
    ),
    "evaluate": CommandEntry(
        "evaluate",
        "Evaluate a network on labelled scenes: detection, measures, calibration, failures.",
        CommandGroup.MODEL,
        (
            (
                "evaluate --source catalog.json,s2-ports,labels --page failures.html",
                "the packaged network on your labels, with a page of what it got wrong",
            ),
        ),
    ),
    "train": CommandEntry(
        "train",
        "Train a network on labelled scenes; split by port, never by chip.",
        CommandGroup.MODEL,
        (
            (
                "train --source catalog.json,s2-ports,labels --output mine.safetensors",
                "a network of your own, for `model:` in a job file",
            ),
        ),
        stopped="stopped; the same command begins anew, but for networks that --keep has",
    ),
    "simulate": CommandEntry(
        "simulate",
        "Make a valid STAC archive of synthetic port scenes, with its truth and a job file.",
        CommandGroup.MODEL,
        (("simulate -o simulated --days 60 --seed 7", "two months at the bundled ports"),),
    ),
}
"""In the order of ``--help``: within a heading, that of their use."""
