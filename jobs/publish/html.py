"""HTML pages from Jinja templates, where an undefined name is an error."""

from __future__ import annotations

from pathlib import Path

import jinja2


def pages(folder: Path) -> jinja2.Environment:
    """The templates of a folder; text is escaped, and an undefined name is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
