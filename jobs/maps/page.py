"""The page of a map: one HTML file, the same for a folder and a server.

Style, scripts and the map library (Leaflet) are inside it. What it knows of a port comes from
``data/<port>.js`` beside it, a script and no JSON file: a page from a USB stick may load scripts
and pictures from its folder, but not read files.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from jobs.domain import Json, Port
from jobs.publish import PublishedResult, pages

TEMPLATES = Path(__file__).parent / "templates"
LIBRARY = ("leaflet/leaflet.js", "leaflet/leaflet.css")
SCRIPTS = ("view.js", "timeline.js", "words.js", "page.js")
"""In the order in which they need one another."""


def page_html(result: PublishedResult, ports: Sequence[Port], made: str) -> str:
    """The page; ``made`` says in a sentence where its pictures come from."""
    library, script = _inline_scripts()
    return pages(TEMPLATES).get_template("map.html.j2").render(
        job=result.job,
        tag=result.tag,
        period=result.period,
        ports=ports,
        units=result.provenance["units"],
        failed=result.provenance.get("failed", []),
        attributions=result.provenance.get("attributions", []),
        made=made,
        library=library,
        script=script,
        policy=f"default-src 'none'; {page_sources(' file:')}",
        leaflet_style=_text(LIBRARY[1]),
        style=_text("map.css"),
    )  # fmt: skip


def page_sources(folder: str = "") -> str:
    """What the page may load, for its Content-Security-Policy; ``folder`` adds to its own place."""
    inline = " ".join(f"'sha256-{_digest(text)}'" for text in _inline_scripts())
    beside = f"'self'{folder}"
    return f"script-src {inline} {beside}; style-src 'unsafe-inline'; img-src {beside} data:"


def port_script(facts: Mapping[str, Json]) -> str:
    """What ``port_facts`` gave, as a script that hands it to the page."""
    return f"berthwatchPort({json.dumps(facts, separators=(',', ':'), allow_nan=False)});\n"


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _inline_scripts() -> tuple[str, str]:
    """The map library, and our own."""
    return _library(), "\n".join(map(_text, SCRIPTS))


def _library() -> str:
    return _text(LIBRARY[0]).partition("//# sourceMappingURL")[0]


def _digest(script: str) -> str:
    """As a Content-Security-Policy names an inline script that may run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
