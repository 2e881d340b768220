"""The meaning of one column or variable, said once and written into every file that has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What one column of a table, or one variable of a Zarr group, is.

    Texts are plain sentences without a full stop at the end.
    """

    text: str
    """What it is, in a few words: the ``long_name`` of CF."""
    unit: str = ""
    """As UDUNITS writes it, ``1`` for a pure number; empty for texts, flags, times and shapes."""
    values: str = ""
    """Allowed values; empty where the type says it all."""
    source: str = ""
    """Where it comes from or how it is computed."""
    missing: str = ""
    """What an empty value means; empty where there is always one."""

    @property
    def comment(self) -> str:
        """Values, source and empty value in one line: the ``comment`` of CF; empty where no word
        is needed.
        """
        said = {"values": self.values, "source": self.source, "empty": self.missing}
        return "; ".join(f"{name}: {text}" for name, text in said.items() if text)

    @property
    def line(self) -> str:
        """All of it in one line."""
        unit = f" [{self.unit}]" if self.unit else ""
        return f"{self.text}{unit}" + (f"; {self.comment}" if self.comment else "")

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of CF that say it: long_name, units, comment."""
        said = {"long_name": self.text, "units": self.unit, "comment": self.comment}
        return {name: text for name, text in said.items() if text}
