"""Labelled scenes as the commands on the network name them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

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


def labelled(texts: list[str]) -> tuple[Any, ...]:
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
