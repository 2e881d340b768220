"""The command that trains the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.destinations import file_to_write, folder_to_make
from jobs.cli.label_sources import SourceOption, parse_sources
from jobs.cli.output import out, print_lines, say
from jobs.cli.program import command_app
from jobs.storage import write_new_file

app = command_app()


@app.command()
def train(
    source: SourceOption,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", parser=file_to_write, help="Weights file to write."
        ),
    ],
    extra: Annotated[
        list[str] | None,
        typer.Option(
            "--extra-source",
            metavar="CATALOG,COLLECTION,LABELS",
            help="Scenes to train on but never to measure on, such as simulated ones.",
        ),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Optimiser steps.")] = 8000,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", help="Seed of the random numbers; another seed gives another network."
        ),
    ] = 0,
    start: Annotated[
        Path | None,
        typer.Option("--start", help="Weights to start from, such as ones of simulated harbours."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    threads: Annotated[
        int,
        typer.Option(
            "--threads", min=1, help="CPU threads; the last bits of results depend on it."
        ),
    ] = 1,
    half: Annotated[
        bool,
        typer.Option(
            "--half/--full",
            help="bfloat16: faster on GPUs and on CPUs that support it, slower on others.",
        ),
    ] = True,
    mirrored: Annotated[
        bool,
        typer.Option(
            "--mirrored/--single",
            help="Whether the network also looks at mirror images wherever a ship may be: finds "
            "more ships, and takes more time to run, not to train.",
        ),
    ] = False,
    folds: Annotated[
        int,
        typer.Option(
            "--folds",
            min=0,
            help="First evaluate and calibrate on ports left out, in N trainings; 0: do not.",
        ),
    ] = 3,
    fold_steps: Annotated[
        int | None,
        typer.Option(
            "--fold-steps", min=1, help="Steps of each of those trainings [default: --steps]."
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="DIR",
            parser=folder_to_make,
            help="Store those networks here, for `evaluate --folds DIR`; existing ones are not "
            "trained again.",
        ),
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, help="How many of them are trained at once.")
    ] = 1,
) -> None:
    """Train a network on labelled scenes; split by port, never by chip.

    Labels are GeoJSON hulls (Polygon features with `item` or `datetime`, and optionally `class`:
    ship, small, dock, ignore, wrong; `confidence`: 1-3; `at_data_edge`), an instance mask among the
    items' assets (`asset:NAME`, or `asset:NAME:shave=1` where it is a pixel too wide on every
    side), or CSV rows with lon, lat, length_m, width_m, heading_mod180_deg, class, confidence and
    item or date_utc. Water without a label counts as water without a ship. The file holds the
    settings, the digests of the data and the scores; a job uses it by `model: FILE`.
    """
    from models.config import UNetConfig
    from models.evaluation import report_lines
    from models.training import TrainConfig, cross_validate, train_network, with_cross_validation
    from models.weights import weights_content

    config = TrainConfig(
        parse_sources(source),
        parse_sources(extra or []),
        start=start,
        seed=seed,
        steps=steps,
        threads=threads,
        half=half,
        device=device,
        network=UNetConfig(mirrored=mirrored),
    )
    measured = None
    if folds:
        fold_config = replace(config, steps=fold_steps or steps, threads=1)
        measured = cross_validate(fold_config, folds, progress=say, keep=keep, parallel=parallel)
        print_lines(report_lines(measured.report))
    trained = train_network(config, say)
    weights = trained if measured is None else with_cross_validation(trained, measured)
    write_new_file(output, weights_content(weights))
    out.print(f"wrote {output}", highlight=False)
