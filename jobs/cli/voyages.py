"""`berthwatch voyages`: links, flows and fleet of the newest results, as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.options import AsJson, JobOrPlan
from jobs.cli.output import err, interval, out, print_lines, say, show
from jobs.cli.program import command_app

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jobs.visits import CaptureRecapture, Flows, ShipDraws

app = command_app()


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

    All from the newest results, with 90 % intervals and a note on what the looks identify:
    satellite images at 10 m name no ship. Links are shown from a probability of 0.2; voyages.csv
    has those from 0.05.

    `--names` takes ships' names from analysts, a row a visit: visit_id as in visits.csv, the ship's
    name or IMO number, and the source. Repeated names give an estimate of the ships never named.
    """
    from jobs.publish import read_newest
    from jobs.visits import read_names

    result = read_newest(source)
    named = None if names is None else read_names(names, set(result.visits["visit_id"]))
    with err.status("linking, counting ...") as status:
        facts = _voyage_facts(result, named, status.update if err.is_terminal else say)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    _show_voyages(facts)


def _voyage_facts(result: Any, named: Mapping[str, str] | None, progress: Any) -> dict[str, Any]:
    """Links, flows and fleet as plain values, each with its note; flows need two ports."""
    from jobs.publish import port_flows, visit_links

    columns = ["from_visit", "to_visit", "probability", "hours_min", "hours_median", "hours_max"]
    found = visit_links(result)[columns].to_dict("records")
    facts = {"tag": result.tag, "links": {"rows": found, "note": LINKS_NOTE}}
    flows: list[dict[str, Any]] = []
    note = "Flows need two ports with berths, or more."
    if len({stays.port for stays in result.calls()}) > 1:
        progress("flows from port to port")
        flows = flow_rows(port_flows(result))
        note = flows_note(flows)
    facts["flows"] = {"rows": flows, "note": note}
    progress("ships behind the visits")
    return {**facts, "fleet": _fleet_facts(result, named)}


def _fleet_facts(result: Any, named: Mapping[str, str] | None) -> dict[str, Any]:
    from jobs.publish import fleet_from_lengths, fleet_from_names, visits_at_berths

    rows, notes = [], []
    visits = len(visits_at_berths(result))
    if visits:
        measured = fleet_from_lengths(result)
        rows.append(measured_row(measured, visits))
        notes.append(measured_note(measured))
    if named is not None:
        known = fleet_from_names(result, named)
        rows.append(named_row(known))
        notes.append(named_note(known))
    return {"rows": rows, "note": " ".join(notes) or "No visit was seen at a berth."}


def _show_voyages(facts: Mapping[str, Any]) -> None:
    print_lines([_link_line(row) for row in facts["links"]["rows"]] or ["no link"])
    _print_note(facts["links"])
    flows = [
        {
            "from": row["from_port"],
            "to": row["to_port"],
            "share_of_ships": interval(row, "share", ".2f"),
            "trips": interval(row, "trips", ".0f"),
            "identified": f"{'yes' if row['looks_tell'] else 'no'}, {row['told']:.0%}",
        }
        for row in facts["flows"]["rows"]
    ]
    show(flows, False, "no flow")
    _print_note(facts["flows"])
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
    _print_note(facts["fleet"])


def _link_line(row: Mapping[str, Any]) -> str:
    """One link as a line: in a table, ids would be cut off."""
    hours = f"{row['hours_median']:.0f} h ({row['hours_min']:.0f}-{row['hours_max']:.0f})"
    return f"{row['probability']:.2f}  {row['from_visit']} -> {row['to_visit']}  {hours}"


def _print_note(part: Mapping[str, Any]) -> None:
    out.print(part["note"], style="dim", highlight=False, markup=False)
    out.print()


def flow_rows(found: Flows, mass: float = 0.9) -> list[dict[str, Any]]:
    """Every ordered pair of ports: share of the ships, trips, and whether the looks identify it.

    ``told`` and ``looks_tell`` are the published keys of ``interval_reduction`` and ``identified``.
    """
    from jobs.visits import credible

    return [
        {
            "from_port": origin,
            "to_port": target,
            **_mean_and_interval(
                "share", found.share[:, a, b], found.interval(origin, target, mass)
            ),
            **_mean_and_interval(
                "trips", found.trips[:, a, b], credible(found.trips[:, a, b], mass)
            ),
            "told": float(found.interval_reduction[a, b]),
            "looks_tell": bool(found.identified[a, b]),
        }
        for a, origin in enumerate(found.ports)
        for b, target in enumerate(found.ports)
        if a != b
    ]


def measured_row(found: ShipDraws, visits: int, mass: float = 0.9) -> dict[str, Any]:
    """The fleet from lengths; ``told`` is the share of the prior's interval that they removed."""
    from jobs.visits import credible

    return {
        "source": "lengths",
        "visits": visits,
        "ships_at_least": found.least,
        **_mean_and_interval("ships", found.ships, credible(found.ships, mass)),
        **_mean_and_interval("fleet", found.fleet, credible(found.fleet, mass)),
        "told": found.interval_reduction,
    }


def named_row(found: CaptureRecapture) -> dict[str, Any]:
    """The fleet from names; ``coverage`` is the share of visits by ships already named."""
    chao = found.chao
    return {
        "source": "names",
        "visits": found.visits,
        "ships_at_least": found.ships,
        **{f"ships{end}": found.ships for end in ("", "_low", "_high")},
        "fleet": chao.value,
        "fleet_low": chao.low,
        "fleet_high": chao.high,
        "coverage": found.coverage,
    }


def _mean_and_interval(
    name: str, values: NDArray[np.number], interval: tuple[float, float]
) -> dict[str, float]:
    low, high = interval
    return {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}


LINKS_NOTE = (
    "A probability is the chance that the second visit is the first ship's next seen stop. Time "
    "and length distinguish pairs, they name no ship; where most stays are unseen, the "
    "probabilities of likely links are too high."
)


def flows_note(rows: Sequence[Mapping[str, Any]]) -> str:
    """How far the looks identify the flows, in a sentence."""
    identified = sum(row["looks_tell"] for row in rows)
    if not identified:
        return (
            "The looks identify none of these flows: the numbers are what was assumed before (any "
            "share as likely as any other), and no trade between the ports follows from them."
        )
    return (
        f"The looks identify {identified} of {len(rows)} flows: they removed that share of the "
        "interval that was assumed before. Unseen stays make shares too low; read the interval."
    )


def measured_note(found: ShipDraws) -> str:
    """How far lengths identify the number of ships, in a sentence."""
    from jobs.visits import SHIPS_PER_VISIT

    return (
        f"By length alone the ships are at least {found.least}; lengths and times removed "
        f"{found.interval_reduction:.0%} of the interval assumed before. Sister ships cannot be "
        f"distinguished, and at most {SHIPS_PER_VISIT} ships a visit is an assumption."
    )


def named_note(found: CaptureRecapture) -> str:
    """How far names cover the fleet, in a sentence."""
    return (
        f"An estimated {found.coverage:.0%} of visits are by ships already named; the fleet (Chao) "
        "is a lower bound, and too low where some ships are never named."
    )
