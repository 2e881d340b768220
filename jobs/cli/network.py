"""Commands on the network that finds the vessels: train and evaluate."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.entry import app
from jobs.cli.options import AsJson
from jobs.cli.printing import out, print_lines, say
from jobs.errors import InputError

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
    from models.evaluate import adopt, cross_validate
    from models.train import TrainConfig
    from models.train import train as fit
    from models.weights import save

    config = TrainConfig(sources=_labelled(source), seed=seed, steps=steps)
    measured = None
    if folds:
        measured = cross_validate(replace(config, steps=fold_steps), folds, progress=say)
        print_lines(measured.report.lines())
    trained = fit(replace(config, sources=config.sources + _labelled(extra or [])), say)
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
    from models.evaluate import EvaluateConfig
    from models.evaluate import evaluate as measure
    from models.metrics import Rule

    config = EvaluateConfig(_labelled(source), weights, tuple(port or ()))
    report = measure(config, say)
    if as_json:
        rules = {rule.value: asdict(report.scores(rule)) for rule in Rule}
        errors = [asdict(error) for error in report.detector_errors]
        figures = {"pixel_iou": report.pixel_iou, "detector_errors": errors, **rules}
        typer.echo(json.dumps(figures, indent=2))
    else:
        print_lines(report.lines())


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
