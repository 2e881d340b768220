"""What a notebook shows of a value: its facts as a small table, and how to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape


def card(
    title: str, facts: Mapping[str, object], doubts: Sequence[str] = (), hint: str = ""
) -> str:
    """HTML in the colours of the page around it; ``doubts`` come before the facts.

    ``hint`` is the next thing to try, as code.
    """
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left;vertical-align:top'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    warned = "".join(f"<p><strong>In doubt:</strong> {escape(line)}</p>" for line in doubts)
    tried = f"<p><code>{escape(hint)}</code></p>" if hint else ""
    return f"<div><strong>{escape(title)}</strong>{warned}<table>{rows}</table>{tried}</div>"


def lines(title: str, facts: Mapping[str, object], doubts: Sequence[str] = ()) -> str:
    """The same as text, for a terminal."""
    width = max(map(len, facts), default=0)
    rows = [f"  {name:<{width}}  {value}" for name, value in facts.items()]
    return "\n".join([title, *(f"  IN DOUBT: {line}" for line in doubts), *rows])
