"""The --source option of train and evaluate: labelled scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.errors import InputError

if TYPE_CHECKING:
    from models.dataset import InstanceMask, LabelSource

ASSET = "asset:"
SHAVE = ":shave="

SourceOption = Annotated[
    list[str],
    typer.Option(
        "--source",
        metavar="CATALOG,COLLECTION,LABELS",
        help="Labelled scenes: a catalog.json, a collection in it, and CSV or GeoJSON labels (a "
        "file or a folder) or asset:NAME, an instance mask of each item. May be repeated.",
    ),
]


def parse_sources(texts: list[str]) -> tuple[LabelSource, ...]:
    """The sources of CATALOG,COLLECTION,LABELS texts; InputError where one is not of that form."""
    from models.dataset import LabelSource  # with torch, which --help can do without

    sources = []
    for text in texts:
        parts = text.split(",")
        if len(parts) != 3:
            raise InputError(
                f"--source {text!r} has {len(parts)} parts; expected CATALOG,COLLECTION,LABELS, "
                "for example data/catalog.json,s2-ports,data/labels"
            )
        catalog, collection, labels = parts
        sources.append(LabelSource(_existing(catalog, text), collection, _labels(labels, text)))
    return tuple(sources)


def _labels(labels: str, text: str) -> Path | InstanceMask:
    """A path, or the mask of asset:NAME or asset:NAME:shave=PIXELS."""
    from models.dataset import InstanceMask

    if not labels.startswith(ASSET):
        return _existing(labels, text)
    name, shaved, pixels = labels.removeprefix(ASSET).partition(SHAVE)
    try:
        shave = float(pixels) if shaved else 0.0
    except ValueError:
        shave = -1.0
    if not name or not 0 <= shave < 10:
        raise InputError(
            f"--source {text!r}: the labels are {labels!r}; expected asset:NAME, or "
            "asset:NAME:shave=1 for a mask that is 1 pixel too wide on every side"
        )
    return InstanceMask(name, shave)


def _existing(path: str, text: str) -> Path:
    if not Path(path).exists():
        raise InputError(f"--source {text!r}: there is no {path}")
    return Path(path)
