"""The command line: one sub-command per step, each a call of what a notebook could call as well."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from jobs.errors import BerthwatchError, InputError

if TYPE_CHECKING:  # the real imports happen inside the commands, so that --help is quick
    from jobs.plan import Plan
    from jobs.run import Options, Summary

app = typer.Typer(
    name="berthwatch",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""From satellite catalogs to port-visit time series, on a Dask cluster.

A first result: `berthwatch demo`. On real imagery: write a job file (ports, period, catalogs,
archive), look with `berthwatch search JOB`, then `berthwatch run JOB` and
`berthwatch report JOB`. A run that was stopped, killed or cut off goes on with the same command.
""",
)
ports_app = typer.Typer(
    help="List the bundled ports, or show one as GeoJSON.", invoke_without_command=True
)
app.add_typer(ports_app, name="ports")

out = Console()
err = Console(stderr=True)

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


def main() -> None:
    """Entry point: a refusal is one line and exit code 2, never a traceback."""
    try:
        app()
    except (BerthwatchError, ValueError) as error:
        if not _is_refusal(error):
            raise
        err.print(f"berthwatch: {error}", style="red", markup=False, highlight=False)
        sys.exit(2)


def _is_refusal(error: Exception) -> bool:
    """Ours, or one of the models package's own errors, told by name to keep the start quick."""
    return isinstance(error, BerthwatchError) or type(error).__module__.startswith("models.")


# --- printing -----------------------------------------------------------------------------------


