"""The words by which a reader finds a result again, and what its licences ask for."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from jobs.publish import PublishedResult, published_model
from jobs.review import use_lines


def citation(
    result: PublishedResult, archive: str, snapshots: Mapping[str, str], anew: str | None
) -> str:
    """The published citation, and what goes further.

    ``snapshots`` are those of the result's tag, by port; ``anew`` says what was estimated otherwise
    than in the published result, None where nothing was.
    """
    facts = result.provenance
    said = [
        result.citation,
        f"From {_looks(facts['units'])}; network {published_model(facts)}.",
        f"Estimates: {_settings(facts['estimates'])}.",
        *(f"{line[0].upper()}{line[1:]}." for line in use_lines(facts.get("reviews"))),
        _pixels(result, archive, snapshots),
        *([] if anew is None else [anew]),
    ]
    return "\n".join(fill(line, 96, break_on_hyphens=False) for line in said)


def _looks(units: Mapping[str, int]) -> str:
    known = sum(units.values())
    rest = [f"{units[state]} {state}" for state in ("failed", "pending") if units[state]]
    return f"{units['done']} of {known} overpasses" + (f" ({', '.join(rest)})" if rest else "")


def _settings(settings: Mapping[str, Any]) -> str:
    beliefs = {name: settings.get(name) for name in ("dwell", "waiting")}
    beliefs |= {f"dwell at {name}": kept for name, kept in settings.get("dwell_at", {}).items()}
    dwell = {
        name: f"{kept['median_days']:g} days ({kept['low_days']:g} to {kept['high_days']:g}; "
        f"{kept['source']})"
        for name, kept in beliefs.items()
        if kept is not None
    }
    believed = [f"{name} {text}" for name, text in dwell.items()] or ["built-in lengths of stay"]
    return ", ".join([*believed, f"{settings['draws']} draws, seed {settings['seed']}"])


def _pixels(result: PublishedResult, archive: str, snapshots: Mapping[str, str]) -> str:
    if not snapshots:
        return (
            f"Pixels: not tagged in {archive}, as parts of the plan are missing yet."
            if result.tag.startswith("partial-")
            else "Pixels: the archive was not at hand when this was written."
        )
    each = ", ".join(f"{port} snapshot {snapshot}" for port, snapshot in snapshots.items())
    return f"Pixels: {archive}, tag {result.job}-{result.tag.partition('+')[0]}: {each}."
