"""The files of an AIS cross-check: its tables as Parquet and CSV, and a summary as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pandas as pd

from jobs.ais.crosscheck import MARGIN, MARGIN_KM, CrossCheck, PortCrossCheck
from jobs.ais.match import Tier
from jobs.ais.schema import AIS_TABLES
from jobs.domain import Json
from jobs.errors import InputError
from jobs.publish import PublishedResult, as_csv, write_parquet
from jobs.storage import Storage, whole_folder

SUMMARY = "ais_summary.json"


def keep_cross_check(check: CrossCheck, result: PublishedResult, storage: Storage) -> str:
    """Write the files below ``ais/<job>/<tag>`` of the archive; returns the folder's address."""
    name = f"ais/{result.job}/{result.tag}"
    with storage.whole_folder(name, SUMMARY) as folder:
        _write_tables(check, result, folder)
    return storage.url_of(name)


def write_cross_check(check: CrossCheck, result: PublishedResult, folder: Path) -> None:
    """Write every table as Parquet and CSV, and the summary; the folder appears whole.

    An older one is replaced. InputError for a folder that holds anything else.
    """
    refuse_other_folder(folder)
    with whole_folder(folder) as hidden:
        _write_tables(check, result, hidden)


def _write_tables(check: CrossCheck, result: PublishedResult, folder: Path) -> None:
    """Write the files into an existing folder."""
    for name, published in AIS_TABLES.items():
        rows = check.table(name)
        write_parquet(rows, published, folder / f"{name}.parquet")
        (folder / f"{name}.csv").write_text(as_csv(rows, points=False), encoding="utf-8")
    facts = cross_check_summary(check, result)
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / SUMMARY).write_text(text + "\n", encoding="utf-8")


def cross_check_summary(check: CrossCheck, result: PublishedResult) -> dict[str, Json]:
    """The files, what was read of them, the result compared with, and counts by port, as JSON."""
    read: dict[str, Json] = check.summary.as_json()
    return {
        "job": result.job,
        "tag": result.tag,
        "margin_km": MARGIN_KM,
        "margin_days": MARGIN / timedelta(days=1),
        "files": [_file(path) for path in check.files],
        "read": read,
        "hulls": check.hulls.counts(),
        "dwell": [_plain(row) for row in _records(check.table("ais_dwell"))],
        "flags": [_plain(row) for row in _dated(check.hulls.flags)],
        "tables": {name: published.description for name, published in AIS_TABLES.items()},
        "ports": [_plain({**vessel_counts(p), **visit_counts(p, result)}) for p in check.ports],
    }


def _file(path: Path) -> dict[str, Json]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": path.name, "size_bytes": path.stat().st_size, "sha256": digest}


def _records(table: pd.DataFrame) -> list[dict[str, str | int | float]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _dated(flags: pd.DataFrame) -> list[dict[str, str | int | float]]:
    times = {name: flags[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in ("first", "last")}
    return [dict(row) for row in flags.assign(**times).to_dict("records")]


def _plain(row: Mapping[str, str | int | float]) -> dict[str, Json]:
    # JSON has no NaN
    return {name: None if value != value else value for name, value in row.items()}


def refuse_other_folder(folder: Path) -> None:
    """InputError for a folder that holds anything but an older cross-check, which is replaced."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / SUMMARY).is_file():
        raise InputError(
            f"{folder} is there already and has no {SUMMARY}; expected a new folder, or one of an "
            "earlier `berthwatch ais`, which is replaced: name another with --output"
        )


def vessel_counts(check: PortCrossCheck) -> dict[str, str | int]:
    """Numbers of a port's vessels by tier."""
    tiers = check.matches["tier"].value_counts()
    return {
        "port": check.port.id,
        "vessels": len(check.matches),
        "matched": int(tiers.get(Tier.MATCHED, 0)),
        "possible": int(tiers.get(Tier.POSSIBLE, 0)),
        "dark": int(tiers.get(Tier.DARK, 0)),
        "coverage_unknown": int(tiers.get(Tier.UNKNOWN, 0)),
    }


def visit_counts(check: PortCrossCheck, result: PublishedResult) -> dict[str, str | int | float]:
    """Numbers of a port's gaps, and AIS visits at its berths beside the estimated ones."""
    candidates = int((check.visit_gaps["relation"] == "candidate").sum())
    mean, low, high = check.total
    compared = check.comparison
    berths = [one.berth for one in result.calls(check.port.id)]
    counted = compared[compared["berth"].isin(berths)]
    return {
        "port": check.port.id,
        "gaps": int((~check.gaps["may_have_left"]).sum()),
        "gaps_at_matched_visits": len(check.visit_gaps) - candidates,
        "candidates": candidates,
        "ais_visits": int(counted["ais_visits"].sum()),
        "ais_arrivals_unheard": _unheard(check, berths),
        "visits": mean,
        "visits_low": low,
        "visits_high": high,
        "excess_probability": check.excess_probability,
    }


def _unheard(check: PortCrossCheck, berths: Sequence[str]) -> int:
    """AIS stays at those berths that began within the comparison, their ships unheard before."""
    edges, stays = check.comparison, check.visits.stays
    if edges.empty:
        return 0
    later = (stays["begin"] > edges["start"].min()) & (stays["begin"] < edges["end"].max())
    return int((later & ~stays["begin_seen"] & stays["berth"].isin(berths)).sum())
