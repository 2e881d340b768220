"""The command that measures the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.app import command_app
from jobs.cli.label_sources import SourceOption, parse_sources
from jobs.cli.options import AsJson
from jobs.cli.output import print_lines, say
from jobs.errors import InputError

if TYPE_CHECKING:
    from jobs.cli.evaluation_page import Album
    from models.evaluation.evaluate import EvaluateConfig
    from models.evaluation.report import Report


app = command_app()


@app.command()
def evaluate(
    source: SourceOption,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="A weights file; the packaged one else.")
    ] = None,
    folds: Annotated[
        Path | None,
        typer.Option(
            "--folds",
            metavar="DIR",
            help="A folder of networks that were each trained without some ports, as `berthwatch "
            "train --folds N --keep DIR` leaves them: every port is measured by the network, and "
            "with the calibration, that have not seen it.",
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
            help="Also write one HTML page, complete in itself, with the figures and pictures of "
            "what was missed, invented and measured wrongly.",
        ),
    ] = None,
    chips: Annotated[
        int, typer.Option("--chips", min=0, help="Pictures of each kind of failure on the page.")
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Measure a network on labelled scenes: what is found, how large, how sure, and where not.

    **Precision, recall and F1** are told under two rules: `iou` wants the rotated boxes to overlap
    by 0.3, `distance` the centres to lie within 60 m. Ships of 40 m and more with confidence 2 or 3
    are asked for; small craft and doubtful labels neither help nor harm.

    **By length**, recall is by true length and precision by reported length. **By distance to
    ground**, which the near infrared shows, ships alongside are told from those at anchor; the
    harbour is water within 500 m of ground.

    **Length and beam** are told in metres on the ground, mean error and bias; **calibration** as
    the share of ships among reports of each score. In brackets stand 90 % intervals: what the
    figures would be had other ports of this kind been drawn (of a single port, other scenes of it).

    Figures on scenes that the network was trained on flatter it; `--folds` measures on ports left
    out.
    """
    from models.evaluation.evaluate import EvaluateConfig
    from models.evaluation.summary import summarise_report, to_json
    from models.evaluation.text import lines

    _check(weights, folds, page)
    album = _album(page)
    report = _measure(
        EvaluateConfig(parse_sources(source), weights, tuple(port or ())), folds, album
    )
    seen = 0 if folds else _seen_in_training(weights, report)
    figures = summarise_report(report)
    if album is not None and page is not None:
        subject = "networks that had not seen the port" if folds else _name(weights)
        page.write_text(album.render(figures, subject, chips, seen), encoding="utf-8")
        say(f"wrote {page}")
    if as_json:
        typer.echo(json.dumps(to_json(figures), indent=2))
    else:
        print_lines(lines(figures))


def _check(weights: Path | None, folds: Path | None, page: Path | None) -> None:
    """Refuse before the work what would fail after it."""
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
    if page and not page.parent.is_dir():
        raise InputError(f"--page {page}: there is no folder {page.parent}; make it first")


def _album(page: Path | None) -> Album | None:
    if page is None:
        return None
    from jobs.cli.evaluation_page import Album

    return Album()


def _measure(config: EvaluateConfig, folds: Path | None, album: Album | None) -> Report:
    from models.evaluation.evaluate import evaluate
    from models.training.cross_validation import evaluate_folds

    watch = album.add if album else None
    report = evaluate_folds(config, folds, say, watch) if folds else evaluate(config, say, watch)
    if not report.scenes:
        raise InputError(
            f"no labelled scene of {', '.join(config.groups) or 'any port'} in the sources; "
            "expected a port that an item names, with rows of that item among the labels"
        )
    return report


def _seen_in_training(weights: Path | None, report: Report) -> int:
    """How many of the scenes the network was trained on; the person is told."""
    from models.evaluation.evaluate import trained_on

    seen = len(trained_on(weights, report))
    if seen:
        say(
            f"{seen} of these {len(report.scenes)} scenes are ones that this network was trained "
            "on: their figures flatter it; --folds measures on ports left out"
        )
    return seen


def _name(weights: Path | None) -> str:
    return f"the network of {weights.name}" if weights else "the network that comes with Berthwatch"
