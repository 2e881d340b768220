"""HTML pages from Jinja templates, where an undefined name is an error."""

from __future__ import annotations

from pathlib import Path

import jinja2

TEMPLATES = Path(__file__).parent / "templates"
"""Our own; of use to others are the macros in ``pictures.html.j2``."""


def pages(folder: Path) -> jinja2.Environment:
    """The templates of a folder, and ours; text is escaped, and an undefined name is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
