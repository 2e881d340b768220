"""The command that links visits of the newest results: voyages, flows and the fleet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.app import app
from jobs.cli.options import AsJson, JobOrPlan
from jobs.cli.output import err, interval, out, print_lines, say, show
from jobs.cli.report import newest_results


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
    from jobs.publish.read import read_names, read_published

    storage, newest = newest_results(source)
    result = read_published(storage.local(newest))
    named = None if names is None else read_names(names, result)
    with err.status("linking, counting ...") as status:
        facts = _voyage_facts(result, named, status.update if err.is_terminal else say)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    _show_voyages(facts)


def _voyage_facts(result: Any, named: Mapping[str, str] | None, progress: Any) -> dict[str, Any]:
    """Links, flows and fleet as plain values, each with its note; flows need two ports."""
    from jobs.publish import read as p

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
    from jobs.publish import read as p

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
    print_lines([_link_line(row) for row in facts["links"]["rows"]] or ["no link"])
    _say_note(facts["links"])
    flows = [
        {
            "from": row["from_port"],
            "to": row["to_port"],
            "share_of_ships": interval(row, "share", ".2f"),
            "trips": interval(row, "trips", ".0f"),
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
            "ships_seen": interval(row, "ships", ".0f"),
            "fleet": interval(row, "fleet", ".0f"),
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
