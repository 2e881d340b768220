"""The command that trains the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.entry import app
from jobs.cli.labelled import SourceOption, labelled
from jobs.cli.printing import out, print_lines, say


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
    from models.leave_out import adopt, cross_validate
    from models.train import TrainConfig
    from models.train import train as fit
    from models.weights import save

    config = TrainConfig(sources=labelled(source), seed=seed, steps=steps)
    measured = None
    if folds:
        measured = cross_validate(replace(config, steps=fold_steps), folds, progress=say)
        print_lines(measured.report.lines())
    trained = fit(replace(config, sources=config.sources + labelled(extra or [])), say)
    save(trained if measured is None else adopt(trained, measured), output)
    out.print(f"wrote {output}", highlight=False)
