"""The command that measures the network."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.entry import app
from jobs.cli.labelled import SourceOption, labelled
from jobs.cli.options import AsJson
from jobs.cli.printing import print_lines, say


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

    config = EvaluateConfig(labelled(source), weights, tuple(port or ()))
    report = measure(config, say)
    if as_json:
        rules = {rule.value: asdict(report.scores(rule)) for rule in Rule}
        errors = [asdict(error) for error in report.detector_errors]
        figures = {"pixel_iou": report.pixel_iou, "detector_errors": errors, **rules}
        typer.echo(json.dumps(figures, indent=2))
    else:
        print_lines(report.lines())
