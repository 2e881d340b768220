"""Who the ship may have been: by AIS tables, and by names that an analyst brought."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jobs.ais import cross_check, cross_check_summary, refuse_nothing, warnings
from jobs.domain import Json
from jobs.evidence.cases import Case
from jobs.evidence.text import moment
from jobs.publish import PublishedResult
from jobs.visits import NamedVisit, read_named_visits


@dataclass(frozen=True)
class AisWitness:
    """The cross-check of a result with AIS tables, by vessel and by visit."""

    matches: pd.DataFrame
    """AIS_MATCH_COLUMNS, of all ports."""
    gaps: pd.DataFrame
    """VISIT_GAP_COLUMNS, of all ports."""
    summary: dict[str, Json]
    """The files that were read, with their digests, and how many messages were kept."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class NamesWitness:
    """Names that an analyst gave to visits."""

    file: dict[str, Json]
    names: dict[str, NamedVisit]
    """By visit id."""


def read_ais_witness(
    result: PublishedResult, files: Sequence[Path], progress: Callable[[str], object]
) -> AisWitness:
    """The cross-check of ``berthwatch ais``; InputError for tables that cannot be read or of which
    no row could be used.
    """
    check = cross_check(result, files, progress)
    refuse_nothing(check.summary)
    facts = cross_check_summary(check, result)
    return AisWitness(
        matches=check.table("ais_matches"),
        gaps=check.table("visit_gaps"),
        summary={name: facts[name] for name in ("files", "read", "margin_km", "margin_days")},
        warnings=tuple(warnings(check.summary)),
    )


def read_names_witness(path: Path, visit_ids: Sequence[str]) -> NamesWitness:
    """The names of a CSV with visit_id, name and source; InputError as ``read_named_visits``."""
    named = read_named_visits(path, visit_ids)
    content = path.read_bytes()
    file: dict[str, Json] = {
        "name": path.name,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return NamesWitness(file, {row.visit_id: row for row in named})


def ais_json(witness: AisWitness | None, case: Case) -> dict[str, Json] | None:
    """What AIS says of each sighting of a visit, and silences around it; None without tables."""
    if witness is None:
        return None
    ids = [ship["vessel_id"] for ship in case.ships]
    matches = witness.matches[witness.matches["vessel_id"].isin(ids)]
    gaps = witness.gaps[witness.gaps["visit_id"] == case.visit_id]
    return {
        "sightings": [_plain(row) for row in matches.to_dict("records")],
        "silences": [_plain(row) for row in gaps.to_dict("records")],
    }


def name_json(witness: NamesWitness | None, case: Case) -> dict[str, Json] | None:
    """The name that an analyst gave to a visit, with the source; None where there is none."""
    found = None if witness is None else witness.names.get(case.visit_id)
    return None if found is None else {"name": found.name, "source": found.source}


def _plain(row: dict[Any, Any]) -> dict[str, Json]:
    return {str(name): _value(value) for name, value in row.items()}


def _value(value: Any) -> Json:
    if isinstance(value, pd.Timestamp):
        return moment(value)
    if pd.isna(value):
        return None
    plain: Json = value.item() if hasattr(value, "item") else value
    return plain
