"""Commands on the archives: verify, export, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from jobs.archive import CopyFormat, PortArchive, clean, overview
from jobs.cli.completion import archive_tags, port_ids
from jobs.cli.destinations import folder_to_make
from jobs.cli.options import AsJson, JobOrPlan
from jobs.cli.output import out, say, show, working
from jobs.cli.plan import pinned
from jobs.cli.program import command_app
from jobs.errors import ClusterLostError, InputError
from jobs.run import ExitCode
from jobs.storage import storage_at

app = command_app()

MOST_DAYS = 36_525
"""A century: no commit is older."""


@app.command()
def verify(
    source: JobOrPlan,
    sample: Annotated[int, typer.Option("--sample", min=1, help="How many overpasses.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Which ones: another seed, others.")] = 0,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            help="Have the workers of a scheduler do it, such as tcp://host:8786, or of `local`.",
        ),
    ] = None,
    inputs: Annotated[
        bool,
        typer.Option(
            "--inputs",
            help="Read the files again instead, whole where the catalog states checksums, and "
            "compare them with these and with the digests of what was read.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute overpasses from the pinned inputs and compare them with the archive.

    The bytes must be `equal` where the network is run by what ran it for the archive: engine,
    version and the processor's instructions. Elsewhere the ships must be `alike`, within the
    tolerance of engines; `compared` says which of both was asked for, and why.

    Exit code 0: all equal or alike; 1: some differ; 2: refused; 3: the cluster was lost.
    """
    from jobs.run import AGREE, connect, verify_sample

    found = pinned(source)
    try:
        with (
            nullcontext() if cluster is None else connect(cluster) as client,
            working("choosing overpasses ...") as tell,
        ):
            storage = storage_at(found.archive)
            rows = verify_sample(found, storage, sample, seed, client, inputs, tell)
    except ClusterLostError as error:
        say(str(error))
        raise typer.Exit(ExitCode.LOST) from None
    shown = rows if as_json else [{**row, "read": row["read"][:12]} for row in rows]
    show(shown, as_json, "nothing to verify: no overpass is done")
    different = any(row["result"] not in AGREE for row in rows)
    raise typer.Exit(ExitCode.FAILED if different else ExitCode.DONE)


@app.command()
def export(
    source: JobOrPlan,
    port: Annotated[str, typer.Option("--port", help="Id of the port.", autocompletion=port_ids)],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            parser=folder_to_make,
            help="Folder to make, such as X.zarr.",
        ),
    ],
    tag: Annotated[
        str | None,
        typer.Option("--tag", help="A tag; the newest commit else.", autocompletion=archive_tags),
    ] = None,
    form: Annotated[
        CopyFormat,
        typer.Option(
            "--format",
            help="`zarr`: the archive's arrays in plain Zarr v3; `netcdf`: a netCDF-4 file per "
            "sensor, for readers that know no Zarr v3 (GDAL before 3.12, ncdump, R).",
        ),
    ] = CopyFormat.ZARR,
) -> None:
    """A plain copy of one port's archive, for tools that do not know Icechunk."""
    found = pinned(source)
    known = {p.id: p for p in found.ports}
    if port not in known:
        raise InputError(f"no port {port!r} in this job; it has {', '.join(known)}")
    archive = PortArchive.create_or_open(storage_at(found.archive), known[port], None)
    with working(f"copying {port} to {output} ..."):
        archive.export(output, tag, form)
    typer.echo(output)


@app.command()
def archive(
    source: JobOrPlan,
    expire_days: Annotated[
        float | None,
        typer.Option(
            "--expire-days",
            min=0,
            max=MOST_DAYS,
            help="Forget untagged commits older than this many days, then collect.",
        ),
    ] = None,
    collect: Annotated[
        bool, typer.Option("--collect", help="Delete what no commit and no tag reaches any more.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Every commit, instead of a line per port.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What the port archives hold: commits, tags, sizes; deletes what no commit refers to.

    Published results stand on tags. Neither a tag's bytes nor the newest commit's are ever
    touched. Nothing younger than an hour is deleted, and nothing while a run is writing.
    """
    found = pinned(source, pin=not dry_run)
    storage = storage_at(found.archive)
    archives = [a for port in found.ports if (a := PortArchive.existing(storage, port))]
    if expire_days is None and not collect:
        rows = [overview(each) for each in archives]
        facts = [row for one in rows for row in (one.history() if history else [one.row()])]
        show(facts, as_json, "no port has an archive yet")
        return
    # the lock is a file too, and taking it deletes what killed writers left
    with nullcontext() if dry_run else storage.locked():
        cleaned = list(_cleaned(archives, expire_days, dry_run))
    show(cleaned, as_json, "no port has an archive yet")
    if dry_run and not as_json:
        out.print("nothing was removed; without --dry-run it would be", style="dim")


def _cleaned(
    archives: list[PortArchive], expire_days: float | None, dry_run: bool
) -> Iterator[Mapping[str, object]]:
    """A row of each archive, once it is cleaned."""
    with working("collecting ...") as tell:
        for number, each in enumerate(archives, start=1):
            tell(f"collecting {each.port.id}, {number} of {len(archives)} ports ...")
            yield clean(each, expire_days, dry_run=dry_run).row()
