"""`berthwatch ais`: compares AIS with the newest results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.destinations import folder_to_make
from jobs.cli.options import AsJson, JobOrPlan
from jobs.cli.output import err, interval, out, print_lines, say, show
from jobs.cli.program import command_app

app = command_app()


@app.command()
def ais(
    source: JobOrPlan,
    files: Annotated[
        list[Path],
        typer.Option("--ais", metavar="FILE", help="A table of AIS positions; may be repeated."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            parser=folder_to_make,
            help="Folder to make; else ARCHIVE/ais/JOB/TAG.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Cross-check the newest results with AIS: vessels matched or dark, silences, visits.

    FILE is CSV (plain, .gz, .zip, .zst) or Parquet, as MarineCadastre or the Danish Maritime
    Authority lay it out, or with the columns mmsi, time, lon, lat (sog_kn, heading_deg, length_m,
    name, ... where known). Every row is counted, and those that cannot be read by their reason.
    Messages within 30 km of a port and a day of the period are used; give files with that margin,
    or coverage looks worse than it was.

    A vessel is **matched** where it is surely a ship with AIS, **possible** where it may be one,
    **dark** where messages of other ships around were received and none fits, and of **unknown
    coverage** where no reception is shown: silence there means nothing. A gap is a silence of 4
    hours, not an intent.

    One MMSI is not one ship: stray positions are left out and two ships under one number told apart
    (hull 1, 2, ...) before anything is counted; both are counted, and listed in ais_flags.

    Writes ais_matches, ais_gaps, visit_gaps, ais_visits, ais_stays, ais_comparison, ais_dwell and
    ais_flags (Parquet and CSV) and ais_summary.json; a folder of an earlier call is replaced. Where
    AIS shows how long ships stay, prints it as lines for the job file. Exit code 0: done; 2:
    refused.
    """
    from jobs.ais import (
        cross_check,
        cross_check_summary,
        dwell_lines,
        file_lines,
        keep_cross_check,
        refuse_nothing,
        refuse_other_folder,
        warnings,
        write_cross_check,
    )
    from jobs.publish import newest_results, published_doubts, read_results

    storage, newest = newest_results(source)
    for line in published_doubts(storage, newest):
        say(line)
    result = read_results(storage, newest)
    if output is not None:
        refuse_other_folder(output)
    with err.status("reading ...") as status:
        check = cross_check(result, files, status.update if err.is_terminal else say)
    refuse_nothing(check.summary)
    for sentence in warnings(check.summary):
        say(sentence)
    if output is None:
        folder = keep_cross_check(check, result, storage)
    else:
        write_cross_check(check, result, output)
        folder = str(output)
    facts = cross_check_summary(check, result)
    if as_json:
        typer.echo(json.dumps({"folder": folder, **facts}, indent=2))
        return
    print_lines(file_lines(check.summary))
    _show_cross_check(facts)
    _show_dwell(list(dwell_lines(check.table("ais_dwell"))))
    out.print(f"tables {folder}", soft_wrap=True, highlight=False)


def _odd_lines(hulls: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What was left out or told apart before anything was counted, a line for each reason."""
    words = {
        "stray": "left out, where that ship cannot have been",
        "two_hulls": "with two ships or more at one time, told apart as hulls",
        "jump": "with tracks that no way joins, told apart as hulls",
        "imo_changed": "with more than one IMO number",
        "lone": "of which nothing is made: one or two are no track",
    }
    lines = []
    for reason, said in words.items():
        ships, positions = (hulls[reason][name] for name in ("ships", "positions"))
        kind = "stray position" if reason == "stray" else "position"
        if ships:
            many = "" if positions == 1 else "s"
            lines.append(f"{positions:,} {kind}{many} of {ships:,} MMSI {said}")
    return [*lines, "each is listed in ais_flags"] if lines else []


def _show_cross_check(facts: Mapping[str, Any]) -> None:
    """Print the two tables of a cross-check and the number of messages behind them."""
    read = facts["read"]
    out.print(
        f"{read['kept']:,} of {read['rows']:,} messages around the ports, of {read['ships']:,} "
        f"ships; results {facts['tag']}",
        highlight=False,
        soft_wrap=True,
    )
    print_lines(_odd_lines(facts["hulls"]))
    vessels = ("port", "vessels", "matched", "possible", "dark", "coverage_unknown")
    show([{name: row[name] for name in vessels} for row in facts["ports"]], False, "no port")
    out.print()
    gaps = ("port", "gaps", "gaps_at_matched_visits", "candidates", "ais_visits")
    rows = [
        {**{name: row[name] for name in gaps}, "estimated_visits": interval(row, "visits")}
        for row in facts["ports"]
    ]
    show(rows, False, "no port")
    print_lines(
        [
            "gaps: silences of 4 h and more inside the window; candidates: those that fit a visit "
            "without a matched ship. Visits: arrivals at berths, on days with AIS; an AIS visit is "
            "one whose ship was heard before it came. AIS counts tugs and boats too.",
            *_unheard_lines(facts["ports"]),
        ]
    )


def _show_dwell(lines: Sequence[str]) -> None:
    """Print what the job file may say of stays, where AIS shows them."""
    if lines:
        said = "how long ships of 40 m and more stay there, with 95 %, for the job file, if those "
        print_lines([f"{said}without AIS are believed to stay as long:", *lines])


def _unheard_lines(ports: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each port at whose berths ships were first heard: their visits do not count."""
    return [
        f"{row['port']}: {row['ais_arrivals_unheard']:,} stays at berths are no AIS visits, as "
        "their ships were first heard there: the tables may be cut too close to the port"
        for row in ports
        if row["ais_arrivals_unheard"]
    ]
