"""The review command: a page on loopback, agreement of reviewers, decisions as labels."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.archive import Archives
from jobs.cli.destinations import file_to_write
from jobs.cli.options import LISTEN, AsJson, BrowserOption, JobOrPlan, ListenOption
from jobs.cli.output import out, print_lines, say, show
from jobs.cli.plan import pinned
from jobs.cli.program import command_app
from jobs.cli.serving import serve_page
from jobs.errors import InputError
from jobs.plan import Plan
from jobs.publish import newest_results, read_results
from jobs.review import (
    Decision,
    agreement_json,
    agreements,
    disputes,
    in_force,
    name_of,
    of_model,
    read_decisions,
)
from jobs.run import settings_for
from jobs.serve import Place
from jobs.storage import storage_at, write_new_file

app = command_app()

KEPT = "every decision is kept, and `berthwatch run` counts with them"


@app.command()
def review(
    source: JobOrPlan,
    reviewer: Annotated[
        str | None,
        typer.Option(
            "--reviewer", metavar="NAME", help="Who decides; left out, the user of this machine."
        ),
    ] = None,
    listen: ListenOption = LISTEN,
    browser: BrowserOption = False,
    agreement: Annotated[
        bool,
        typer.Option(
            "--agreement", help="Say how far reviewers agree, and where not, and serve nothing."
        ),
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE",
            parser=file_to_write,
            help="Write the decisions as GeoJSON hulls for `berthwatch train`, and serve nothing.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Go through what was found, the least certain first, and decide what is a ship.

    Serves one page of the newest results on this machine alone and prints its address, which holds
    a token; Ctrl-C ends it. Decisions are rows in the archive that are never changed: what the
    machine said stays, and the next `berthwatch run` uses them as looks of known quality
    (`run --without-reviews` does not).
    """
    if agreement:
        _show_agreement(pinned(source), as_json)
    elif labels is not None:
        _write_labels(pinned(source), labels)
    else:
        _serve(source, reviewer, Place.parse(listen), browser)


def _serve(source: Path, reviewer: str | None, place: Place, browser: bool) -> None:
    from jobs.review import ReviewSession, review_app

    storage, folder = newest_results(source)
    session = ReviewSession(read_results(storage, folder), storage, name_of(reviewer or _user()))
    session.state()  # refuses damaged decisions before anything is served
    say(
        f"reviewing {session.result.job} {session.result.tag} as {session.reviewer}; every "
        "decision is kept at once"
    )
    serve_page(review_app(session), place, browser, KEPT)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise InputError("this machine does not say who you are; give --reviewer NAME") from error


def _show_agreement(plan: Plan, as_json: bool) -> None:
    decisions = [
        each for port in plan.ports for each in read_decisions(storage_at(plan.archive), port.id)
    ]
    held = of_model(in_force(decisions), settings_for(plan).model_id)
    facts: dict[str, Any] = agreement_json(agreements(decisions), disputes(held))
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    rows = [
        {
            "reviewers": f"{row['one']}, {row['other']}",
            "vessels": row["vessels"],
            "agreement": f"{row['agreement']:.1%}",
            "kappa": "-" if row["kappa"] is None else f"{row['kappa']:.2f}",
            "both_ship": row["both_ship"],
            "both_not": row["both_not"],
            "differ": row["only_one"] + row["only_other"],
        }
        for row in facts["reviewers"]
    ]
    show(rows, False, "no two reviewers judged the same vessel")
    print_lines([_dispute_line(each) for each in facts["disagreements"]])
    if facts["disagreements"]:
        say(
            f"{len(facts['disagreements'])} disagreements: such decisions are used by no result "
            "until one decision settles them (in the page, under Show: disagreements)"
        )


def _dispute_line(each: dict[str, Any]) -> str:
    said = "; ".join(
        f"{who}: {what}" + (f" ({each['why'][who]})" if who in each["why"] else "")
        for who, what in each["said"].items()
    )
    return f"{each['about']}  {each['question']}  {said}"


def _write_labels(plan: Plan, file: Path) -> None:
    from jobs.review import labels_json

    features = list(_features(plan))
    if not features:
        raise InputError(
            f"no decision about job {plan.name!r} can be used; decide first: berthwatch review"
        )
    write_new_file(file, (json.dumps(labels_json(features), indent=1) + "\n").encode())
    kinds = [str(each["properties"]["class"]) for each in features]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    scenes = len({each["properties"]["overpass_id"] for each in features})
    out.print(f"wrote {file}: {counts}, of {scenes} overpasses", highlight=False)
    say(
        "water without a label counts as water without a ship: use overpasses whose every berth "
        "was checked whole, or draw what was missed"
    )


def _features(plan: Plan) -> Iterator[dict[str, Any]]:
    from jobs.review import port_labels, resolve

    storage = storage_at(plan.archive)
    settings = settings_for(plan)
    overpasses = {each.id: each for each in plan.overpasses}
    archives = Archives(plan.ports, storage)
    for port in plan.ports:
        archive = archives.existing(port.id)
        decisions = [each for each in _in_force(plan, port.id) if each.overpass in overpasses]
        if archive is None or not decisions:
            continue
        named = {each.overpass for each in decisions}
        resolved = resolve(port, decisions, archive.records(named), settings.model_id, plan.reviews)
        yield from port_labels(port, resolved, archive.records(named), overpasses)


def _in_force(plan: Plan, port_id: str) -> tuple[Decision, ...]:
    return in_force(read_decisions(storage_at(plan.archive), port_id))
