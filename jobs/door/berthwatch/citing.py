"""The words by which a reader finds a result again, and what its licences ask for."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from jobs.publish import PublishedResult


def citation(
    result: PublishedResult, archive: str, snapshots: Mapping[str, str], anew: str | None
) -> str:
    """Text of a few lines. ``snapshots`` are those of the result's tag, by port; ``anew`` says
    what was estimated otherwise than in the published result, None where nothing was.
    """
    facts = result.provenance
    period = result.period
    ports = ", ".join(f"{port.name} ({port.id})" for port in result.ports)
    said = [
        f"Berthwatch, job {result.job!r}, result {result.tag}: port visits at {ports}, "
        f"{period.start} to {period.end} (UTC), from {_looks(facts['units'])}.",
        f"Plan {facts['plan_hash']} (sha256); code {facts['code_version']}; network "
        f"{facts['model_digest']}.",
        f"Estimates: {_settings(facts['estimates'])}.",
        _pixels(result, archive, snapshots),
        *([] if anew is None else [anew]),
        " ".join(f"{line.rstrip('.')}." for line in facts["attributions"]),
    ]
    return "\n".join(fill(line, 96, break_on_hyphens=False) for line in said)


def _looks(units: Mapping[str, int]) -> str:
    known = sum(units.values())
    rest = [f"{units[state]} {state}" for state in ("failed", "pending") if units[state]]
    return f"{units['done']} of {known} overpasses" + (f" ({', '.join(rest)})" if rest else "")


def _settings(settings: Mapping[str, Any]) -> str:
    dwell = {
        name: f"{kept['median_days']:g} days ({kept['low_days']:g} to {kept['high_days']:g}; "
        f"{kept['source']})"
        for name in ("dwell", "waiting")
        if (kept := settings.get(name)) is not None
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