def show(rows: Sequence[Mapping[str, Any]], as_json: bool, empty: str) -> None:
    """Rows as a table, or as JSON; ``empty`` is said where there are none."""
    if as_json:
        typer.echo(json.dumps(list(rows), indent=2, default=str))
        return
    if not rows:
        out.print(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0]:
        numeric = all(isinstance(row[name], int | float) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    out.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


# --- places and sensors -------------------------------------------------------------------------


@ports_app.callback()
def ports(context: typer.Context, as_json: AsJson = False) -> None:
    """List the bundled ports."""
    if context.invoked_subcommand:
        return
    from jobs.ports import bundled_ports, load_port

    show([_port_row(load_port(port_id)) for port_id in bundled_ports()], as_json, "none")


def _port_row(port: Any) -> dict[str, Any]:
    return {
        "id": port.id,
        "name": port.name,
        "country": port.country,
        "berths": len(port.berths),
        "area_km2": round(port.grid.width * port.grid.height / 1e4, 1),
        "checked": "approximate" if port.approximate else "yes",
    }


@ports_app.command("show")
def ports_show(
    port: Annotated[str, typer.Argument(help="Id, or a GeoJSON file of one's own.")],
) -> None:
    """Print one port as the GeoJSON that a file of one's own looks like."""
    from jobs.ports import load_port, port_geojson, read_port

    path = Path(port)
    found = read_port(path) if path.suffix in (".json", ".geojson") else load_port(port)
    typer.echo(json.dumps(port_geojson(found), indent=2))


@app.command()
def sensors(as_json: AsJson = False) -> None:
    """List the sensors: names for `sensor:` in a job file."""
    from jobs.sensors import SENSORS

    rows = [
        {"name": s.name, "bands": " ".join(s.bands), "title": s.title, "archive_group": s.family}
        for s in SENSORS.values()
    ]
    show(rows, as_json, "none")


# --- search and plan ----------------------------------------------------------------------------


@app.command()
def search(job: JobFile, as_json: AsJson = False) -> None:
    """What the catalogs hold: overpasses per port, sensor and month, cloud, bytes."""
    from jobs.plan import summarise

    show(summarise(_search(job)), as_json, "no overpass: no scene of these ports in this period")


def _search(job: Path) -> Plan:
    """Ask the catalogs, with a word on standard error about where we are."""
    from jobs.config import read_job
    from jobs.plan import make_plan

    with err.status("searching ...") as status:
        found = make_plan(read_job(job), progress=status.update)
    for item in found.rejected[:3]:
        _say(f"cannot use {item.item_id}: {item.reason}")
    if len(found.rejected) > 3:
        _say(f"... and {len(found.rejected) - 3} more items")
    return found


@app.command()
def plan(
    source: JobOrPlan,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write the plan (JSON Lines).")
    ] = None,
    details: Annotated[bool, typer.Option("--show", help="Print units and estimates.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pin what a job will read: items, unit ids, estimates. A run never asks a catalog again."""
    from jobs.plan import read_plan, write_plan

    found = _search(source) if _is_job(source) else read_plan(source)
    if output is not None:
        write_plan(found, output)
        err.print(f"wrote {output}: {len(found.overpasses)} overpasses, plan {found.hash[:12]}")
    if details or output is None:
        _show_plan(found, as_json)


def _show_plan(found: Plan, as_json: bool) -> None:
    from dataclasses import asdict

    from jobs.plan import estimate

    rows = [
        {
            "overpass": o.id,
            "platform": o.platform,
            "acquired": o.acquired.isoformat(),
            "scenes": len(o.scenes),
            "superseded": len(o.superseded),
        }
        for o in found.overpasses
    ]
    estimates = asdict(estimate(found))
    if as_json:
        typer.echo(json.dumps({"hash": found.hash, "estimate": estimates, "units": rows}, indent=2))
        return
    show(rows, False, "no overpass: no scene of these ports in this period")
    show([{"estimate": name, "value": value} for name, value in estimates.items()], False, "")


def _is_job(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml")


def _pinned(source: Path, replan: bool = False) -> Plan:
    """The plan to work with: as given, or the one pinned for this very job, or a new one."""
    from jobs.config import job_digest, read_job
    from jobs.plan import read_plan, write_plan

    if not _is_job(source):
        return read_plan(source)
    job = read_job(source)
    path = archive_root(job.archive) / "plans" / f"{job.name}-{job_digest(job)}.jsonl"
    if path.exists() and not replan:
        found = read_plan(path)
        found = replace(found, estimates=job.estimates)
        err.print(f"plan {found.hash[:12]}, pinned before; --replan searches the catalogs again")
        return found
    found = _search(source)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_plan(found, path)
    err.print(f"plan {found.hash[:12]}: {len(found.overpasses)} overpasses pinned")
    return found


def archive_root(archive: str) -> Path:
    """The archive's folder; InputError for an object store, which this version cannot write."""
    if "://" in archive:
        raise InputError(
            f"archive {archive!r} is an object store; this version writes local folders only: "
            "give a path"
        )
    return Path(archive)


# --- run ----------------------------------------------------------------------------------------


@app.command()
def run(
    source: JobOrPlan,
    stage: Annotated[
        str | None, typer.Option("--stage", help="Stop behind this stage: tile or segment.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Do at most N overpasses now.")
    ] = None,
    cluster: ClusterOption = "local",
    workers: WorkersOption = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the failed overpasses again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    replan: Replan = False,
    commit_every: Annotated[
        float, typer.Option("--commit-every", min=0, help="Seconds between commits.")
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Do everything that is still missing: tile, segment, visits, estimates, publish.

    Live progress; Ctrl-C keeps what is finished; the same command goes on where it stopped.
    Exit code 0: all done; 1: some overpasses failed; 2: refused; 130: stopped by Ctrl-C.
    """
    from jobs.run import Options

    found = _pinned(source, replan)
    options = Options(
        limit=limit,
        retry_failed=retry_failed,
        last_stage=_stage(stage),
        commit_every_s=commit_every,
    )
    if dry_run:
        _dry_run(found, options, as_json)
        return
    raise typer.Exit(_run(found, options, cluster, workers, as_json))


def _stage(name: str | None) -> Any:
    from jobs.domain import StageName

    if name is None:
        return StageName.SEGMENT
    try:
        return StageName(name)
    except ValueError:
        raise InputError(f"no stage {name!r}; expected one of {', '.join(StageName)}") from None


def _dry_run(found: Plan, options: Options, as_json: bool) -> None:
    from jobs.run import preview

    rows = [
        {"overpass": item.unit.overpass.id, "why": item.why, "stages": " ".join(item.stages)}
        for item in preview(found, archive_root(found.archive), options)
    ]
    show(rows, as_json, "nothing to do: every overpass is done")


def _run(found: Plan, options: Options, cluster: str, workers: int | None, as_json: bool) -> int:
    """A whole run with its journal and display; returns the exit code."""
    from jobs.archive import locked
    from jobs.cluster import connect
    from jobs.domain import StageName
    from jobs.journal import Event, EventName, journal
    from jobs.progress import display
    from jobs.results import collect, publish_run
    from jobs.run import open_archives, run_units, settings_for

    root = archive_root(found.archive)
    settings = settings_for(found)
    with (
        locked(root),
        journal(root / "journal" / f"{found.name}.jsonl") as write,
        connect(cluster, workers) as client,
    ):
        archives = open_archives(found, root)
        err.print(f"dashboard {client.dashboard_link}", highlight=False)
        with display(err) as watch:

            def observe(event: Event) -> None:
                write(event)
                watch(event)

            summary = run_units(found, archives, settings, options, client, observe)
        folder = None
        if summary.done and not summary.interrupted and options.last_stage is StageName.SEGMENT:
            err.print("counting visits and estimating those that nobody saw")
            publication = collect(found, archives, settings, root, client)
            folder = publish_run(publication, archives, root)
            write(Event(EventName.PUBLISHED, {"folder": str(folder.relative_to(root))}))
        code = exit_code(summary)
        write(Event(EventName.ENDED, {"exit": code, "done": summary.done}))
    _report_run(summary, folder, as_json)
    return code


def exit_code(summary: Summary) -> int:
    """0 nothing failed, 1 something failed, 130 stopped by Ctrl-C."""
    if summary.interrupted:
        return 130
    return 1 if summary.failed else 0


def _report_run(summary: Summary, folder: Path | None, as_json: bool) -> None:
    facts = {
        "done": summary.done,
        "failed": summary.failed,
        "pending": summary.pending,
        "published": None if folder is None else str(folder),
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    out.print(f"{summary.done} done, {summary.failed} failed, {summary.pending} pending")
    for reason, count in summary.reasons.most_common(5):
        out.print(f"  {count} x {reason}", markup=False, highlight=False)
    if summary.interrupted:
        out.print("stopped; what was finished is committed: the same command goes on from here")
    elif summary.pending:
        out.print("the same command does the rest")
    if summary.failed:
        out.print("--retry-failed tries the failed ones again")
    if folder is not None:
        out.print(f"results {folder}", soft_wrap=True, highlight=False)
        out.print(f"report  {folder / 'report.html'}", soft_wrap=True, highlight=False)


@app.command()
def status(source: JobOrPlan, as_json: AsJson = False) -> None:
    """Per port, sensor and stage: done, pending, failed, stale."""
    from jobs.run import status_rows

    found = _pinned(source)
    rows = status_rows(found, archive_root(found.archive))
    show(rows, as_json, "the plan has no overpass")


# --- what came of it ----------------------------------------------------------------------------


@app.command()
def report(
    source: JobOrPlan,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Copy the page there.")
    ] = None,
) -> None:
    """Where the HTML report of the newest results lies."""
    folder = _newest(source)
    page = folder / "report.html"
    if output is not None:
        shutil.copyfile(page, output)
        page = output
    typer.echo(page)


def _newest(source: Path) -> Path:
    """Folder of the newest published results of a job."""
    from jobs.config import read_job
    from jobs.plan import read_plan
    from jobs.results import published_root

    described = read_job(source) if _is_job(source) else read_plan(source)
    folder = published_root(archive_root(described.archive)) / described.name
    latest = folder / "latest.json"
    if not latest.exists():
        raise InputError(f"job {described.name!r} has no results yet: berthwatch run {source}")
    return folder / str(json.loads(latest.read_text())["tag"])


@app.command()
def ais(
    source: JobOrPlan,
    files: Annotated[
        list[Path],
        typer.Option("--ais", metavar="FILE", help="A table of AIS positions; may be repeated."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to make; else ARCHIVE/ais/JOB/TAG."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold AIS against the newest results: who was heard, who was dark, who fell silent.

    FILE is CSV (plain, .gz, .zip, .zst) or Parquet, as MarineCadastre or the Danish Maritime
    Authority lay it out, or with the columns mmsi, time, lon, lat (sog_kn, heading_deg, length_m,
    name, ... where known). Messages within 30 km of a port and a day of the period are used; give
    files with that margin, or coverage looks worse than it was.

    A vessel is **matched** where an AIS ship was surely it, **possible** where one may have been,
    **dark** where others around were heard and none was it, and of **unknown coverage** where
    nobody was shown to listen: silence there says nothing. A gap is a silence of 4 hours, not an
    intent.

    Writes ais_matches, ais_gaps, visit_gaps, ais_visits, ais_stays and ais_comparison (Parquet and
    CSV) and ais_summary.json; a folder of an earlier call is replaced. Exit code 0: done; 2:
    refused.
    """
    from jobs.published import read_published
    from jobs.witness import check_folder, default_folder, hear, summary, write_heard

    result = read_published(_newest(source))
    folder = output or default_folder(result)
    check_folder(folder)
    with err.status("reading ...") as status:
        heard = hear(result, files, status.update if err.is_terminal else _say)
    write_heard(heard, result, folder)
    facts = summary(heard, result)
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), **facts}, indent=2))
        return
    _show_heard(facts)
    out.print(f"tables {folder}", soft_wrap=True, highlight=False)


def _show_heard(facts: Mapping[str, Any]) -> None:
    """The two tables of one hearing, and what they stand on."""
    read = facts["read"]
    out.print(
        f"{read['kept']:,} of {read['rows']:,} messages around the ports, of {read['ships']:,} "
        f"ships; results {facts['tag']}",
        highlight=False,
        soft_wrap=True,
    )
    vessels = ("port", "vessels", "matched", "possible", "dark", "coverage_unknown")
    show([{name: row[name] for name in vessels} for row in facts["ports"]], False, "no port")
    out.print()
    gaps = ("port", "gaps", "gaps_at_matched_visits", "candidates", "ais_visits")
    rows = [
        {**{name: row[name] for name in gaps}, "estimated_visits": _interval(row, "visits")}
        for row in facts["ports"]
    ]
    show(rows, False, "no port")
    _print_lines(
        [
            "gaps: silences of 4 h and more inside the window; candidates: those that fit a visit "
            "nobody was matched with. Visits: at berths, while AIS was heard; AIS counts tugs and "
            "boats too."
        ]
    )


def _interval(row: Mapping[str, Any], name: str, form: str = ".1f") -> str:
    """A number with its interval, as 12.3 (8.0-17.0)."""
    if row[name] is None or row[name] != row[name]:
        return "-"
    value, low, high = (format(row[f"{name}{end}"], form) for end in ("", "_low", "_high"))
    return f"{value} ({low}-{high})"


@app.command()
def voyages(
    source: JobOrPlan,
    names: Annotated[
        Path | None,
        typer.Option("--names", metavar="CSV", help="Ships' names: visit_id, name, source."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which visits may be one ship's, flows from port to port, and how many ships there are.

    All from the newest results, with intervals that hold 90 %, and a word on how much the looks
    tell of each: satellite images at 10 m name no ship. Links are shown from a probability of 0.2;
    voyages.csv has those from 0.05.

    `--names` takes what analysts know, a row a visit: visit_id as in visits.csv, the ship's name or
    IMO number, and the source. Names that come again tell how many ships were never named.
    """
    from jobs.published import read_names, read_published

    result = read_published(_newest(source))
    named = None if names is None else read_names(names, result)
    with err.status("linking, counting ...") as status:
        facts = _voyage_facts(result, named, status.update if err.is_terminal else _say)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    _show_voyages(facts)


def _voyage_facts(result: Any, named: Mapping[str, str] | None, progress: Any) -> dict[str, Any]:
    """Links, flows and fleet as plain values, each with its note; flows need two ports."""
    from jobs import published as p

    columns = ["from_visit", "to_visit", "probability", "hours_min", "hours_median", "hours_max"]
    found = p.links(result)[columns].to_dict("records")
    facts = {"tag": result.tag, "links": {"rows": found, "note": p.LINKS_NOTE}}
    flows: list[dict[str, Any]] = []
    note = "Flows need two ports with berths, or more."
    if len({stays.port for stays in result.calls()}) > 1:
        progress("flows from port to port")
        flows = p.flow_rows(p.flows(result))
        note = p.flows_note(flows)
    facts["flows"] = {"rows": flows, "note": note}
    progress("ships behind the visits")
    return {**facts, "fleet": _fleet_facts(result, named)}


def _fleet_facts(result: Any, named: Mapping[str, str] | None) -> dict[str, Any]:
    from jobs import published as p

    rows, notes = [], []
    visits = len(p.called(result))
    if visits:
        measured = p.ships_measured(result)
        rows.append(p.measured_row(measured, visits))
        notes.append(p.measured_note(measured))
    if named is not None:
        known = p.ships_named(result, named)
        rows.append(p.named_row(known))
        notes.append(p.named_note(known))
    return {"rows": rows, "note": " ".join(notes) or "No visit was seen at a berth."}


def _show_voyages(facts: Mapping[str, Any]) -> None:
    _print_lines([_link_line(row) for row in facts["links"]["rows"]] or ["no link"])
    _say_note(facts["links"])
    flows = [
        {
            "from": row["from_port"],
            "to": row["to_port"],
            "share_of_ships": _interval(row, "share", ".2f"),
            "trips": _interval(row, "trips", ".0f"),
            "looks_tell": f"{'yes' if row['looks_tell'] else 'no'}, {row['told']:.0%}",
        }
        for row in facts["flows"]["rows"]
    ]
    show(flows, False, "no flow")
    _say_note(facts["flows"])
    fleet = [
        {
            "from": row["source"],
            "visits": row["visits"],
            "at_least": row["ships_at_least"],
            "ships_seen": _interval(row, "ships", ".0f"),
            "fleet": _interval(row, "fleet", ".0f"),
        }
        for row in facts["fleet"]["rows"]
    ]
    show(fleet, False, "no fleet")
    _say_note(facts["fleet"])


def _link_line(row: Mapping[str, Any]) -> str:
    """One link; a line, not a row, because ids must never be cut off."""
    hours = f"{row['hours_median']:.0f} h ({row['hours_min']:.0f}-{row['hours_max']:.0f})"
    return f"{row['probability']:.2f}  {row['from_visit']} -> {row['to_visit']}  {hours}"


def _say_note(part: Mapping[str, Any]) -> None:
    out.print(part["note"], style="dim", highlight=False, markup=False)
    out.print()


@app.command()
def verify(
    source: JobOrPlan,
    sample: Annotated[int, typer.Option("--sample", min=1, help="How many overpasses.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Which ones: another seed, others.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Recompute overpasses from the pinned inputs and compare the bytes with the archive.

    Exit code 0: all equal; 1: some differ.
    """
    from jobs.verify import verify_sample

    found = _pinned(source)
    rows = verify_sample(found, archive_root(found.archive), sample, seed)
    show(rows, as_json, "nothing to verify: no overpass is done")
    raise typer.Exit(int(any(row["result"] != "equal" for row in rows)))


@app.command()
def export(
    source: JobOrPlan,
    port: Annotated[str, typer.Option("--port", help="Id of the port.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make, X.zarr.")],
    tag: Annotated[str | None, typer.Option("--tag", help="A tag; the newest commit else.")] = None,
) -> None:
    """A plain Zarr v3 copy of one port's archive, for tools that do not know Icechunk."""
    from jobs.archive import PortArchive

    found = _pinned(source)
    known = {p.id: p for p in found.ports}
    if port not in known:
        raise InputError(f"no port {port!r} in this job; it has {', '.join(known)}")
    archive = PortArchive.create_or_open(archive_root(found.archive), known[port], None)
    archive.export(output, tag)
    typer.echo(output)


# --- the model ----------------------------------------------------------------------------------

SourceOption = Annotated[
    list[str],
    typer.Option(
        "--source",
        metavar="CATALOG,COLLECTION,LABELS",
        help="Labelled scenes: a catalog.json, a collection in it, a folder of label CSVs. "
        "May be repeated.",
    ),
]


@app.command()
def train(
    source: SourceOption,
    output: Annotated[Path, typer.Option("--output", "-o", help="Weights file to write.")],
    extra: Annotated[
        list[str] | None,
        typer.Option(
            "--extra-source",
            metavar="CATALOG,COLLECTION,LABELS",
            help="Scenes to train on but never to measure on, such as simulated ones.",
        ),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Optimiser steps.")] = 8000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another network.")] = 0,
    folds: Annotated[
        int,
        typer.Option(
            "--folds",
            min=0,
            help="First measure and calibrate on ports left out, in N trainings; 0: do not.",
        ),
    ] = 3,
    fold_steps: Annotated[
        int, typer.Option("--fold-steps", min=1, help="Steps of each of those trainings.")
    ] = 3000,
) -> None:
    """Train a network on labelled scenes; split by port, never by chip.

    Labels are CSV rows with lon, lat, length_m, width_m, heading_mod180_deg, class (ship, small,
    dock, ignore, wrong), confidence (1-3) and item. The file holds the settings, the digests of the
    data and the figures, and a job takes it with `model: FILE`.
    """
    from dataclasses import replace

    from models.evaluate import adopt, cross_validate
    from models.train import TrainConfig
    from models.train import train as fit
    from models.weights import save

    config = TrainConfig(sources=_labelled(source), seed=seed, steps=steps)
    measured = None
    if folds:
        measured = cross_validate(replace(config, steps=fold_steps), folds, progress=_say)
        _print_lines(measured.report.lines())
    trained = fit(replace(config, sources=config.sources + _labelled(extra or [])), _say)
    save(trained if measured is None else adopt(trained, measured), output)
    out.print(f"wrote {output}", highlight=False)


@app.command()
def evaluate(
    source: SourceOption,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="A weights file; the packaged one else.")
    ] = None,
    port: Annotated[
        list[str] | None, typer.Option("--port", help="Only this port; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a network on labelled scenes: precision, recall, F1, IoU, length and heading.

    Figures on scenes that the network was trained on flatter it; `train --folds` measures on ports
    left out.
    """
    from dataclasses import asdict

    from models.evaluate import EvaluateConfig
    from models.evaluate import evaluate as measure
    from models.metrics import Rule

    config = EvaluateConfig(_labelled(source), weights, tuple(port or ()))
    report = measure(config, _say)
    if as_json:
        rules = {rule.value: asdict(report.scores(rule)) for rule in Rule}
        errors = [asdict(error) for error in report.detector_errors]
        figures = {"pixel_iou": report.pixel_iou, "detector_errors": errors, **rules}
        typer.echo(json.dumps(figures, indent=2))
    else:
        _print_lines(report.lines())


def _labelled(texts: list[str]) -> tuple[Any, ...]:
    """The sources of CATALOG,COLLECTION,LABELS texts."""
    from models.scenes import Source

    sources = []
    for text in texts:
        parts = text.split(",")
        if len(parts) != 3:
            raise InputError(
                f"--source {text!r} has {len(parts)} parts; expected CATALOG,COLLECTION,LABELS, "
                "for example data/catalog.json,s2-ports,data/labels"
            )
        for path in (parts[0], parts[2]):
            if not Path(path).exists():
                raise InputError(f"--source {text!r}: there is no {path}")
        sources.append(Source(Path(parts[0]), parts[1], Path(parts[2])))
    return tuple(sources)


def _print_lines(lines: list[str]) -> None:
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)


# --- synthetic scenes ---------------------------------------------------------------------------


@app.command()
def simulate(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another world.")] = 1,
    port: Annotated[
        list[str] | None, typer.Option("--port", help="Bundled id or GeoJSON; may be repeated.")
    ] = None,
    start: Annotated[str, typer.Option("--start", help="First day, YYYY-MM-DD.")] = "2024-03-01",
    days: Annotated[int, typer.Option("--days", min=1)] = 30,
    cloud: Annotated[float, typer.Option("--cloud", help="Mean cloudy share, 0 to 1.")] = 0.35,
) -> None:
    """Make a lawful STAC archive of synthetic port scenes, with its truth and a job file."""
    from datetime import date

    from jobs.simulate import SimulationConfig

    defaults = SimulationConfig()
    config = SimulationConfig(
        seed=seed,
        ports=tuple(port) if port else defaults.ports,
        start=date.fromisoformat(start),
        days=days,
        cloud_share=cloud,
    )
    _simulate(config, output)
    out.print(f"now: berthwatch run {output / 'job.yaml'}", highlight=False)


def _simulate(config: Any, output: Path) -> None:
    from jobs.simulate import simulate as make

    with err.status("simulating ...") as status:
        made = make(config, output, status.update if err.is_terminal else _say)
    err.print(
        f"{made.items} items of {made.overpasses} passes over {made.ports} ports, "
        f"{made.visits} visits, {made.size_bytes / 1e6:.0f} MB in {output}"
    )


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for all of it.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another world.")] = 1,
    days: Annotated[int, typer.Option("--days", min=1, help="How long to watch.")] = 24,
    cluster: ClusterOption = "local",
    workers: WorkersOption = None,
) -> None:
    """Simulate two ports, run the whole job on them, compare with the truth. Offline.

    Takes a few minutes on two cores; run it again and it goes on, or shows what is there.
    """
    from jobs.run import Options
    from jobs.simulate import SimulationConfig

    if not (output / "job.yaml").exists():
        _simulate(SimulationConfig(seed=seed, days=days), output)
    found = _pinned(output / "job.yaml")
    code = _run(found, Options(), cluster, workers, as_json=False)
    if code == 0:
        _compare(_newest(output / "job.yaml"), output / "truth")
    raise typer.Exit(code)


def _compare(published: Path, truth: Path) -> None:
    from jobs.truth import compare

    matches, visits = compare(published, truth)
    out.print()
    show(visits, False, "no visit in the truth")
    out.print(
        f"vessels: {matches.right} found, {matches.missed} missed, {matches.wrong} false; "
        f"precision {matches.precision:.2f}, recall {matches.recall:.2f}, "
        f"mean length error {matches.length_error_m:.0f} m",
        highlight=False,
        soft_wrap=True,
    )
    out.print(
        "A visit between two passes or under cloud cannot be seen, and the detector misses some of "
        "the rest: the estimate is for all of them, the interval says how sure it is.",
        style="dim",
    )


def _say(message: str) -> None:
    err.print(message, highlight=False, markup=False)
