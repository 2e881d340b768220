"""How HTML pages are made of templates: strictly, so that nothing missing is passed over."""

from __future__ import annotations

from pathlib import Path

import jinja2


def pages(folder: Path) -> jinja2.Environment:
    """The templates of a folder; text is escaped, and a name that is not given is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
