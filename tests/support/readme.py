"""README's snippets, as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.places import ROOT

README = ROOT / "README.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    """One fenced block of a page."""

    language: str
    text: str
    line: int

    @property
    def place(self) -> str:
        """For messages and names of tests."""
        return f"line {self.line}"


def snippets(page: Path = README) -> list[Snippet]:
    """All fenced blocks, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Snippet(found[1], found[2], text.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(text)
    ]


def of_language(language: str, page: Path = README) -> list[Snippet]:
    """Those of one language."""
    return [snippet for snippet in snippets(page) if snippet.language == language]


def commands(snippet: Snippet) -> Iterator[str]:
    """The commands of a shell snippet: comments cut off, continued lines joined."""
    joined = snippet.text.replace("\\\n", " ")
    for line in joined.splitlines():
        for command in re.sub(r"\s+#.*$", "", line).split("&&"):
            if command.strip():
                yield " ".join(command.split())


def command_rows(page: Path = README) -> list[tuple[str, str]]:
    """The table of commands: what is called, and what is said of it."""
    table = page.read_text(encoding="utf-8").partition("## Commands")[2].partition("\n## ")[0]
    rows = (line.strip("|").split("|", 1) for line in table.splitlines() if line.startswith("| `"))
    return [(first, rest) for first, rest in rows]
