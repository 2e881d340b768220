"""The command that evaluates the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.destinations import file_to_write
from jobs.cli.label_sources import SourceOption, parse_sources
from jobs.cli.options import AsJson
from jobs.cli.output import print_lines, say
from jobs.cli.program import command_app
from jobs.domain import Engine
from jobs.errors import InputError
from jobs.storage import write_new_file

if TYPE_CHECKING:
    from jobs.cli.evaluation_page import Album
    from models.evaluation import EvaluateConfig, Report

app = command_app()


@app.command()
def evaluate(
    source: SourceOption,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="A weights file [default: the packaged one].")
    ] = None,
    folds: Annotated[
        Path | None,
        typer.Option(
            "--folds",
            metavar="DIR",
            help="A folder of networks that were each trained without some ports, as `berthwatch "
            "train --folds N --keep DIR` stores them: every port is evaluated with a network and a "
            "calibration from other ports.",
        ),
    ] = None,
    port: Annotated[
        list[str] | None, typer.Option("--port", help="Only this port; may be repeated.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--page",
            metavar="FILE.html",
            parser=file_to_write,
            help="Also write one self-contained HTML page with the scores, and pictures of missed "
            "ships, false alarms and wrong lengths.",
        ),
    ] = None,
    chips: Annotated[
        int, typer.Option("--chips", min=0, help="Pictures of each kind of failure on the page.")
    ] = 24,
    engine: Annotated[
        Engine,
        typer.Option("--engine", help="What runs the network, as `engine` in a job file."),
    ] = Engine.TORCH,
    as_json: AsJson = False,
) -> None:
    """Evaluate a network on labelled scenes: detection, measures, calibration, failures.

    **Precision, recall and F1** are given under two matching rules: `iou`, the rotated boxes
    overlap by 0.3 or more; `distance`, the centres lie within 60 m. Ships of 40 m and more with
    confidence 2 or 3 count; detections on small craft and doubtful labels are ignored.

    **By length**, recall is by true length and precision by detected length. **By distance to
    ground**, which the near infrared shows, ships alongside are separated from those at anchor; the
    harbour is water within 500 m of ground. **By neighbours**, hulls within a pixel (10 m) of
    another are separated from single ones, labels by labels and detections by detections. **By
    motion**, where labels have `moving`.

    **Length and beam** are given in metres on the ground, as mean error and bias; **calibration**
    as the share of ships among detections of each score. In brackets are 90 % intervals over
    resampled ports (of a single port, over its scenes).

    Scores on scenes that the network was trained on are too high; `--folds` evaluates on ports left
    out.
    """
    from models.evaluation import EvaluateConfig, summarise_report, summary_lines, to_json
    from models.inference import EngineName

    _check(weights, folds)
    album = _album(page)
    report = _measure(
        EvaluateConfig(
            parse_sources(source), weights, tuple(port or ()), engine=EngineName(engine)
        ),
        folds,
        album,
    )
    seen = 0 if folds else _seen_in_training(weights, report)
    summary = summarise_report(report)
    if album is not None and page is not None:
        subject = "networks that had not seen the port" if folds else _name(weights)
        write_new_file(page, album.render(summary, subject, chips, seen).encode())
        say(f"wrote {page}")
    if as_json:
        typer.echo(json.dumps(to_json(summary), indent=2))
    else:
        print_lines(summary_lines(summary))


def _check(weights: Path | None, folds: Path | None) -> None:
    """Refuse before the evaluation options that would fail after it."""
    if weights and folds:
        raise InputError(
            "--weights and --folds were both given; expected one: the folder of --folds holds the "
            "networks to measure, leave --weights out"
        )
    if folds and not folds.is_dir():
        raise InputError(
            f"--folds {folds}: there is no such folder; expected one with the weights files that "
            "`berthwatch train --folds N --keep DIR` leaves"
        )


def _album(page: Path | None) -> Album | None:
    if page is None:
        return None
    from jobs.cli.evaluation_page import Album

    return Album()


def _measure(config: EvaluateConfig, folds: Path | None, album: Album | None) -> Report:
    from models.evaluation import evaluate_network
    from models.training import evaluate_folds

    observer = album.add if album else None
    report = (
        evaluate_folds(config, folds, say, observer)
        if folds
        else evaluate_network(config, say, observer)
    )
    if not report.scenes:
        raise InputError(
            f"no labelled scene of {', '.join(config.groups) or 'any port'} in the sources; "
            "expected a port that an item names, with rows of that item among the labels"
        )
    return report


def _seen_in_training(weights: Path | None, report: Report) -> int:
    """How many of the scenes the network was trained on; prints a warning if any."""
    from models.evaluation import trained_on

    seen = len(trained_on(weights, report))
    if seen:
        say(
            f"{seen} of these {len(report.scenes)} scenes are ones that this network was trained "
            "on: their scores are too high; --folds evaluates on ports left out"
        )
    return seen


def _name(weights: Path | None) -> str:
    return f"the network of {weights.name}" if weights else "the network that comes with Berthwatch"
